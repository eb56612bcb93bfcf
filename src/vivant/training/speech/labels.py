"""Phoneme times brought into agreement with the sound that they belong to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vivant.training.speech.engines import Times

Floats = NDArray[np.float32]

HOP, WINDOW = 0.002, 0.012
"""Seconds."""
QUIET = 24.0
"""Decibels below the loud parts of a sentence where nothing is said any more."""
STOPS = frozenset("pbtdkgʈɖcɟqɢʔ")
SHORTEST_CLOSURE, LONGEST_CLOSURE = 0.018, 0.16
"""Seconds of silence before a burst that belong to the stop."""
EDGE = 5
"""Rows."""
SHORTEST_SILENCE = 0.05


def levels(sound: Floats, rate: int) -> Floats:
    """Levels in decibels (T,) every 2 ms of `sound` (n,), each over the 12 ms around its time."""
    power = np.concatenate([np.zeros(1), np.cumsum(sound.astype(float) ** 2)])
    middles = np.arange(int(len(sound) / rate / HOP) + 1) * HOP
    low = np.clip(((middles - WINDOW / 2) * rate).astype(int), 0, len(sound))
    high = np.clip(((middles + WINDOW / 2) * rate).astype(int), 0, len(sound))
    mean = (power[high] - power[low]) / np.maximum(high - low, 1)
    return np.asarray(10 * np.log10(np.maximum(mean, 0) + 1e-10), np.float32)


def with_closures(phones: Times, sound: Floats, rate: int) -> Times:
    """espeak's `phones`, with the silences that it counts to the phone before given to where they belong.

    espeak makes the closure of a stop before it says that the stop has begun. The quiet end of a phone therefore goes
    to the stop that follows; before another phone it becomes a silence. A silence that sounds is a link between
    words: it goes to the phone before.
    """
    level = levels(sound, rate)
    quiet = level < np.quantile(level, 0.95) - QUIET
    result: list[tuple[float, float, str]] = []
    for place, (start, end, ipa) in enumerate(phones):
        rows = quiet[round(start / HOP) : round(end / HOP)]
        if not ipa and result and len(rows) and not rows[len(rows) // 2 :].any():
            result[-1] = (result[-1][0], end, result[-1][2])
            continue
        # A phone begins where the one before ends: a stop takes the quiet that was cut off there.
        begin = result[-1][1] if result else start
        following = phones[place + 1][2] if place + 1 < len(phones) else ""
        cut = end - _quiet_end(rows, end - start) if ipa else end
        result.append((begin, cut, ipa))
        if end > cut and following[:1] not in STOPS:
            result.append((cut, end, ""))
    return tuple(result)


def _quiet_end(rows: NDArray[np.bool_], seconds: float) -> float:
    """Seconds at the end of a phone that are quiet, if they are enough to be a closure and not the whole phone."""
    # The last rows look into the burst that follows.
    loud = np.flatnonzero(~rows[: len(rows) - EDGE])
    if not len(loud):
        return 0.0
    found = (len(rows) - 1 - int(loud[-1])) * HOP
    return found if SHORTEST_CLOSURE <= found <= min(LONGEST_CLOSURE, 0.8 * seconds) else 0.0


def tidied(phones: Times, seconds: float, shortest: float = SHORTEST_SILENCE) -> Times:
    """`phones` without gaps within 0..`seconds`: silences that touch are one, shorter ones go to the phone before."""
    result: list[tuple[float, float, str]] = []
    for start, end, ipa in _filled(phones, seconds):
        same = bool(result) and not ipa and (not result[-1][2] or (0 < end - start < shortest and end < seconds))
        if same:
            result[-1] = (result[-1][0], end, result[-1][2])
        elif end > start:
            result.append((start, end, ipa))
    return tuple(result)


def _filled(phones: Times, seconds: float) -> Sequence[tuple[float, float, str]]:
    """`phones` cut at `seconds`, gaps filled with silence."""
    result, at = [], 0.0
    for start, end, ipa in phones:
        begin = max(min(start, seconds), at)
        stop = max(min(end, seconds), begin)
        result += [(at, begin, ""), (begin, stop, ipa)]
        at = stop
    return [*result, (at, seconds, "")]
