"""Datagrams from the network: read without trust, bounded in size, number and memory, and counted where dropped."""

from __future__ import annotations

import contextlib
import math
import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeVar

from vivant.errors import MediaError, SettingsError, VivantError
from vivant.motion.state import FaceState

T = TypeVar("T")

LARGEST = 65_507
"""Bytes of the largest datagram that exists."""
BATCH = 512
"""Datagrams that are read at most before whoever waits is served."""
BURST = 0.25
"""Seconds of the allowed rate that may come at once."""
FORGET = 2.0
"""Seconds of silence after which another sender may take the place of the first."""
WAIT = 0.1
"""Seconds after which a silent source lets its thread look whether it should end."""


class PacketError(VivantError):
    """A datagram is not what its protocol says; it is dropped and counted."""


@dataclass(frozen=True)
class Heard:
    """A state, and when it came."""

    state: FaceState
    time: float
    """Seconds of `time.perf_counter` at which the packet, the camera's picture or the sound was there."""


@dataclass
class Counts:
    """What became of the datagrams."""

    taken: int = 0
    malformed: int = 0
    """Not of the protocol, or larger than it allows."""
    foreign: int = 0
    """From somebody else than the sender that is listened to."""
    flooded: int = 0
    """More than the allowed rate."""

    def notes(self) -> list[str]:
        """What a user should know, one sentence each."""
        said = {
            f"{self.malformed} packets were malformed": self.malformed,
            f"{self.foreign} packets came from another sender": self.foreign,
            f"{self.flooded} packets came faster than allowed": self.flooded,
        }
        return [f"{text}; they were dropped" for text, number in said.items() if number]


@dataclass(frozen=True)
class UdpSettings:
    """Where and to whom to listen."""

    port: int
    host: str = "127.0.0.1"
    """Address of the own interface; 0.0.0.0 for all, which a phone needs."""
    sender: str | None = None
    """Name or address of the only host that is heard; none: the first that sends a sound packet, until it is silent."""
    packets_per_second: int = 300
    largest: int = 8192
    """Bytes of a packet."""

    def __post_init__(self) -> None:
        check_port(self.port)


@dataclass
class UdpReader:
    """A socket that is read until it is empty, the newest packet last; use with `with`."""

    settings: UdpSettings
    counts: Counts = field(default_factory=Counts)
    _socket: socket.socket | None = None
    _sender: str | None = None
    _last: float = -math.inf
    _tokens: float = 0.0
    _filled: float = 0.0

    def __enter__(self) -> Self:
        """Open the socket; raises MediaError where the port is taken, or a host is not known."""
        sender = self.settings.sender and address_of(self.settings.sender)
        way = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            way.bind((self.settings.host, self.settings.port))
        except OSError as error:
            way.close()
            place = f"{self.settings.host}:{self.settings.port}"
            raise MediaError(f"cannot listen at {place} ({error.strerror}); choose another --port or --host") from None
        way.setblocking(False)
        self._socket, self._sender, self._filled = way, sender, time.perf_counter()
        self._tokens = self._burst
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            self._socket.close()

    @property
    def port(self) -> int:
        """The port in use; differs from the settings' for port 0."""
        return int(self._open().getsockname()[1])

    @property
    def silence(self) -> float:
        """Seconds since the last sound packet."""
        return time.perf_counter() - self._last

    def send(self, data: bytes, host: str, port: int) -> None:
        """Send one datagram from the own port; raises MediaError if there is no such host."""
        try:
            self._open().sendto(data, (host, port))
        except socket.gaierror:
            raise MediaError(f"there is no host {host!r}; give its address, such as 192.168.0.20") from None
        except OSError:
            return  # a network that is down for a moment: the next try may succeed

    def read(self, parse: Callable[[bytes], T | None], timeout: float = WAIT) -> T | None:
        """The last thing that `parse` makes of the waiting packets, in order; None where there is none in `timeout` s.

        What `parse` refuses by `PacketError` is counted, never raised.
        """
        way = self._open()
        if not select.select([way], [], [], timeout)[0]:
            return None
        newest: T | None = None
        for _ in range(BATCH):
            try:
                data, address = way.recvfrom(LARGEST)
            except BlockingIOError:
                break
            except OSError:
                continue  # Windows reports here that an earlier datagram found nobody
            if self._accepts(address[0]):
                found = self._parsed(data, address[0], parse)
                newest = newest if found is None else found
        return newest

    def _open(self) -> socket.socket:
        if self._socket is None:
            raise RuntimeError("the reader is not open; use it with `with`")
        return self._socket

    @property
    def _burst(self) -> float:
        return max(1.0, self.settings.packets_per_second * BURST)

    def _accepts(self, host: str) -> bool:
        """Whether the sender is the right one and not too fast."""
        now = time.perf_counter()
        if self.settings.sender is None and self.silence > FORGET:
            self._sender = None
        if self._sender not in (None, host):
            self.counts.foreign += 1
            return False
        refill = (now - self._filled) * self.settings.packets_per_second
        self._tokens, self._filled = min(self._burst, self._tokens + refill), now
        if self._tokens < 1:
            self.counts.flooded += 1
            return False
        self._tokens -= 1
        return True

    def _parsed(self, data: bytes, host: str, parse: Callable[[bytes], T | None]) -> T | None:
        try:
            if len(data) > self.settings.largest:
                raise PacketError(f"{len(data)} bytes")
            found = parse(data)
        except PacketError:
            self.counts.malformed += 1
            return None
        self.counts.taken += 1
        self._sender, self._last = host, time.perf_counter()
        return found


def udp_states(
    reader: UdpReader,
    parse: Callable[[bytes], FaceState | None],
    hello: tuple[bytes, str, int] | None = None,
) -> Iterator[Heard | None]:
    """The newest state whenever packets came, None while there is silence; for ever.

    `hello` (data, host, port) is sent every second for as long as nothing comes back.
    """
    greeted = -math.inf
    while True:
        now = time.perf_counter()
        if hello is not None and min(now - greeted, reader.silence) > 1.0:
            greeted = now
            reader.send(*hello)
        state = reader.read(parse)
        yield None if state is None else Heard(state, time.perf_counter())


def check_port(port: int, least: int = 0) -> None:
    """Raise SettingsError for a number that no port has; 0, where it is allowed, stands for any free one."""
    if not least <= port < 65536:
        raise SettingsError(f"port {port} does not exist; give a number from {least} to 65535")


def address_of(host: str) -> str:
    """The address of a host's name; raises MediaError if there is no such host."""
    try:
        return socket.gethostbyname(host)
    except (OSError, UnicodeError):
        raise MediaError(f"there is no host {host!r}; give its address, such as 192.168.0.20") from None


def is_own(address: str) -> bool:
    """Whether `address` is one of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.bind((address, 0))
        except OSError:
            return False
    return True


def send_quietly(way: socket.socket, data: bytes, address: tuple[str, int]) -> None:
    """Send a datagram to whoever may or may not listen there."""
    with contextlib.suppress(ConnectionError, BlockingIOError):
        way.sendto(data, address)
