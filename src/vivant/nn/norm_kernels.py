"""Loops of `vivant.nn.norm`, compiled by numba when they first run; the machine code is kept on disk.

Rows are places, columns channels. A bfloat16 is given as its bits in a uint16.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Halves = NDArray[np.uint16]
Doubles = NDArray[np.float64]
Bytes = NDArray[np.uint8]

TOGETHER = 64
"""Rows that are added up in single precision before the sum goes to double precision."""


def compiled(function: Callable[..., Any]) -> Any:
    """`function` as machine code that runs beside other threads."""
    return njit(cache=True, nogil=True, boundscheck=False, fastmath=True)(function)


def _widened(bits: Any) -> Any:
    return np.uint32(np.uint32(bits) << np.uint32(16)).view(np.float32)


def _halved(value: Any) -> Any:
    bits = np.float32(value).view(np.uint32)
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    return np.uint16(np.uint32(bits + np.uint32(0x7FFF) + odd) >> np.uint32(16))


widened, halved = compiled(_widened), compiled(_halved)


def _sums(rows: Floats, about: Floats, sums: Doubles, squares: Doubles) -> None:
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


def _sums_half(rows: Halves, about: Floats, sums: Doubles, squares: Doubles) -> None:
    count, channels = rows.shape
    one, two = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
    for start in range(0, count, TOGETHER):
        for row in range(start, min(start + TOGETHER, count)):
            for c in range(channels):
                value = widened(rows[row, c]) - about[c]
                one[c] += value
                two[c] += value * value
        for c in range(channels):
            sums[c] += one[c]
            squares[c] += two[c]
            one[c] = two[c] = 0


def _scale(rows: Floats, scale: Floats, offset: Floats, leak: Any, out: Floats) -> None:
    for row in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            value = rows[row, c] * scale[c] + offset[c]
            out[row, c] = max(value, leak * value)


def _scale_half(rows: Halves, scale: Floats, offset: Floats, leak: Any, out: Halves) -> None:
    for row in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            value = widened(rows[row, c]) * scale[c] + offset[c]
            out[row, c] = halved(max(value, leak * value))


def _scale_here(rows: Floats, scale: Floats, offset: Floats, leak: Any) -> None:
    for row in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            value = rows[row, c] * scale[c] + offset[c]
            rows[row, c] = max(value, leak * value)


def _scale_half_here(rows: Halves, scale: Floats, offset: Floats, leak: Any) -> None:
    for row in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            value = widened(rows[row, c]) * scale[c] + offset[c]
            rows[row, c] = halved(max(value, leak * value))


def _largest(rows: Floats, most: Floats) -> None:
    found = np.float32(0)
    for row in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            found = max(found, abs(rows[row, c]))
    most[0] = found


def _split(rows: Floats, per_step: Any, high: Bytes, both: Bytes) -> None:
    channels = rows.shape[1]
    for row in range(rows.shape[0]):
        for c in range(channels):
            steps = rows[row, c] * per_step
            upper = np.rint(steps * np.float32(1 / 256))
            lower = min(np.rint(steps - upper * np.float32(256)), np.float32(127))
            high[row, c] = np.uint8(np.int32(upper) + 128)
            both[row, c] = np.uint8(np.int32(lower) + 128)
        for c in range(channels):
            both[row, channels + c] = high[row, c]


sums, sums_half = compiled(_sums), compiled(_sums_half)
"""Add the sum and the sum of squares of each column of `rows` (P, C), less `about` (C,), to `sums` and `squares` (C,).

The squares lose no digits if `about` is somewhere near the column's numbers.
"""
scale, scale_half = compiled(_scale), compiled(_scale_half)
"""`rows` (P, C) times `scale` plus `offset` (C,), then leaky ReLU of slope `leak` in 0..1, to `out` elsewhere."""
scale_here, scale_half_here = compiled(_scale_here), compiled(_scale_half_here)
"""The same in place; a loop that may write where it still has to read would go number by number."""
largest = compiled(_largest)
"""The largest size of a number in `rows` (P, C), to `most` (1,)."""
split = compiled(_split)
"""`rows` (P, C) times `per_step` as 256 h + l, plus 128 each: h to `high` (P, C), l then h to `both` (P, 2 C)."""
