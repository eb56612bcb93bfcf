"""What a face does when its tracker falls silent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vivant.face.arkit import INDEX
from vivant.face.pose import angles_from_rotation, rotation_from_angles
from vivant.motion.idle import IdleSettings
from vivant.motion.live.calm import EASE_SECONDS, HOLD_SECONDS, Calm
from vivant.motion.state import FaceState

TURNED = FaceState(rotation=rotation_from_angles(0.4, 0.0, 0.0))
BLINK = INDEX["eyeBlinkLeft"]


def followed(calm: Calm, start: float, seconds: float, state: FaceState = TURNED) -> float:
    times = np.arange(start, start + seconds, 1 / 60)
    for time in times:
        calm.hear(state, time)
        calm.at(time)
    return float(times[-1])


def test_while_packets_come_the_face_is_theirs() -> None:
    calm = Calm()
    now = followed(calm, 0.0, 1.0)
    assert calm.at(now + 0.01) is TURNED
    assert calm.at(now + HOLD_SECONDS - 0.05) is TURNED  # a short gap is held


def test_silence_eases_to_a_living_rest_without_a_jump() -> None:
    calm = Calm()
    now = followed(calm, 0.0, 1.0)
    states = [calm.at(now + index / 60) for index in range(60 * 60)]
    yaw = np.array([angles_from_rotation(state.rotation)[0] for state in states])
    assert np.abs(np.diff(yaw)).max() < 0.02  # radians in a sixtieth of a second
    settled = round(60 * (HOLD_SECONDS + EASE_SECONDS + 0.5))
    assert np.abs(yaw[settled:]).max() < 0.12
    blinks = np.array([state.curves[BLINK] for state in states])
    assert np.sum((blinks[1:] > 0.5) & (blinks[:-1] <= 0.5)) >= 8  # in a minute


def test_packets_that_return_are_followed_soon_and_without_a_jump() -> None:
    calm = Calm()
    now = followed(calm, 0.0, 0.5)
    for index in range(300):
        calm.at(now + index / 60)
    yaw = []
    for index in range(30):
        calm.hear(TURNED, now + 5 + index / 60)
        yaw.append(angles_from_rotation(calm.at(now + 5 + index / 60).rotation)[0])
    assert yaw[0] < 0.15
    assert yaw[-1] == pytest.approx(0.4, abs=1e-5)
    assert np.diff(yaw).max() < 0.06


def test_a_lost_face_counts_as_silence() -> None:
    calm = Calm()
    now = followed(calm, 0.0, 0.5)
    followed(calm, now, 3.0, replace(TURNED, rotation=rotation_from_angles(-0.4, 0.0, 0.0), present=False))
    assert calm.share == 1.0


def test_before_the_first_packet_the_face_rests() -> None:
    calm = Calm()
    assert calm.at(0.0).present
    assert calm.share == 1.0
    calm.hear(TURNED, 0.01)
    assert angles_from_rotation(calm.at(0.02).rotation)[0] < 0.1


def test_the_mesh_of_a_camera_eases_too() -> None:
    calm = Calm(IdleSettings(blinks_per_minute=0))
    meshed = replace(TURNED, dense=np.full((468, 3), 0.5, np.float32))
    now = followed(calm, 0.0, 0.5, meshed)
    sizes = []
    for index in range(180):
        state = calm.at(now + index / 60)
        assert state.dense is not None
        sizes.append(float(np.abs(state.dense).max()))
    assert sizes[0] == 0.5
    assert np.abs(np.diff(sizes)).max() < 0.03
