"""A small triangle rasteriser with a depth buffer, compiled by numba.

    points      (N, 3) float32: x right and y down in pixels (pixel centres at half integers), z larger is nearer
    triangles   (T, 3) int32, either winding unless they are said to close a mesh
    values      (N, C) float32, interpolated linearly over each triangle (exact under orthography)

Coverage is inclusive: a pixel whose centre lies on a shared edge belongs to both triangles, so a closed mesh has no
cracks, and the depth test decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

FAR = np.float32(-1e9)
"""Depth of a pixel that no triangle covers."""


@dataclass(frozen=True)
class Raster:
    """What `rasterise` draws."""

    values: Floats
    """(rows, columns, C); zero where nothing was drawn, unless a start raster was given."""
    depth: Floats
    """(rows, columns) z of the nearest triangle, `FAR` where there is none."""

    @property
    def covered(self) -> NDArray[np.bool_]:
        """(rows, columns) True where a triangle was drawn."""
        return np.asarray(self.depth > FAR)


def rasterise(points: Floats, triangles: Ints, values: Floats, rows: int, columns: int) -> Raster:
    """Draw triangles (T, 3) over an empty raster (rows, columns); see the head of this file for the arguments."""
    raster = Raster(np.zeros((rows, columns, values.shape[1]), np.float32), np.full((rows, columns), FAR, np.float32))
    draw_into(raster, points, triangles, values)
    return raster


def draw_into(
    raster: Raster, points: Floats, triangles: Ints, values: Floats, *, first: int = 0, closed: bool = False
) -> None:
    """Draw `triangles` (T, 3) into `raster` in place, nearer ones over farther ones.

    The raster's rows are those from `first` on. Of a `closed` mesh, whose triangles are counter-clockwise seen from
    outside, the far side is left out.
    """
    _kernel()(
        np.ascontiguousarray(points, np.float32),
        np.ascontiguousarray(triangles, np.int32),
        np.ascontiguousarray(values, np.float32),
        raster.values,
        raster.depth,
        first,
        0.0 if closed else 1.0,
    )


@cache
def _kernel() -> Any:
    """The compiled loop; numba keeps the machine code on disk between runs."""
    from numba import njit

    return njit(cache=True, nogil=True, fastmath=True, boundscheck=False)(_draw)


def _draw(
    points: Floats, triangles: Ints, values: Floats, out: Floats, depth: Floats, first: int, far_side: float
) -> None:
    """Draw `triangles` (T, 3) of `points` (V, 3) with `values` (V, C) into `out` (H, W, C) and `depth` (H, W).

    Those are rows from `first` on. `far_side` is 1, or 0 if only triangles counter-clockwise as seen are drawn.
    """
    rows, columns = depth.shape
    channels = values.shape[1]
    value = np.empty(channels, np.float32)
    step = np.empty(channels, np.float32)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = (points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1])
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if not max(-area, far_side * area) > 1e-9:  # y goes down
            continue
        top = max(first, int(np.ceil(min(ay, by, cy) - 0.5)))
        bottom = min(first + rows - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        # Barycentric weights of b and c are linear in x and y: w = w0 + x * dx + y * dy.
        b_dx, b_dy = (cy - ay) / area, (ax - cx) / area
        c_dx, c_dy = (ay - by) / area, (bx - ax) / area
        for row in range(top, bottom + 1):
            y = row + 0.5 - ay
            low, high = min(ax, bx, cx) - ax, max(ax, bx, cx) - ax
            # Cut the span by each of the three conditions w >= 0, with a hair of slack for shared edges.
            for k in range(3):
                if k == 0:
                    slope, offset = b_dx, b_dy * y
                elif k == 1:
                    slope, offset = c_dx, c_dy * y
                else:
                    slope, offset = -(b_dx + c_dx), 1.0 - (b_dy + c_dy) * y
                if slope > 1e-12:
                    low = max(low, (-1e-5 - offset) / slope)
                elif slope < -1e-12:
                    high = min(high, (-1e-5 - offset) / slope)
                elif offset < -1e-5:
                    high = low - 2.0
            left = max(0, int(np.ceil(low + ax - 0.5)))
            last = min(columns - 1, int(np.floor(high + ax - 0.5)))
            if last < left:
                continue
            x = left + 0.5 - ax
            wb, wc = b_dx * x + b_dy * y, c_dx * x + c_dy * y
            z = points[a, 2] + wb * (points[b, 2] - points[a, 2]) + wc * (points[c, 2] - points[a, 2])
            z_step = b_dx * (points[b, 2] - points[a, 2]) + c_dx * (points[c, 2] - points[a, 2])
            for k in range(channels):
                to_b, to_c = values[b, k] - values[a, k], values[c, k] - values[a, k]
                value[k] = values[a, k] + wb * to_b + wc * to_c
                step[k] = b_dx * to_b + c_dx * to_c
            for column in range(left, last + 1):
                n = column - left
                here = z + n * z_step
                if here > depth[row - first, column]:
                    depth[row - first, column] = here
                    for k in range(channels):
                        out[row - first, column, k] = value[k] + n * step[k]
