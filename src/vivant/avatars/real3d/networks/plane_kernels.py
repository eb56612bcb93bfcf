"""Loops of `resizing`, compiled by numba when they first run; the machine code is kept on disk.

Each inner loop goes over numbers that lie together, from few sources to one place, so that it takes many at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.nn.norm_kernels import compiled

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def _shares(s: Floats) -> tuple[Any, ...]:
    """The numbers of (3, 2) one by one."""
    return s[0, 0], s[0, 1], s[1, 0], s[1, 1], s[2, 0], s[2, 1]


def _widen(taps: Floats, place: Ints, share: Floats, wide: Floats) -> None:
    """`taps` (H, W, 3, C), of three taps side by side, to `wide` (H, X, C).

    The tap t has place[x, t] and its neighbour to the right for the column x of the result, in `share` (X, 3, 2).
    """
    for row in range(taps.shape[0]):
        given = taps[row]
        for x in range(wide.shape[1]):
            p, q, r = place[x]
            h, j, k, m, n, o = shares(share[x])
            a, b, c, d = given[p, 0], given[p + 1, 0], given[q, 1], given[q + 1, 1]
            e, f, found = given[r, 2], given[r + 1, 2], wide[row, x]
            for i in range(found.shape[0]):
                found[i] = h * a[i] + j * b[i] + k * c[i] + m * d[i] + n * e[i] + o * f[i]


def _heighten(wide: Floats, place: Ints, share: Floats, bias: Floats, enlarged: Floats) -> None:
    """`wide` (H, X, 3, C), of three taps upon each other, in the same way to `enlarged` (Y, X, C), plus `bias` (C,)."""
    for y in range(enlarged.shape[0]):
        p, q, r = place[y]
        h, j, k, m, n, o = shares(share[y])
        for x in range(enlarged.shape[1]):
            a, b, c, d = wide[p, x, 0], wide[p + 1, x, 0], wide[q, x, 1], wide[q + 1, x, 1]
            e, f, found = wide[r, x, 2], wide[r + 1, x, 2], enlarged[y, x]
            for i in range(found.shape[0]):
                found[i] = bias[i] + h * a[i] + j * b[i] + k * c[i] + m * d[i] + n * e[i] + o * f[i]


def _add_resized(
    small: Floats, rows: tuple[Ints, Floats], columns: tuple[Ints, Floats], leak: Any, sums: Floats
) -> None:
    """`small` (h, w, C), resized, is added to `sums` (H, W, C) in place; then leaky ReLU of slope `leak`.

    `rows` and `columns` are the first of two places (H,) and the shares of both (H, 2).
    """
    for y in range(sums.shape[0]):
        upper, lower = small[rows[0][y]], small[rows[0][y] + 1]
        up, down = rows[1][y]
        for x in range(sums.shape[1]):
            p = columns[0][x]
            left, right = columns[1][x]
            a, b, c, d, found = upper[p], upper[p + 1], lower[p], lower[p + 1], sums[y, x]
            j, k, m, n = up * left, up * right, down * left, down * right
            for i in range(found.shape[0]):
                value = found[i] + (j * a[i] + k * b[i] + m * c[i] + n * d[i])
                found[i] = max(value, leak * value)


shares = compiled(_shares)
widen = compiled(_widen)
heighten = compiled(_heighten)
add_resized = compiled(_add_resized)
