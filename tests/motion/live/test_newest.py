"""One place between two threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from vivant.motion.live.newest import Newest, newest_of


def test_a_newer_item_takes_the_place_of_an_older() -> None:
    place: Newest[int] = Newest()
    for item in range(1000):
        place.put(item)
    assert place.take(0.0) == 999
    assert place.take(0.0) is None
    assert place.replaced == 999


@pytest.mark.parametrize(("since", "comes", "wanted"), [(4.5, True, 9), (4.5, False, 8), (2.0, True, 8)])
def test_an_item_that_comes_soon_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, since: float, comes: bool, wanted: int
) -> None:
    """Items come every 6 seconds of a clock that is set by hand; the last came `since` seconds ago."""
    clock = [0.0]
    monkeypatch.setattr("vivant.motion.live.newest.time", SimpleNamespace(perf_counter=lambda: clock[0]))
    place: Newest[int] = Newest()
    for item in range(9):
        clock[0] = 6.0 * item
        place.put(item)
    clock[0] += since
    later = threading.Timer(0.1, place.put if comes else place.end, [9] if comes else [])
    later.start()
    assert place.take(0.0) == wanted
    later.join()


def test_the_error_of_the_other_side_comes_after_its_last_item() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("lost")

    with newest_of(items()) as place:
        for _ in range(100):
            if place._ended:
                break
            time.sleep(0.01)
        assert place.take(1.0) == 1
        with pytest.raises(KeyError, match="lost"):
            place.take(1.0)


def test_the_thread_ends_and_the_items_are_closed() -> None:
    closed = threading.Event()

    def items() -> Iterator[int | None]:
        try:
            while True:
                time.sleep(0.005)
                yield None
        finally:
            closed.set()

    with newest_of(items()) as place:
        assert place.take(0.02) is None
        assert not place.ended
    assert closed.wait(1.0)
    assert not any(thread.name == "vivant-live" and thread.is_alive() for thread in threading.enumerate())


def test_the_end_is_told_once_all_is_taken() -> None:
    with newest_of(iter([1, 2, 3])) as place:
        found = []
        while not place.ended:
            found.append(place.take(1.0))
        assert found[-1] in (3, None)
        assert 3 in found
