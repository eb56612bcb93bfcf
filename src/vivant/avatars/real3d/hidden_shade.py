"""Shade in the hidden places of a head: its mesh knows a jaw and ears that the network's even colours do not show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.real3d.head_turning import pixels_at
from vivant.avatars.real3d.solid_head import SolidHead
from vivant.avatars.real3d.surface_net import evened, neighbour_means
from vivant.face.normals import even_directions, vertex_normals
from vivant.face.raster import rasterise

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

RIPPLES, NOISE, AROUND = 30, 5, 150
"""Rounds of `evened` that take away what the grid leaves on the surface, what single directions leave on its light, and
what the network's colours show anyway: about 1.5 centimetres wide, 0.6 and 3."""
DIRECTIONS = 40
"""From which light comes: all around, the more the higher, as from a sky."""
SIDE = 160
"""Rows and columns of the pictures that say what a direction sees."""
THICK = 0.5
"""Centimetres behind what a direction sees, from which on there is shadow."""
BOUNCED = np.float32(0.15)
"""Light that comes everywhere, where 1 is an open place under the sky."""
DARKEST, BRIGHTEST = 0.5, 1.5


def with_shade(head: SolidHead) -> SolidHead:
    """`head` whose own colours are darker where its shape lets less light in than around, and brighter where more."""
    mean = neighbour_means(head.triangles, len(head.points))
    light = skylight(evened(head.points, mean, RIPPLES), head.triangles) + BOUNCED
    here = evened(light, mean, NOISE)
    shade = np.clip(here / evened(here, mean, AROUND), DARKEST, BRIGHTEST)
    return replace(head, colour=np.clip(head.colour * shade[:, None], 0, 255).astype(np.float32))


def skylight(points: Floats, triangles: Ints) -> Floats:
    """Light (V,) of a sky at `points` (V, 3), y up, of a closed mesh: in the open 1 on what is upright, 5 / 3 on top.

    Its radiance is 1 + y, for y the height of a direction.
    """
    ways = even_directions(DIRECTIONS)
    weights = 1 + ways[:, 1]
    normals = vertex_normals(points, triangles)
    light = np.zeros(len(points), np.float32)
    for way, weight in zip(ways, weights / weights.sum(), strict=True):
        light += 4 * weight * np.maximum(normals @ way, 0) * seen_from(way, points, triangles)
    return light


def seen_from(way: Floats, points: Floats, triangles: Ints) -> Floats:
    """How far (V,) the far end of a `way` (3,) sees `points` (V, 3), 0..1."""
    across = np.cross(way, np.eye(3, dtype=np.float32)[np.argmin(np.abs(way))])
    across /= np.linalg.norm(across)
    turned = points @ np.stack([across, np.cross(way, across), way]).T
    low, high = turned[:, :2].min(0), turned[:, :2].max(0)
    placed = np.concatenate([(turned[:, :2] - low) * (SIDE / (high - low).max()), turned[:, 2:]], 1)
    empty = np.zeros((len(points), 0), np.float32)
    front = rasterise(placed, triangles, empty, SIDE, SIDE).depth
    front = np.maximum(front, turned[:, 2].min())
    behind = pixels_at(front[..., None], placed)[:, 0] - turned[:, 2]
    return np.asarray(np.clip(2 - behind / THICK, 0, 1), np.float32)
