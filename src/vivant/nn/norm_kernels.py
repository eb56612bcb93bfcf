"""Loops of `vivant.nn.norm`, compiled by numba when they first run; the machine code is kept on disk.

Rows are places, columns channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Bytes = NDArray[np.uint8]

TOGETHER = 64
"""Rows that are added up in single precision before the sum goes to double precision."""


def compiled(function: Callable[..., Any]) -> Any:
    """`function` as machine code that runs beside other threads."""
    return njit(cache=True, nogil=True, boundscheck=False, fastmath=True, error_model="numpy")(function)


def _sums(rows: Floats, about: Floats, sums: Doubles, squares: Doubles) -> None:
    """Add sum and sum of squares of each column of `rows` (P, C), less `about` (C,), to `sums` and `squares` (C,).

    The squares lose no digits if `about` is somewhere near the column's numbers.
    """
    count, channels = rows.shape
    one, two = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
    for start in range(0, count, TOGETHER):
        for row in range(start, min(start + TOGETHER, count)):
            for c in range(channels):
                value = rows[row, c] - about[c]
                one[c] += value
                two[c] += value * value
        for c in range(channels):
            sums[c] += one[c]
            squares[c] += two[c]
            one[c] = two[c] = 0


def _scale(rows: Floats, scale: Floats, offset: Floats, leak: Any, out: Floats) -> None:
    """`rows` (P, C) times `scale` plus `offset` (C,), then leaky ReLU of slope `leak` in 0..1, to `out` elsewhere."""
    for row in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            value = rows[row, c] * scale[c] + offset[c]
            out[row, c] = max(value, leak * value)


def _scale_here(rows: Floats, scale: Floats, offset: Floats, leak: Any) -> None:
    """The same in place; a loop that may write where it still has to read would go number by number."""
    for row in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            value = rows[row, c] * scale[c] + offset[c]
            rows[row, c] = max(value, leak * value)


sums = compiled(_sums)
scale = compiled(_scale)
scale_here = compiled(_scale_here)
