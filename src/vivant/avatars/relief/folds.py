"""The folds of a face, as small reliefs of the skin on the face model.

A fold is a height in centimetres over the front view of the model, made of creases and mounds. Where folds lie and
which curves call for them is anatomy; their heights were chosen by eye.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.face.arkit import CURVES, INDEX
from vivant.smooth import smoothstep

Floats = NDArray[np.float32]
Curve = tuple[tuple[float, float], ...]
Drivers = tuple[tuple[str, float], ...]

LEFT, TOP, STEP = -7.8, 8.4, 0.05
"""Model centimetres of the first grid point of a relief, and between grid points."""
GRID = (342, 313)
"""Rows and columns of the grid; the middle column is the middle of the face."""
SKY = 0.35
"""Centimetres around a point that can hide the sky from it."""


@dataclass(frozen=True)
class Crease:
    """A line in the skin: a groove, and a roll of skin along its left side (as one walks along the points)."""

    points: Curve
    """(x, y) model centimetres."""
    groove: float
    """Depth of the groove in cm."""
    groove_width: float
    """Its half width in cm."""
    roll: float = 0.0
    """Height of the roll in cm."""
    roll_width: float = 0.5
    """Distance of the roll's crest from the crease in cm."""


@dataclass(frozen=True)
class Mound:
    """A smooth swelling, or a hollow where the height is negative."""

    centre: tuple[float, float]
    radii: tuple[float, float]
    height: float


@dataclass(frozen=True)
class Fold:
    """Creases and mounds that appear together."""

    drivers: Drivers
    """Curves that call for the fold, and how strongly; "*" stands for the person's side."""
    creases: tuple[Crease, ...] = ()
    mounds: tuple[Mound, ...] = ()
    fine: float = 1.0
    """0..1: how much of it disappears in smooth skin (children, cartoons)."""
    paired: bool = True
    """Given for the person's left (x > 0) and mirrored."""
    dimples: float = 0.0
    """Height in cm of an uneven surface within the mounds."""


def _level(y: float, reach: float, wobble: float) -> Curve:
    """A forehead line at height `y`, from one side to the other, slightly uneven."""
    across = np.linspace(-reach, reach, 13)
    heights = y - 0.11 * (across / reach) ** 2 + 0.05 * np.sin(across * 2.1 + wobble)
    return tuple(zip(across.tolist(), heights.tolist(), strict=True))


NASOLABIAL = Fold(
    drivers=(
        *(("mouthSmile*", 0.9), ("noseSneer*", 0.6), ("mouthUpperUp*", 0.55)),
        *(("cheekSquint*", 0.5), ("mouthStretch*", 0.3)),
    ),
    creases=(
        Crease(
            ((3.36, -4.7), (3.42, -4.1), (3.28, -3.4), (2.95, -2.5), (2.5, -1.6), (2.12, -0.8)),
            *(0.05, 0.17),
            *(-0.26, 0.62),
        ),
    ),
    fine=0.65,
)
"""From the wing of the nose past the corner of the mouth."""
CHEEK = Fold(
    drivers=(("mouthSmile*", 0.85), ("cheekSquint*", 0.7)),
    mounds=(Mound((4.1, -0.5), (1.5, 1.25), 0.32), Mound((4.0, -3.2), (0.9, 1.2), -0.08)),
    fine=0.25,
)
"""The cheek's apple."""
CROWS_FEET = Fold(
    drivers=(("eyeSquint*", 0.7), ("cheekSquint*", 0.6), ("mouthSmile*", 0.5), ("eyeBlink*", 0.15)),
    creases=(
        Crease(((5.0, 2.95), (5.5, 3.35), (6.0, 3.85)), 0.05, 0.13),
        Crease(((5.05, 2.6), (5.65, 2.62), (6.3, 2.75)), 0.06, 0.13),
        Crease(((4.95, 2.2), (5.5, 1.9), (6.1, 1.6)), 0.05, 0.13),
    ),
)
LOWER_LID = Fold(
    drivers=(("cheekSquint*", 0.8), ("eyeSquint*", 0.75), ("mouthSmile*", 0.45)),
    creases=(Crease(((1.7, 1.75), (2.3, 1.42), (3.2, 1.25), (4.1, 1.45), (4.8, 1.95)), 0.045, 0.14, 0.09, 0.32),),
    fine=0.5,
)
"""The roll of the lower lid and the furrow under it."""
BUNNY_LINES = Fold(
    drivers=(("noseSneer*", 0.95), ("cheekSquint*", 0.15)),
    creases=(
        Crease(((0.55, 1.9), (0.95, 1.6), (1.3, 1.15)), 0.055, 0.12),
        Crease(((0.6, 1.3), (0.95, 1.0), (1.2, 0.6)), 0.045, 0.12),
    ),
    fine=0.8,
)
"""Beside the bridge of the nose."""
FROWN = Fold(
    drivers=(("browDown*", 0.95), ("noseSneer*", 0.2)),
    creases=(Crease(((0.62, 3.75), (0.5, 4.3), (0.52, 4.9), (0.66, 5.45)), 0.075, 0.16, 0.08, 0.32),),
    mounds=(Mound((0.0, 4.4), (0.4, 0.9), 0.04), Mound((1.35, 4.35), (0.8, 0.45), 0.07)),
    fine=0.6,
)
FOREHEAD = Fold(
    drivers=(("browInnerUp", 1.0),),
    creases=(
        Crease(_level(5.95, 2.3, 0.4), 0.075, 0.19),
        Crease(_level(6.6, 2.6, 1.9), 0.085, 0.19),
        Crease(_level(7.2, 2.2, 3.1), 0.065, 0.19),
    ),
    paired=False,
    fine=1.0,
)
OUTER_FOREHEAD = Fold(
    drivers=(("browOuterUp*", 0.9),),
    creases=(
        Crease(((0.7, 5.95), (2.0, 6.15), (3.2, 6.2), (4.3, 5.95), (5.0, 5.5)), 0.07, 0.18),
        Crease(((0.5, 6.55), (1.8, 6.8), (3.0, 6.85), (4.1, 6.6)), 0.07, 0.18),
    ),
    fine=1.0,
)
UNDER_LIP = Fold(
    drivers=(
        *(("mouthShrugLower", 0.9), ("mouthPressLeft", 0.25), ("mouthPressRight", 0.25)),
        *(("mouthPucker", 0.4), ("mouthRollLower", 0.3)),
    ),
    creases=(Crease(((-1.7, -6.1), (-0.9, -5.85), (0.0, -5.78), (0.9, -5.85), (1.7, -6.1)), 0.08, 0.24, -0.14, 0.5),),
    paired=False,
    fine=0.35,
)
"""The shadow between lower lip and chin."""
CHIN = Fold(
    drivers=(("mouthShrugLower", 0.95), ("mouthPressLeft", 0.15), ("mouthPressRight", 0.15)),
    mounds=(Mound((0.0, -6.95), (1.25, 0.8), 0.06),),
    paired=False,
    dimples=0.035,
)
"""The chin's uneven skin when it is pushed up."""
MARIONETTE = Fold(
    drivers=(("mouthFrown*", 0.9), ("mouthShrugLower", 0.2), ("mouthStretch*", 0.25)),
    creases=(Crease(((2.75, -4.55), (2.95, -5.2), (2.9, -5.9), (2.7, -6.5)), 0.05, 0.16, 0.1, 0.4),),
    fine=0.6,
)
"""From the corner of the mouth toward the chin."""
COMMA = Fold(
    drivers=(("mouthDimple*", 0.9), ("mouthPress*", 0.5), ("mouthSmile*", 0.25)),
    creases=(Crease(((2.78, -4.95), (2.95, -4.45), (2.85, -3.95)), 0.05, 0.15, -0.07, 0.3),),
    fine=0.4,
)
"""Beside the corner of the mouth."""
FULL_CHEEK = Fold(drivers=(("cheekPuff", 1.0),), mounds=(Mound((4.0, -3.2), (1.7, 1.9), 0.4),), fine=0.0)

FOLDS = (
    *(NASOLABIAL, CHEEK, CROWS_FEET, LOWER_LID, BUNNY_LINES, FROWN, FOREHEAD, OUTER_FOREHEAD),
    *(UNDER_LIP, CHIN, MARIONETTE, COMMA, FULL_CHEEK),
)


@dataclass(frozen=True)
class Relief:
    """One fold on a part of the grid over the model's front view."""

    gains: Floats
    """(52,) how strongly each curve calls for it."""
    row: int
    column: int
    """Place of the part on the grid."""
    slope: Floats
    """(rows, columns, 2) rise in x and y, cm per cm."""
    cavity: Floats
    """(rows, columns) depth in cm under the surrounding skin."""
    fine: float

    def mirrored(self, gains: Floats) -> Relief:
        """The same fold on the other side of the face, called by `gains` (52,)."""
        column = GRID[1] - self.column - self.cavity.shape[1]
        slope = self.slope[:, ::-1] * np.array([-1.0, 1.0], np.float32)
        cavity = np.ascontiguousarray(self.cavity[:, ::-1])
        return Relief(gains, self.row, column, np.ascontiguousarray(slope), cavity, self.fine)


@functools.cache
def reliefs() -> tuple[Relief, ...]:
    """All folds of the face model; paired ones twice, the person's left first."""
    made = []
    for fold in FOLDS:
        relief = _relief(fold)
        made.append(relief)
        if fold.paired:
            made.append(relief.mirrored(_gains(fold, "Right")))
    return tuple(made)


def _gains(fold: Fold, side: str) -> Floats:
    """(52,) how strongly each curve calls for a fold."""
    gains = np.zeros(len(CURVES), np.float32)
    for name, gain in fold.drivers:
        gains[INDEX[name.replace("*", side)]] = gain
    return gains


def _relief(fold: Fold) -> Relief:
    whole = _height(fold)
    seen = np.abs(whole) > 1e-4
    room = round(2.0 * SKY / STEP)
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    row, column = max(0, int(rows[0]) - room), max(0, int(columns[0]) - room)
    height = whole[row : int(rows[-1]) + room, column : int(columns[-1]) + room]
    down, across = np.gradient(height, STEP)
    cavity = np.maximum(cv2.GaussianBlur(height, (0, 0), SKY / STEP) - height, 0.0)
    slope = np.stack([across, -down], -1).astype(np.float32)
    return Relief(_gains(fold, "Left"), row, column, slope, cavity.astype(np.float32), fold.fine)


def _grid() -> tuple[Floats, Floats]:
    """x and y (rows, columns) of the grid's points, in cm."""
    x = LEFT + STEP * np.arange(GRID[1], dtype=np.float32)
    y = TOP - STEP * np.arange(GRID[0], dtype=np.float32)
    return np.broadcast_to(x, GRID), np.broadcast_to(y[:, None], GRID)


def _height(fold: Fold) -> Floats:
    """Height (rows, columns) in cm of a fold; the person's left is the right half of the grid."""
    x, y = _grid()
    height = np.zeros(GRID, np.float32)
    for mound in fold.mounds:
        bell = _bell(((x - mound.centre[0]) / mound.radii[0]) ** 2 + ((y - mound.centre[1]) / mound.radii[1]) ** 2)
        height += mound.height * bell + (fold.dimples * bell * _uneven() if fold.dimples else 0.0)
    for crease in fold.creases:
        part = _around(crease)
        height[part] += _crease_height(crease, x[part], y[part])
    return np.asarray(cv2.GaussianBlur(height, (0, 0), 0.07 / STEP), np.float32)


def _around(crease: Crease) -> tuple[slice, slice]:
    """Rows and columns of the grid that a crease can change."""
    reach = max(3.2 * crease.roll_width if crease.roll else 0.0, 3.5 * crease.groove_width)
    points = np.asarray(crease.points)
    (left, low), (right, high) = points.min(0) - reach, points.max(0) + reach
    first_row, last_row = ((TOP - y) / STEP for y in (high, low))
    first_column, last_column = ((x - LEFT) / STEP for x in (left, right))
    return slice(max(0, int(first_row)), int(last_row) + 1), slice(max(0, int(first_column)), int(last_column) + 1)


def _crease_height(crease: Crease, x: Floats, y: Floats) -> Floats:
    """Height (...) in cm of one crease at `x`, `y` (...)."""
    distance, along = _follow(crease.points, x, y)
    ends = smoothstep(np.minimum(along, 1.0 - along) / 0.4)
    side = np.maximum(np.sign(crease.roll) * distance, 0.0) / crease.roll_width
    bulge = 2.0 * abs(crease.roll) * side * np.exp(-(side**1.5))
    groove = crease.groove * np.exp(-((distance / crease.groove_width) ** 2))
    return np.asarray(ends * (bulge - groove), np.float32)


def _bell(squared: Floats) -> Floats:
    """(...) 1 in the middle, where the squared distance is 0."""
    return np.asarray(np.exp(-1.2 * squared), np.float32)


def _uneven() -> Floats:
    """A fixed uneven surface (rows, columns) about -1..1, features of a third of a centimetre."""
    noise = np.random.default_rng(7).standard_normal(GRID).astype(np.float32)
    band = cv2.GaussianBlur(noise, (0, 0), 0.13 / STEP) - cv2.GaussianBlur(noise, (0, 0), 0.26 / STEP)
    return np.asarray(band / (2.0 * band.std()), np.float32)


def _follow(points: Curve, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Signed distance, left of the way positive, and position 0..1 along a smooth curve, of places (...) x and y."""
    curve = _smooth_curve(points)
    start, step = curve[:-1], np.diff(curve, axis=0)
    length = np.linalg.norm(step, axis=1)
    passed = np.concatenate([[0.0], np.cumsum(length)])
    best = np.full(x.shape, np.inf, np.float32)
    signed, along = np.zeros(x.shape, np.float32), np.zeros(x.shape, np.float32)
    for k in range(len(start)):
        dx, dy = x - start[k, 0], y - start[k, 1]
        part = np.clip((dx * step[k, 0] + dy * step[k, 1]) / length[k] ** 2, 0.0, 1.0)
        gap = np.hypot(dx - part * step[k, 0], dy - part * step[k, 1])
        nearer = gap < best
        side = np.sign(step[k, 0] * dy - step[k, 1] * dx)
        best = np.where(nearer, gap, best)
        signed = np.where(nearer, side * gap, signed)
        along = np.where(nearer, (passed[k] + part * length[k]) / passed[-1], along)
    return np.asarray(signed, np.float32), np.asarray(along, np.float32)


def _smooth_curve(points: Curve) -> Floats:
    """Points (N, 2) on a Catmull-Rom spline through `points`."""
    given = np.asarray(points, np.float32)
    ends = np.stack([2 * given[0] - given[1], 2 * given[-1] - given[-2]])
    p = np.concatenate([ends[:1], given, ends[1:]])
    before, start, end, after = (p[k : len(p) - 3 + k, None] for k in range(4))
    t = np.linspace(0.0, 1.0, max(2, 16 // len(points) + 1), endpoint=False, dtype=np.float32)[:, None]
    tangent, bend = end - before, 2 * before - 5 * start + 4 * end - after
    twist = 3 * (start - end) + after - before
    curve = start + 0.5 * (tangent * t + bend * t**2 + twist * t**3)
    return np.concatenate([curve.reshape(-1, 2), given[-1:]])
