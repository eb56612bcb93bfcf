"""Lips in pauses: parted in short ones, closed in long ones, wherever the pieces are cut."""

from __future__ import annotations

import numpy as np
import pytest

from vivant.motion.speech.gestures import JAW, LIPS, SHUT
from vivant.motion.speech.pauses import LONGEST, parted


def speech(*silences: tuple[int, int]) -> np.ndarray:
    """500 frames of an open mouth that is at rest from first to last frame of each of `silences`."""
    rows = np.zeros((500, 7))
    rows[:, [JAW, LIPS]] = 0.5 + 0.2 * np.sin(np.arange(500) / 3)[:, None]
    for start, end in silences:
        rows[start:end] = 0
    return rows


def opened(rows: np.ndarray, size: int = 100) -> np.ndarray:
    pieces = [(32000, rows[start : start + size]) for start in range(0, len(rows), size)]
    found = list(parted(pieces))
    assert [count for count, _ in found] == [32000] * len(pieces)
    return np.concatenate([piece for _, piece in found])


def test_only_short_pauses_inside_speech_are_parted() -> None:
    rows = speech((0, 20), (60, 60 + LONGEST), (150, 151 + LONGEST), (250, 256), (480, 500))
    found = opened(rows)
    assert found[68:89, LIPS].min() > 0.3
    unchanged = np.r_[0:54, 103:500]
    np.testing.assert_array_equal(found[unchanged], rows[unchanged])
    assert np.abs(np.diff(found[50:110, LIPS])).max() <= np.abs(np.diff(rows[50:110, LIPS])).max()


@pytest.mark.parametrize("start", range(170, 205, 5))
def test_where_the_pieces_are_cut_does_not_matter(start: int) -> None:
    rows = speech((start, start + 30), (300, 345))
    np.testing.assert_array_equal(opened(rows, 100), opened(rows, 500))


def test_closed_lips_are_no_pause() -> None:
    rows = speech((200, 220))
    rows[200:220, SHUT] = 1
    np.testing.assert_array_equal(opened(rows), rows)


def test_nothing_said() -> None:
    assert list(parted([])) == []
    assert not opened(np.zeros((200, 7))).any()
