"""What the mouth network hears: log-mel bands, voicing and pitch every 10 ms, at a level that suits every recording.

    sound      (n,)      mono 16 kHz, -1..1
    features   (N, 66)   64 bands in tens of decibels below the reference (-4..1.5), voicing 0..1, octaves above 120 Hz

Row k needs the sound up to (k + 1) * 10 ms and stands for the time k * 10 ms. The reference is the loudest moment of
the last ten seconds, so that a whisper and a shout, near and far, look alike.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from vivant.motion.speech.sound import RATE, blocks

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

HOP = 160
"""Samples from one row to the next."""
WINDOW = 400
SPECTRUM = 512
BANDS = 64
WIDTH = BANDS + 2
"""Numbers of a row."""
LOW, HIGH = 60.0, 7600.0
"""Hz that the bands cover, evenly on the mel scale."""
LEAST, MOST = -4.0, 1.5
"""Of a band. What is 40 decibels below the voice is the room and the recorder: a network that had learnt from the dead
silence of synthetic voices took a real room's hum for speech."""
FLOOR = -110.0
"""Decibels of a band in digital silence."""
QUIETEST = -75.0
"""Decibels below which the reference never falls."""
FIRST = -40.0
FALL = 0.1
"""The reference before anything was heard, in decibels, and its fall from row to row until somebody speaks."""
MEMORY = 1000
"""Rows that the reference remembers."""
SMOOTH = 10
"""Rows over which loudness is averaged before it can become the reference."""


def front_end(chunks: Iterable[Floats], rows: int) -> Iterator[Floats]:
    """Features (rows, 66) of sound in `chunks` (n,) of any sizes, block after block.

    The last block is filled up with silence. Memory is bounded; the result does not depend on how the sound is cut.
    """
    reference, tail = Reference(), np.zeros(WINDOW - HOP, np.float32)
    for block in blocks(chunks, rows * HOP):
        sound = np.concatenate([tail, block, np.zeros(rows * HOP - len(block), np.float32)])
        tail = sound[-len(tail) :]
        levels, tone = analyse(sound)
        yield normalise(levels, tone, reference.follow(loudness(levels)))


def analyse(sound: Floats) -> tuple[Floats, Floats]:
    """Bands in decibels (N, 64), and voicing and octaves above 120 Hz (N, 2), of `sound` ((N + 1.5) * 160,)."""
    frames = np.lib.stride_tricks.sliding_window_view(sound.astype(np.float64), WINDOW)[::HOP]
    window = np.hanning(WINDOW + 1)[:-1]
    power = np.abs(np.fft.rfft(frames * window, SPECTRUM)) ** 2 / ((window**2).sum() * SPECTRUM / 2)
    levels = 10 * np.log10(power @ _mel_bands() + 10 ** (FLOOR / 10))
    return levels.astype(np.float32), _tone(frames).astype(np.float32)


def loudness(levels: Floats) -> Doubles:
    """Decibels (N,) of `levels` (N, 64): the mean power of the bands between 100 and 4000 Hz."""
    power = 10 ** (levels[:, 1:48].astype(np.float64) / 10)
    return np.asarray(10 * np.log10(power.mean(1)), np.float64)


def normalise(levels: Floats, tone: Floats, reference: Doubles) -> Floats:
    """Features (N, 66) of `levels` (N, 64), `tone` (N, 2) and the `reference` (N,) in decibels."""
    bands = np.clip((levels - reference[:, None]) / 10, LEAST, MOST)
    return np.asarray(np.concatenate([bands, tone], axis=1), np.float32)


class Reference:
    """Follows the loudest moment of the last ten seconds."""

    def __init__(self, first: float = FIRST) -> None:
        self._first = first
        self._near: deque[float] = deque([10 ** (QUIETEST / 10)] * SMOOTH, maxlen=SMOOTH)
        self._peaks: deque[tuple[int, float]] = deque()  # falling levels, each with its row
        self._row = 0

    def follow(self, loud: Doubles) -> Doubles:
        """The reference (N,) in decibels after each row of `loud` (N,)."""
        result = np.empty(len(loud))
        for place, level in enumerate(loud):
            self._near.append(10 ** (level / 10))
            now = 10 * np.log10(sum(self._near) / SMOOTH)
            while self._peaks and self._peaks[-1][1] <= now:
                self._peaks.pop()
            self._peaks.append((self._row, now))
            if self._peaks[0][0] <= self._row - MEMORY:
                self._peaks.popleft()
            result[place] = max(self._peaks[0][1], self._first - FALL * self._row, QUIETEST)
            self._row += 1
        return result


def _tone(frames: Doubles) -> Doubles:
    """Voicing 0..1 and octaves above 120 Hz (N, 2) of `frames` (N, 400) by autocorrelation, 80 to 400 Hz."""
    centred = frames - frames.mean(1, keepdims=True)
    likeness = np.fft.irfft(np.abs(np.fft.rfft(centred, 2 * SPECTRUM)) ** 2)[:, : RATE // 80]
    # A frame of 400 samples overlaps its copy the less the longer the lag.
    likeness = likeness / (likeness[:, :1] + 1e-7) / (1 - np.arange(RATE // 80) / WINDOW)
    shortest = RATE // 400
    # Every multiple of the period is as alike: a small slope prefers the shortest.
    best = (likeness[:, shortest:] - np.linspace(0, 0.12, RATE // 80 - shortest)).argmax(1) + shortest
    voicing = np.clip((likeness[np.arange(len(best)), best] - 0.3) / 0.4, 0, 1)
    return np.stack([voicing, voicing * np.log2(RATE / best / 120)], axis=1)


@functools.cache
def _mel_bands() -> Doubles:
    """(257, 64): triangles of equal height, evenly spaced on O'Shaughnessy's mel scale."""
    limits = 2595 * np.log10(1 + np.array([LOW, HIGH]) / 700)
    corners = 700 * (10 ** (np.linspace(limits[0], limits[1], BANDS + 2) / 2595) - 1)
    hertz = np.fft.rfftfreq(SPECTRUM, 1 / RATE)[:, None]
    # Low bands are narrower than a bin: every triangle is at least one bin wide on each side.
    left = np.minimum(corners[:-2], corners[1:-1] - RATE / SPECTRUM)
    right = np.maximum(corners[2:], corners[1:-1] + RATE / SPECTRUM)
    rising = (hertz - left) / (corners[1:-1] - left)
    falling = (right - hertz) / (right - corners[1:-1])
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None))
