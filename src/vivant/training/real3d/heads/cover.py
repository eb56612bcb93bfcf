"""The loops of what is seen from where, compiled by numba when they first run: pictures of depth, light at vertices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.nn.norm_kernels import compiled

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

SHADOW_SPAN = 30.0
"""Half the side of a map of shadow in cm."""


def _slope(across: Any, down: Any) -> Any:
    """How far an edge goes to the right for each row; 0 along a row."""
    return across / down if down != np.float32(0) else np.float32(0)


def _within(low: Any, high: Any, x: Any, rise: Any) -> tuple[Any, Any]:
    """What is left of the span of a row from `low` to `high`, on the inner side of an edge that crosses it at `x`."""
    if rise > np.float32(0):
        return low, min(high, x)
    if rise < np.float32(0):
        return max(low, x), high
    return low, high


slope = compiled(_slope)
within = compiled(_within)


def _cover(screen: Floats, triangles: Ints, depth: Floats, ids: Ints) -> None:
    """Depth (rows, columns) of the nearest triangle, larger is nearer, and its number, over what is there.

    `screen` (N, 3): x right, y down, depth, which is linear on the screen. Coverage is inclusive, so that there are no
    cracks. `ids` may have no elements: then only depth is drawn. As `face.raster`, but some ten times as fast on small
    triangles, since nothing is interpolated but depth, in single precision.
    """
    rows, columns = depth.shape
    numbered = ids.shape[0] > 0
    slack, half, one, zero = np.float32(1e-3), np.float32(0.5), np.float32(1), np.float32(0)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = screen[a, 0], screen[a, 1], screen[a, 2]
        bx, by, cx, cy = screen[b, 0] - ax, screen[b, 1] - ay, screen[c, 0] - ax, screen[c, 1] - ay
        top = max(0, int(np.ceil(ay + min(zero, by, cy) - half - slack)))
        bottom = min(rows - 1, int(np.floor(ay + max(zero, by, cy) - half + slack)))
        left, right = min(zero, bx, cx), max(zero, bx, cx)
        if bottom < top or ax + right < zero or ax + left > columns:
            continue
        area = bx * cy - cx * by
        if not abs(area) > np.float32(1e-7):
            continue
        inverse = one / area
        bz, cz = screen[b, 2] - az, screen[c, 2] - az
        z_x, z_y = (bz * cy - cz * by) * inverse, (cz * bx - bz * cx) * inverse
        # Each edge bounds x from one side at a given y: x >= y * slope + offset, or <=.
        sign = one if area > 0 else -one
        ey0, ey1, ey2 = by * sign, (cy - by) * sign, -cy * sign
        s0, s1, s2 = slope(bx, by), slope(cx - bx, cy - by), slope(cx, cy)
        for row in range(top, bottom + 1):
            y = row + half - ay
            low, high = within(left, right, y * s0, ey0)
            low, high = within(low, high, bx + (y - by) * s1, ey1)
            low, high = within(low, high, y * s2, ey2)
            first = max(0, int(np.ceil(low + ax - half - slack)))
            last = min(columns - 1, int(np.floor(high + ax - half + slack)))
            z = az + z_y * y + z_x * (first + half - ax)
            for column in range(first, last + 1):
                if z > depth[row, column]:
                    depth[row, column] = z
                    if numbered:
                        ids[row, column] = t
                z += z_x


cover = compiled(_cover)


def _along(points: Floats, axes: Floats, scale: Any, out: Floats) -> None:
    """`points` (N, 3) on a map seen along the third of `axes` (3, 3): column, row, height towards the viewer."""
    for n in range(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        for k in range(3):
            out[n, k] = axes[k, 0] * x + axes[k, 1] * y + axes[k, 2] * z
        out[n, 0] = (out[n, 0] + np.float32(SHADOW_SPAN)) * scale
        out[n, 1] = (out[n, 1] + np.float32(SHADOW_SPAN)) * scale


along = compiled(_along)


def _mix(base: Floats, factor: Floats, offset: Floats, share: Floats) -> None:
    """`base` (H, W, 3) towards `base * factor + offset` by `share` (H, W), cut to 0..1; in place."""
    for row in range(base.shape[0]):
        for column in range(base.shape[1]):
            part = min(max(share[row, column], np.float32(0)), np.float32(1))
            if part > 0:
                for k in range(3):
                    value = base[row, column, k]
                    base[row, column, k] = value + (value * factor[k] + offset[k] - value) * part


mix = compiled(_mix)


def _bake(points: Floats, normals: Floats, depth: Floats, axes: Floats, radiance: Floats, out: Floats) -> None:
    """Add to `out` (N, 4) the light of one direction at every point, and the share of it that was open.

    `depth` is the shadow map along `axes` (3, 3), `radiance` (3,) what comes from there.
    """
    size = depth.shape[0]
    scale = np.float32(size / (2 * SHADOW_SPAN))
    for n in range(points.shape[0]):
        facing = normals[n, 0] * axes[2, 0] + normals[n, 1] * axes[2, 1] + normals[n, 2] * axes[2, 2]
        if facing <= 0:
            continue
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        u = (axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z + np.float32(SHADOW_SPAN)) * scale
        v = (axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z + np.float32(SHADOW_SPAN)) * scale
        deep = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z + np.float32(0.5)
        column, row = int(u), int(v)
        inside = 0 <= column < size and 0 <= row < size
        # What is just behind something is half in its shadow.
        share = np.float32(1)
        if inside:
            share = min(max(deep - depth[row, column] + np.float32(0.5), np.float32(0)), np.float32(1))
        for k in range(3):
            out[n, k] += radiance[k] * facing * share
        out[n, 3] += facing * share


bake = compiled(_bake)
