"""From values at a steady pace to values at the frames of a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vivant.motion.speech.sound import RATE
from vivant.motion.speech.voice import HOP

Doubles = NDArray[np.float64]


def at_frames(blocks: Iterable[tuple[int, Doubles]], rate: Fraction, lead: float, step: int = HOP) -> Iterator[Doubles]:
    """Values (C,) at the times k / `rate` + `lead` seconds for all k with k / `rate` inside the sound.

    `blocks` gives pairs of samples of sound (at 16 kHz) and values (H, C), one per `step` samples (10 ms); the last
    block is repeated as its last row for as long as the lead needs it, and the first row for a lead below zero.
    """
    kept: Doubles | None = None
    first = samples = frame = 0
    for count, values in blocks:
        kept = values if kept is None else np.concatenate([kept, values])
        samples += count
        while _place(frame, rate, lead, step) <= first + len(kept) - 1 and frame * RATE < samples * rate:
            yield _between(kept, _place(frame, rate, lead, step) - first)
            frame += 1
        passed = min(max(int(_place(frame, rate, lead, step)) - first, 0), len(kept) - 1)
        kept, first = kept[passed:], first + passed
    while kept is not None and frame * RATE < samples * rate:
        yield _between(kept, _place(frame, rate, lead, step) - first)
        frame += 1


def _place(frame: int, rate: Fraction, lead: float, step: int) -> float:
    return max(frame * rate.denominator / rate.numerator + lead, 0.0) * RATE / step


def _between(values: Doubles, place: float) -> Doubles:
    low = min(max(int(place), 0), len(values) - 1)
    high = min(low + 1, len(values) - 1)
    share = place - low
    return np.asarray((1 - share) * values[low] + share * values[high])
