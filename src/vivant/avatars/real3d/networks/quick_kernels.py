"""Loops of the quick torso networks, compiled by numba when they first run; the machine code is kept on disk.

Rows are places, columns channels; a bfloat16 is given as its bits in a uint16. Indices are unsigned where they are
sums: numba would check signed ones for negative numbers, and then go number by number.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vivant.nn.norm_kernels import Floats, compiled
from vivant.nn.split_kernels import widened

ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)


def _sample(volume: Floats, places: Floats, border: bool, out: Floats) -> None:
    """`volume` (D, H, W, C) at `places` (P, 3), -1..1 corner to corner, to `out` (P, C); beyond is `border` or 0."""
    depth, height, width, channels = volume.shape
    flat = volume.reshape(-1)
    for row in range(places.shape[0]):
        x = (places[row, 0] + ONE) * HALF * np.float32(width - 1)
        y = (places[row, 1] + ONE) * HALF * np.float32(height - 1)
        z = (places[row, 2] + ONE) * HALF * np.float32(depth - 1)
        if border:
            x = min(max(x, ZERO), np.float32(width - 1))
            y = min(max(y, ZERO), np.float32(height - 1))
            z = min(max(z, ZERO), np.float32(depth - 1))
        left, top, front = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        right, down, deep = x - np.float32(left), y - np.float32(top), z - np.float32(front)
        for c in range(channels):
            out[row, c] = ZERO
        for corner in range(8):
            i, j, k = front + (corner >> 2), top + ((corner >> 1) & 1), left + (corner & 1)
            if i < 0 or j < 0 or k < 0 or i >= depth or j >= height or k >= width:
                continue
            part = (deep if corner >> 2 else ONE - deep) * (down if (corner >> 1) & 1 else ONE - down)
            part *= right if corner & 1 else ONE - right
            start = np.uint64(((i * height + j) * width + k) * channels)
            for c in range(channels):
                out[row, c] += part * flat[start + np.uint64(c)]


def _project(rows: Any, weight: Floats, out: Floats) -> None:
    """The products of `rows` (P, C) with `weight` (3, C), to `out` (3, P)."""
    for row in range(rows.shape[0]):
        red, green, blue = ZERO, ZERO, ZERO
        for c in range(rows.shape[1]):
            value = rows[row, c]
            red += value * weight[0, c]
            green += value * weight[1, c]
            blue += value * weight[2, c]
        out[0, row], out[1, row], out[2, row] = red, green, blue


def _project_halves(rows: Any, weight: Floats, out: Floats) -> None:
    """The same for bfloat16, `rows` (N, C) of its bits."""
    for row in range(rows.shape[0]):
        red, green, blue = ZERO, ZERO, ZERO
        for c in range(rows.shape[1]):
            value = widened(rows[row, c])
            red += value * weight[0, c]
            green += value * weight[1, c]
            blue += value * weight[2, c]
        out[0, row], out[1, row], out[2, row] = red, green, blue


sample = compiled(_sample)
project = compiled(_project)
project_halves = compiled(_project_halves)
