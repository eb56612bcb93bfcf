"""THEval: how alive a talking head is, from the landmarks of its video (arXiv 2511.04520, CVPR 2026).

Five of its eight figures; the other three (aesthetics, quality of mouth and face) need networks to be downloaded.
Landmarks are MediaPipe's in tracking mode, (N, 478, 3) in pixels of a frame of 256 x 256.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.face.landmarks import (
    BROW_LEFT,
    BROW_RIGHT,
    EYE_LEFT,
    EYE_RIGHT,
    LIP_PAIRS,
    LIPS_INNER,
    LIPS_OUTER,
    OUTER_EYE_CORNERS,
)

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]

PUBLISHED = {
    "lip dynamics": 1.716603,
    "head motion": 18.46757,
    "brow dynamics": 0.006777,
    "silent-lip stability": 0.0263,
    "lip-sync": 0.2528,
}
"""Real people's row of the publication; its head angles come from a network, so that figure is not comparable."""
PAIRS = LIP_PAIRS[:8]
"""Inner lips, upper and lower."""


@dataclass(frozen=True)
class Liveliness:
    """Three figures that need no sound."""

    lip_dynamics: float
    brow_dynamics: float
    head_motion: float


def liveliness(points: Floats, angles: Doubles) -> Liveliness:
    """Figures of `points` (N, 478, 3) in pixels of 256 and head `angles` (N, 3) in radians."""
    return Liveliness(lip_dynamics(points), brow_dynamics(points), head_motion(points, angles))


def lip_dynamics(points: Floats) -> float:
    """Mean, over all 780 pairs of lip points of (T, 478, 3), of the standard deviation of their distance, in pixels."""
    lips = points[:, [*LIPS_OUTER, *LIPS_INNER], :2].astype(np.float64)
    pairs = combinations(range(lips.shape[1]), 2)
    return float(np.mean([np.linalg.norm(lips[:, a] - lips[:, b], axis=1).std() for a, b in pairs]))


def brow_dynamics(points: Floats) -> float:
    """Mean change per frame of brow to eye, over the distance of the eyes, in (T, 478, 3); both sides."""
    eyes = [points[:, list(eye), :2].mean(1) for eye in (EYE_RIGHT, EYE_LEFT)]
    brows = [points[:, list(brow), :2].mean(1) for brow in (BROW_RIGHT, BROW_LEFT)]
    apart = np.linalg.norm(eyes[0] - eyes[1], axis=1)
    heights = [np.linalg.norm(brow - eye, axis=1) / apart for brow, eye in zip(brows, eyes, strict=True)]
    return float(np.mean([np.abs(np.diff(height)).mean() for height in heights]))


def head_motion(points: Floats, angles: Doubles) -> float:
    """sqrt(a * b + c) of `points` (N, 478, 3) and `angles` (N, 3) in radians.

    a is the mean standard deviation of the angles in degrees, b the mean variance of their change from frame to frame,
    c the mean variance of the face's centre in pixels.
    """
    degrees = np.degrees(angles)
    centre = points[:, :468, :2].mean(1)
    return float(np.sqrt(degrees.std(0).mean() * np.diff(degrees, axis=0).var(0).mean() + centre.var(0).mean()))


def lip_opening(points: Floats) -> Doubles:
    """(N,): mean height of eight pairs of inner-lip points over the distance of the outer eye corners."""
    upper, lower = (points[:, [pair[side] for pair in PAIRS], 1] for side in (0, 1))
    return np.asarray(np.abs(lower - upper).mean(1) / _eye_distance(points), np.float64)


def silent_lip_stability(points: Floats, silent: Flags) -> float:
    """Median distance from its mean of the lip opening in the frames `silent` (N,); not a number without any."""
    opening = lip_opening(points)[silent]
    return float(np.median(np.abs(opening - opening.mean()))) if len(opening) else float("nan")


def lip_sync(points: Floats, loudness: Doubles, speech: Flags) -> float:
    """Mean difference of lip opening and loudness, each scaled to 0..1, over the frames of `speech` (N,).

    `loudness` (N,) is the root mean square of the sound in 50 ms around each frame.
    """
    upper, lower = (points[:, [pair[side] for pair in PAIRS], 1].mean(1) for side in (0, 1))
    opening = np.abs(lower - upper) / _eye_distance(points)
    return float(np.abs(_scaled(opening[speech]) - _scaled(loudness[speech])).mean())


def _eye_distance(points: Floats) -> Doubles:
    """Pixels (T,) between the outer corners of the eyes of (T, 478, 3)."""
    right, left = (points[:, corner, :2] for corner in OUTER_EYE_CORNERS)
    return np.asarray(np.linalg.norm(left - right, axis=1), np.float64)


def _scaled(values: NDArray[np.floating[Any]]) -> Doubles:
    """`values` (T,) from 0 to 1."""
    low, high = values.min(), values.max()
    return np.asarray((values - low) / max(high - low, 1e-9), np.float64)
