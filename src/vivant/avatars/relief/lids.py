"""The lids of one eye, painted in the view of the source picture.

An eye is animated on a small patch of the source: its columns run along the line between the eye's corners, so a lid
is a height for each column and its motion a stretching of columns. The mesh then carries the painted patch to any pose.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.smooth import smoothstep

Floats = NDArray[np.float32]

ABOVE, BELOW, BESIDE = 0.68, 0.52, 0.38
"""Reach of the patch around the eye's corners, in eye widths."""
MEET = 0.15
"""Where the closed lids meet: this part of the opening above the lower lid."""


@dataclass(frozen=True)
class Patch:
    """A rectangle of the source picture, turned so that the corners of one eye lie on a row."""

    origin: Floats
    """(2,) picture pixels of the patch's own (0, 0)."""
    axes: Floats
    """(2, 2) unit vectors in the picture along the patch's columns and rows."""
    scale: float
    """Patch pixels per picture pixel."""
    width: float
    """Distance of the eye's corners in patch pixels: the unit of all lengths here."""

    @property
    def size(self) -> tuple[int, int]:
        """(columns, rows)."""
        return round(self.width * (1 + 2 * BESIDE)), round(self.width * (ABOVE + BELOW))

    def from_picture(self, points: Floats) -> Floats:
        """Patch coordinates (..., 2) of `points` (..., 2) in picture pixels."""
        return np.asarray((points - self.origin) @ self.axes.T * self.scale, np.float32)

    def cut(self, picture: NDArray[np.uint8]) -> Floats:
        """The patch of `picture` (H, W, 3), float32 (rows, columns, 3) 0..255."""
        turn = self.axes.T / self.scale
        # cv2 counts pixel centres from 0, we from 0.5.
        shift = self.origin + turn @ np.array([0.5, 0.5], np.float32) - 0.5
        matrix = np.column_stack([turn, shift])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        if self.scale < 1.0:  # no finer than the patch, or the rims would alias
            picture, first = self._surroundings(picture)
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 / self.scale), np.uint8)
            matrix[:, 2] -= first
        out = cv2.warpAffine(picture, matrix, self.size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(out, np.float32)

    def _surroundings(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The part (h, w, 3) of `picture` (H, W, 3) that holds the patch, and its first (x, y)."""
        corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32) * self.size / self.scale
        places = self.origin + corners @ self.axes
        first = np.maximum(np.floor(places.min(0)).astype(np.int64) - 2, 0)
        last = np.maximum(np.ceil(places.max(0)).astype(np.int64) + 2, first + 2)
        first = np.minimum(first, np.array(picture.shape[1::-1]) - 1)
        return picture[first[1] : last[1], first[0] : last[0]], first


def place_patch(left: Floats, right: Floats, scale: float) -> Patch:
    """Patch around the eye whose corners lie at `left` and `right` (2,) picture pixels."""
    along = (right - left) / max(float(np.linalg.norm(right - left)), 1e-6)
    axes = np.array([along, [-along[1], along[0]]], np.float32)
    width = float(np.linalg.norm(right - left)) * scale
    origin = left - (BESIDE * axes[0] + ABOVE * axes[1]) * width / scale
    return Patch(np.asarray(origin, np.float32), axes, scale, width)


@dataclass(frozen=True)
class Lids:
    """Lids of one eye on its patch; heights are rows of the patch for each of its columns."""

    upper: Floats
    """(columns,) edge of the upper lid; meets `lower` at and beyond the corners."""
    lower: Floats
    """(columns,) edge of the lower lid."""
    crease: Floats
    """(columns,) crease of the upper lid."""
    brow: Floats
    """(columns,) above this nothing moves."""
    skin: Floats
    """(rows, columns, 3) how the skin would look without eye and lashes."""
    grain: Floats
    """(rows, columns, 3) fine structure of nearby skin, mean zero."""
    lash: Floats
    """(rows, columns) brightness of the source over that of the skin, at most 1: lashes and rims are dark."""
    line: float
    """0..1 brightness of the line between closed lids over that of the skin."""

    @property
    def full_fall(self) -> float:
        """Way of the upper lid in a full blink, in rows."""
        return max((1.0 - MEET) * float((self.lower - self.upper).max()), 1.0)


def curve_rows(points: Floats, columns: int, blur: float) -> Floats:
    """Height for each column of a smooth curve through `points` (N, 2)."""
    order = np.argsort(points[:, 0])
    x = np.arange(columns) + 0.5
    height = np.interp(x, points[order, 0], points[order, 1]).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(height[None], (0, 0), blur, borderType=cv2.BORDER_REPLICATE)[0], np.float32)


def find_edges(image: Floats, points: Floats, patch: Patch) -> tuple[Floats, Floats]:
    """Rows (columns,) of the upper and lower lid at rest, equal beyond the corners.

    That is the landmarks' ring `points` (16, 2), shifted, widened and bulged to where the picture shows the dark rim
    of the upper lid and the step of the lower one: the ring is a little off on paintings, and far inside on the large
    eyes of cartoons.
    """
    columns, unit = patch.size[0], patch.width
    heights = [
        curve_rows(points[:9], columns, 0.03 * unit),
        curve_rows(points[[8, *range(9, 16), 0]], columns, 0.03 * unit),
    ]
    low, high = BESIDE * unit, (1 + BESIDE) * unit
    upper, lower, low, high = _fit_edges(image, (heights[0], heights[1]), (low, high), unit)
    x = np.arange(columns) + 0.5
    inside = smoothstep((np.minimum(x - low, high - x) / (0.08 * unit) + 0.3).astype(np.float32))
    middle = 0.5 * (upper + lower)
    half = np.maximum(lower - upper, 0.0) * 0.5 * inside
    return np.asarray(middle - half, np.float32), np.asarray(middle + half, np.float32)


def _fit_edges(
    image: Floats, heights: tuple[Floats, Floats], ends: tuple[float, float], unit: float
) -> tuple[Floats, Floats, float, float]:
    """The best of all shifts and bulges of both lids, each (columns,), and the eye's two ends."""
    evidence = _lid_evidence(image, unit)
    part = np.linspace(0.1, 0.9, 25, dtype=np.float32)
    gains = np.linspace(-0.08, 0.14, 12, dtype=np.float32)
    columns = np.arange(len(heights[0])) + 0.5
    base = [np.interp(ends[0] + part * (ends[1] - ends[0]), columns, h) for h in heights]
    bulge = [sign * gains[:, None] * (1.0 - (2.0 * part - 1.0) ** 2) for sign in (-1.0, 1.0)]
    best, found = -np.inf, (ends[0], ends[1], 0.0, 0.0, 0.0)
    for out_left, out_right, step in np.ndindex(4, 4, 9):
        left, right = ends[0] - 0.04 * unit * out_left, ends[1] + 0.04 * unit * out_right
        shift = 0.02 * (step - 4)
        x = left + part * (right - left)
        scores = [_sample(evidence[k], x, base[k] + unit * (shift + bulge[k])) - np.abs(gains) for k in (0, 1)]
        total = scores[0].max() + scores[1].max() - 1.5 * abs(shift) - 0.02 * (out_left + out_right)
        if total > best:
            up, down = (float(gains[score.argmax()]) for score in scores)
            best, found = total, (left, right, shift, -up, down)
    left, right, shift, up, down = found
    whole = np.clip((columns - left) / (right - left), 0.0, 1.0)
    at, bend = ends[0] + whole * (ends[1] - ends[0]), 1.0 - (2.0 * whole - 1.0) ** 2
    upper = np.interp(at, columns, heights[0]) + unit * (shift + up * bend)
    lower = np.interp(at, columns, heights[1]) + unit * (shift + down * bend)
    return np.asarray(upper, np.float32), np.asarray(lower, np.float32), left, right


def _lid_evidence(image: Floats, unit: float) -> tuple[Floats, Floats]:
    """How much each pixel (rows, columns) looks like the upper lid's rim (a dark ridge) and the lower's (a step)."""
    smooth = cv2.GaussianBlur(image, (0, 0), 0.015 * unit)
    bright = smooth.mean(2)
    d = max(1, round(0.06 * unit))
    ridge = 0.5 * (np.roll(bright, d, 0) + np.roll(bright, -d, 0)) - bright
    d = max(1, round(0.025 * unit))
    step = np.linalg.norm(np.roll(smooth, -d, 0) - np.roll(smooth, d, 0), axis=2)
    spread = float(bright.std()) + 4.0
    rim, edge = np.clip(ridge / spread, -0.5, 1.0), np.clip(0.4 * step / spread, 0.0, 0.8)
    return np.asarray(rim, np.float32), np.asarray(edge, np.float32)


def _sample(evidence: Floats, x: Floats, rows: Floats) -> Floats:
    """Mean of `evidence` along each of the curves `rows` (N, K) at columns `x` (K,)."""
    y = np.clip(rows.astype(np.int32), 0, evidence.shape[0] - 1)
    return np.asarray(evidence[y, np.clip(x.astype(np.int32), 0, evidence.shape[1] - 1)].mean(1), np.float32)


def lid_heights(lids: Lids, close: float, raised: float) -> tuple[Floats, Floats]:
    """Rows (columns,) of the two edges.

    `close`: of the upper lid, 0 as in the source, 1 closed, below 0 widened; `raised`: of the lower lid, 0 as in the
    source, 1 where closed lids meet, below 0 lowered.
    """
    opening = lids.lower - lids.upper
    meet = lids.lower - MEET * opening
    upper = lids.upper + close * (meet - lids.upper)
    lower = lids.lower + raised * (meet - lids.lower)
    return np.asarray(upper, np.float32), np.asarray(lower, np.float32)


def fill(image: Floats, weight: Floats, unit: float) -> Floats:
    """Smooth continuation of `image` (h, w, 3) from where `weight` (h, w) is to where it is not."""
    weight = np.maximum(weight, 0.0).astype(np.float32)
    total = max(float(weight.sum()), 1e-6)
    result = np.broadcast_to((image * weight[..., None]).sum((0, 1)) / total, image.shape).astype(np.float32)
    for size in (0.4, 0.2, 0.1, 0.05, 0.025):
        blurred = cv2.GaussianBlur(weight, (0, 0), size * unit)
        local = cv2.GaussianBlur(image * weight[..., None], (0, 0), size * unit) / (blurred[..., None] + 1e-6)
        trust = np.clip(blurred / 0.15, 0.0, 1.0)[..., None]
        result += trust * (local - result)
    return result


def measure_lids(image: Floats, patch: Patch, edges: tuple[Floats, Floats], crease: Floats, brow: Floats) -> Lids:
    """Read the lids from `image` (rows, columns, 3); `edges` are (columns,) rows of the upper and lower lid."""
    upper, lower = edges
    unit = patch.width
    rows = np.arange(image.shape[0], dtype=np.float32)[:, None] + 0.5
    outside = np.maximum(upper - rows, rows - lower) / unit
    band = smoothstep((rows - brow) / (0.05 * unit)) * smoothstep((lower + 0.40 * unit - rows) / (0.1 * unit))
    weight = band * smoothstep((outside - 0.04) / 0.05)
    bright = image.mean(2)
    common = float(np.median(bright[weight > 0.5])) if (weight > 0.5).any() else 128.0
    weight *= smoothstep((bright / max(common, 1.0) - 0.3) / 0.2)  # not what lies behind the face
    clear = weight * smoothstep((np.maximum(upper - 0.08 * unit - rows, rows - lower) / unit - 0.06) / 0.06)
    typical = fill(image, clear + 1e-4 * weight, unit).mean(2)
    # Lashes and deep folds are not skin: trust what is not much darker than its surroundings.
    weight *= np.exp(-((np.maximum(typical - bright, 0.0) / (0.10 * typical + 2.0)) ** 2))
    skin = fill(image, weight + 1e-4 * band, unit)
    ratio = np.clip(bright / np.maximum(skin.mean(2), 1.0), 0.1, 1.0)
    smooth = cv2.GaussianBlur(image, (0, 0), 0.05 * unit)
    fine = np.clip(image - smooth, -7.0, 7.0)
    mirrored = lower + 0.13 * unit + np.abs((rows - lower) % (0.5 * unit) - 0.25 * unit) - 0.5
    columns = np.broadcast_to(np.arange(image.shape[1], dtype=np.float32), mirrored.shape)
    grain = cv2.remap(fine, columns, mirrored.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    rim = ratio[(np.abs(rows - upper) < 0.03 * unit) & (lower - upper > 0.1 * unit)]
    line = float(np.clip(np.percentile(rim, 30), 0.35, 0.75)) if len(rim) else 0.6
    return Lids(upper, lower, crease, brow, skin, np.asarray(grain, np.float32), ratio.astype(np.float32), line)


def paint_lids(lids: Lids, image: Floats, edges: tuple[Floats, Floats], unit: float) -> Floats:
    """The skin of both lids (rows, columns, 3) with their edges at `edges`; the opening itself is left as it falls."""
    upper, lower = edges
    rows = np.arange(image.shape[0], dtype=np.float32)[:, None] + 0.5
    fall = upper - lids.upper
    # Lashes reach beyond the corner, and sink with the lid.
    corner = 1.0 - smoothstep((lids.lower - lids.upper) / (0.1 * unit))
    fall = fall + corner * np.maximum(cv2.GaussianBlur(fall[None], (0, 0), 0.07 * unit)[0] - fall, 0.0)
    turn = np.clip(fall / lids.full_fall, 0.0, 1.0)
    down = _upper_map(lids, rows, fall, turn, unit)
    up = _lower_map(lids, rows, lower, unit)
    parting = 0.5 * (upper + lower)
    below = np.clip(rows - parting + 0.5, 0.0, 1.0)
    columns = np.broadcast_to(np.arange(image.shape[1], dtype=np.float32), down.shape)
    lid = cv2.remap(image, columns, down - 0.5, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    below_skin = cv2.remap(image, columns, up - 0.5, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    slope = np.diff(down, axis=0, append=down[-1:] + 1.0)
    thin = cv2.GaussianBlur(smoothstep((1.0 - slope) / 0.55) * turn, (0, 0), 0.02 * unit)[..., None]
    lid = lid + thin * (_fresh_skin(lids, rows, lids.upper + fall, turn) - lid)
    lid = lid + below[..., None] * (below_skin - lid)
    return _draw_lashes(lids, np.asarray(lid, np.float32), rows, upper, turn, unit)


def _knots(rows: Floats, to: list[Floats], start: list[Floats]) -> Floats:
    """Source row of each of `rows` (rows, 1): piecewise linear through (to[i], start[i]), slope 1 beyond."""
    result = start[0] + np.minimum(rows - to[0], 0.0)
    for k in range(len(to) - 1):
        length = np.maximum(to[k + 1] - to[k], 1e-3)
        result = result + np.minimum(np.maximum(rows - to[k], 0.0), length) * ((start[k + 1] - start[k]) / length)
    return np.asarray(result + np.maximum(rows - to[-1], 0.0), np.float32)


def _upper_map(lids: Lids, rows: Floats, fall: Floats, turn: Floats, unit: float) -> Floats:
    """Row of the source (rows, columns) for each of the upper lid: lashes foreshorten, lid unfolds below the crease."""
    band = np.minimum(0.07 * unit, 0.5 * (lids.upper - lids.crease))
    squeeze = 1.0 - 0.45 * turn
    to = [lids.brow, lids.crease + 0.15 * fall, lids.upper + fall - band * squeeze, lids.upper + fall]
    return _knots(rows, to, [lids.brow, lids.crease, lids.upper - band, lids.upper])


def _lower_map(lids: Lids, rows: Floats, lower: Floats, unit: float) -> Floats:
    """Row of the source (rows, columns) for each row of the lower lid."""
    fixed = lids.lower + 0.30 * unit
    return _knots(rows, [lower, lower + 0.05 * unit, fixed], [lids.lower, lids.lower + 0.05 * unit, fixed])


def _fresh_skin(lids: Lids, rows: Floats, upper: Floats, turn: Floats) -> Floats:
    """The unfolded lid (rows, columns, 3): skin over a ball, lighter in the middle, darker to crease and corners."""
    height = np.maximum(upper - lids.crease, 1.0)
    v = np.clip((rows - lids.crease) / height, 0.0, 1.0)
    bulge = 4.0 * v * (1.0 - v)
    ends = np.clip((lids.lower - lids.upper) / max(float((lids.lower - lids.upper).max()), 1.0), 0.0, 1.0)
    shade = 1.0 + turn * (0.10 * bulge * ends - 0.07)
    return np.asarray(lids.skin * shade[..., None] + lids.grain, np.float32)


def _draw_lashes(lids: Lids, lid: Floats, rows: Floats, upper: Floats, turn: Floats, unit: float) -> Floats:
    """Darken the closing line of `lid` (rows, columns, 3), and let the lashes turn downward with the lid."""
    distance = (rows - upper) / unit
    shut = smoothstep((turn - 0.2) / 0.8) * smoothstep((lids.lower - lids.upper) / (0.06 * unit))
    source = np.asarray(lids.upper - np.maximum(distance, 0.0) * unit / 0.75 - 0.5, np.float32)
    columns = np.broadcast_to(np.arange(lid.shape[1], dtype=np.float32), source.shape)
    lash = cv2.remap(lids.lash, columns, source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    reach = shut * smoothstep(distance / 0.01) * smoothstep((0.11 - distance) / 0.08)
    line = shut * np.exp(-((distance / 0.022) ** 2))
    dark = (1.0 - 0.75 * reach * (1.0 - lash)) * (1.0 - line * (1.0 - lids.line))
    return np.asarray(lid * dark[..., None], np.float32)
