"""OSC 1.0 against the bytes of its specification, round trips, and random bytes."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivant.motion.live.osc import BUNDLE, IMMEDIATELY, Message, parse_osc, write_bundles, write_message
from vivant.motion.live.sockets import PacketError

OSCILLATOR = bytes.fromhex("2f6f7363 696c6c61 746f722f 342f6672 65717565 6e637900 2c660000 43dc0000")
FOO = bytes.fromhex("2f666f6f 00000000 2c696973 66660000 000003e8 ffffffff 68656c6c 6f000000 3f9df3b6 40b5b22d")
"""The two examples of the specification, as printed there."""

FLOATS = st.floats(width=32, allow_nan=False)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20)
VALUES = st.one_of(st.integers(-(2**31), 2**31 - 1), FLOATS, TEXTS, st.binary(max_size=20), st.booleans(), st.none())
MESSAGES = st.builds(Message, TEXTS.map(lambda text: "/" + text), st.lists(VALUES, max_size=8).map(tuple))


def test_the_examples_of_the_specification() -> None:
    assert parse_osc(OSCILLATOR) == [Message("/oscillator/4/frequency", (440.0,))]
    (foo,) = parse_osc(FOO)
    assert foo.arguments[:3] == (1000, -1, "hello")
    assert foo.arguments[3:] == pytest.approx((1.234, 5.678), abs=1e-6)
    assert write_message(Message("/oscillator/4/frequency", (440.0,))) == OSCILLATOR


@settings(deadline=None)
@given(st.lists(MESSAGES, max_size=30))
def test_what_is_written_is_read_again(messages: list[Message]) -> None:
    bundles = list(write_bundles(messages, 400))
    assert [message for bundle in bundles for message in parse_osc(bundle)] == messages
    assert all(len(bundle) <= 400 or len(parse_osc(bundle)) == 1 for bundle in bundles)


@settings(deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=60))
def test_random_bytes_give_messages_or_a_packet_error(data: bytes, tail: bytes) -> None:
    for packet in (data, BUNDLE + IMMEDIATELY + data, FOO[:20] + tail, b"/a\0\0," + tail):
        with contextlib.suppress(PacketError):
            assert all(message.address.startswith("/") for message in parse_osc(packet))


@settings(deadline=None)
@given(st.integers(0, len(FOO) - 1), st.integers(0, 255))
def test_one_changed_byte_never_breaks_more_than_the_packet(place: int, value: int) -> None:
    with contextlib.suppress(PacketError):
        parse_osc(FOO[:place] + bytes([value]) + FOO[place + 1 :])


def nested(depth: int) -> bytes:
    data = OSCILLATOR
    for _ in range(depth):
        data = BUNDLE + IMMEDIATELY + struct.pack(">i", len(data)) + data
    return data


def test_bundles_within_bundles_are_bounded() -> None:
    assert len(parse_osc(nested(4))) == 1
    with pytest.raises(PacketError, match="deep"):
        parse_osc(nested(5))


def test_the_number_of_messages_is_bounded() -> None:
    part = write_message(Message("/a"))
    many = BUNDLE + IMMEDIATELY + (struct.pack(">i", len(part)) + part) * 3000
    with pytest.raises(PacketError, match="messages"):
        parse_osc(many)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"/ab",
        b"abc\0",
        b"/abc",
        b"/a\0x,\0\0\0",
        b"/a\0\0,q\0\0",
        b"/a\0\0,i\0\0",
        b"/a\0\0,s\0\0abcd",
        b"/a\0\0,b\0\0\x7f\xff\xff\xff",
        b"/a\0\0,\0\0\0\0\0\0\1",
        b"/a\0\0,s\0\0\xff\xfe\0\0",
        BUNDLE + b"\0\0\0\0",
        BUNDLE + IMMEDIATELY + b"\0\0\0\0",
    ],
)
def test_broken_packets_are_refused(data: bytes) -> None:
    with pytest.raises(PacketError):
        parse_osc(data)


def test_an_old_message_without_types() -> None:
    assert parse_osc(b"/old\0\0\0\0") == [Message("/old")]
