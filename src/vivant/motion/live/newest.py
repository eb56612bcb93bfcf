"""One place between two threads: a newer item takes the place of an older one, so nothing ever queues.

Whoever is about to work long on an item waits for one that is about to come: of a tracker's packets every 17 ms, the
one at hand is up to 17 ms old, and what is drawn of it is late by that.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Generic, TypeVar

T = TypeVar("T")

SOON = 1 / 3
"""Of the time from item to item: how long is waited for the next one at most."""
LATE = 0.1
"""Of that time: how much later than usual it may come."""
REMEMBERED = 9
"""Items whose times tell how often they come."""


class Newest(Generic[T]):
    """Holds the newest item until it is taken."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._ended = False
        self._error: BaseException | None = None
        self._times: deque[float] = deque(maxlen=REMEMBERED)
        self.stopped = threading.Event()
        """Set when nobody will take anything any more."""
        self.replaced = 0
        """Items that were replaced before anybody took them."""

    def put(self, item: T) -> None:
        """Offer an item."""
        with self._changed:
            self.replaced += self._item is not None
            self._item = item
            self._times.append(time.perf_counter())
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """Say that no more items come; `error` is raised where they were taken."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def take(self, timeout: float) -> T | None:
        """The newest item, or the next one if that comes soon; None if none comes within `timeout` seconds or ever.

        Raises the error of the other side.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._ended, max(timeout, 0.0))
            here = self._item
            if here is not None:
                self._changed.wait_for(lambda: self._item is not here or self._ended, self._soon())
            item, self._item = self._item, None
            if item is None and self._error is not None:
                raise self._error
            return item

    def _soon(self) -> float:
        """Seconds until the next item should be there, 0 if that is long or not known."""
        if len(self._times) < REMEMBERED:
            return 0.0
        times = list(self._times)
        step = sorted(later - sooner for sooner, later in pairwise(times))[REMEMBERED // 2]
        wait = times[-1] + step - time.perf_counter()
        return wait + LATE * step if 0 < wait < SOON * step else 0.0

    @property
    def ended(self) -> bool:
        """Whether all was taken and no more comes."""
        with self._changed:
            return self._ended and self._item is None


@contextmanager
def newest_of(items: Iterator[T | None]) -> Iterator[Newest[T]]:
    """The newest of `items`, which a thread reads for as long as the block lasts; None only says "still nothing".

    At the end of the block the thread stops after its next item and closes `items`.
    """
    place: Newest[T] = Newest()
    thread = threading.Thread(target=_listen, args=(items, place), name="vivant-live", daemon=True)
    thread.start()
    try:
        yield place
    finally:
        place.stopped.set()
        thread.join(2.0)


def _listen(items: Iterator[T | None], place: Newest[T]) -> None:
    error: BaseException | None = None
    try:
        for item in items:
            if place.stopped.is_set():
                break
            if item is not None:
                place.put(item)
    except BaseException as caught:  # handed to the other side, whatever it is
        error = caught
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()
    place.end(error)
