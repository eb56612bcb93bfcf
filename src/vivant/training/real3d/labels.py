"""What the audio-to-motion network is told of a clip: blinks, and how far mouth and eyes open (real3d 12.3, 14.7).

Landmarks are the 68 of the clip's canonical face (T, 68, 3), in decimetres.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))
"""Upper and lower point of each pair."""
LIPS = (51, 57)
WIDEST = 0.9
"""Quantile that stands for the whole clip."""
OPEN, CLOSED = 0.75, 0.85
"""Eyes are open as at this quantile, and closed below this share of it."""


def eye_opening(landmarks: Floats) -> Floats:
    """(T,) L1 distances of the lids, summed."""
    return np.asarray(sum(np.abs(landmarks[:, a] - landmarks[:, b]).sum(1) for a, b in LIDS), np.float32)


def eye_amplitude(landmarks: Floats) -> float:
    """How far the eyes open in a clip of landmarks (T, 68, 3)."""
    return float(np.quantile(eye_opening(landmarks), WIDEST))


def mouth_amplitude(landmarks: Floats) -> float:
    """How far the mouth opens in a clip of landmarks (T, 68, 3)."""
    upper, lower = LIPS
    return float(np.quantile(np.abs(landmarks[:, upper] - landmarks[:, lower]).sum(1), WIDEST))


def blink_flags(landmarks: Floats) -> Floats:
    """(T,) 1 at the middle of each blink; one that has not ended with the clip is left out."""
    opening = eye_opening(landmarks)
    closed = opening < CLOSED * np.quantile(opening, OPEN)
    change = np.diff(closed.astype(np.int8), prepend=0)
    starts, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    flags = np.zeros(len(opening), np.float32)
    for start, end in zip(starts, ends, strict=False):
        flags[(start + end) // 2] = 1.0
    return flags
