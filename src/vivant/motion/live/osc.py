"""Open Sound Control 1.0 (opensoundcontrol.stanford.edu/spec-1_0): messages and bundles, read strictly."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vivant.motion.live.sockets import PacketError

Argument = int | float | str | bytes | bool | None

BUNDLE = b"#bundle\0"
IMMEDIATELY = struct.pack(">Q", 1)
DEEPEST = 4
"""Bundles within bundles."""
MOST_MESSAGES = 2048
MOST_ARGUMENTS = 64
_FIXED = {"i": ">i", "f": ">f", "h": ">q", "d": ">d", "t": ">Q"}
_WORDLESS: dict[str, Argument] = {"T": True, "F": False, "N": None, "I": float("inf")}


@dataclass(frozen=True)
class Message:
    """An address such as /VMC/Ext/T and what it carries."""

    address: str
    arguments: tuple[Argument, ...] = ()


def parse_osc(data: bytes) -> list[Message]:
    """All messages of a datagram, in order, those of bundles included; their time tags are not heeded.

    Raises PacketError for anything that breaks the format, and for more than fits a sensible packet.
    """
    messages: list[Message] = []
    for message in _packet(data, DEEPEST):
        messages.append(message)
        if len(messages) > MOST_MESSAGES:
            raise PacketError(f"more than {MOST_MESSAGES} messages")
    return messages


def _packet(data: bytes, depth: int) -> Iterator[Message]:
    if not data or len(data) % 4:
        raise PacketError(f"{len(data)} bytes are no multiple of four")
    if not data.startswith(BUNDLE):
        yield _message(data)
        return
    if depth == 0 or len(data) < 16:
        raise PacketError("bundle too deep or cut off")
    at = 16
    while at < len(data):
        size = struct.unpack_from(">i", data, at)[0]
        at += 4
        if not 0 < size <= len(data) - at:
            raise PacketError("size of a bundle's element")
        yield from _packet(data[at : at + size], depth - 1)
        at += size


def _message(data: bytes) -> Message:
    address, at = _string(data, 0)
    if not address.startswith("/"):
        raise PacketError("no address")
    if at == len(data):
        return Message(address)  # old senders leave an empty list of types out
    tags, at = _string(data, at)
    if not tags.startswith(",") or len(tags) > MOST_ARGUMENTS + 1:
        raise PacketError("list of types")
    arguments: list[Argument] = []
    for tag in tags[1:]:
        value, at = _argument(tag, data, at)
        arguments.append(value)
    if at != len(data):
        raise PacketError("more bytes than arguments")
    return Message(address, tuple(arguments))


def _argument(tag: str, data: bytes, at: int) -> tuple[Argument, int]:
    if tag in _FIXED:
        size = struct.calcsize(_FIXED[tag])
        if at + size > len(data):
            raise PacketError("an argument is cut off")
        return struct.unpack_from(_FIXED[tag], data, at)[0], at + size
    if tag == "s":
        return _string(data, at)
    if tag == "b":
        return _blob(data, at)
    if tag in _WORDLESS:
        return _WORDLESS[tag], at
    raise PacketError(f"type {tag!r}")


def _string(data: bytes, at: int) -> tuple[str, int]:
    """Text up to its zero byte; the end is padded with zeros to a multiple of four."""
    end = data.find(b"\0", at)
    if end < 0:
        raise PacketError("text without an end")
    stop = end + 4 - end % 4
    if stop > len(data) or any(data[end:stop]):
        raise PacketError("text without padding")
    try:
        return data[at:end].decode("utf-8"), stop
    except UnicodeDecodeError:
        raise PacketError("text that is none") from None


def _blob(data: bytes, at: int) -> tuple[bytes, int]:
    if at + 4 > len(data):
        raise PacketError("a blob is cut off")
    size = struct.unpack_from(">i", data, at)[0]
    stop = at + 4 + size + -size % 4
    if size < 0 or stop > len(data):
        raise PacketError("size of a blob")
    return data[at + 4 : at + 4 + size], stop


def write_message(message: Message) -> bytes:
    """The bytes of `message`; int, float, str, bytes, bool and None become i, f, s, b, T or F, and N."""
    tags, body = ",", b""
    for value in message.arguments:
        tag, data = _written(value)
        tags, body = tags + tag, body + data
    return _padded(message.address) + _padded(tags) + body


def _written(value: Argument) -> tuple[str, bytes]:
    match value:
        case bool():
            return ("T" if value else "F"), b""
        case None:
            return "N", b""
        case int():
            return "i", struct.pack(">i", value)
        case float():
            return "f", struct.pack(">f", value)
        case str():
            return "s", _padded(value)
    return "b", struct.pack(">i", len(value)) + value + bytes(-len(value) % 4)


def _padded(text: str) -> bytes:
    data = text.encode("utf-8")
    return data + bytes(4 - len(data) % 4)


def write_bundles(messages: Iterable[Message], largest: int = 1400) -> Iterator[bytes]:
    """Bundles of `messages`, in order, each of at most `largest` bytes so that no network splits it."""
    head = BUNDLE + IMMEDIATELY
    parts: list[bytes] = [head]
    for message in messages:
        data = write_message(message)
        if len(parts) > 1 and sum(map(len, parts)) + 4 + len(data) > largest:
            yield b"".join(parts)
            parts = [head]
        parts.append(struct.pack(">i", len(data)) + data)
    if len(parts) > 1:
        yield b"".join(parts)
