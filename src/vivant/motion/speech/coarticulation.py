"""Coarticulation: phonemes with times to gestures of the mouth.

Every phoneme has a target for each of the seven gestures and a weight that says how much it insists on it: p must close
the lips, h takes whatever shape its neighbours want. The gestures are the smooth curves of least effort through these
demands: they minimise

    sum over time of  weight * (gesture - target)^2  +  effort^4 * |second derivative|^2

(a smoothing spline; "minimum effort" after Lindblom 1983, weights in the role of the dominance of Cohen and Massaro
1993). Anticipation, carry-over and the undershoot of short vowels follow from it. Targets of vowels follow their
height, place and rounding; those of consonants are written out below.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.motion.speech.gestures import GESTURES, JAW, LIPS, ROUND, SHUT, TEETH, TUCK, WIDE

Doubles = NDArray[np.float64]

STEP = 0.01
"""Seconds from one gesture to the next."""
SHORT_PAUSE = 0.5
"""Seconds of silence in which speakers do not close their mouths: they breathe, or go on."""
OPENING, CLOSING = 0.15, 0.05
"""Seconds before the first sound after a long pause in which the mouth opens, and after the last in which it closes."""


@dataclass(frozen=True)
class Manner:
    """How one speaker articulates; 1 is usual."""

    effort: float = 0.055
    """Seconds: how long a movement of weight 1 takes; larger is lazier."""
    jaw: float = 1.0
    lips: float = 1.0
    spread: float = 1.0
    rounding: float = 1.0
    lead: float = 0.05
    """Seconds that the mouth is ahead of the sound."""


@dataclass(frozen=True)
class Demand:
    """What a phoneme asks of the gestures."""

    target: Doubles
    """(7,) 0..1."""
    weight: Doubles
    """(7,) 0 any, 1 as a full vowel, 20 must be reached."""


VOWELS: dict[str, tuple[float, float, float]] = {
    "i": (0.0, 1.0, 0.0),
    "y": (0.0, 0.9, 1.0),
    "ɨ": (0.05, 0.5, 0.0),
    "ʉ": (0.05, 0.5, 0.9),
    "ɯ": (0.05, 0.0, 0.0),
    "u": (0.0, 0.0, 1.0),
    "ɪ": (0.2, 0.8, 0.0),
    "ʏ": (0.2, 0.7, 0.9),
    "ʊ": (0.2, 0.2, 0.75),
    "e": (0.35, 1.0, 0.0),
    "ø": (0.35, 0.8, 0.9),
    "ɘ": (0.35, 0.5, 0.0),
    "ɵ": (0.35, 0.5, 0.8),
    "ɤ": (0.4, 0.0, 0.0),
    "o": (0.4, 0.0, 0.9),
    "ə": (0.35, 0.5, 0.0),
    "ɛ": (0.65, 0.85, 0.0),
    "œ": (0.6, 0.7, 0.75),
    "ɜ": (0.55, 0.5, 0.1),
    "ɞ": (0.6, 0.4, 0.6),
    "ʌ": (0.7, 0.3, 0.0),
    "ɔ": (0.65, 0.0, 0.75),
    "æ": (0.9, 0.8, 0.0),
    "ɐ": (0.8, 0.5, 0.0),
    "a": (1.0, 0.5, 0.0),
    "ɶ": (0.9, 0.6, 0.5),
    "ɑ": (1.0, 0.1, 0.0),
    "ɒ": (0.9, 0.0, 0.5),
    "ɚ": (0.4, 0.4, 0.3),
    "ɝ": (0.45, 0.4, 0.35),
}
"""Height of the tongue (0 close, 1 open), place (0 back, 1 front), rounding."""

CONSONANTS: dict[str, dict[str, tuple[float, float]]] = {
    "p b m": {"shut": (1.0, 20.0), "jaw": (0.18, 0.5), "lips": (0.0, 2.0), "tuck": (0.0, 4.0), "teeth": (0.0, 4.0)},
    "ɸ β": {"shut": (0.35, 2.0), "jaw": (0.18, 0.5), "lips": (0.1, 2.0)},
    "f v ɱ": {"tuck": (1.0, 12.0), "jaw": (0.15, 1.0), "lips": (0.2, 1.0), "shut": (0.0, 6.0), "round": (0.1, 0.3)},
    "ʋ": {"tuck": (0.6, 4.0), "jaw": (0.2, 0.8), "lips": (0.2, 0.8), "shut": (0.0, 4.0)},
    "θ ð": {"jaw": (0.22, 1.2), "lips": (0.5, 0.8), "teeth": (0.4, 1.0), "shut": (0.0, 4.0), "tuck": (0.0, 3.0)},
    "t d n ɾ ɗ": {"jaw": (0.24, 0.8), "lips": (0.5, 0.6), "teeth": (0.3, 0.6), "shut": (0.0, 4.0), "tuck": (0.0, 3.0)},
    "r": {"jaw": (0.28, 0.8), "lips": (0.5, 0.6), "teeth": (0.2, 0.5), "shut": (0.0, 4.0), "tuck": (0.0, 3.0)},
    "l ɫ ɬ ɮ": {"jaw": (0.35, 0.6), "lips": (0.5, 0.6), "shut": (0.0, 4.0), "tuck": (0.0, 3.0)},
    "s z": {"jaw": (0.12, 2.0), "lips": (0.45, 0.8), "teeth": (0.9, 2.0), "wide": (0.4, 0.5), "shut": (0.0, 5.0)},
    "ʃ ʒ ʂ ʐ": {"jaw": (0.12, 2.0), "lips": (0.45, 0.8), "teeth": (0.6, 1.5), "round": (0.5, 1.4), "shut": (0.0, 5.0)},
    "ɕ ʑ": {"jaw": (0.12, 2.0), "lips": (0.45, 0.8), "teeth": (0.8, 1.5), "wide": (0.3, 0.5), "shut": (0.0, 5.0)},
    "ʈ ɖ ɳ ɽ ɭ": {"jaw": (0.28, 0.8), "lips": (0.5, 0.5), "shut": (0.0, 4.0), "tuck": (0.0, 3.0)},
    "ɹ ɻ": {"jaw": (0.25, 0.8), "lips": (0.35, 0.6), "round": (0.4, 1.2), "shut": (0.0, 4.0), "tuck": (0.0, 3.0)},
    "j ʝ ç ʎ ɲ c ɟ": {"jaw": (0.2, 0.8), "lips": (0.5, 0.5), "wide": (0.5, 0.6), "shut": (0.0, 4.0)},
    "k g ɡ ŋ x ɣ q ɢ χ ʁ ɴ ʀ ɰ": {"jaw": (0.38, 0.35), "lips": (0.5, 0.3), "shut": (0.0, 4.0), "tuck": (0.0, 3.0)},
    "w ɥ ʍ": {"round": (1.0, 5.0), "jaw": (0.05, 2.5), "lips": (0.05, 2.5), "shut": (0.05, 3.0), "tuck": (0.0, 3.0)},
    "h ɦ ħ ʕ ʔ": {"jaw": (0.45, 0.1), "lips": (0.5, 0.1), "shut": (0.0, 2.0), "tuck": (0.0, 2.0)},
}
"""Target and weight of the gestures that a consonant cares about."""

REST = Demand(np.zeros(len(GESTURES)), np.array([3.0, 3.0, 0.6, 3.0, 3.0, 3.0, 3.0]))


def demand(symbol: str) -> tuple[Demand, ...]:
    """What the IPA `symbol` of one phoneme asks for, part after part: two for a diphthong or an affricate.

    "" is silence; an unknown symbol asks for nearly nothing.
    """
    if not symbol:
        return (REST,)
    parts = tuple(_single(letter) for letter in _letters(symbol))
    return parts or (_single("h"),)


def gestures_of_phones(
    phones: Sequence[tuple[float, float, str]], seconds: float, manner: Manner = Manner()
) -> Doubles:
    """Gestures (N, 7) every 10 ms of `phones` (start, end in seconds, IPA) that cover a sound of `seconds`.

    Row k is for the time k * 10 ms of the sound.
    """
    count = max(round(seconds / STEP), 3)
    total, wanted = np.full((count, len(GESTURES)), 0.002), np.zeros((count, len(GESTURES)))
    times = (np.arange(count) + 0.5) * STEP + manner.lead
    for start, end, symbol in phones:
        parts = demand(symbol)
        for number, part in enumerate(parts):
            low = start + (end - start) * number / len(parts)
            share = _presence(times, low, low + (end - start) / len(parts)) if symbol else _rest(times, start, end)
            weight = share[:, None] * part.weight
            total += weight
            wanted += weight * part.target
    gains = np.ones(len(GESTURES))
    gains[[JAW, LIPS, WIDE, ROUND]] = manner.jaw, manner.lips, manner.spread, manner.rounding
    return np.clip(_least_effort(wanted, total, manner.effort), 0.0, 1.0) * gains


def _presence(times: Doubles, start: float, end: float) -> Doubles:
    """How much each time belongs to a phone, 0..1: most in its middle."""
    middle, half = (start + end) / 2, max((end - start) / 2, 1.5 * STEP)
    return np.clip(1 - ((times - middle) / half) ** 2, 0.0, 1.0)


def _rest(times: Doubles, start: float, end: float) -> Doubles:
    """How much each time of a silence belongs to rest; short pauses do not."""
    if end - start < SHORT_PAUSE:
        return np.zeros(len(times))
    return np.clip(np.minimum(times - start - CLOSING, end - OPENING - times) / 0.03, 0.0, 1.0)


def _least_effort(wanted: Doubles, total: Doubles, effort: float) -> Doubles:
    """Minimise total * x^2 - 2 * wanted * x + (effort / STEP)^4 * (second difference of x)^2, column by column."""
    from scipy.linalg import solveh_banded

    count, columns = total.shape
    stiff = (effort / STEP) ** 4
    second = np.zeros((3, count))
    for offset, factor in enumerate((1.0, -2.0, 1.0)):
        second[0, offset : count - 2 + offset] += factor**2
    second[1, : count - 2] -= 2.0
    second[1, 1 : count - 1] -= 2.0
    second[2, : count - 2] += 1.0
    result = np.empty_like(wanted)
    for column in range(columns):
        bands = stiff * second
        bands[0] += total[:, column]
        result[:, column] = solveh_banded(bands, wanted[:, column], lower=True)
    return result


def _letters(symbol: str) -> list[str]:
    """The base letters of an IPA symbol, marks of length, stress and nasality dropped."""
    plain = unicodedata.normalize("NFD", symbol)
    known = [letter for letter in plain if letter in VOWELS or letter in _TABLE]
    return known[:3]


def _single(letter: str) -> Demand:
    if letter in VOWELS:
        return _vowel(*VOWELS[letter], weak=letter in "əɐɚɨ")
    return _TABLE[letter]


def _vowel(height: float, front: float, rounding: float, *, weak: bool) -> Demand:
    target, weight = np.zeros(len(GESTURES)), np.ones(len(GESTURES))
    target[JAW] = (0.2 + 0.8 * height) * (1 - 0.45 * rounding)
    target[LIPS] = (0.5 + 0.4 * height) * (1 - 0.75 * rounding)
    target[WIDE] = front * (1 - rounding) * (1 - 0.6 * height)
    target[ROUND] = rounding
    target[TEETH] = 0.15 * front * (1 - rounding)
    weight[SHUT], weight[TUCK], weight[ROUND] = 4.0, 3.0, 1.0 + 2.0 * rounding
    return Demand(target, weight * (0.5 if weak else 1.0))


def _consonant(wishes: dict[str, tuple[float, float]]) -> Demand:
    target, weight = np.zeros(len(GESTURES)), np.full(len(GESTURES), 0.1)
    for name, (value, insistence) in wishes.items():
        target[GESTURES.index(name)], weight[GESTURES.index(name)] = value, insistence
    return Demand(target, weight)


_TABLE = {letter: _consonant(wishes) for letters, wishes in CONSONANTS.items() for letter in letters.split()}
