"""Shade in the hidden places of a head: its mesh knows a jaw and ears that the network's even colours do not show."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.real3d.ears import Ears
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
BOUNCED = np.float32(0.15)
"""Light that comes everywhere, where 1 is an open place under the sky."""
DARKEST, BRIGHTEST = 0.5, 1.5


@dataclass(frozen=True)
class Sky:
    """Light that comes from all around, the more the higher."""

    ahead: float = 0.0
    """How much more comes from before the face; in the middle between before and behind it counts 1."""
    directions: int = 40
    side: int = 160
    """Rows and columns of the pictures that say what a direction sees."""
    thick: float = 0.5
    """Centimetres behind what a direction sees, from which on there is shadow."""


def with_shade(head: SolidHead, ears: Ears | None = None) -> SolidHead:
    """`head` whose own colours are darker where its shape lets less light in than around, and brighter where more.

    Where `ears` are, it is their light instead.
    """
    mean = neighbour_means(head.triangles, len(head.points))
    light = skylight(evened(head.points, mean, RIPPLES), head.triangles) + BOUNCED
    here = evened(light, mean, NOISE)
    shade = np.clip(here / evened(here, mean, AROUND), DARKEST, BRIGHTEST)
    if ears is not None:
        shade = shade + ears.share * (ears.light - shade)
    return replace(head, colour=np.clip(head.colour * shade[:, None], 0, 255).astype(np.float32))


def skylight(points: Floats, triangles: Ints, sky: Sky = Sky()) -> Floats:
    """Light (V,) of a `sky` at `points` (V, 3), y up, of a closed mesh.

    Its radiance is 1 + y + `ahead` * z, for a direction (x, y, z); with `ahead` 0, light in the open is 1 on what is
    upright and 5 / 3 on top.
    """
    ways = even_directions(sky.directions)
    weights = np.maximum(1 + ways[:, 1] + sky.ahead * ways[:, 2], 0)
    normals = vertex_normals(points, triangles)
    light = np.zeros(len(points), np.float32)
    for way, weight in zip(ways, weights / weights.sum(), strict=True):
        light += 4 * weight * np.maximum(normals @ way, 0) * seen_from(way, points, triangles, sky)
    return light


def seen_from(way: Floats, points: Floats, triangles: Ints, sky: Sky) -> Floats:
    """How far (V,) the far end of a `way` (3,) of the `sky` sees `points` (V, 3), 0..1."""
    across = np.cross(way, np.eye(3, dtype=np.float32)[np.argmin(np.abs(way))])
    across /= np.linalg.norm(across)
    turned = points @ np.stack([across, np.cross(way, across), way]).T
    low, high = turned[:, :2].min(0), turned[:, :2].max(0)
    placed = np.concatenate([(turned[:, :2] - low) * (sky.side / (high - low).max()), turned[:, 2:]], 1)
    empty = np.zeros((len(points), 0), np.float32)
    front = rasterise(placed, triangles, empty, sky.side, sky.side).depth
    front = np.maximum(front, turned[:, 2].min())
    behind = pixels_at(front[..., None], placed)[:, 0] - turned[:, 2]
    return np.asarray(np.clip(2 - behind / sky.thick, 0, 1), np.float32)
