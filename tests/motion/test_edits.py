"""Edits: every option has its effect and no other, nothing is lost or delayed, memory is bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivant.errors import SettingsError
from vivant.face.arkit import INDEX, group
from vivant.face.model import load_face_model
from vivant.face.pose import angles_from_rotation, rotation_from_angles
from vivant.motion.edits import (
    EditSettings,
    apply_edits,
    blink,
    ease_gaps,
    face_regions,
    gain,
    gaze,
    limit,
    smooth,
)
from vivant.motion.state import FaceState

RATE = Fraction(25)
PLAIN = EditSettings(smooth=0, limit_yaw=np.pi, limit_pitch=np.pi, limit_roll=np.pi, limit_shift=100)


def talking(count: int = 60, dense: bool = True) -> list[FaceState]:
    """A lively face: jaw, brows, one blink, turning head."""
    basis = load_face_model().basis[:, :468]
    out = []
    for index in range(count):
        curves = np.zeros(52, np.float32)
        curves[INDEX["jawOpen"]] = 0.3 + 0.3 * np.sin(index / 3)
        curves[INDEX["browInnerUp"]] = 0.4 + 0.4 * np.sin(index / 9)
        curves[INDEX["cheekPuff"]] = 0.2
        for side in ("Left", "Right"):
            curves[INDEX[f"eyeBlink{side}"]] = max(0.0, 1 - abs(index - 30) / 4)
        out.append(
            FaceState(
                curves,
                rotation_from_angles(0.3 * np.sin(index / 10), 0.1, 0.0),
                np.array([0.1, 0.2 * np.sin(index / 7), 0.3], np.float32),
                np.array([0.1, -0.05], np.float32),
                np.tensordot(curves, basis, 1).astype(np.float32) if dense else None,
            )
        )
    return out


def same(one: FaceState, other: FaceState, tolerance: float = 1e-6) -> bool:
    pairs = [(getattr(one, name), getattr(other, name)) for name in ("curves", "rotation", "translation", "gaze")]
    if one.dense is not None and other.dense is not None:
        pairs.append((one.dense, other.dense))
    return all(np.allclose(first, second, atol=tolerance) for first, second in pairs)


def dense_of(states: Iterable[FaceState]) -> np.ndarray:
    return np.stack([state.dense for state in states if state.dense is not None])


# apply_edits


@pytest.mark.parametrize("dense", [True, False])
def test_settings_without_effect_change_nothing(dense: bool) -> None:
    states = talking(dense=dense)
    out = list(apply_edits(states, RATE, PLAIN))
    assert len(out) == len(states)
    assert all(same(one, other, 1e-5) for one, other in zip(states, out, strict=True))


@pytest.mark.parametrize(
    "change",
    [
        {"smooth": 5.0},
        {"expression": 0.5},
        {"mouth": 0.5},
        {"head": 0.5},
        {"brows": 1.5},
        {"blink": "off"},
        {"blink": "auto"},
        {"gaze": "camera"},
        {"gaze": "fixed"},
        {"gaze": "fixed", "gaze_direction": (0.2, 0.1)},
        {"limit_yaw": 0.1},
        {"limit_pitch": 0.05},
        {"limit_roll": 0.001},
        {"limit_shift": 0.1},
    ],
)
def test_every_option_has_an_effect(change: dict[str, Any]) -> None:
    rolled = [replace(s, rotation=s.rotation @ rotation_from_angles(0, 0, 0.2)) for s in talking()]
    plain = list(apply_edits(rolled, RATE, PLAIN))
    changed = list(apply_edits(rolled, RATE, replace(PLAIN, **change)))
    assert not all(same(one, other, 1e-3) for one, other in zip(plain, changed, strict=True))


def test_at_one_distance_only_depth_is_still() -> None:
    nearer = [replace(s, translation=np.array([0.1, 0.2, 0.02 * n], np.float32)) for n, s in enumerate(talking())]
    for kept, plain in zip(apply_edits(nearer, RATE, replace(PLAIN, keep_distance=True)), nearer, strict=True):
        np.testing.assert_allclose(kept.translation, [0.1, 0.2, 0], atol=1e-6)
        assert same(replace(kept, translation=plain.translation), plain, 1e-6)


def test_rate_of_blinks_and_seed_have_an_effect() -> None:
    still = [FaceState()] * 1500

    def closings(**change: Any) -> np.ndarray:
        out = apply_edits(still, RATE, replace(PLAIN, blink="auto", **change))
        return np.array([state.curves[INDEX["eyeBlinkLeft"]] for state in out])

    def count(curve: np.ndarray) -> int:
        return int(((curve[1:] > 0.5) & (curve[:-1] <= 0.5)).sum())

    assert 5 <= count(closings(blinks_per_minute=10)) <= 18
    assert count(closings(blinks_per_minute=30)) > 1.5 * count(closings(blinks_per_minute=10))
    assert count(closings(blinks_per_minute=0)) == 0
    assert np.array_equal(closings(seed=1), closings(seed=1))
    assert not np.array_equal(closings(seed=1), closings(seed=2))


@pytest.mark.parametrize(
    "change",
    [
        {"smooth": -1},
        {"mouth": float("nan")},
        {"head": 11},
        {"blink": "never"},
        {"gaze": "up"},
        {"limit_yaw": 4},
        {"gaze_direction": (2.0, 0)},
        {"blinks_per_minute": 100},
    ],
)
def test_impossible_settings_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        EditSettings(**change)


def test_a_gaze_out_of_range_is_told_in_degrees() -> None:
    with pytest.raises(SettingsError, match=r"gaze direction 100 0 is outside -90\.\.90 degrees"):
        EditSettings(gaze_direction=(float(np.radians(100)), 0.0))


def test_look_ahead_is_bounded() -> None:
    read = 0

    def source() -> Iterator[FaceState]:
        nonlocal read
        for state in talking(200):
            read += 1
            yield replace(state, present=not 50 < read < 120)

    for done, _ in enumerate(apply_edits(source(), RATE, EditSettings()), 1):
        assert read - done <= 25  # one second


# smooth


def test_smoothing_calms_noise_and_keeps_motion() -> None:
    """Trembling of the size that the tracker shows on a still picture, on top of clear motion."""
    random = np.random.default_rng(0)
    true = talking(100)
    noisy = [
        replace(
            state,
            rotation=state.rotation @ rotation_from_angles(*(0.004 * random.normal(size=3))),
            dense=(state.dense + 0.02 * random.normal(size=(468, 3))).astype(np.float32),
            curves=(state.curves + 0.02 * random.normal(size=52)).astype(np.float32),
        )
        for state in true
        if state.dense is not None
    ]
    calm = list(smooth(noisy, RATE, 1.0))

    def error(states: list[FaceState], read: Callable[[FaceState], np.ndarray]) -> float:
        return float(np.sqrt(np.mean([(read(a) - read(b)) ** 2 for a, b in zip(states, true, strict=True)])))

    def read_dense(state: FaceState) -> np.ndarray:
        assert state.dense is not None
        return state.dense

    assert error(calm, read_dense) < 0.75 * error(noisy, read_dense)
    assert error(calm, lambda s: s.rotation) < 0.75 * error(noisy, lambda s: s.rotation)
    assert error(calm, lambda s: s.curves) < 0.8 * error(noisy, lambda s: s.curves)


def test_smoothing_keeps_the_peak_of_a_blink_and_does_not_delay() -> None:
    states = talking()
    out = list(smooth(states, RATE, 1.0))
    closed = np.array([state.curves[INDEX["eyeBlinkLeft"]] for state in out])
    assert int(closed.argmax()) == 30
    assert closed.max() > 0.9
    lids = dense_of(out)[:, 159, 1]
    assert int(lids.argmin()) == 30
    assert lids.min() < 0.9 * dense_of(states)[:, 159, 1].min()


def test_smoothing_knows_no_direction_of_time() -> None:
    random = np.random.default_rng(2)
    states = [replace(state, gaze=(0.01 * random.normal(size=2)).astype(np.float32)) for state in talking(20)]
    forth = list(smooth(states, RATE, 1.5))
    back = list(smooth(states[::-1], RATE, 1.5))[::-1]
    assert all(same(one, other, 1e-5) for one, other in zip(forth, back, strict=True))


@pytest.mark.parametrize("rate", [Fraction(10), Fraction(25), Fraction(60)])
@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_smoothing_keeps_the_number_of_states_and_a_still_face_still(rate: Fraction, count: int) -> None:
    states = [talking()[7]] * count
    out = list(smooth(states, rate, 2.0))
    assert len(out) == count
    assert all(same(state, states[0], 1e-5) for state in out)


def test_smoothing_scales_with_the_rate() -> None:
    """The same motion at twice the rate is calmed alike."""
    random = np.random.default_rng(1)
    knots = (0.005 * random.normal(size=200)).astype(np.float32)

    def calmed(repeat: int) -> float:
        gazes = np.repeat(knots, repeat)
        states = [FaceState(gaze=np.array([value, 0], np.float32)) for value in gazes]
        return float(np.std([state.gaze[0] for state in smooth(states, 25 * Fraction(repeat), 1.0)]))

    assert calmed(2) == pytest.approx(calmed(1), rel=0.12)
    assert calmed(1) < 0.6 * knots.std()


# gain


def test_regions_are_a_partition_in_the_right_places() -> None:
    shares = face_regions()
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
    mouth, brows, eyes, _ = shares.T
    assert min(mouth[[13, 14, 61, 291, 17, 152]]) > 0.85
    assert min(brows[[105, 334, 107, 336]]) > 0.7
    assert min(eyes[[159, 386, 145, 374]]) > 0.9


@pytest.mark.parametrize(
    ("name", "curves", "points"),
    [("mouth", ("jawOpen",), [13, 14, 17, 152]), ("brows", ("browInnerUp",), [107, 336])],
)
def test_a_gain_acts_on_its_curves_and_its_part_of_the_mesh(
    name: str, curves: tuple[str, ...], points: list[int]
) -> None:
    states = talking()
    out = list(gain(states, **{name: 0.5}))
    wanted = [INDEX[curve] for curve in curves]
    others = [index for index in range(52) if index not in wanted]
    for one, other in zip(states, out, strict=True):
        np.testing.assert_allclose(other.curves[wanted], 0.5 * one.curves[wanted], atol=1e-6)
        np.testing.assert_array_equal(other.curves[others], one.curves[others])
    ratio = np.abs(dense_of(out)[:, points]).sum() / np.abs(dense_of(states)[:, points]).sum()
    assert ratio == pytest.approx(0.5, abs=0.15)  # lids and cheeks move these points a little too
    lids = [159, 386]
    np.testing.assert_allclose(dense_of(out)[:, lids], dense_of(states)[:, lids], atol=0.03)


def test_expression_gain_spares_eyes_and_head_and_stays_in_bounds() -> None:
    states = talking()
    out = list(gain(states, expression=3.0))
    eyes = list(group("eye"))
    for one, other in zip(states, out, strict=True):
        np.testing.assert_array_equal(other.curves[eyes], one.curves[eyes])
        np.testing.assert_allclose(other.rotation, one.rotation, atol=1e-5)
        assert other.curves.max() <= 1
    assert max(state.curves[INDEX["cheekPuff"]] for state in out) == pytest.approx(0.6)


def test_head_gain_scales_the_angle_and_the_shift() -> None:
    state = FaceState(rotation=rotation_from_angles(0.4, 0, 0), translation=np.array([1, 2, 3], np.float32))
    (out,) = gain([state], head=0.25)
    assert angles_from_rotation(out.rotation)[0] == pytest.approx(0.1, abs=1e-5)
    np.testing.assert_allclose(out.translation, [0.25, 0.5, 0.75])
    (still,) = gain([state], head=0.0)
    np.testing.assert_allclose(still.rotation, np.eye(3), atol=1e-6)


# blink


def test_blink_off_opens_the_lids_and_leaves_the_mouth() -> None:
    states = talking()
    out = list(blink(states, RATE, "off"))
    assert max(state.curves[INDEX["eyeBlinkLeft"]] for state in out) == 0
    dense, before = dense_of(out), dense_of(states)
    assert np.abs(dense[30, [159, 386]]).max() < 0.1 * np.abs(before[30, [159, 386]]).max()
    np.testing.assert_allclose(dense[:, [13, 14, 152]], before[:, [13, 14, 152]], atol=0.02)


def test_automatic_blinks_close_lids_of_curves_and_mesh_together() -> None:
    out = list(blink([talking()[0]] * 400, RATE, "auto", 20, seed=4))
    closed = np.array([state.curves[INDEX["eyeBlinkRight"]] for state in out])
    lids = dense_of(out)[:, 159, 1]
    assert closed.max() > 0.9
    assert np.corrcoef(closed, -lids)[0, 1] > 0.98


# gaze


@given(st.floats(-0.45, 0.45), st.floats(-0.3, 0.3), st.floats(-0.5, 0.5))
def test_eyes_on_the_camera_cancel_the_turn_of_the_head(yaw: float, pitch: float, roll: float) -> None:
    (out,) = gaze([FaceState(rotation=rotation_from_angles(yaw, pitch, roll))], "camera")
    right, up = (float(value) for value in out.gaze)
    in_head = np.array([np.sin(right) * np.cos(up), np.sin(up), np.cos(right) * np.cos(up)])
    to_viewer = out.rotation @ in_head
    if np.abs(out.gaze).max() < 0.499:
        np.testing.assert_allclose(to_viewer, [0, 0, 1], atol=2e-3)


def test_fixed_gaze_and_its_curves() -> None:
    out = list(gaze(talking(), "fixed", (0.2, -0.1)))
    for state in out:
        np.testing.assert_allclose(state.gaze, [0.2, -0.1], atol=1e-6)
        assert state.curves[INDEX["eyeLookOutLeft"]] == state.curves[INDEX["eyeLookInRight"]] > 0.3
        assert state.curves[INDEX["eyeLookDownLeft"]] > 0.1
        assert state.curves[INDEX["eyeLookUpLeft"]] == state.curves[INDEX["eyeLookInLeft"]] == 0


# limit


@given(st.floats(-1.2, 1.2), st.floats(-1.2, 1.2), st.floats(-3, 3))
def test_limits_hold_and_small_motion_passes(yaw: float, pitch: float, shift: float) -> None:
    state = FaceState(rotation=rotation_from_angles(yaw, pitch, 0.1), translation=np.full(3, shift, np.float32))
    (out,) = limit([state], 0.4, 0.3, 0.5, 1.0)
    soft_yaw, soft_pitch, soft_roll = angles_from_rotation(out.rotation)
    assert abs(soft_yaw) <= 0.4 + 1e-5
    assert abs(soft_pitch) <= 0.3 + 1e-5
    assert soft_yaw * yaw >= -1e-6
    assert soft_roll == pytest.approx(0.1, abs=1e-4)
    assert np.abs(out.translation).max() <= 1.0
    if abs(yaw) < 0.24 and abs(pitch) < 0.18:
        np.testing.assert_allclose(out.rotation, state.rotation, atol=1e-5)


def test_limits_keep_the_order_of_turns() -> None:
    turns = [FaceState(rotation=rotation_from_angles(yaw, 0, 0)) for yaw in np.linspace(-1, 1, 41)]
    yaws = [angles_from_rotation(state.rotation)[0] for state in limit(turns, 0.4, 0.3)]
    assert (np.diff(yaws) > 0).all()


# gaps


def with_gap(first: int, last: int, count: int = 80) -> list[FaceState]:
    states = talking(count)
    held = states[first - 1] if first else FaceState()
    return [replace(held, present=False) if first <= index <= last else state for index, state in enumerate(states)]


def largest_step(states: list[FaceState]) -> float:
    return max(float(np.abs(np.diff(dense_of(states), axis=0)).max()), 0.0)


@pytest.mark.parametrize(("first", "last"), [(20, 25), (20, 50), (60, 79), (10, 10), (33, 79)])
def test_gaps_are_filled_without_a_jump(first: int, last: int) -> None:
    out = list(ease_gaps(with_gap(first, last), RATE))
    assert len(out) == 80
    assert [state.present for state in out] == [not first <= index <= last for index in range(80)]
    assert largest_step(out) <= 1.6 * largest_step(talking(80))


def test_a_short_gap_is_a_bridge_and_a_long_one_comes_to_rest() -> None:
    states = talking(80)
    short = list(ease_gaps(with_gap(20, 24), RATE))
    middle = (states[19].translation + states[25].translation) / 2
    np.testing.assert_allclose(short[22].translation, middle, atol=1e-5)
    assert all(same(one, other) for one, other in zip(short[25:], states[25:], strict=True))
    long = list(ease_gaps(with_gap(20, 60), RATE))
    assert same(long[25], states[19], 1e-6)
    np.testing.assert_allclose(long[58].rotation, np.eye(3), atol=1e-5)
    assert np.abs(long[58].curves).max() < 1e-5
    assert same(long[79], states[79])


def test_a_gap_at_the_start_is_neutral_and_nothing_but_gap_works() -> None:
    out = list(ease_gaps(with_gap(0, 30), RATE))
    np.testing.assert_array_equal(out[10].rotation, np.eye(3))
    assert not out[10].present
    assert same(out[60], talking(80)[60])
    assert len(list(ease_gaps([FaceState(present=False)] * 5, RATE))) == 5
