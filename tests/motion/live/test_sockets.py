"""The bounded UDP reader: what is dropped, and that it is counted."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from vivant.errors import MediaError, SettingsError
from vivant.motion.live.sockets import BATCH, PacketError, UdpReader, UdpSettings, is_own, udp_states
from vivant.motion.state import FaceState


def number(data: bytes) -> int:
    try:
        return int(data)
    except ValueError:
        raise PacketError("no number") from None


@contextmanager
def sender(host: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.bind((host, 0))
        yield way


def open_reader(**settings: object) -> UdpReader:
    return UdpReader(UdpSettings(0, **settings))  # type: ignore[arg-type]


def test_the_newest_sound_packet_wins_and_malformed_ones_are_counted() -> None:
    with open_reader() as reader, sender() as way:
        for data in (b"1", b"2", b"rubbish", b"3", b"", b"x" * 9000):
            way.sendto(data, ("127.0.0.1", reader.port))
        assert reader.read(number, 1.0) == 3
        assert reader.read(number, 0.0) is None
    assert (reader.counts.taken, reader.counts.malformed) == (3, 3)
    assert reader.counts.notes() == ["3 packets were malformed; they were dropped"]


def test_another_sender_is_dropped_while_the_first_speaks() -> None:
    with open_reader(host="0.0.0.0") as reader, sender("127.0.0.1") as first, sender("127.0.0.2") as second:
        first.sendto(b"1", ("127.0.0.1", reader.port))
        assert reader.read(number, 1.0) == 1
        second.sendto(b"2", ("127.0.0.1", reader.port))
        assert reader.read(number, 1.0) is None
        assert reader.counts.foreign == 1
        reader._last -= 10.0  # the first has been silent for ten seconds
        second.sendto(b"2", ("127.0.0.1", reader.port))
        assert reader.read(number, 1.0) == 2


def test_rubbish_does_not_make_its_sender_the_one_that_is_heard() -> None:
    with open_reader(host="0.0.0.0") as reader, sender("127.0.0.2") as bad, sender("127.0.0.1") as good:
        bad.sendto(b"rubbish", ("127.0.0.1", reader.port))
        assert reader.read(number, 1.0) is None
        good.sendto(b"7", ("127.0.0.1", reader.port))
        assert reader.read(number, 1.0) == 7


def test_a_named_sender_stays_the_only_one() -> None:
    with open_reader(host="0.0.0.0", sender="127.0.0.2") as reader, sender("127.0.0.1") as other:
        other.sendto(b"1", ("127.0.0.1", reader.port))
        assert reader.read(number, 1.0) is None
        assert reader.counts.foreign == 1


def test_a_sender_may_be_named_by_its_name() -> None:
    with open_reader(sender="localhost") as reader, sender() as way:
        way.sendto(b"1", ("127.0.0.1", reader.port))
        assert reader.read(number, 1.0) == 1
    with pytest.raises(MediaError, match=r"no host 'nosuch\.invalid'"):
        open_reader(sender="nosuch.invalid").__enter__()


def test_a_flood_costs_a_bounded_number_of_parses() -> None:
    parsed = []

    def parse(data: bytes) -> int:
        parsed.append(data)
        return number(data)

    with open_reader(packets_per_second=100) as reader, sender() as way:
        started = time.perf_counter()
        for _ in range(20):
            for index in range(200):
                way.sendto(str(index).encode(), ("127.0.0.1", reader.port))
            reader.read(parse, 0.0)
        seconds = time.perf_counter() - started
    assert len(parsed) <= 25 + 100 * seconds + 1
    assert reader.counts.flooded > 1000


def test_one_read_takes_a_bounded_number_of_datagrams() -> None:
    with open_reader(packets_per_second=10**6) as reader, sender() as way:
        sent = 0
        while reader.counts.taken == 0 or sent < 3 * BATCH:
            for _ in range(100):
                way.sendto(b"1", ("127.0.0.1", reader.port))
                sent += 1
            before = reader.counts.taken
            reader.read(number, 0.0)
            assert reader.counts.taken - before <= BATCH


def test_silence_gives_none_and_the_greeting_is_repeated() -> None:
    with open_reader() as reader, sender() as phone:
        phone.settimeout(2.0)
        states = udp_states(reader, lambda data: FaceState(), (b"hello", "127.0.0.1", phone.getsockname()[1]))
        assert next(states) is None
        data, address = phone.recvfrom(100)
        assert data == b"hello"
        assert address[1] == reader.port
        phone.sendto(b"x", address)
        heard = next(states)
        assert heard is not None
        assert abs(heard.time - time.perf_counter()) < 1.0


def test_a_taken_port_is_one_clear_line() -> None:
    with open_reader() as reader, pytest.raises(MediaError, match=r"cannot listen at 127.0.0.1:\d+ .* another --port"):
        UdpReader(UdpSettings(reader.port)).__enter__()


def test_a_port_that_does_not_exist() -> None:
    with pytest.raises(SettingsError, match="port 70000"):
        UdpSettings(70000)


def test_which_addresses_are_of_this_machine() -> None:
    assert is_own("127.0.0.1")
    assert not is_own("192.0.2.1")  # of no machine at all


def test_an_unknown_phone() -> None:
    with open_reader() as reader, pytest.raises(MediaError, match="no host"):
        reader.send(b"x", "no such host.invalid", 1)
