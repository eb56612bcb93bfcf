"""Short pauses: people breathe in through them and keep their lips parted; only in long ones the mouth closes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from vivant.motion.speech.gestures import GESTURES, JAW, LIPS, SHUT

Doubles = NDArray[np.float64]
Piece = tuple[int, Doubles]

LONGEST = 35
"""Frames of 20 ms: a mouth that would be shut for at most so long stays open; the silence is about 0.15 s longer."""
SHORTEST = 8
"""Shorter closures belong to consonants."""
BESIDE = 6
"""Frames before and after in which the mouth would be closing and opening."""
PARTED = {JAW: 0.22, LIPS: 0.45}
"""Gestures of a mouth that is about to go on; about those of t and d."""
STILL = 0.08
"""Gestures of a mouth at rest are smaller."""


def parted(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same pieces of gestures, each with its number of samples, with lips parted in short pauses.

    A piece is (frames, 7), 50 per second, at least LONGEST + BESIDE frames long; one more than is yielded is read.
    """
    before, now = np.zeros((0, len(GESTURES))), None
    for piece in pieces:
        if now is not None:
            yield now[0], _opened(before, now[1], piece[1])
            before = now[1]
        now = piece
    if now is not None:
        yield now[0], _opened(before, now[1], before[:0])


def _opened(before: Doubles, rows: Doubles, after: Doubles) -> Doubles:
    """`rows` (T, 7) with the short pauses in them opened; what touches the ends of all three is no short pause."""
    joined = np.concatenate([before, rows, after])
    shown = joined.copy()
    rest = (joined[:, [JAW, LIPS]] < STILL).all(1) & (joined[:, SHUT] < 0.3)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], rest, [False]]).astype(int)))
    for start, end in edges.reshape(-1, 2):
        if start > 0 and end < len(joined) and SHORTEST <= end - start <= LONGEST:
            place = np.arange(max(start - BESIDE, 0), min(end + BESIDE, len(joined)))
            inside = np.clip(np.minimum(place - start + BESIDE, end + BESIDE - 1 - place) / 10, 0.0, 1.0)
            for gesture, amount in PARTED.items():
                shown[place, gesture] = np.maximum(shown[place, gesture], amount * inside**2 * (3 - 2 * inside))
    return shown[len(before) :][: len(rows)]
