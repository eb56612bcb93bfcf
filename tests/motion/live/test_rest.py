"""The zero of a tracker."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vivant.face.pose import angles_from_rotation, rotation_from_angles
from vivant.motion.live.rest import LARGEST_SHIFT, Rest, from_rest
from vivant.motion.live.sockets import Heard
from vivant.motion.state import FaceState


def heard(time: float, yaw: float = 0.0, pitch: float = 0.0, x: float = 0.0, *, present: bool = True) -> Heard:
    rotation = rotation_from_angles(np.radians(yaw), np.radians(pitch), 0.0)
    return Heard(FaceState(rotation=rotation, translation=np.array([x, 0, 0], np.float32), present=present), time)


def test_a_phone_that_lies_low_sees_a_level_head() -> None:
    """It looks up at a face: all of the first second is at pitch -20 and off its middle."""
    rest = Rest()
    for index in range(60):
        rest.relative(heard(index / 60, pitch=-20, x=1.5))
    state = rest.relative(heard(2.0, pitch=-20, x=1.5))
    assert state.rotation == pytest.approx(np.eye(3), abs=1e-3)
    assert state.translation == pytest.approx(np.zeros(3), abs=1e-3)
    up = rest.relative(heard(3.0, pitch=-5, x=1.7))
    assert np.degrees(angles_from_rotation(up.rotation)) == pytest.approx((0, 15, 0), abs=0.1)
    assert up.translation[0] == pytest.approx(0.2, abs=1e-3)


def test_after_the_first_second_the_zero_stays() -> None:
    rest = Rest()
    rest.relative(heard(0.0, yaw=0))
    for index in range(100):
        state = rest.relative(heard(1.5 + index, yaw=30))
    assert np.degrees(angles_from_rotation(state.rotation))[0] == pytest.approx(30, abs=0.1)
    rest.forget()
    assert rest.relative(heard(200.0, yaw=30)).rotation == pytest.approx(np.eye(3), abs=1e-4)


def test_a_lost_face_teaches_nothing_and_far_places_are_bounded() -> None:
    states = list(from_rest([None, heard(0.0, yaw=50, present=False), heard(0.1), heard(5.0, x=99.0)]))
    assert states[0] is None
    assert states[1] is not None
    assert not states[1].state.present
    assert states[3] is not None
    assert states[3].state.translation[0] == LARGEST_SHIFT
    assert states[3].state.rotation == pytest.approx(replace(FaceState()).rotation, abs=1e-5)
