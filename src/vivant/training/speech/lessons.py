"""Lessons for the mouth network: random pieces of hearings, with other throats, microphones, noises and distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.motion.speech.front_end import FALL, FIRST, MEMORY, QUIETEST, SMOOTH, loudness, normalise
from vivant.training.speech.hearings import Hearing

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Lesson:
    """A batch."""

    features: Floats
    """(B, 2 T, 66)"""
    gestures: Floats
    """(B, T, 7)"""
    kinds: NDArray[np.int64]
    """(B, T)"""


def lesson(heard: Sequence[Hearing], size: int, frames: int, draw: np.random.Generator) -> Lesson:
    """`size` pieces of `frames` each; long hearings are chosen more often."""
    lengths = np.array([len(one.gestures) for one in heard], float)
    chosen = draw.choice(len(heard), size, p=lengths / lengths.sum())
    other = draw.choice(len(heard), size)
    pieces = [_piece(heard[a], heard[b], frames, draw) for a, b in zip(chosen, other, strict=True)]
    features, gestures, kinds = (np.stack(column) for column in zip(*pieces, strict=True))
    return Lesson(features.astype(np.float32), gestures.astype(np.float32), kinds.astype(np.int64))


def _piece(
    one: Hearing, other: Hearing, frames: int, draw: np.random.Generator
) -> tuple[Floats, Floats, NDArray[np.uint8]]:
    start, levels, tone = _cut(one, frames, draw)
    levels = _throat(levels, draw) + _microphone(draw)
    levels, tone = _noise(levels, tone, other, one.peak, draw)
    features = normalise(levels, tone, _reference(levels, one.peak, draw))
    gestures = np.zeros((frames, one.gestures.shape[1]), np.float32)
    kinds = np.zeros(frames, np.uint8)
    found = one.gestures[start : start + frames]
    gestures[: len(found)], kinds[: len(found)] = found, one.kinds[start : start + frames]
    return features, gestures, kinds


def _cut(one: Hearing, frames: int, draw: np.random.Generator) -> tuple[int, Floats, Floats]:
    """A start, and levels (2 T, 64) and tone (2 T, 2) from there; what is missing at the end is silence."""
    start = int(draw.integers(max(len(one.gestures) - frames, 0) + 1))
    levels = np.full((2 * frames, one.levels.shape[1]), -110.0, np.float32)
    tone = np.zeros((2 * frames, one.tone.shape[1]), np.float32)
    rows = slice(2 * start, 2 * (start + frames))
    levels[: len(one.levels[rows])], tone[: len(one.tone[rows])] = one.levels[rows], one.tone[rows]
    return start, levels, tone


def _throat(levels: Floats, draw: np.random.Generator) -> Floats:
    """Bands stretched by 0.85 to 1.18: a longer or a shorter throat."""
    places = np.arange(levels.shape[1]) * float(draw.uniform(0.85, 1.18))
    low = np.clip(places.astype(int), 0, levels.shape[1] - 2)
    share = np.clip(places - low, 0.0, 1.0).astype(np.float32)
    return np.asarray(levels[:, low] * (1 - share) + levels[:, low + 1] * share)


def _microphone(draw: np.random.Generator) -> Floats:
    """(64,) decibels: a tilt and two smooth waves over the bands; sometimes nothing above 3.4 to 7 kHz."""
    place = np.linspace(0, 1, 64)
    curve = draw.normal(0, 3) * (place - 0.5)
    for waves in (1, 2, 4):
        curve = curve + draw.normal(0, 2.5 / waves**0.5) * np.cos(np.pi * waves * place + draw.uniform(0, 6.3))
    if draw.random() < 0.15:
        curve[int(draw.integers(44, 62)) :] -= 50
    if draw.random() < 0.1:
        curve[: int(draw.integers(2, 8))] -= 30
    return np.asarray(curve, np.float32)


def _noise(
    levels: Floats, tone: Floats, other: Hearing, peak: float, draw: np.random.Generator
) -> tuple[Floats, Floats]:
    """With the hiss of a room, and sometimes with other people's talk, 8 to 50 dB below the voice."""
    shape = draw.normal(0, 4) * np.linspace(-1, 1, 64) + draw.normal(0, 2, 64).cumsum() / 4
    hiss = peak - draw.uniform(14, 60) + shape + draw.normal(0, 2.5, levels.shape)
    power = 10 ** (levels / 10) + 10 ** (hiss / 10)
    loud_hiss = float(np.median(hiss)) > peak - 25
    if draw.random() < 0.2:
        babble = 10 ** (other.levels.astype(np.float32) / 10)
        rows = (np.arange(len(levels)) + int(draw.integers(len(babble)))) % len(babble)
        power += babble[rows] * 10 ** ((peak - other.peak - draw.uniform(10, 30)) / 10)
    if loud_hiss:
        tone = tone * float(draw.uniform(0.3, 1.0))
    return np.asarray(10 * np.log10(power), np.float32), tone


def _reference(levels: Floats, peak: float, draw: np.random.Generator) -> Doubles:
    """The front end's reference (N,), as if the stream had begun here, or some time before."""
    loud = 10 ** (loudness(levels) / 10)
    total = np.concatenate([np.zeros(1), np.cumsum(loud)])
    near = 10 * np.log10((total[SMOOTH:] - total[:-SMOOTH]) / SMOOTH + 1e-12)
    near = np.maximum.accumulate(np.concatenate([np.full(SMOOTH - 1, QUIETEST), near]))
    if draw.random() < 0.35:
        start = float(draw.choice([FIRST, peak + 12, peak - 20]))
        before = start - FALL * np.arange(len(near))
    else:
        before = np.full(len(near), peak + draw.normal(0, 2.5))
    assert len(near) <= MEMORY
    return np.asarray(np.maximum(np.maximum(near, before), QUIETEST))
