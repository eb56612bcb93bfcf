"""The VMC protocol (protocol.vmc.info): faces of VTuber programs by OSC, in and out.

Its bones are Unity's: left-handed, x to the character's right, y up, z forward out of the face; rotations are local, as
quaternions x, y, z, w. Seen in a mirror of x they are the project's: (x, y, z, w) there is (x, -y, -z, w) here.
"""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

import numpy as np

from vivant.face.arkit import CURVES
from vivant.face.pose import angles_from_rotation, rotation_from_angles
from vivant.motion.idle import NECK
from vivant.motion.live.ifacialmocap import gaze_of_looks
from vivant.motion.live.osc import Argument, Message, parse_osc, write_bundles
from vivant.motion.live.presets import curves_of_blends, knows, presets_of_curves
from vivant.motion.live.sockets import PacketError, address_of, send_quietly
from vivant.motion.measure import set_looks
from vivant.motion.state import FaceState, Floats

PORT = 39539
"""Where a Marionette, the program that shows the character, listens."""
PACKETS_PER_SECOND = 20_000
"""Some senders put each of a hundred values into a datagram of its own."""
HEAD_CHAIN = ("Spine", "Chest", "UpperChest", "Neck", "Head")
EYES = ("LeftEye", "RightEye")
Names = Literal["arkit", "presets"]

_IDENTITY = (0.0, 0.0, 0.0, 1.0)


class VmcFace:
    """The face of a VMC stream; `feed` takes its datagrams in order."""

    def __init__(self) -> None:
        self._blends: dict[str, float] = {}
        self._applied: dict[str, float] = {}
        self._bones: dict[str, tuple[float, ...]] = {}

    def feed(self, data: bytes) -> FaceState | None:
        """The face after this datagram; None if it says nothing new of it.

        Blend values count from the next Blend/Apply on, bones at once. Raises PacketError for what is no OSC and for
        messages of the face with wrong arguments.
        """
        changed = False
        for message in parse_osc(data):
            changed |= self._take(message)
        return self._state() if changed else None

    def _take(self, message: Message) -> bool:
        match message.address:
            case "/VMC/Ext/Blend/Val":
                name, value = _fields(message, 1)
                if knows(name):  # also bounds what is remembered
                    self._blends[name.lower()] = value[0]
                return False
            case "/VMC/Ext/Blend/Apply":
                self._applied = dict(self._blends)
                return True
            case "/VMC/Ext/Bone/Pos":
                name, values = _fields(message, 7)
                if name not in (*HEAD_CHAIN, *EYES):
                    return False
                self._bones[name] = values[3:]
                return True
        return False

    def _state(self) -> FaceState:
        curves = curves_of_blends(self._applied)
        rotation = np.eye(3, dtype=np.float32)
        for name in HEAD_CHAIN:
            rotation = np.asarray(rotation @ rotation_of_bone(self._bones.get(name, _IDENTITY)), np.float32)
        eyes = [angles_from_rotation(rotation_of_bone(self._bones[name]))[:2] for name in EYES if name in self._bones]
        gaze = np.mean(eyes, axis=0).astype(np.float32) if eyes else gaze_of_looks(curves)
        if eyes and not any(name.startswith("eyelook") for name in self._applied):
            set_looks(curves, gaze)
        place = NECK - rotation @ NECK  # the protocol has no place of the head: it turns about the neck
        return FaceState(curves, rotation, place.astype(np.float32), np.clip(gaze, -1, 1).astype(np.float32))


def _fields(message: Message, count: int) -> tuple[str, tuple[float, ...]]:
    """A name and `count` finite numbers."""
    name, *rest = message.arguments or (None,)
    numbers = tuple(map(_number, rest))
    if not isinstance(name, str) or len(numbers) != count:
        raise PacketError(f"{message.address} with wrong arguments")
    return name, numbers


def _number(value: Argument) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise PacketError("an argument is no number")
    return float(value)


def rotation_of_bone(quaternion: tuple[float, ...]) -> Floats:
    """Rotation (3, 3) in the project's axes of Unity's x, y, z, w; the identity for a quaternion of length 0."""
    x, y, z, w = quaternion
    length = math.sqrt(x * x + y * y + z * z + w * w) if max(map(abs, quaternion)) < 1e6 else math.inf
    if not 1e-3 < length < 1e6:
        return np.eye(3, dtype=np.float32)
    x, y, z, w = x / length, -y / length, -z / length, w / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ],
        np.float32,
    )


def bone_of_rotation(rotation: Floats) -> tuple[float, float, float, float]:
    """Unity's x, y, z, w of `rotation` (3, 3) in the project's axes."""
    from scipy.spatial.transform import Rotation

    x, y, z, w = Rotation.from_matrix(rotation).as_quat().tolist()
    return x, -y, -z, w


def messages_of_state(state: FaceState, seconds: float, names: Names = "arkit") -> Iterator[Message]:
    """What a Performer sends for one state at `seconds` since its start.

    `names` are the 52 (capitals first, as models with perfect sync have them) or VRM's presets. The turn of the head
    is shared by neck and head.
    """
    yield Message("/VMC/Ext/OK", (int(state.present),))
    yield Message("/VMC/Ext/T", (seconds,))
    yaw, pitch, roll = angles_from_rotation(state.rotation)
    half = rotation_from_angles(yaw / 2, pitch / 2, roll / 2)
    eyes = rotation_from_angles(float(state.gaze[0]), float(state.gaze[1]), 0.0)
    bones: Mapping[str, Floats] = {"Neck": half, "Head": half.T @ state.rotation, "LeftEye": eyes, "RightEye": eyes}
    for name, rotation in bones.items():
        yield Message("/VMC/Ext/Bone/Pos", (name, 0.0, 0.0, 0.0, *bone_of_rotation(rotation)))
    blends = (
        presets_of_curves(state.curves)
        if names == "presets"
        else {name[0].upper() + name[1:]: float(value) for name, value in zip(CURVES, state.curves, strict=True)}
    )
    for name, value in blends.items():
        yield Message("/VMC/Ext/Blend/Val", (name, value))
    yield Message("/VMC/Ext/Blend/Apply")


@dataclass
class VmcSender:
    """Sends states to a VMC program; use with `with`."""

    host: str = "127.0.0.1"
    port: int = PORT
    names: Names = "arkit"

    def __enter__(self) -> Self:
        """Find the host; raises MediaError if there is none of this name."""
        self._address = (address_of(self.host), self.port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._start = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, state: FaceState) -> None:
        """Send one state; whether anybody listens is not known."""
        messages = messages_of_state(state, time.perf_counter() - self._start, self.names)
        for bundle in write_bundles(messages):
            send_quietly(self._socket, bundle, self._address)
