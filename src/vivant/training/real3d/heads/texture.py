"""Painting on the wrapped textures of skin and garment: places, soft shapes and noise.

A texture is wrapped around the upright axis of `kernels`; rows are heights, the middle column faces the viewer, and
the front has more columns than the back. Colours are linear light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.training.real3d.heads.cover import mix
from vivant.training.real3d.heads.kernels import AXIS_Z

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Sheet:
    """A texture's place in the world: it spans the heights from `top` to `bottom` in cm, `size` texels each way."""

    size: int
    top: float
    bottom: float

    def texels(self, places: Floats) -> Floats:
        """Column and row (N, 2) of `places` (N, 3) on the mean head; texel centres are at halves."""
        turn = np.arctan2(places[:, 0], places[:, 2] - AXIS_Z) / np.pi
        share = np.abs(turn) * (1.6 - 0.6 * np.abs(turn))
        column = 0.5 + 0.5 * np.sign(turn) * share
        row = (self.top - places[:, 1]) / (self.top - self.bottom)
        return np.asarray(np.stack([column, row], 1) * self.size, np.float32)

    def grid(self) -> tuple[Floats, Floats]:
        """Angle in radians around the axis (1, size) and height in cm (size, 1) of the texels."""
        return _grid(self)

    def spot(self, place: Floats, wide: float, high: float) -> Floats:
        """(size, size) a soft spot around `place` (3,): 1 in its middle, about 0.6 at `wide` and `high` cm from it."""
        angle, height = self.grid()
        x, z = float(place[0]), float(place[2]) - AXIS_Z
        across = ((angle - np.arctan2(x, z)) * (np.hypot(x, z) / wide)).astype(np.float32)
        along = ((height - float(place[1])) / high).astype(np.float32)
        return np.asarray(np.exp(-0.5 * across**2) * np.exp(-0.5 * along**2), np.float32)

    def shape(self, places: Floats, soft: float) -> Floats:
        """(size, size) 1 inside the closed curve through `places` (N, 3), with an edge `soft` cm wide."""
        inside = np.zeros((self.size, self.size), np.uint8)
        cv2.fillPoly(inside, [_fixed(self.texels(_rounded(places, closed=True)))], (255,), cv2.LINE_AA, _SHIFT)
        return self._softened(inside, soft)

    def line(self, places: Floats, wide: float, soft: float, *, closed: bool = False) -> Floats:
        """(size, size) 1 on the curve through `places` (N, 3), `wide` cm wide."""
        drawn = np.zeros((self.size, self.size), np.uint8)
        path = _fixed(self.texels(_rounded(places, closed=closed)))
        cv2.polylines(drawn, [path], closed, (255,), max(1, round(wide / self.texel)), cv2.LINE_AA, _SHIFT)
        return self._softened(drawn, soft)

    @property
    def texel(self) -> float:
        """Height of a texel in cm."""
        return (self.top - self.bottom) / self.size

    def _softened(self, drawn: Bytes, soft: float) -> Floats:
        """`drawn` (S, S) as 0..1, blurred where there is something."""
        value = drawn.astype(np.float32) / 255
        sigma = max(soft / self.texel, 0.3)
        left, top, wide, high = cv2.boundingRect(drawn)
        room = int(np.ceil(4 * sigma))
        rows, columns = slice(max(top - room, 0), top + high + room), slice(max(left - room, 0), left + wide + room)
        if wide:
            value[rows, columns] = cv2.GaussianBlur(np.ascontiguousarray(value[rows, columns]), (0, 0), sigma)
        return np.asarray(value, np.float32)


_SHIFT = 4
"""Of OpenCV's coordinates: sixteenths of a texel."""


def _fixed(texels: Floats) -> NDArray[np.int32]:
    """Places (N, 2) as fixed-point numbers for OpenCV."""
    return np.asarray(((texels - 0.5) * 2**_SHIFT).round(), np.int32)


@cache
def _grid(sheet: Sheet) -> tuple[Floats, Floats]:
    """The angles (1, S) of the columns and the heights (S, 1) of the rows."""
    line = (np.arange(sheet.size, dtype=np.float32) + 0.5) / sheet.size
    share = np.abs(2 * line - 1)
    turn = (1.6 - np.sqrt(2.56 - 2.4 * share)) / 1.2
    angle = np.sign(2 * line - 1) * turn * np.pi
    return angle[None].astype(np.float32), (sheet.top - line * (sheet.top - sheet.bottom))[:, None]


def _rounded(places: Floats, *, closed: bool, steps: int = 6) -> Floats:
    """Points (M, 2) on the smooth curve through `places` (N, 2) (Catmull and Rom 1974)."""
    points = np.asarray(places, np.float32)
    around = (
        np.concatenate([points[-1:], points, points[:2]])
        if closed
        else np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    )
    t = np.linspace(0, 1, steps, endpoint=False, dtype=np.float32)[None, :, None]
    a, b, c, d = (around[k : len(around) - 3 + k, None] for k in range(4))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    flat = curve.reshape(-1, points.shape[1])
    return np.asarray(flat if closed else np.concatenate([flat, points[-1:]]), np.float32)


def noise(rng: np.random.Generator, size: int, cells: int | tuple[int, int], octaves: int = 1) -> Floats:
    """(S, S) smooth noise of about unit spread; `cells` bumps each way, each octave twice as many of half height.

    Left and right borders meet.
    """
    rows, columns = (cells, cells) if isinstance(cells, int) else cells
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        many = (max(2, rows << octave), max(2, columns << octave))
        small = rng.standard_normal(many, np.float32)
        around = np.concatenate([small[:, -2:], small, small[:, :2]], 1)
        wide = cv2.resize(around, (round(size * around.shape[1] / many[1]), size), interpolation=cv2.INTER_CUBIC)
        left = round(2 * size / many[1])
        total += wide[:, left : left + size] * np.float32(0.5**octave)
    return np.asarray(total, np.float32)


def blend(base: Floats, colour: Floats, share: Floats) -> None:
    """Paint `colour` (3,) over `base` (H, W, 3), in place, as far as `share` (H, W) says, 0..1."""
    mix(base, np.zeros(3, np.float32), np.asarray(colour, np.float32), np.asarray(share, np.float32))


def tint(base: Floats, factor: Sequence[float] | Floats, share: Floats) -> None:
    """Multiply `base` (H, W, 3) by `factor` (3,), in place, as far as `share` (H, W) says, 0..1."""
    mix(base, np.array(factor, np.float32), np.zeros(3, np.float32), np.asarray(share, np.float32))


def packed(linear: Floats) -> Bytes:
    """Bytes (...) of the square root of linear light (...), as the painter's loops read them."""
    return np.asarray((np.sqrt(np.clip(linear, 0, 1)) * 255).round().astype(np.uint8))


def linear_of(*srgb: int) -> Floats:
    """Linear light (3,) of an sRGB colour in bytes."""
    value = np.array(srgb) / 255
    return np.asarray(np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4), np.float32)
