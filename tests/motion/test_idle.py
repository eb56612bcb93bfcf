"""A calm face: how often it blinks, how much it moves, where it looks."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivant.errors import SettingsError
from vivant.face.arkit import INDEX, group
from vivant.face.pose import angles_from_rotation
from vivant.motion.idle import IdleSettings, Spring, idle
from vivant.motion.state import FaceState

MINUTE = 25 * 60


def calm(count: int = 5 * MINUTE, settings: IdleSettings = IdleSettings(), seed: int = 0) -> list[FaceState]:
    return list(islice(idle(Fraction(25), settings, seed), count))


def lids(states: list[FaceState]) -> np.ndarray:
    return np.array([state.curves[INDEX["eyeBlinkLeft"]] for state in states])


def count_blinks(states: list[FaceState]) -> int:
    shut = lids(states) > 0.5
    return int((shut[1:] & ~shut[:-1]).sum())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_people_blink_ten_to_twenty_five_times_a_minute(seed: int) -> None:
    assert 10 <= count_blinks(calm(seed=seed)) / 5 <= 25


@pytest.mark.parametrize("rate", [0.0, 6.0, 30.0])
def test_the_asked_blink_rate_is_kept(rate: float) -> None:
    states = list(islice(idle(Fraction(12), IdleSettings(blinks_per_minute=rate)), 12 * 600))
    assert count_blinks(states) / 10 == pytest.approx(rate, rel=0.2)


def test_a_blink_shuts_the_eyes_quickly_and_opens_them_more_slowly() -> None:
    lid = lids(list(islice(idle(Fraction(100)), 6000)))
    peak = int(lid.argmax())
    down = peak - int(np.flatnonzero(lid[:peak] < 0.02).max())
    up = int(np.flatnonzero(lid[peak:] < 0.02).min())
    assert lid.max() > 0.9
    assert 7 <= down <= 13
    assert 17 <= up <= 27


def test_the_head_sways_a_little_around_neutral() -> None:
    states = calm()
    angles = np.degrees([angles_from_rotation(state.rotation) for state in states])
    assert np.all(np.abs(angles[0]) < 0.5)
    assert np.all((angles.std(0) > 0.4) & (angles.std(0) < 3))
    assert np.all(np.abs(angles) < 8)
    assert np.abs(np.diff(angles, axis=0)).max() * 25 < 20
    places = np.array([state.translation for state in states])
    assert np.all(places.std(0) > 0.001)
    assert np.abs(places).max() < 0.12


def test_the_eyes_hold_the_viewer_while_the_head_turns() -> None:
    states = calm()
    turn = np.array([angles_from_rotation(state.rotation)[:2] for state in states])
    gaze = np.array([state.gaze for state in states])
    aside = np.degrees(gaze + turn)
    assert np.median(np.abs(aside)) < 1.2
    assert np.abs(aside).max() < 12
    right = gaze[:, 0] > 0.01
    assert np.all(np.array([state.curves[INDEX["eyeLookOutLeft"]] for state in states])[right] > 0)
    assert np.all(np.array([state.curves[INDEX["eyeLookInLeft"]] for state in states])[right] == 0)


def test_the_mouth_rests_and_all_values_are_legal() -> None:
    mouth = list(group("mouth") + group("jaw"))
    for state in calm(MINUTE):
        assert not state.curves[mouth].any()
        assert state.curves.dtype == state.gaze.dtype == state.translation.dtype == np.float32
        assert state.curves.min() >= 0
        assert state.curves.max() <= 1
        np.testing.assert_allclose(state.rotation @ state.rotation.T, np.eye(3), atol=1e-5)


def test_a_seed_chooses_the_life() -> None:
    first, again, other = (np.stack([s.rotation for s in calm(200, seed=seed)]) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.005


def test_no_gain_no_motion() -> None:
    still = calm(500, IdleSettings(head_motion=0, gaze_motion=0, blinks_per_minute=0))
    assert all(np.allclose(state.rotation, np.eye(3)) and not state.gaze.any() for state in still)
    assert lids(still).max() == 0


@pytest.mark.parametrize("wrong", [{"head_motion": -1}, {"gaze_motion": float("nan")}, {"blinks_per_minute": 100}])
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        IdleSettings(**wrong)
    with pytest.raises(SettingsError, match="rate"):
        next(idle(Fraction(0)))


@given(st.floats(-5, 5), st.floats(1, 60), st.floats(1, 60))
def test_a_spring_arrives_without_overshoot_at_any_step(target: float, rising: float, falling: float) -> None:
    fine = Spring(np.array([rising]), np.array([falling]), 0.01)
    coarse = Spring(np.array([rising]), np.array([falling]), 0.05)
    goal = np.array([target])
    for _ in range(40):
        for _ in range(5):
            fine.step(goal)
        coarse.step(goal)
        np.testing.assert_allclose(fine.place, coarse.place, atol=1e-9)
        assert abs(coarse.place[0]) <= abs(target) + 1e-12
    stiff = rising if target > 0 else falling
    assert abs(coarse.place[0] - target) <= abs(target) * (1 + 2 * stiff) * np.exp(-2 * stiff) + 1e-9
