"""OpenSeeFace packets: made from the project's face model, and from landmarks of real clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivant.face.arkit import CURVES, INDEX
from vivant.face.ibug import COUNT
from vivant.face.model import displacement_from_curves, load_face_model
from vivant.face.pose import HeadPose, angles_from_rotation, rotation_from_angles
from vivant.motion.live.openseeface import FACE, FEATURES, FROM_SENT, MESH, OpenSeeFace, parse_faces
from vivant.motion.live.sockets import PacketError
from vivant.motion.state import FaceState


def packet(
    mesh: np.ndarray, opening: tuple[float, float] = (1.0, 1.0), *, number: int = 0, features: int = 14
) -> bytes:
    """A datagram of a tracker that sees the picture points `mesh` (478, 2), y down."""
    ibug = np.zeros((COUNT, 2))
    ibug[list(MESH)] = mesh[list(MESH.values())]
    sent = np.zeros((68, 2))
    sent[FROM_SENT] = ibug  # the corners of the mouth are sent once: the inner ones remain
    sent[66], sent[67] = mesh[468], mesh[473]
    values = [0.0, number, 640.0, 480.0, *opening, 1, 0.1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, *[1.0] * 68]
    return FACE.pack(*values, *sent.ravel(), *[0.0] * 210) + bytes(4 * features)


def seen(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, x: float = 320.0, **curves: float) -> np.ndarray:
    """Picture points (478, 2) of the model's face, turned by degrees, with curves."""
    model = load_face_model()
    values = np.zeros(len(CURVES), np.float32)
    for name, value in curves.items():
        values[INDEX[name]] = value
    shape = model.neutral + displacement_from_curves(model, values)
    rotation = rotation_from_angles(*np.radians([yaw, pitch, roll]))
    pose = HeadPose(12.0, rotation, np.array([x, -240.0, 0.0], np.float32))
    return pose.picture_from_head(shape)[:, :2]


def after_rest(*faces: bytes) -> FaceState:
    face = OpenSeeFace()
    for _ in range(40):
        face.feed(packet(seen()))
    states = [face.feed(data) for data in faces]
    assert states[-1] is not None
    return states[-1]


@pytest.mark.parametrize("angles", [(20, 0, 0), (-20, 0, 0), (0, 12, 0), (0, -12, 0), (0, 0, 15), (15, -8, 5)])
def test_the_head_turns_as_the_face_in_the_picture(angles: tuple[float, float, float]) -> None:
    found = np.degrees(angles_from_rotation(after_rest(packet(seen(*angles))).rotation))
    assert found == pytest.approx(angles, abs=0.5)


def test_a_face_further_right_in_the_picture_stands_to_the_right() -> None:
    moved = after_rest(packet(seen(x=420.0))).translation - after_rest(packet(seen())).translation
    assert moved[0] > 0.5
    assert abs(moved[1]) < 0.01


@pytest.mark.parametrize("curve", ["jawOpen", "browInnerUp", "mouthSmileLeft", "mouthSmileRight"])
def test_expressions_are_seen_on_a_turned_face(curve: str) -> None:
    rest, moved = after_rest(packet(seen(yaw=10))), after_rest(packet(seen(yaw=10, **{curve: 0.8})))
    assert moved.curves[INDEX[curve]] - rest.curves[INDEX[curve]] > 0.25


def test_eyes_of_each_side() -> None:
    state = after_rest(packet(seen(), (0.1, 1.0)))
    assert state.curves[INDEX["eyeBlinkRight"]] == 1.0
    assert state.curves[INDEX["eyeBlinkLeft"]] == 0.0


def test_irises_to_the_right_of_the_picture_look_there() -> None:
    mesh = seen()
    mesh[[468, 473], 0] += 3.0
    assert after_rest(packet(mesh)).gaze[0] > 0.1
    mesh[[468, 473], 1] -= 3.0
    assert after_rest(packet(mesh)).gaze[1] > 0.1


@pytest.mark.parametrize("clip", ["v03_expressions_turns_30fps", "v05_turns_glasses_hand"])
def test_real_heads_turn_as_the_reference_tracker_says(samples: Path, clip: str) -> None:
    with np.load(samples / "tracks" / f"{clip}.npz") as track:
        good = track["detected"].astype(bool)
        size = np.array([track["width"], track["height"]], np.float32)
        meshes, wanted = track["landmarks"][good][..., :2] * size, track["yaw_pitch_roll"][good]
        gaps = track["mouth"][good][:, 0]
    face = OpenSeeFace()
    states = [face.feed(packet(mesh)) for mesh in meshes]
    found = np.degrees([angles_from_rotation(state.rotation) for state in states if state is not None])
    for axis, least in ((0, 0.95), (1, 0.7), (2, 0.9)):
        assert np.corrcoef(found[:, axis], wanted[:, axis])[0, 1] > least
    opened = [float(state.curves[INDEX["jawOpen"]]) for state in states if state is not None]
    assert np.corrcoef(opened, gaps)[0, 1] > 0.7


def test_packets_of_older_trackers_and_of_several_faces() -> None:
    assert len(parse_faces(packet(seen(), features=0))) == 1
    assert [face.number for face in parse_faces(packet(seen(), number=3) + packet(seen(), number=1))] == [3, 1]
    assert FACE.size + FEATURES == 1785


def test_a_face_without_a_pose_is_none() -> None:
    data = bytearray(packet(seen()))
    data[28] = 0
    assert parse_faces(bytes(data)) == []
    assert OpenSeeFace().feed(bytes(data)) is None


@pytest.mark.parametrize("data", [b"", b"x" * 1784, bytes(1785 * 17), b"\xff" * 1785])
def test_what_is_no_packet_is_refused(data: bytes) -> None:
    with pytest.raises(PacketError):
        parse_faces(data)


@settings(deadline=None)
@given(st.binary(min_size=FACE.size, max_size=FACE.size), st.randoms(use_true_random=False))
def test_random_bytes_give_a_state_or_a_packet_error(data: bytes, random: object) -> None:
    noise = np.random.default_rng(random.randrange(2**32)).normal(0, 10.0 ** random.randrange(-3, 5), (478, 2))  # type: ignore[attr-defined]
    for bits in (data, packet(noise), packet(np.zeros((478, 2))), packet(np.full((478, 2), 7.0))):
        try:
            state = OpenSeeFace().feed(bits)
        except PacketError:
            continue
        assert state is None or (np.isfinite(state.rotation).all() and np.isfinite(state.translation).all())
        assert state is None or ((state.curves >= 0) & (state.curves <= 1)).all()
