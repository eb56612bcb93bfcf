"""What the published audio-to-motion networks hear of a stream of sound: HuBERT features and pitch, 50 rows per second.

    chunks    (n,)         mono 16 kHz, any sizes
    heard     (R, C + 1)   C features (1024 for HuBERT-large), then the fundamental frequency in Hz, 0 where unvoiced

The published systems hear the whole sound: its mean and variance are made 0 and 1, pieces of 20 s go through HuBERT one
after the other, the loudest moment decides what is silence. Here the pieces are windows of 20 s that overlap by 4 s,
half of which is left away on either side, and level and loudness are those of everything up to the window's end. So
memory is constant, and a sound of up to 20 s is heard exactly as published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from vivant.motion.speech.networks.hubert import HOP, SEEN
from vivant.motion.speech.pitch import pitch_track
from vivant.motion.speech.sound import blocks

Floats = NDArray[np.float32]

Listener = Callable[[Floats], Floats]
"""A piece (n,) of sound with mean 0 and variance 1 to features ((n - 80) // 320, C)."""

WINDOW, MARGIN = 1000, 100
"""Rows of a window, and of its beginning and end that only give context."""
STEP = WINDOW - 2 * MARGIN


def hear(chunks: Iterable[Floats], listen: Listener, width: int) -> Iterator[Floats]:
    """Pieces of `heard` (R, width + 1) of the sound in `chunks`, (n - 80) // 320 rows in all, but at least one.

    Nothing comes of no samples. The result does not depend on how the sound is cut.
    """
    level, known = Level(), 0
    for window, last in overlapping(blocks(chunks, STEP * HOP), (WINDOW + 1) * HOP, STEP * HOP):
        level.add(window[known:])
        rows = np.zeros((1, width + 1), np.float32)
        if len(window) >= SEEN:
            features = listen(level.normal(window))
            hertz = pitch_track(window, level.loudest)[: len(features), None]
            rows = np.concatenate([features, hertz], axis=1)
        yield rows[MARGIN if known else 0 : None if last else WINDOW - MARGIN]
        known = len(window) - STEP * HOP


def overlapping(arrays: Iterable[Floats], size: int, step: int) -> Iterator[tuple[Floats, bool]]:
    """Windows of `size` rows, one every `step`, of `arrays` in a row, each with whether it is the last.

    The last window holds what is left: more than `size` - `step` rows unless it is the only one.
    """
    kept: Floats | None = None
    for array in arrays:
        kept = array if kept is None else np.concatenate([kept, array])
        while len(kept) > size:
            yield kept[:size], False
            kept = kept[step:]
    if kept is not None and len(kept):
        yield kept, True


class Level:
    """Mean, deviation and peak of everything heard so far."""

    def __init__(self) -> None:
        self._count, self._sum, self._squares = 0, 0.0, 0.0
        self._lowest, self._highest = np.inf, -np.inf

    def add(self, sound: Floats) -> None:
        """Hear more `sound` (n,)."""
        self._count += len(sound)
        self._sum += float(sound.sum(dtype=np.float64))
        self._squares += float(np.square(sound, dtype=np.float64).sum())
        self._lowest = min(self._lowest, float(sound.min(initial=np.inf)))
        self._highest = max(self._highest, float(sound.max(initial=-np.inf)))

    @property
    def mean(self) -> float:
        """Mean of all samples."""
        return self._sum / max(self._count, 1)

    @property
    def loudest(self) -> float:
        """Largest distance of a sample from the mean."""
        return max(self._highest - self.mean, self.mean - self._lowest)

    def normal(self, sound: Floats) -> Floats:
        """`sound` (n,) as it is where everything has mean 0 and variance 1."""
        variance = max(self._squares / max(self._count, 1) - self.mean**2, 0.0)
        return np.asarray((sound - self.mean) / np.sqrt(variance + 1e-7), np.float32)
