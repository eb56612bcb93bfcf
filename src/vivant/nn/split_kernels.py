"""Loops of `vivant.nn.split_conv`, compiled by numba when they first run; the machine code is kept on disk.

Rows are places, columns channels. A bfloat16 is given as its bits in a uint16. Indices are unsigned where they are
sums: numba would check signed ones for negative numbers, and then go number by number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.nn.norm_kernels import TOGETHER, Bytes, Doubles, Floats, compiled

Halves = NDArray[np.uint16]

BYTE, MIDDLE = np.float32(1 / 256), np.int32(128)
HIGHEST = np.float32(127)
TURN, STEEP, EXPONENT = np.float32(-1.4426950408889634), np.float32(126), np.int32(127)
"""A power of e as one of 2; largest exponent; what stands for the exponent 0."""
P1, P2, P3, P4, P5, P6 = (
    np.float32(c) for c in (0.69314718, 0.24022651, 0.055504109, 0.0096181291, 0.0013333558, 0.00015403530)
)
"""2 to the power of t in -1/2..1/2, by its series."""
ONE = np.float32(1)


def _widened(bits: Any) -> Any:
    return np.uint32(np.uint32(bits) << np.uint32(16)).view(np.float32)


def _silu(value: Any) -> Any:
    power = min(max(TURN * value, -STEEP), STEEP)
    whole = np.rint(power)
    t = power - whole
    fraction = ONE + t * (P1 + t * (P2 + t * (P3 + t * (P4 + t * (P5 + t * P6)))))
    scale = np.uint32(np.uint32(np.int32(whole) + EXPONENT) << np.uint32(23)).view(np.float32)
    return value / (ONE + fraction * scale)


widened, silu = compiled(_widened), compiled(_silu)


def _join(
    main: Floats, small: Halves | None, more: Floats | None, leak: Any, about: Floats, sums: Doubles, ends: Floats
) -> None:
    """Add `small` and `more` (P, C), where there are any, to `main`, and say of each column what is in it.

    Leaky ReLU of slope `leak`, unless that is None, comes between.

    `sums` (2, C) grow by the sum and the sum of squares of the column less `about` (C,), and `ends` (2, C) hold its
    least and its most number.
    """
    count, channels = main.shape
    one, two = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
    least, most = ends[0], ends[1]
    for start in range(0, count, TOGETHER):
        for row in range(start, min(start + TOGETHER, count)):
            for c in range(channels):
                value = main[row, c]
                if small is not None:
                    value += widened(small[row, c])
                if more is not None:
                    value += more[row, c]
                if leak is not None:
                    value = max(value, leak * value)
                if small is not None or more is not None or leak is not None:
                    main[row, c] = value
                least[c] = min(least[c], value)
                most[c] = max(most[c], value)
                value -= about[c]
                one[c] += value
                two[c] += value * value
        for c in range(channels):
            sums[0, c] += one[c]
            sums[1, c] += two[c]
            one[c] = two[c] = 0


def _weave(main: Floats, small: Halves, out: Floats, first: int, last: int) -> None:
    """`main` plus `small` (H + 1, W + 1, 4, C) to `out` (H, 2, W, 2, C), rows `first` to `last`: each pixel four times.

    Of the four kinds the last three are taken one column, one row, and both later.
    """
    channels, columns = out.shape[4], out.shape[2]
    for row in range(first, last):
        for down in range(2):
            for column in range(columns):
                for right in range(2):
                    kind = 2 * down + right
                    one, two = main[row + down, column + right, kind], small[row + down, column + right, kind]
                    to = out[row, down, column, right]
                    for c in range(channels):
                        to[c] = one[c] + widened(two[c])


def _cut(
    rows: Floats,
    gains: Floats | None,
    scale: Floats,
    offset: Floats,
    leak: Any,
    per_step: Any,
    place: Any,
    high: Bytes,
    both: Bytes,
) -> None:
    """`rows` (P, C) times `scale` plus `offset` (C,), then leaky ReLU of slope `leak` (None: SiLU), as bytes.

    Each row is then multiplied by its number of `gains` (P,), if there are any.

    The result times `per_step` is 256 h + l; h plus 128 goes to `high` (P, W), l and h plus 128 to the halves of `both`
    (P, 2 W), all from column `place` on.
    """
    channels, whole = np.uint64(rows.shape[1]), np.uint64(high.shape[1])
    steps = np.empty(rows.shape[1], np.float32)
    highs, boths = high.reshape(-1), both.reshape(-1)
    for row in range(rows.shape[0]):
        gain = per_step
        if gains is not None:
            gain *= gains[row]
        for c in range(rows.shape[1]):
            value = rows[row, c] * scale[c] + offset[c]
            if leak is None:
                steps[c] = silu(value) * gain
            else:
                steps[c] = max(value, leak * value) * gain
        top = np.uint64(row) * whole + np.uint64(place)
        low = top + np.uint64(row) * whole
        for c in range(channels):
            upper = np.rint(steps[c] * BYTE)
            lower = min(np.rint(steps[c] - upper * np.float32(256)), HIGHEST)
            highs[top + c] = np.uint8(np.int32(upper) + MIDDLE)
            boths[low + c] = np.uint8(np.int32(lower) + MIDDLE)
        for c in range(channels):
            boths[low + whole + c] = highs[top + c]


join = compiled(_join)
weave = compiled(_weave)
cut = compiled(_cut)
