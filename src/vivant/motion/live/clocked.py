"""States that are made ahead of time, such as those of a motion file, let out as time passes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import count

from vivant.motion.live.sockets import Heard
from vivant.motion.state import FaceState


def ticks(rate: Fraction) -> Iterator[int]:
    """0, 1, 2 ... each at its time, `rate` per second from now; numbers whose time has passed are left out."""
    start = time.perf_counter()
    for index in count():
        wait = start + float(index / rate) - time.perf_counter()
        if wait < -float(1 / rate):
            continue
        if wait > 0:
            time.sleep(wait)
        yield index


def played(states: Iterable[FaceState], rate: Fraction) -> Iterator[Heard]:
    """`states` at `rate` per second from now on; late ones are left out, the last one is not."""
    source = iter(states)
    shown = -1
    for index in ticks(rate):
        state: FaceState | None = None
        while shown < index:
            state = next(source, None)
            if state is None:
                return
            shown += 1
        if state is not None:
            yield Heard(state, time.perf_counter())


def stamped(states: Iterable[FaceState]) -> Iterator[Heard]:
    """`states` that come by themselves, such as those of the microphone, with the time at which they came."""
    for state in states:
        yield Heard(state, time.perf_counter())
