"""VTube Studio, with a stand-in that speaks the WebSocket protocol by itself; and the protocol's own faults."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivant.errors import MediaError
from vivant.face.arkit import INDEX
from vivant.face.pose import rotation_from_angles
from vivant.motion.live.vtube_studio import VTubeStudio, parameters_of_state
from vivant.motion.live.websocket import WebSocket
from vivant.motion.state import FaceState

Talk = Callable[[socket.socket], None]


def framed(data: bytes, kind: int = 1, *, final: bool = True) -> bytes:
    """A server's frame: not masked."""
    size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))
    return bytes([kind | 0x80 * final]) + size + data


def read_frame(way: socket.socket) -> tuple[int, bytes]:
    """Kind and content of a client's frame, which must be masked."""
    head = way.recv(2, socket.MSG_WAITALL)
    if len(head) < 2:
        raise EOFError
    assert head[1] & 0x80
    size = head[1] & 0x7F
    if size == 126:
        size = struct.unpack(">H", way.recv(2, socket.MSG_WAITALL))[0]
    elif size == 127:
        size = struct.unpack(">Q", way.recv(8, socket.MSG_WAITALL))[0]
    mask = way.recv(4, socket.MSG_WAITALL)
    data = way.recv(size, socket.MSG_WAITALL) if size else b""
    return head[0] & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))


def shake_hands(way: socket.socket) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        head += way.recv(1000)
    key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    way.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nsec-websocket-accept: " + accept + b"\r\n\r\n"
    )


@contextmanager
def server(talk: Talk) -> Iterator[int]:
    """A port at which `talk` gets each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    way, _ = listener.accept()
                except OSError:
                    return
                with way, suppress(EOFError, OSError):
                    talk(way)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


class Studio:
    """What VTube Studio answers, and what it was told."""

    def __init__(self, *, allows: bool = True) -> None:
        self.allows, self.asked, self.values = allows, 0, []

    def __call__(self, way: socket.socket) -> None:
        shake_hands(way)
        way.sendall(framed(b"are you there", 9))
        while True:
            kind, data = read_frame(way)
            if kind == 1:
                way.sendall(framed(json.dumps(self.answer(json.loads(data))).encode()))

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        assert message["apiName"] == "VTubeStudioPublicAPI"
        data: dict[str, Any] = {}
        if message["messageType"] == "AuthenticationTokenRequest":
            self.asked += 1
            data = {"authenticationToken": "let me in"} if self.allows else {"errorID": 50, "message": "denied"}
        elif message["messageType"] == "AuthenticationRequest":
            data = {"authenticated": message["data"]["authenticationToken"] == "let me in"}
        else:
            self.values.append({one["id"]: one["value"] for one in message["data"]["parameterValues"]})
        return {"apiName": "VTubeStudioPublicAPI", "data": data}


def test_the_user_is_asked_once_and_states_arrive(tmp_path: Path) -> None:
    studio, token = Studio(), tmp_path / "config" / "token"
    with server(studio) as port:
        for _ in range(2):
            with VTubeStudio(token, port=port) as sender:
                for _ in range(300):  # answers that nobody read would fill the connection
                    sender.send(FaceState(rotation=rotation_from_angles(np.radians(20), 0, 0)))
    assert studio.asked == 1
    assert len(studio.values) > 200  # the last ones may still be on their way when the connection is closed
    assert studio.values[0]["FaceAngleX"] == pytest.approx(20, abs=0.01)
    assert token.stat().st_mode & 0o077 == 0


def test_a_user_who_denies(tmp_path: Path) -> None:
    with (
        server(Studio(allows=False)) as port,
        pytest.raises(MediaError, match="choose Allow"),
        VTubeStudio(tmp_path / "token", port=port),
    ):
        pass
    assert not (tmp_path / "token").exists()


def test_an_old_token_is_asked_for_anew(tmp_path: Path) -> None:
    studio, token = Studio(), tmp_path / "token"
    token.write_text("revoked")
    with server(studio) as port, VTubeStudio(token, port=port):
        pass
    assert token.read_text() == "let me in"


@pytest.mark.parametrize(
    ("state", "name", "wanted"),
    [
        (FaceState(rotation=rotation_from_angles(0.2, 0, 0)), "FaceAngleX", 11.46),  # the right of the screen
        (FaceState(rotation=rotation_from_angles(0, 0.2, 0)), "FaceAngleY", 11.46),  # up
        (FaceState(rotation=rotation_from_angles(0, 0, 0.2)), "FaceAngleZ", -11.46),  # leans to the left
        (FaceState(gaze=np.array([0.55, 0.275], np.float32)), "EyeLeftX", 1.0),
        (FaceState(gaze=np.array([0.55, 0.275], np.float32)), "EyeRightY", 0.5),
        (FaceState(), "MouthSmile", 0.5),
        (FaceState(), "BrowLeftY", 0.5),
        (FaceState(), "EyeOpenLeft", 1.0),
        (FaceState(), "MouthOpen", 0.0),
    ],
)
def test_parameters_have_the_signs_of_live2d(state: FaceState, name: str, wanted: float) -> None:
    assert parameters_of_state(state)[name] == pytest.approx(wanted, abs=0.01)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=52, max_size=52))
def test_parameters_stay_in_their_ranges(curves: list[float]) -> None:
    values = parameters_of_state(FaceState(np.array(curves, np.float32)))
    for name, value in values.items():
        low = -1 if name in ("MouthX", "EyeLeftX", "EyeLeftY", "EyeRightX", "EyeRightY") else 0
        assert name.startswith("FaceAngle") or low <= value <= 1, name
    assert values["EyeOpenRight"] == pytest.approx(1 - curves[INDEX["eyeBlinkRight"]], abs=1e-3)


def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(MediaError, match=f"ws://127.0.0.1:{port}: nobody answers"):
        WebSocket("127.0.0.1", port)


def test_messages_in_parts_and_large_ones() -> None:
    def talk(way: socket.socket) -> None:
        shake_hands(way)
        way.sendall(framed(b"one ", 1, final=False) + framed(b"ping", 9) + framed(b"two", 0))
        while True:
            kind, data = read_frame(way)
            if kind == 1:
                way.sendall(framed(str(len(data)).encode()))

    with server(talk) as port, WebSocket("127.0.0.1", port) as way:
        assert way.receive(2.0) == "one two"
        for size in (0, 125, 126, 65535, 65536, 200_000):
            way.send("x" * size)
            assert way.receive(2.0) == str(size)
        assert way.receive(0.0) is None


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
        b"x" * 20_000,
        b"",
        b"\xff\xfe\r\n\r\n",
    ],
)
def test_a_server_that_is_no_websocket(answer: bytes) -> None:
    def talk(way: socket.socket) -> None:
        way.recv(1000)
        way.sendall(answer)

    with server(talk) as port, pytest.raises(MediaError, match=r"ws://127.0.0.1"):
        WebSocket("127.0.0.1", port)


@pytest.mark.parametrize(
    "frames",
    [
        b"\x81\xff" + b"\xff" * 8,  # masked, and larger than memory
        b"\x81\x7f\x7f" + b"\xff" * 7,
        framed(b"\x03\xe8", 8),
        framed(b"x" * 60_000, 1, final=False) + framed(b"x" * 60_000, 0, final=False) * 20,
    ],
)
def test_hostile_frames_end_the_connection(frames: bytes) -> None:
    def talk(way: socket.socket) -> None:
        shake_hands(way)
        way.sendall(frames)
        way.recv(10)

    with server(talk) as port, WebSocket("127.0.0.1", port) as way, pytest.raises(MediaError):
        way.receive(2.0)


@pytest.mark.parametrize("answer", [b"no json", b"[]", b'{"data": 5}', b"[" * 100_000])
def test_a_program_that_is_not_vtube_studio(answer: bytes, tmp_path: Path) -> None:
    def talk(way: socket.socket) -> None:
        shake_hands(way)
        while True:
            read_frame(way)
            way.sendall(framed(answer[:60_000]))

    with (
        server(talk) as port,
        pytest.raises(MediaError, match="does not answer as VTube Studio"),
        VTubeStudio(tmp_path / "token", port=port),
    ):
        pass
