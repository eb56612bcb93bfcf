"""iFacialMocap: an app that sends the phone's face tracking by UDP as text, version 1 and 2 of its format.

Angles come in degrees in ARKit's axes (x to the viewer's right, y up, z to the viewer): rx > 0 looks down, ry > 0 turns
to the viewer's right, rz > 0 is counter-clockwise in the picture. Places come in metres.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from vivant.face.arkit import CURVES, INDEX
from vivant.face.pose import rotation_from_angles
from vivant.motion.live.sockets import PacketError
from vivant.motion.measure import set_looks
from vivant.motion.state import LOOK_RADIANS, FaceState, Floats

PORT = 49983
HELLO = b"iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719|sendDataVersion=v2"
"""Sent to the phone's port, it starts the stream."""
LARGEST_FIELDS = 256
OUTER_EYE_METRES = 0.09
"""Distance of the outer eye corners of an adult; turns metres into the project's unit."""
LARGEST_SHIFT = 10.0
BONES = {"=head": 6, "rightEye": 3, "leftEye": 3}
"""Numbers of each bone: three angles, for the head also its place."""


@dataclass(frozen=True)
class Packet:
    """What one datagram says."""

    curves: Mapping[str, float] = field(default_factory=dict)
    """ARKit's names to 0..1 (as sent: not clipped)."""
    bones: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """"=head": degrees about x, y, z and metres along x, y, z; "rightEye" and "leftEye": degrees in the head."""


def parse_packet(data: bytes) -> Packet:
    """Read a datagram of either version; unknown names are left out.

    Raises PacketError for anything that is not of the format: bytes that are no UTF-8, numbers that are none or not
    finite, nothing known in it. Format: specification of Talking Head Anime, section 8.1.
    """
    try:
        fields = [part.strip() for part in data.decode("utf-8").split("|")]
    except UnicodeDecodeError:
        raise PacketError("is no text") from None
    if len(fields) > LARGEST_FIELDS:
        raise PacketError(f"has {len(fields)} fields")
    curves: dict[str, float] = {}
    bones: dict[str, tuple[float, ...]] = {}
    for text in filter(None, fields):
        name, mark, rest = text.partition("#")
        if mark:
            if name in BONES:
                bones[name] = _numbers(rest, BONES[name])
            continue
        name, _, rest = text.partition("&" if "&" in text else "-")
        name = _curve_name(name)
        if name in INDEX:
            curves[name] = _numbers(rest, 1)[0] / 100
    if not curves and "=head" not in bones:
        raise PacketError("holds nothing known")
    return Packet(curves, bones)


def parse_state(data: bytes) -> FaceState:
    """The state that a datagram shows; the head's place is as sent, not yet relative to a rest. Raises PacketError."""
    packet = parse_packet(data)
    curves = np.zeros(len(CURVES), np.float32)
    for name, value in packet.curves.items():
        curves[INDEX[name]] = min(max(value, 0.0), 1.0)
    gaze = _gaze(packet, curves)
    head = packet.bones.get("=head", (0.0,) * 6)
    turned = rotation_about(*(math.radians(angle) for angle in head[:3]))
    place = np.clip(np.array(head[3:], np.float64) / OUTER_EYE_METRES, -LARGEST_SHIFT, LARGEST_SHIFT)
    return FaceState(curves, turned, place.astype(np.float32), gaze)


def rotation_about(x: float, y: float, z: float) -> Floats:
    """Rotation (3, 3) by angles in radians about the fixed axes x, y and z, in this order, as converters read it."""
    about_z, about_y = rotation_from_angles(0.0, 0.0, z), rotation_from_angles(y, 0.0, 0.0)
    return np.asarray(about_z @ about_y @ rotation_from_angles(0.0, -x, 0.0), np.float32)


def _gaze(packet: Packet, curves: Floats) -> Floats:
    """Mean (2,) of both eyes; where the packet has no eyes, what the look curves say. The curves always agree."""
    eyes = [packet.bones[name] for name in ("leftEye", "rightEye") if name in packet.bones]
    if eyes:
        down, right, _ = np.radians(np.mean(eyes, axis=0))
        gaze = np.clip(np.array([right, -down], np.float32), -1.0, 1.0)
        if not any(name.startswith("eyeLook") for name in packet.curves):
            set_looks(curves, gaze)
        return np.asarray(gaze, np.float32)
    return gaze_of_looks(curves)


def gaze_of_looks(curves: Floats) -> Floats:
    """Gaze (2,) in radians to the viewer's right and up, the mean of both eyes, of the eyeLook curves in (52,)."""
    look = {name: float(curves[INDEX[f"eyeLook{name}"]]) for name in _LOOKS}
    right = look["OutLeft"] - look["InLeft"] + look["InRight"] - look["OutRight"]
    up = look["UpLeft"] - look["DownLeft"] + look["UpRight"] - look["DownRight"]
    return np.array([right, up], np.float32) * np.float32(LOOK_RADIANS / 2)


_LOOKS = [f"{way}{side}" for way in ("Up", "Down", "In", "Out") for side in ("Left", "Right")]


def _curve_name(name: str) -> str:
    for end, side in (("_L", "Left"), ("_R", "Right")):
        if name.endswith(end):
            return name[:-2] + side
    return name


def _numbers(text: str, count: int) -> tuple[float, ...]:
    try:
        values = tuple(map(float, text.split(",")))
    except ValueError:
        raise PacketError("holds something that is no number") from None
    if len(values) != count or not all(map(math.isfinite, values)):
        raise PacketError("holds a wrong number of numbers")
    return values


def greeting(phone: str | None) -> tuple[bytes, str, int] | None:
    """What `udp_states` must send so that the app at the address `phone` starts to stream."""
    return None if phone is None else (HELLO, phone, PORT)
