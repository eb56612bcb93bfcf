"""Overlap of the stages of a pipeline: each runs in its own thread, a bounded queue apart from the next."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


def prefetch(items: Iterable[T], depth: int) -> Generator[T, None, None]:
    """Yield `items` in order while a thread produces up to `depth` of them ahead.

    An exception of the producer is raised here, after the items that came before it. When the consumer closes the
    generator, the thread stops at its next item, closes `items` if it can be closed, and has ended on return.
    """
    if depth < 1:
        raise ValueError("depth must be at least 1")
    channel: _Channel[T] = _Channel(depth)
    thread = threading.Thread(target=_produce, args=(items, channel), name="vivant-prefetch", daemon=True)
    thread.start()
    try:
        yield from channel
    finally:
        channel.stop()
        thread.join()


class _Channel(Generic[T]):
    """A bounded queue with an end, an error and a stop, all of which wake whoever waits."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._stopped = False
        self._error: BaseException | None = None

    def put(self, item: T) -> bool:
        """Wait for room and add; False once the consumer has stopped."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < self._depth)  # stopping makes room too
            self._items.append(item)
            self._changed.notify_all()
            return not self._stopped

    def end(self, error: BaseException | None) -> None:
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._items) or self._ended)
                if not self._items:
                    break
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
        if self._error is not None:
            raise self._error


def _produce(items: Iterable[T], channel: _Channel[T]) -> None:
    error: BaseException | None = None
    try:
        source = iter(items)
        try:
            for item in source:
                if not channel.put(item):
                    break
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()
    except BaseException as caught:  # handed to the consumer, whatever it is
        error = caught
    channel.end(error)
