"""iFacialMocap packets against the recorded ones, signs, and random bytes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivant.avatars.tha.angles import angles_of
from vivant.face.arkit import INDEX
from vivant.face.pose import angles_from_rotation
from vivant.motion.live.ifacialmocap import HELLO, greeting, parse_packet, parse_state
from vivant.motion.live.sockets import PacketError

BONE_NAMES = {"=head": "headBone", "rightEye": "rightEyeBone", "leftEye": "leftEyeBone"}


@pytest.fixture(scope="module")
def recorded(parity: Path) -> list[dict[str, object]]:
    return json.loads((parity / "tha" / "mocap.json").read_text(encoding="utf-8"))["udp"]  # type: ignore[no-any-return]


def test_both_versions_read_what_the_original_reads(recorded: list[dict[str, object]]) -> None:
    assert [entry["version"] for entry in recorded] == [1, 2]
    for entry in recorded:
        packet, wanted = parse_packet(str(entry["packet"]).encode()), dict(entry["parsed"])  # type: ignore[call-overload]
        found = dict(packet.curves)
        for bone, name in BONE_NAMES.items():
            found |= {f"{name}{axis}": math.radians(packet.bones[bone][place]) for place, axis in enumerate("XYZ")}
        assert found == pytest.approx({key: value for key, value in wanted.items() if not key.endswith("Quat")})


def test_the_head_has_the_angles_that_the_converters_read(recorded: list[dict[str, object]]) -> None:
    state = parse_state(str(recorded[1]["packet"]).encode())
    parsed = dict(recorded[1]["parsed"])  # type: ignore[call-overload]
    assert angles_of(state.rotation) == pytest.approx([parsed[f"headBone{axis}"] for axis in "XYZ"], abs=1e-6)
    assert state.curves[INDEX["eyeBlinkRight"]] == 1.0
    assert state.translation == pytest.approx(np.array([-0.0306534, -0.1028708, -0.6584072]) / 0.09, abs=1e-4)


@pytest.mark.parametrize(
    ("head", "angles"),
    [
        ("20,0,0", (0, -20, 0)),  # looking down
        ("0,20,0", (20, 0, 0)),  # to the viewer's right: the user's own left
        ("0,0,20", (0, 0, 20)),  # counter-clockwise in the picture
    ],
)
def test_signs_of_the_head(head: str, angles: tuple[float, float, float]) -> None:
    state = parse_state(f"=head#{head},0,0,0|".encode())
    assert np.degrees(angles_from_rotation(state.rotation)) == pytest.approx(angles, abs=1e-3)


def test_eyes_agree_with_the_look_curves_of_the_same_packet() -> None:
    """In a recorded packet the right eye has y 2.4 and eyeLookIn_R 6, both eyes x 6.0 and eyeLookDown 17."""
    state = parse_state(b"jawOpen&0|rightEye#6.0,2.4,0|leftEye#6.0,2.4,0|")
    right, up = np.degrees(state.gaze)
    assert (right, up) == pytest.approx((2.4, -6.0), abs=1e-4)
    assert state.curves[INDEX["eyeLookInRight"]] > 0
    assert state.curves[INDEX["eyeLookDownLeft"]] > 0
    looking = parse_state(b"eyeLookIn_R&50|eyeLookOut_L&50|eyeLookUp_L&20|eyeLookUp_R&20")
    assert looking.gaze[0] > 0.2
    assert looking.gaze[1] > 0.05


def test_missing_names_are_nothing_and_values_are_kept_in_range() -> None:
    state = parse_state(b"jawOpen&250|mouthClose&-3|somethingElse&7|anything#1,2|")
    assert state.curves[INDEX["jawOpen"]] == 1.0
    assert state.curves.sum() == 1.0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"|||",
        b"\xff\xfe",
        b"hello",
        b"unknown&5",
        b"jawOpen&",
        b"jawOpen&nan",
        b"jawOpen&1,2",
        b"=head#1,2,3",
        b"=head#inf,0,0,0,0,0",
        b"|" * 1000,
    ],
)
def test_what_is_no_packet_is_refused(data: bytes) -> None:
    with pytest.raises(PacketError):
        parse_packet(data)


ALPHABET = st.sampled_from(
    ["jawOpen", "eyeBlink_L", "=head", "rightEye", "#", "&", "-", "|", ",", "1", "-5", "1e999", " "]
)


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=300), st.lists(ALPHABET, max_size=30).map(lambda parts: "".join(parts).encode())))
def test_random_bytes_give_a_state_or_a_packet_error(data: bytes) -> None:
    try:
        state = parse_state(data)
    except PacketError:
        return
    assert np.isfinite(state.rotation).all()
    assert np.isfinite(state.translation).all()
    assert ((state.curves >= 0) & (state.curves <= 1)).all()


def test_the_greeting_asks_for_version_two() -> None:
    assert greeting(None) is None
    assert greeting("192.168.0.7") == (HELLO, "192.168.0.7", 49983)
    assert HELLO.endswith(b"|sendDataVersion=v2")
