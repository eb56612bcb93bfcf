"""What a listener keeps in mind of a speaker and a room: noise floor, loudness, pitch and the colour of the voice."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Bands = dict[str, Doubles]

QUIET = -80.0
"""Decibels below which nothing is heard."""
FLOOR_PASSAGES = 30
"""Passages (4.5 s) whose quietest moments are the noise floor; a note held longer counts as noise."""
FLOOR_BIAS = 1.5
"""Decibels by which quiet moments of a steady noise lie below its mean."""
START = {"floor": -60.0, "reference": -22.0, "pitch": 140.0, "depth": 22.0}
"""Levels and depth in decibels and pitch in Hz before anything was heard."""
TRAITS = {"height": (-1.0, 9.0), "front": (-4.0, 9.0), "hollow": (9.0, 8.0), "murmur": (8.0, 9.0)}
"""Differences of band levels in voiced sound: mean and standard deviation in decibels of a typical speaker.

height: first formant above the voice's base; front: second formant above the first; hollow: first formant above the
valley beyond it; murmur: base above the second formant.
"""
TRAIT_PRIOR, TRAIT_MEMORY = 60, 1500
"""Steps of 10 ms that the typical speaker counts for, and that are remembered of the actual one."""


@dataclass(frozen=True)
class Norms:
    """What is usual at one moment; levels in decibels of full scale."""

    floor: float
    """Noise in the vowel band."""
    high_floor: float
    """Noise above 4 kHz."""
    reference: float
    """Level of the speaker's loud vowels: 90 % quantile, as a slow automatic gain."""
    depth: float
    """Dips between syllables in decibels: 85 % quantile; echoes fill them."""
    typical: dict[str, tuple[float, float]]
    """Mean and standard deviation of each trait."""

    def traits(self, bands: Bands) -> Bands:
        """The traits (N,) of each moment, in standard deviations from the speaker's mean."""
        return {
            name: (values - self.typical[name][0]) / self.typical[name][1] for name, values in _traits(bands).items()
        }


def _traits(bands: Bands) -> Bands:
    low, first, valley, second = (bands[name] for name in ("low", "first", "valley", "second"))
    return {"height": first - low, "front": second - first, "hollow": first - valley, "murmur": low - second}


class Levels:
    """Learns the norms from passage to passage."""

    def __init__(self) -> None:
        self.usual_pitch = START["pitch"]
        self._reference = START["reference"]
        self._depth = START["depth"]
        self._traits = {name: (mean, deviation**2) for name, (mean, deviation) in TRAITS.items()}
        self._minima: deque[tuple[float, float]] = deque(maxlen=FLOOR_PASSAGES)
        self._spoken = 0

    @property
    def norms(self) -> Norms:
        """What is usual now."""
        floor = high_floor = START["floor"]
        if len(self._minima) > 1:
            floor, high_floor = FLOOR_BIAS + np.quantile(self._minima, 0.1, axis=0)
        typical = {name: (mean, float(np.sqrt(square))) for name, (mean, square) in self._traits.items()}
        return Norms(float(floor), float(high_floor), self._reference, self._depth, typical)

    def update(self, bands: Bands, voiced: Doubles, pitch_hertz: Doubles) -> None:
        """Learn from one passage of band levels, voicing 0..1 and pitch in Hz, (15,) each."""
        self._minima.append((_calmest(bands["vowel"]), _calmest(bands["high"])))
        level, floor, traits = bands["vowel"], self.norms.floor, _traits(bands)
        for place in np.flatnonzero((voiced > 0.5) & (level > floor + 8)):
            self._learn_loudness(float(level[place]))
            share = max(0.004, 1 / (3 + self._spoken))
            self.usual_pitch *= float((pitch_hertz[place] / self.usual_pitch) ** share)
            self._spoken += 1
            if level[place] > self._reference - 22:
                self._learn_traits({name: float(values[place]) for name, values in traits.items()})

    def learn_dips(self, level: Doubles, rim: Doubles) -> None:
        """Learn how deep dips are from levels (15,) of the vowel band and of the lower rim of the dip around each."""
        for dip in (rim - level)[(rim > self._reference - 18) & (rim > level + 2)]:
            self._depth += 0.5 * (0.85 if dip > self._depth else -0.15)

    def _learn_loudness(self, level: float) -> None:
        """Follow the 90 % quantile: quick in the first spoken moments, then slow."""
        pace = max(0.3, 14.0 * float(np.exp(-self._spoken / 20.0)))
        above = level - self._reference
        self._reference += min(0.9 * pace, above) if above > 0 else max(-0.1 * pace, above)

    def _learn_traits(self, now: dict[str, float]) -> None:
        share = max(1 / (TRAIT_PRIOR + self._spoken), 1 / TRAIT_MEMORY)
        for name, (mean, square) in self._traits.items():
            away = float(np.clip(now[name] - mean, -20, 20))
            self._traits[name] = mean + share * away, square + share * (away**2 - square)


def _calmest(level: Doubles) -> float:
    """Lowest mean of three neighbours."""
    return float(np.convolve(np.pad(level, 1, "edge"), np.full(3, 1 / 3), "valid").min())
