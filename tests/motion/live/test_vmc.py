"""The VMC protocol: signs of Unity's axes, names of both kinds, round trips, random packets."""

from __future__ import annotations

import socket

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivant.errors import MediaError
from vivant.face.arkit import CURVES, INDEX
from vivant.face.pose import angles_from_rotation, rotation_from_angles
from vivant.motion.live.osc import Message, write_bundles, write_message
from vivant.motion.live.presets import PRESETS, curves_of_blends, presets_of_curves
from vivant.motion.live.sockets import PacketError
from vivant.motion.live.vmc import VmcFace, VmcSender, bone_of_rotation, messages_of_state, rotation_of_bone
from vivant.motion.state import FaceState

HALF = np.sqrt(0.5)


def bone(name: str, *quaternion: float) -> bytes:
    return write_message(Message("/VMC/Ext/Bone/Pos", (name, 0.0, 0.0, 0.0, *quaternion)))


def fed(face: VmcFace, *packets: bytes) -> FaceState:
    state = None
    for packet in packets:
        state = face.feed(packet) or state
    assert state is not None
    return state


@pytest.mark.parametrize(
    ("unity", "forward", "what"),
    [
        (
            (0.0, HALF, 0.0, HALF),
            (-1, 0, 0),
            "about up by 90: forward goes to the character's right, the viewer's left",
        ),
        ((HALF, 0.0, 0.0, HALF), (0, -1, 0), "about the character's right by 90: forward goes down"),
    ],
)
def test_rotations_of_unity_as_its_manual_describes_them(
    unity: tuple[float, ...], forward: tuple[float, ...], what: str
) -> None:
    assert rotation_of_bone(unity) @ [0, 0, 1] == pytest.approx(forward, abs=1e-6), what


def test_roll_of_unity() -> None:
    """About forward by 90: what points to the character's right (the viewer's left) points up."""
    assert rotation_of_bone((0.0, 0.0, HALF, HALF)) @ [-1, 0, 0] == pytest.approx([0, 1, 0], abs=1e-6)


@settings(deadline=None)
@given(st.tuples(*[st.floats(-1.0, 1.0)] * 3))
def test_bones_and_rotations_are_inverse(angles: tuple[float, float, float]) -> None:
    rotation = rotation_from_angles(*angles)
    assert rotation_of_bone(bone_of_rotation(rotation)) == pytest.approx(rotation, abs=1e-5)


@pytest.mark.parametrize("quaternion", [(0.0, 0.0, 0.0, 0.0), (1e30, 0.0, 0.0, 1.0), (3e38, 3e38, 3e38, 3e38)])
def test_quaternions_without_a_length_are_no_turn(quaternion: tuple[float, ...]) -> None:
    assert rotation_of_bone(quaternion) == pytest.approx(np.eye(3))


def test_neck_and_head_turn_together_and_the_eyes_look() -> None:
    half = rotation_from_angles(np.radians(10), 0, 0)
    eye = rotation_from_angles(np.radians(8), np.radians(-5), 0)
    face = VmcFace()
    packets = [bone(name, *bone_of_rotation(half)) for name in ("Neck", "Head")]
    state = fed(face, *packets, bone("LeftEye", *bone_of_rotation(eye)), bone("Hips", 0.0, 1.0, 0.0, 0.0))
    assert np.degrees(angles_from_rotation(state.rotation)) == pytest.approx((20, 0, 0), abs=1e-3)
    assert np.degrees(state.gaze) == pytest.approx((8, -5), abs=1e-3)
    assert state.curves[INDEX["eyeLookInRight"]] > 0.1


def test_values_count_from_apply_on() -> None:
    face = VmcFace()
    assert face.feed(write_message(Message("/VMC/Ext/Blend/Val", ("JawOpen", 0.7)))) is None
    state = fed(face, write_message(Message("/VMC/Ext/Blend/Apply")))
    assert state.curves[INDEX["jawOpen"]] == pytest.approx(0.7)


def test_unknown_names_are_not_remembered() -> None:
    face = VmcFace()
    for index in range(1000):
        face.feed(write_message(Message("/VMC/Ext/Blend/Val", (f"hair{index}", 1.0))))
        face.feed(bone(f"Tail{index}", 0.0, 0.0, 0.0, 1.0))
    assert not face._blends
    assert not face._bones


@pytest.mark.parametrize(
    ("name", "curve"),
    [
        ("A", "jawOpen"),
        ("aa", "jawOpen"),
        ("Blink_L", "eyeBlinkLeft"),
        ("blinkRight", "eyeBlinkRight"),
        ("Blink", "eyeBlinkLeft"),
        ("Joy", "mouthSmileLeft"),
        ("happy", "mouthSmileRight"),
        ("Sorrow", "mouthFrownLeft"),
        ("LookLeft", "eyeLookOutLeft"),
        ("lookUp", "eyeLookUpRight"),
        ("BrowInnerUp", "browInnerUp"),
        ("TONGUEOUT", "tongueOut"),
    ],
)
def test_names_of_vrm_0_of_vrm_1_and_of_perfect_sync(name: str, curve: str) -> None:
    assert curves_of_blends({name: 1.0})[INDEX[curve]] >= 0.5


def test_presets_are_not_added_to_the_52() -> None:
    both = curves_of_blends({"JawOpen": 0.6, "A": 1.0, "Nonsense": 1.0})
    assert both[INDEX["jawOpen"]] == pytest.approx(0.6)


@settings(deadline=None)
@given(st.sampled_from(list(PRESETS)), st.floats(0.1, 1.0))
def test_presets_come_back_from_their_curves(name: str, amount: float) -> None:
    found = presets_of_curves(curves_of_blends({name: amount}))
    assert found[name] == pytest.approx(amount, abs=1e-3)
    assert sum(found.values()) == pytest.approx(amount, abs=1e-2)


@settings(deadline=None)
@given(st.tuples(*[st.floats(-0.5, 0.5)] * 5), st.lists(st.floats(0, 1), min_size=52, max_size=52))
def test_a_state_that_is_sent_comes_back(angles: tuple[float, ...], curves: list[float]) -> None:
    values = np.array(curves, np.float32)
    state = FaceState(values, rotation_from_angles(*angles[:3]), gaze=np.array(angles[3:], np.float32))
    back = fed(VmcFace(), *write_bundles(messages_of_state(state, 1.0)))
    assert back.curves == pytest.approx(values, abs=1e-6)
    assert back.rotation == pytest.approx(state.rotation, abs=1e-5)
    assert back.gaze == pytest.approx(state.gaze, abs=1e-5)


def test_no_bundle_is_split_by_a_network() -> None:
    bundles = list(write_bundles(messages_of_state(FaceState(), 0.0)))
    assert max(map(len, bundles)) <= 1400
    assert len(bundles) < 5


def test_the_sender_sends_what_a_receiver_reads() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.bind(("127.0.0.1", 0))
        way.settimeout(2.0)
        curves = np.zeros(len(CURVES), np.float32)
        curves[INDEX["jawOpen"]] = 0.6
        with VmcSender(port=way.getsockname()[1], names="presets") as sender:
            sender.send(FaceState(curves))
        face, state = VmcFace(), None
        while state is None or state.curves[INDEX["jawOpen"]] == 0:
            state = face.feed(way.recv(2000)) or state
    assert state.curves[INDEX["jawOpen"]] > 0.3


def test_an_unknown_host() -> None:
    with pytest.raises(MediaError, match="no host"):
        VmcSender("no such host.invalid").__enter__()


NAMES = st.sampled_from(["Head", "Neck", "A", "JawOpen", "Blink_L", "x"])
VALUES = st.one_of(st.floats(width=32), st.integers(-5, 5), NAMES, st.none(), st.booleans())
ADDRESSES = st.sampled_from(["/VMC/Ext/Bone/Pos", "/VMC/Ext/Blend/Val", "/VMC/Ext/Blend/Apply", "/VMC/Ext/T", "/x"])


@settings(deadline=None)
@given(
    st.lists(st.builds(Message, ADDRESSES, st.lists(VALUES, max_size=9).map(tuple)), max_size=8), st.binary(max_size=40)
)
def test_random_messages_give_a_state_or_a_packet_error(messages: list[Message], rubbish: bytes) -> None:
    face = VmcFace()
    for data in (*write_bundles(messages), rubbish):
        try:
            state = face.feed(data)
        except PacketError:
            continue
        assert state is None or (np.isfinite(state.rotation).all() and np.isfinite(state.curves).all())
