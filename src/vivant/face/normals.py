"""Normals of triangle meshes."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


def vertex_normals(points: Floats, triangles: Ints) -> Floats:
    """Unit normals (N, 3) at `points` (N, 3): the mean of the triangles around each, weighted by area.

    Zero where no triangle ends.
    """
    normals = np.zeros(points.shape, np.float32)
    _kernel()(points, triangles, normals)
    return normals


@cache
def _kernel() -> Any:
    from numba import njit

    return njit(cache=True, nogil=True, fastmath=True)(_normals)


def _normals(points: Floats, triangles: Ints, out: Floats) -> None:
    """Unit normals of `points` (V, 3) with `triangles` (T, 3), into `out` (V, 3) of zeros."""
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            out[k, 0] += x
            out[k, 1] += y
            out[k, 2] += z
    for n in range(out.shape[0]):
        length = np.sqrt(out[n, 0] ** 2 + out[n, 1] ** 2 + out[n, 2] ** 2) + np.float32(1e-12)
        for k in range(3):
            out[n, k] /= length


def even_directions(count: int) -> Floats:
    """Evenly spread unit vectors (N, 3): a spiral over the sphere by the golden angle."""
    number = np.arange(count) + 0.5
    height, turn = 1 - 2 * number / count, number * np.pi * (3 - np.sqrt(5))
    wide = np.sqrt(1 - height**2)
    return np.asarray(np.stack([wide * np.cos(turn), height, wide * np.sin(turn)], 1), np.float32)
