"""Hair as strands: ribbons of a few segments that grow from the skin, follow a comb, fall, and keep off the head.

Lengths are centimetres of the head frame. A strand keeps the place of its root on the skin, and moves with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.face.raster import rasterise
from vivant.training.real3d.heads.mesh import HAIR, Mesh

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

MAP_ROWS, MAP_COLUMNS = 96, 192


@dataclass(frozen=True)
class Roots:
    """Places on triangles of the skin."""

    corners: Ints
    """(S, 3) vertices of the model."""
    weights: Floats
    """(S, 3) sum to 1."""

    def on(self, points: Floats) -> Floats:
        """Where they are (S, 3) on a head with `points` (N, 3); also other values of vertices."""
        return np.asarray(np.einsum("sk,skc->sc", self.weights, points[self.corners]), np.float32)

    def part(self, which: NDArray[np.bool_]) -> Roots:
        """Some of them, where `which` (N,) says so."""
        return Roots(self.corners[which], self.weights[which])


@dataclass(frozen=True)
class Strands:
    """Ribbons of K points."""

    roots: Roots
    start: Floats
    """(S, 3) cm, the roots on the person at rest."""
    points: Floats
    """(S, K, 3) cm."""
    width: Floats
    """(S,) cm, at the root."""
    colour: Floats
    """(S, K, 3) linear albedo."""
    outward: Floats
    """(S, K, 3) unit, away from the head."""
    kind: int
    """Class of the maps."""

    def mesh(self, posed: Floats) -> Mesh:
        """The ribbons on a head with `posed` points (26719, 3)."""
        moved = self.points + (self.roots.on(posed) - self.start)[:, None]
        count, many = moved.shape[:2]
        way = np.gradient(moved, axis=1)
        way /= np.linalg.norm(way, axis=2, keepdims=True) + 1e-9
        side = np.cross(way, self.outward)
        side /= np.linalg.norm(side, axis=2, keepdims=True) + 1e-9
        taper = 1 - 0.75 * np.linspace(0, 1, many) ** 2
        half = side * (0.5 * self.width[:, None, None] * taper[:, None])
        both = np.stack([moved - half, moved + half], 2).reshape(-1, 3).astype(np.float32)
        # The two borders lean apart, so that a ribbon is shaded as if it were round.
        lean = np.stack([self.outward - 0.6 * side, self.outward + 0.6 * side], 2).reshape(-1, 3)
        lean /= np.linalg.norm(lean, axis=1, keepdims=True)
        step = np.arange(many - 1, dtype=np.int32) * 2
        one = np.concatenate([step[:, None] + [0, 1, 2], step[:, None] + [1, 3, 2]])
        triangles = (one[None] + np.arange(count, dtype=np.int32)[:, None, None] * 2 * many).reshape(-1, 3)
        twice = np.repeat(np.stack([self.colour, way], 2).reshape(-1, 2, 3), 2, 0)
        return Mesh(
            both,
            triangles.astype(np.int32),
            both,
            np.ascontiguousarray(twice[:, 0], np.float32),
            np.ascontiguousarray(twice[:, 1], np.float32),
            lean.astype(np.float32),
            np.full(len(triangles), HAIR, np.int32),
            np.full(len(triangles), self.kind, np.int32),
        )


@dataclass(frozen=True)
class Solid:
    """How far a body reaches from a middle in every direction; hair stays outside."""

    middle: Floats
    reach: Floats
    """(96, 192) cm by height of the direction, from straight down, and by its angle around the upright axis."""

    def push(self, points: Floats, clearance: Floats) -> Floats:
        """`points` (S, 3), moved away from the middle until `clearance` (S,) cm off the surface."""
        away = points - self.middle
        far = np.linalg.norm(away, axis=1) + 1e-6
        least = self.at(away) + clearance
        return np.asarray(self.middle + away * np.maximum(1, least / far)[:, None], np.float32)

    def at(self, ways: Floats) -> Floats:
        """Reach (S,) in the directions of `ways` (S, 3), of any length."""
        row, column = _cells(ways)
        top, left = row.astype(int), column.astype(int)
        fy, fx = row - top, column - left
        below, right = np.minimum(top + 1, MAP_ROWS - 1), (left + 1) % MAP_COLUMNS
        upper = self.reach[top, left] * (1 - fx) + self.reach[top, right] * fx
        return np.asarray(upper * (1 - fy) + (self.reach[below, left] * (1 - fx) + self.reach[below, right] * fx) * fy)


def solid_of(points: Floats, triangles: Ints, middle: Floats) -> Solid:
    """The body of `triangles` (T, 3) around `middle` (3,), by drawing them on a sheet of directions."""
    ways = points - middle
    row, column = _cells(ways)
    sheet = np.stack([column + 0.5, row + 0.5, np.linalg.norm(ways, axis=1)], 1).astype(np.float32)
    corners = sheet[triangles]
    # A triangle across the seam is drawn on both sides.
    wide = np.ptp(corners[..., 0], 1) > MAP_COLUMNS / 2
    right = corners[wide].copy()
    right[..., 0] += np.where(right[..., 0] < MAP_COLUMNS / 2, MAP_COLUMNS, 0)
    left = right.copy()
    left[..., 0] -= MAP_COLUMNS
    every = np.concatenate([corners[~wide], left, right]).reshape(-1, 3)
    numbers = np.arange(len(every), dtype=np.int32).reshape(-1, 3)
    depth = rasterise(every, numbers, np.zeros((len(every), 0), np.float32), MAP_ROWS, MAP_COLUMNS).depth
    return Solid(np.asarray(middle, np.float32), np.maximum(depth, 0))


def _cells(ways: Floats) -> tuple[Floats, Floats]:
    """Row and column of directions (S, 3) on the sheet of a `Solid`."""
    height = np.arctan2(ways[:, 1], np.hypot(ways[:, 0], ways[:, 2])) / np.pi + 0.5
    around = np.arctan2(ways[:, 0], ways[:, 2]) / (2 * np.pi) + 0.5
    row = np.clip(height * MAP_ROWS - 0.5, 0, MAP_ROWS - 1)
    return row.astype(np.float32), np.mod(around * MAP_COLUMNS, MAP_COLUMNS).astype(np.float32)


def scatter(points: Floats, triangles: Ints, share: Floats, count: int, rng: np.random.Generator) -> Roots:
    """`count` random places on `triangles` of `points`, as dense as `share` (N,) of the vertices says."""
    corners = points[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    chance = area * share[triangles].mean(1)
    if not chance.sum() > 0:
        return Roots(np.zeros((0, 3), np.int32), np.zeros((0, 3), np.float32))
    chosen = triangles[rng.choice(len(triangles), count, p=chance / chance.sum())]
    u, v = rng.random((2, count))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    return Roots(chosen, np.stack([1 - u - v, u, v], 1).astype(np.float32))


def shades(base: Floats, many: int, segments: int, vary: float, rng: np.random.Generator) -> Floats:
    """Colours (many, segments, 3) around `base` (3,): strands differ, roots are darker than tips."""
    strand = np.exp(rng.normal(0, vary, (many, 1, 1))) * np.exp(rng.normal(0, 0.06, (many, 1, 3)))
    along = np.linspace(0.72, 1.12, segments)[None, :, None]
    return np.asarray(np.clip(base * strand * along, 0.002, 0.9), np.float32)
