"""Prefetch: order, errors, bounds and the end of its thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from vivant.media.stream import prefetch


def _threads() -> int:
    return sum(t.name == "vivant-prefetch" for t in threading.enumerate())


def test_items_come_in_order_and_the_thread_ends() -> None:
    assert list(prefetch(range(1000), 3)) == list(range(1000))
    assert list(prefetch([], 1)) == []
    assert _threads() == 0


def test_the_producer_stays_ahead_by_no_more_than_depth() -> None:
    made: list[int] = []

    def source() -> Iterator[int]:
        for n in range(100):
            made.append(n)
            yield n

    items = prefetch(source(), 4)
    assert next(items) == 0
    deadline = time.monotonic() + 5
    while len(made) < 6 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.05)
    assert len(made) == 6  # one consumed, four waiting, one in the producer's hand
    items.close()  # type: ignore[attr-defined]
    assert _threads() == 0


def test_an_error_comes_after_the_items_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError("no")

    items = prefetch(source(), 8)
    assert next(items) == 1
    with pytest.raises(ZeroDivisionError):
        next(items)
    assert _threads() == 0


def test_closing_closes_the_source() -> None:
    closed = threading.Event()

    def source() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    items = prefetch(source(), 2)
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert closed.is_set()


def test_stages_can_be_chained_and_stopped_from_the_end() -> None:
    items = prefetch((2 * n for n in prefetch(iter(range(10**9)), 2)), 2)
    assert [next(items) for _ in range(3)] == [0, 2, 4]
    items.close()  # type: ignore[attr-defined]
    assert _threads() == 0


def test_depth_must_be_positive() -> None:
    with pytest.raises(ValueError, match="depth"):
        next(prefetch([1], 0))
