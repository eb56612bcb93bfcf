"""A WebSocket client (RFC 6455) for text messages, as small as sending states to a program on this machine needs."""

from __future__ import annotations

import base64
import hashlib
import os
import select
import socket
import struct
import time
from types import TracebackType
from typing import Self

from vivant.errors import MediaError

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LARGEST_HEAD = 8192
LARGEST_MESSAGE = 1 << 20
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
FINAL, MASKED = 0x80, 0x80
_CONTINUED = 0


class WebSocket:
    """One connection; use with `with`. Every fault is a MediaError that names the address."""

    def __init__(self, host: str, port: int, timeout: float = 5.0) -> None:
        """Connect and shake hands within `timeout` seconds; raises MediaError where nobody answers as they should."""
        self._name = f"ws://{host}:{port}"
        self._read = b""
        self._parts = b""
        try:
            self._socket = socket.create_connection((host, port), timeout)
        except OSError as error:
            raise MediaError(f"{self._name}: nobody answers ({error.strerror or error}); start the program") from None
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._shake_hands(f"{host}:{port}")
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, text: str) -> None:
        """Send a text message."""
        self._send(TEXT, text.encode("utf-8"))

    def receive(self, timeout: float = 0.0) -> str | None:
        """The next text message; None if none is complete within `timeout` seconds."""
        until = time.perf_counter() + timeout
        while True:
            text = self._take()
            if text is not None:
                return text
            wait = max(until - time.perf_counter(), 0.0)
            if not select.select([self._socket], [], [], wait)[0]:
                return None
            self._fill()

    def _shake_hands(self, host: str) -> None:
        key = base64.b64encode(os.urandom(16))
        head = f"GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self._socket.sendall(f"{head}Sec-WebSocket-Key: {key.decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        while b"\r\n\r\n" not in self._read:
            if len(self._read) > LARGEST_HEAD:
                raise self._fault()
            self._fill()
        answer, _, self._read = self._read.partition(b"\r\n\r\n")
        status, *lines = answer.decode("latin-1").split("\r\n")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        wanted = base64.b64encode(hashlib.sha1(key + MAGIC).digest()).decode()
        if " 101 " not in f"{status} " or fields.get("sec-websocket-accept") != wanted:
            raise self._fault()

    def _take(self) -> str | None:
        """A complete text message of what was read; answers pings on the way."""
        while (frame := self._frame()) is not None:
            kind, final, data = frame
            if kind == PING:
                self._send(PONG, data)
            elif kind == CLOSE:
                raise MediaError(f"{self._name} has closed the connection; start again when it is ready")
            elif kind in (TEXT, _CONTINUED):
                self._parts += data
                if len(self._parts) > LARGEST_MESSAGE:
                    raise self._fault()
                if final:
                    text, self._parts = self._parts.decode("utf-8", "replace"), b""
                    return text
        return None

    def _frame(self) -> tuple[int, bool, bytes] | None:
        """Kind, whether it is the last part, and content of the first frame that was read; None if it is not whole."""
        if len(self._read) < 2:
            return None
        first, second = self._read[0], self._read[1]
        size, at = second & 0x7F, 2
        if second & MASKED:
            raise self._fault()
        if size >= 126:
            form = ">H" if size == 126 else ">Q"
            at += struct.calcsize(form)
            if len(self._read) < at:
                return None
            size = struct.unpack_from(form, self._read, 2)[0]
        if size > LARGEST_MESSAGE:
            raise self._fault()
        if len(self._read) < at + size:
            return None
        data, self._read = self._read[at : at + size], self._read[at + size :]
        return first & 0x0F, bool(first & FINAL), data

    def _fill(self) -> None:
        try:
            data = self._socket.recv(1 << 16)
        except OSError as error:
            raise MediaError(f"{self._name}: the connection broke ({error.strerror or error}); start again") from None
        if not data:
            raise MediaError(f"{self._name} has closed the connection; start again when it is ready")
        self._read += data

    def _send(self, kind: int, data: bytes) -> None:
        size = len(data)
        if size < 126:
            head = struct.pack(">BB", FINAL | kind, MASKED | size)
        elif size < 1 << 16:
            head = struct.pack(">BBH", FINAL | kind, MASKED | 126, size)
        else:
            head = struct.pack(">BBQ", FINAL | kind, MASKED | 127, size)
        mask = os.urandom(4)
        stretched = (mask * (size // 4 + 1))[:size]
        hidden = (int.from_bytes(data, "big") ^ int.from_bytes(stretched, "big")).to_bytes(size, "big")
        try:
            self._socket.sendall(head + mask + hidden)
        except OSError as error:
            raise MediaError(f"{self._name}: the connection broke ({error.strerror or error}); start again") from None

    def _fault(self) -> MediaError:
        return MediaError(f"{self._name} does not speak as a WebSocket should; check the port")
