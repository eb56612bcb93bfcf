"""Outlines, and how they are filled: what the parts of a puppet are made of.

Points are (n, 2) float32, x to the right and y down, in units of half a face's width, from the middle between the eyes.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vivant.avatars.tha.rig.turn import Place

Floats = NDArray[np.float32]
Colour = tuple[float, float, float]
"""sRGB, each 0..1."""


@dataclass(frozen=True)
class Paint:
    """How a part is filled."""

    colour: Colour
    alpha: float = 1.0
    low: Colour | None = None
    """Colour of the bottom, where the fill is a gradient."""
    low_alpha: float | None = None
    round: bool = False
    """The gradient goes from the middle outwards."""


@dataclass(frozen=True)
class Line:
    """A contour."""

    colour: Colour
    width: float
    """In pixels of 512."""
    alpha: float = 1.0


@dataclass(frozen=True)
class Part:
    """One shape of the drawing."""

    name: str
    points: Floats
    place: Place
    paint: Paint | None = None
    line: Line | None = None
    closed: bool = True
    within: tuple[str, ...] = ()
    """Names of earlier parts outside of which it is not seen."""
    holes: tuple[Floats, ...] = field(default=())
    """Outlines that are cut out of it."""


def points(*values: ArrayLike) -> Floats:
    """(n, 2) of n pairs."""
    return np.asarray(values, np.float32).reshape(-1, 2)


def pairs(x: NDArray[np.floating[Any]], y: NDArray[np.floating[Any]]) -> Floats:
    """(n, 2) of `x` and `y` (n,)."""
    result: Floats = np.stack([x, y], axis=1).astype(np.float32)
    return result


def joined(*pieces: NDArray[np.floating[Any]]) -> Floats:
    """One line after the other, (n, 2)."""
    result: Floats = np.concatenate(pieces).astype(np.float32)
    return result


def curve(knots: Floats, count: int = 24, *, closed: bool = False) -> Floats:
    """`count` points (count, 2) of the smooth line through `knots` (k, 2), or round a closed one."""
    result: Floats = _spline(len(knots), count, closed) @ knots
    return result


def ribbon(line: Floats, widths: Floats) -> Floats:
    """The outline (2 n, 2) of a brush stroke along `line` (n, 2) with the full `widths` (n,)."""
    along = np.empty_like(line)
    along[1:-1] = line[2:] - line[:-2]
    along[0], along[-1] = line[1] - line[0], line[-1] - line[-2]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across *= widths[:, None] / (2 * np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6))[:, None]
    return joined(line + across, (line - across)[::-1])


@functools.lru_cache(maxsize=256)
def taper(count: int, thickest: float = 0.5, start: float = 0.0, end: float = 0.0) -> Floats:
    """Widths (N,) of a stroke: `start` at its start, 1 at the share `thickest` of the way, `end` at its end."""
    way = np.linspace(0, 1, count)
    rise = np.sin(np.pi / 2 * np.clip(way / max(thickest, 1e-3), 0, 1))
    fall = np.sin(np.pi / 2 * np.clip((1 - way) / max(1 - thickest, 1e-3), 0, 1))
    widths = np.where(way <= thickest, start + (1 - start) * rise, end + (1 - end) * fall)
    return widths.astype(np.float32)


def ellipse(centre: ArrayLike, radii: ArrayLike, count: int = 24) -> Floats:
    """(count, 2) points round a `centre` (2,) with `radii` (2,)."""
    ring: Floats = _circle(count) * np.asarray(radii, np.float32) + np.asarray(centre, np.float32)
    return ring


def sided(shape: Floats, side: int) -> Floats:
    """`shape` (N, 2) for `side` 1, its mirror image for -1."""
    result: Floats = shape * vector(side, 1)
    return result


def vector(*values: float) -> Floats:
    """One array (N,) of a few numbers."""
    return np.array(values, np.float32)


def shaded(colour: Colour, by: float, tint: Colour = (0.35, 0.2, 0.4)) -> Colour:
    """`colour` darkened towards `tint` by 0..1, or lightened towards white by 0..-1."""
    aim = np.asarray(tint) * np.asarray(colour) if by > 0 else np.ones(3)
    mixed = np.asarray(colour) + abs(by) * (aim - np.asarray(colour))
    return (float(mixed[0]), float(mixed[1]), float(mixed[2]))


@functools.lru_cache(maxsize=16)
def _circle(count: int) -> Floats:
    """`count` points (N, 2) around the middle, 1 away."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return pairs(np.cos(angle), np.sin(angle))


@functools.lru_cache(maxsize=256)
def _spline(knots: int, count: int, closed: bool) -> Floats:
    """Weights (N, K) of a Catmull-Rom spline with K `knots`, at `count` N places."""
    at = np.linspace(0, knots if closed else knots - 1, count, endpoint=not closed)
    start = np.minimum(at.astype(int), knots - 1 if closed else knots - 2)
    t = (at - start)[:, None]
    blend = 0.5 * np.concatenate(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3], axis=1
    )
    weights = np.zeros((count, knots))
    for step in range(4):
        place = start + step - 1
        place = place % knots if closed else np.clip(place, 0, knots - 1)
        np.add.at(weights, (np.arange(count), place), blend[:, step])
    return weights.astype(np.float32)
