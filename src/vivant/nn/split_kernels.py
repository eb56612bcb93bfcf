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
P1, P2, P3, P4, P5 = (np.float32(c) for c in (0.69314718, 0.24022651, 0.055504109, 0.0096181291, 0.0013333558))
"""2 to the power of t in -1/2..1/2, by its series; 3e-6 are left out, a fifth of what the bytes round."""
ONE, QUARTER = np.float32(1), np.float32(0.25)


def _widened(bits: Any) -> Any:
    return np.uint32(np.uint32(bits) << np.uint32(16)).view(np.float32)


def _silu(value: Any) -> Any:
    power = min(max(TURN * value, -STEEP), STEEP)
    whole = np.rint(power)
    t = power - whole
    fraction = ONE + t * (P1 + t * (P2 + t * (P3 + t * (P4 + t * P5))))
    scale = np.uint32(np.uint32(np.int32(whole) + EXPONENT) << np.uint32(23)).view(np.float32)
    return value / (ONE + fraction * scale)


widened, silu = compiled(_widened), compiled(_silu)


def _join(
    main: Floats, small: Halves | None, more: Floats | None, leak: Any, sums: Doubles, ends: Floats, out: Floats | None
) -> None:
    """`main` plus `small` and `more` (P, C), where there are any, to `out`, where there is one, or to `main`.

    Leaky ReLU of slope `leak`, unless that is None, comes between. `sums` (2, C) grow by the sum and the sum of squares
    of each column, and `ends` (2, C), its least and its most number, by what is less and more.
    """
    count, channels = main.shape
    about = main[0].copy()
    one, two = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
    least, most = ends[0], ends[1]
    for start in range(0, count, TOGETHER):
        stop = min(start + TOGETHER, count)
        for row in range(start, stop):
            for c in range(channels):
                value = main[row, c]
                if small is not None:
                    value += widened(small[row, c])
                if more is not None:
                    value += more[row, c]
                if leak is not None:
                    value = max(value, leak * value)
                if out is not None:
                    out[row, c] = value
                elif small is not None or more is not None or leak is not None:
                    main[row, c] = value
                least[c] = min(least[c], value)
                most[c] = max(most[c], value)
                value -= about[c]
                one[c] += value
                two[c] += value * value
        for c in range(channels):
            # Single precision loses no digits of squares about a number near them, nor double about zero.
            middle, total = np.float64(about[c]), np.float64(one[c])
            sums[0, c] += total + (stop - start) * middle
            sums[1, c] += np.float64(two[c]) + middle * (2 * total + (stop - start) * middle)
            one[c] = two[c] = 0


def _weave(main: Floats, small: Halves, out: Floats) -> None:
    """`main` plus `small` (H + 1, W + 1, 4, C) to `out` (H, 2, W, 2, C): each pixel four times.

    Of the four kinds the last three are taken one column, one row, and both later.
    """
    rows, channels, columns = out.shape[0], out.shape[4], out.shape[2]
    for row in range(rows):
        for down in range(2):
            for column in range(columns):
                for right in range(2):
                    kind = 2 * down + right
                    one, two = main[row + down, column + right, kind], small[row + down, column + right, kind]
                    to = out[row, down, column, right]
                    for c in range(channels):
                        to[c] = one[c] + widened(two[c])


def _cut(
    lines: Floats,
    first: Any,
    last: Any,
    gains: Floats | None,
    scale: Floats,
    offset: Floats,
    leak: Any,
    per_step: Any,
    place: Any,
    corner: Any,
    high: Bytes,
    both: Bytes,
) -> None:
    """`lines` (H, W, C) times `scale` plus `offset` (C,), then leaky ReLU of slope `leak` (None: SiLU), as bytes.

    Each place is then multiplied by its number of `gains` (H, W), if there are any. It is done from line `first` to
    before `last`.

    The result times `per_step` is 256 h + l; h plus 128 goes to `high` (Y, X, I), l and h plus 128 to the halves of
    `both` (Y, X, 2 I), all from column `place` of a place on; the first place of all comes to (y, x) = `corner`.
    """
    width, channels = lines.shape[1], lines.shape[2]
    steps = np.empty(channels, np.float32)
    highs, boths = high.reshape(-1), both.reshape(-1)
    for row in range(first, last):
        for column in range(width):
            gain = per_step
            if gains is not None:
                gain *= gains[row, column]
            for c in range(channels):
                value = lines[row, column, c] * scale[c] + offset[c]
                if leak is None:
                    steps[c] = silu(value) * gain
                else:
                    steps[c] = max(value, leak * value) * gain
            spot = (corner[0] + row) * high.shape[1] + corner[1] + column
            split(steps, highs, boths, np.uint64(spot), np.uint64(high.shape[2]), np.uint64(place))


def _cut_means(
    lines: Floats,
    first: Any,
    last: Any,
    scale: Floats,
    offset: Floats,
    per_step: Any,
    corner: Any,
    high: Bytes,
    both: Bytes,
) -> None:
    """The means of 2 x 2 places of `lines` (H, 2, W, 2, C), after `scale`, `offset` (C,) and SiLU, as `_cut` does."""
    width, channels = lines.shape[2], lines.shape[4]
    steps = np.empty(channels, np.float32)
    highs, boths = high.reshape(-1), both.reshape(-1)
    for row in range(first, last):
        for column in range(width):
            for c in range(channels):
                total = np.float32(0)
                for down in range(2):
                    for right in range(2):
                        total += silu(lines[row, down, column, right, c] * scale[c] + offset[c])
                steps[c] = total * QUARTER * per_step
            spot = (corner[0] + row) * high.shape[1] + corner[1] + column
            split(steps, highs, boths, np.uint64(spot), np.uint64(channels), np.uint64(0))


def _split(steps: Floats, highs: Bytes, boths: Bytes, spot: Any, whole: Any, place: Any) -> None:
    """The `steps` (C,) of one place to the bytes of its `spot`, of `whole` in each part, from `place` on."""
    channels = np.uint64(len(steps))
    top = spot * whole + place
    low = top + spot * whole
    for c in range(channels):
        upper = np.rint(steps[c] * BYTE)
        lower = min(np.rint(steps[c] - upper * np.float32(256)), HIGHEST)
        highs[top + c] = np.uint8(np.int32(upper) + MIDDLE)
        boths[low + c] = np.uint8(np.int32(lower) + MIDDLE)
    for c in range(channels):
        boths[low + whole + c] = highs[top + c]


split = compiled(_split)
join = compiled(_join)
weave = compiled(_weave)
cut = compiled(_cut)
cut_means = compiled(_cut_means)
