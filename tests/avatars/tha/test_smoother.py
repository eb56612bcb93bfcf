"""The smoother of live trackers: still where a face rests, quick where it moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vivant.avatars.tha.smoother import Smoother, Smoothing, nearest_rotation
from vivant.errors import SettingsError
from vivant.face import arkit
from vivant.face.pose import angles_from_rotation, rotation_from_angles
from vivant.motion.state import FaceState

RATE = 30
JAW, BLINK = arkit.INDEX["jawOpen"], arkit.INDEX["eyeBlinkLeft"]


def faces(jaw: np.ndarray, yaw: np.ndarray) -> list[FaceState]:
    curves = np.zeros((len(jaw), 52), np.float32)
    curves[:, JAW] = curves[:, BLINK] = jaw
    return [FaceState(c, rotation_from_angles(angle, 0, 0)) for c, angle in zip(curves, yaw, strict=True)]


def run(states: list[FaceState], settings: Smoothing = Smoothing()) -> list[FaceState]:
    smoother = Smoother(settings)
    return [smoother.step(state, index / RATE) for index, state in enumerate(states)]


def yaws(states: list[FaceState]) -> np.ndarray:
    return np.array([angles_from_rotation(state.rotation)[0] for state in states])


def test_trembling_of_a_resting_face_is_halved() -> None:
    random = np.random.default_rng(0)
    noisy = faces(0.3 + random.normal(0, 0.015, 300), random.normal(0, 0.004, 300))
    calm = run(noisy)[30:]
    assert yaws(calm).std() < 0.6 * yaws(noisy).std()
    assert np.std([s.curves[JAW] for s in calm]) < 0.75 * np.std([s.curves[JAW] for s in noisy])


def test_a_blink_stays_a_blink_and_a_turn_is_on_time() -> None:
    blink = np.zeros(30)
    blink[10:14] = [0.5, 1, 1, 0.5]
    turn = np.concatenate([np.zeros(10), np.linspace(0, 0.5, 9), np.full(11, 0.5)])
    moved = run(faces(blink, turn))
    assert max(float(state.curves[BLINK]) for state in moved) > 0.9
    late = np.interp(0.25, yaws(moved), np.arange(30)) - np.interp(0.25, turn, np.arange(30))
    assert late / RATE < 0.06


def test_rotations_stay_rotations_and_a_lost_face_holds() -> None:
    random = np.random.default_rng(3)
    states = [FaceState(rotation=rotation_from_angles(*random.normal(0, 0.5, 3))) for _ in range(20)]
    states[10] = replace(states[10], present=False)
    moved = run(states)
    for state in moved:
        np.testing.assert_allclose(state.rotation.T @ state.rotation, np.eye(3), atol=1e-5)
    assert not moved[10].present
    np.testing.assert_array_equal(moved[10].rotation, moved[9].rotation)
    assert moved[11].present


def test_amount_zero_and_a_long_pause_change_nothing() -> None:
    states = faces(np.linspace(0, 1, 5), np.linspace(0, 1, 5))
    assert run(states, Smoothing(amount=0)) == states
    smoother = Smoother()
    smoother.step(states[0], 0.0)
    after = smoother.step(states[4], 5.0)
    np.testing.assert_allclose(after.curves, states[4].curves)


def test_more_is_calmer() -> None:
    random = np.random.default_rng(0)
    noisy = faces(0.5 + random.normal(0, 0.02, 200), np.zeros(200))
    spread = [np.std([s.curves[JAW] for s in run(noisy, Smoothing(amount=a))[50:]]) for a in (0.0, 0.5, 1.0, 4.0)]
    assert spread == sorted(spread, reverse=True)


@pytest.mark.parametrize("broken", [{"amount": -1.0}, {"head_hz": 0.0}, {"quickness": float("nan")}])
def test_settings_out_of_range_are_refused(broken: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="smoothing"):
        Smoothing(**broken)


def test_the_nearest_rotation_has_no_reflection() -> None:
    assert np.linalg.det(nearest_rotation(np.diag([1.0, 1.0, -0.1]))) == pytest.approx(1)
