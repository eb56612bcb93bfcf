"""A camera around the head: where it stands when, and that head and displacement turn as one body."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from vivant.errors import SettingsError
from vivant.face.pose import angles_from_rotation, rotation_from_angles
from vivant.motion.camera import CameraPath, parse_camera, seen_from
from vivant.motion.edits import EditSettings, apply_edits
from vivant.motion.state import FaceState

RATE = Fraction(25)


def degrees(path: CameraPath, time: float) -> tuple[float, float, float]:
    yaw, pitch, roll = np.degrees(angles_from_rotation(path.head_turn(time)))
    return float(yaw), float(pitch), float(roll)


def test_an_orbit_swings_between_its_angles_and_comes_back() -> None:
    path = parse_camera("orbit:30:4")
    assert degrees(path, 0) == pytest.approx((0, 0, 0), abs=1e-4)
    assert degrees(path, 1) == pytest.approx((30, 0, 0), abs=1e-3)
    assert degrees(path, 3) == pytest.approx((-30, 0, 0), abs=1e-3)
    assert degrees(path, 4.5) == pytest.approx(degrees(path, 0.5), abs=1e-3)


def test_a_circle_also_goes_up_and_down_half_as_far() -> None:
    path = parse_camera("circle:20")
    assert degrees(path, 0) == pytest.approx((0, 10, 0), abs=1e-3)
    assert degrees(path, path.seconds / 4) == pytest.approx((20, 0, 0), abs=1e-3)
    assert degrees(path, path.seconds / 2) == pytest.approx((0, -10, 0), abs=1e-3)


def test_a_camera_turns_head_and_displacement_about_one_point() -> None:
    head = FaceState(rotation=rotation_from_angles(0.2, -0.1, 0.3), translation=np.array([0.4, 0.1, -0.2], np.float32))
    path = CameraPath("orbit", 40, 2)
    (_, *_, seen) = list(seen_from([head] * 8, RATE, path))
    turn = path.head_turn(7 / 25)
    # A point of the head, first placed, then seen from elsewhere.
    point = np.array([0.3, -0.5, 0.7])
    np.testing.assert_allclose(
        seen.rotation @ point + seen.translation, turn @ (head.rotation @ point + head.translation), atol=1e-6
    )


def test_a_still_camera_changes_nothing() -> None:
    states = [FaceState(rotation=rotation_from_angles(0.1, 0, 0))] * 3
    assert list(seen_from(states, RATE, parse_camera("still"))) == states


def test_the_edits_move_the_camera_within_the_limits() -> None:
    states = [FaceState()] * 50
    wide = EditSettings(smooth=0, camera=CameraPath("orbit", 60, 4), limit_yaw=np.pi)
    narrow = EditSettings(smooth=0, camera=CameraPath("orbit", 60, 4))
    yaws = [
        max(abs(angles_from_rotation(state.rotation)[0]) for state in apply_edits(states, RATE, settings))
        for settings in (wide, narrow)
    ]
    assert np.degrees(yaws[0]) == pytest.approx(60, abs=0.5)
    assert np.degrees(yaws[1]) < 25


@pytest.mark.parametrize(
    "text", ["", "orbit", "orbit:far", "orbit:100", "orbit:30:0", "orbit:1:2:3", "still:3", "orbit:nan"]
)
def test_another_way_is_told_in_one_line(text: str) -> None:
    with pytest.raises(SettingsError, match="camera"):
        parse_camera(text)
