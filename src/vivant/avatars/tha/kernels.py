"""Loops of the student engines, compiled by numba when they first run; the machine code is kept on disk.

Phases are in turns and a quarter behind, so that a sine costs one rounding and five multiplications:
sin(z) = cos(2 pi u) with u = z / 2 pi - 1/4, and the cosine depends on u's distance to the nearest integer alone.
Activations are (points, channels), contiguous. A bfloat16 is given as its bits in a uint16.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Halves = NDArray[np.uint16]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

# sin(2 pi t) for |t| <= 1/4: the odd polynomial with the least relative error, 5e-9.
S1, S3, S5, S7, S9 = (
    np.float32(c) for c in (6.283185273786336, -41.341677477, 81.602231171, -76.574990484, 39.710904943)
)
QUARTER, HALF, ONE, TWO = np.float32(0.25), np.float32(0.5), np.float32(1), np.float32(2)
PIXELS = np.float32(256)
"""A flow of 1 in pixels of the drawing."""
LEVELS = 65535
"""The last entry of a table from linear light 0..1 to bytes."""
FAINT = np.float32(0.02)
"""New pixels of an alpha up to this show nothing."""
FAINTEST = np.float32(0.5 / 255)
"""Below this alpha a colour is black, see `picture.FAINTEST`."""


def compiled(function: Callable[..., Any]) -> Any:
    """`function` as machine code that runs beside other threads.

    It may not reorder sums: the distance to the nearest integer would lose its digits.
    """
    return njit(cache=True, nogil=True, boundscheck=False, fastmath={"contract", "nnan", "ninf", "nsz"})(function)


def _sine(turns: Any) -> Any:
    t = QUARTER - abs(turns - np.rint(turns))
    s = t * t
    return t * (S1 + s * (S3 + s * (S5 + s * (S7 + s * S9))))


def _widened(bits: Any) -> Any:
    return np.uint32(np.uint32(bits) << np.uint32(16)).view(np.float32)


def _halved(value: Any) -> Any:
    bits = np.float32(value).view(np.uint32)
    return np.uint16(np.uint32(bits + np.uint32(0x8000)) >> np.uint32(16))


def _centre(place: Any, size: Any) -> Any:
    return (TWO * np.float32(place) + ONE) / np.float32(size) - ONE


sine, widened, halved, centre = compiled(_sine), compiled(_widened), compiled(_halved), compiled(_centre)


def _wave(z: Floats, bias: Floats) -> None:
    for n in range(z.shape[0]):
        for c in range(z.shape[1]):
            z[n, c] = sine(z[n, c] + bias[c])


def _wave_half(z: Halves, bias: Floats) -> None:
    for n in range(z.shape[0]):
        for c in range(z.shape[1]):
            z[n, c] = halved(sine(widened(z[n, c]) + bias[c]))


def _wave_out(z: Halves, bias: Floats, out: Floats) -> None:
    for n in range(z.shape[0]):
        for c in range(z.shape[1]):
            out[n, c] = sine(widened(z[n, c]) + bias[c])


def _wave_at(z: Floats, points: Ints, size: int, axes: Floats) -> None:
    for n in range(points.shape[0]):
        y, x = centre(points[n, 0], size), centre(points[n, 1], size)
        for c in range(z.shape[1]):
            z[n, c] = sine(z[n, c] + x * axes[0, c] + y * axes[1, c] + axes[2, c])


def _wave_at_half(z: Halves, points: Ints, size: int, axes: Floats) -> None:
    for n in range(points.shape[0]):
        y, x = centre(points[n, 0], size), centre(points[n, 1], size)
        for c in range(z.shape[1]):
            z[n, c] = halved(sine(widened(z[n, c]) + x * axes[0, c] + y * axes[1, c] + axes[2, c]))


wave = compiled(_wave)
"""Sine of `z` (N, C) plus `bias` (C,), in place."""
wave_half = compiled(_wave_half)
"""The same in bfloat16."""
wave_out = compiled(_wave_out)
"""The same from bfloat16 to float32 `out`."""
wave_at = compiled(_wave_at)
"""Sine of `z` (N or more, C) plus what `axes` gives at `points` (N, 2), see `lift`, in place."""
wave_at_half = compiled(_wave_at_half)
"""The same in bfloat16."""


def _mix(x: Floats, weight: Floats, bias: Floats, out: Floats) -> None:
    for n in range(out.shape[0]):
        for k in range(weight.shape[0]):
            total = bias[k]
            for c in range(weight.shape[1]):
                total += x[n, c] * weight[k, c]
            out[n, k] = total


mix = njit(cache=True, nogil=True, boundscheck=False, fastmath=True)(_mix)
"""`weight` (K, C) times `x` (N or more, C) plus `bias` (K,), to the first K of `out` (N, K or more)."""


def _corners(place: Any, size: Any, count: Any) -> Any:
    """The two of `count` samples that pixel `place` of `size` lies between, and the second one's share."""
    at = (np.float32(place) + HALF) * (np.float32(count) / np.float32(size)) - HALF
    at = min(max(at, np.float32(0)), np.float32(count - 1))
    first = int(at)
    return first, min(first + 1, count - 1), at - np.float32(first)


corners = compiled(_corners)


def _lift(grid: Floats, points: Ints, size: int, axes: Floats, out: Floats) -> None:
    height, width, channels = grid.shape
    for n in range(points.shape[0]):
        row, column = points[n, 0], points[n, 1]
        top, bottom, v = corners(row, size, height)
        left, right, u = corners(column, size, width)
        y, x = centre(row, size), centre(column, size)
        a, b, c, d = (ONE - v) * (ONE - u), (ONE - v) * u, v * (ONE - u), v * u
        for k in range(channels):
            smooth = a * grid[top, left, k] + b * grid[top, right, k] + c * grid[bottom, left, k]
            z = smooth + d * grid[bottom, right, k] + x * axes[0, k] + y * axes[1, k]
            out[n, k] = sine(z + axes[2, k])


def _lift_half(grid: Floats, points: Ints, size: int, axes: Floats, out: Halves) -> None:
    height, width, channels = grid.shape
    for n in range(points.shape[0]):
        row, column = points[n, 0], points[n, 1]
        top, bottom, v = corners(row, size, height)
        left, right, u = corners(column, size, width)
        y, x = centre(row, size), centre(column, size)
        a, b, c, d = (ONE - v) * (ONE - u), (ONE - v) * u, v * (ONE - u), v * u
        for k in range(channels):
            smooth = a * grid[top, left, k] + b * grid[top, right, k] + c * grid[bottom, left, k]
            z = smooth + d * grid[bottom, right, k] + x * axes[0, k] + y * axes[1, k]
            out[n, k] = halved(sine(z + axes[2, k]))


lift = compiled(_lift)
"""First sine layer of a level at `points` (N, 2), row and column of a picture of `size`, to `out` (N, C).

`grid` (h, w, C) is what the coarser level gives, already through this layer's weights, read bilinearly; `axes` (3, C)
are the weights of x and y in -1..1, and what is the same everywhere.
"""
lift_half = compiled(_lift_half)
"""The same to bfloat16."""


def _place(values: Floats, points: Ints, out: Floats) -> None:
    for n in range(points.shape[0]):
        to = out[points[n, 0], points[n, 1]]
        for k in range(to.shape[0]):
            to[k] = values[n, k]


def _place_half(values: Halves, points: Ints, out: Floats) -> None:
    for n in range(points.shape[0]):
        to = out[points[n, 0], points[n, 1]]
        for k in range(to.shape[0]):
            to[k] = widened(values[n, k])


place = compiled(_place)
"""`values` (N or more, C or more) to their `points` (N, 2) of `out` (S, S, C)."""
place_half = compiled(_place_half)
"""The same from bfloat16."""


def _sampled(image: Floats, x: Any, y: Any, channel: Any) -> Any:
    size = image.shape[0]
    left, top = int(x), int(y)
    right, bottom = min(left + 1, size - 1), min(top + 1, size - 1)
    u, v = x - np.float32(left), y - np.float32(top)
    upper = (ONE - u) * image[top, left, channel] + u * image[top, right, channel]
    lower = (ONE - u) * image[bottom, left, channel] + u * image[bottom, right, channel]
    return (ONE - v) * upper + v * lower


sampled = compiled(_sampled)


def _blend(image: Floats, motion: Floats, points: Ints, out: Floats) -> None:
    size = np.float32(image.shape[0])
    for n in range(points.shape[0]):
        x = np.float32(points[n, 1]) + motion[n, 0] * size * HALF
        y = np.float32(points[n, 0]) + motion[n, 1] * size * HALF
        x, y = min(max(x, np.float32(0)), size - ONE), min(max(y, np.float32(0)), size - ONE)
        alpha = motion[n, 2]
        for c in range(4):
            out[n, c] = (ONE - alpha) * sampled(image, x, y, c) + alpha * motion[n, 3 + c]


blend = compiled(_blend)
"""`image` (S, S, 4) moved by `motion` (N, 7 or more: flow, alpha, colour) at `points` (N, 2), to `out` (N, 4)."""


def _judge(motion: Floats, mask: Bytes, detail: Floats, error: Any, rows: Any, kinds: Bytes) -> None:
    size = motion.shape[0]
    cells = np.float32(detail.shape[0])
    last = cells - ONE
    for row in range(rows[0], rows[1]):
        for column in range(size):
            kinds[row, column] = 0
            if not mask[row, column]:
                continue
            here = motion[row, column]
            x = (np.float32(column) + HALF) * (cells / np.float32(size)) + here[0] * cells * HALF
            y = (np.float32(row) + HALF) * (cells / np.float32(size)) + here[1] * cells * HALF
            contrast = detail[int(min(max(y, np.float32(0)), last)), int(min(max(x, np.float32(0)), last))]
            if contrast == 0 and abs(here[2]) <= FAINT:
                continue
            up, down = motion[max(row - 1, 0), column], motion[min(row + 1, size - 1), column]
            left, right = motion[row, max(column - 1, 0)], motion[row, min(column + 1, size - 1)]
            flow, colour, twice = np.float32(0), np.float32(0), TWO * here
            for k in range(2):
                flow = max(flow, abs(up[k] - twice[k] + down[k]), abs(left[k] - twice[k] + right[k]))
            for k in range(3, 7):
                colour = max(colour, abs(up[k] - twice[k] + down[k]), abs(left[k] - twice[k] + right[k]))
            share = max(abs(up[2] - twice[2] + down[2]), abs(left[2] - twice[2] + right[2]))
            full = flow * PIXELS * contrast + share + abs(here[2]) * colour > error
            kinds[row, column] = 2 if full else 1


judge = compiled(_judge)
"""How each cell of a coarse `motion` (S, S, 8) is to be drawn: 0 not at all, 1 by interpolation, 2 more finely.

More finely where the bends from cell to cell are more than `error`: the flow's in pixels times the contrast of what it
shows, that of new pixels' alpha, and their colours' times alpha. Not at all outside of `mask` (S, S) and where neither
the drawing, whose `detail` (C, C) is 0 where it is transparent, nor new pixels are. To `kinds` (S, S), from and up to
the two `rows`.
"""


def _list_pixels(mask: Bytes, kind: Any, side: Any, out: Ints) -> None:
    n = 0
    for row in range(mask.shape[0]):
        for column in range(mask.shape[1]):
            if mask[row, column] == kind:
                for y in range(side):
                    for x in range(side):
                        out[n, 0], out[n, 1] = row * side + y, column * side + x
                        n += 1


list_pixels = compiled(_list_pixels)
"""Row and column of the `side` * `side` pixels of each cell where `mask` (H, W) is `kind`, to `out` (N, 2)."""


def _widen(motion: Floats, points: Ints, size: Any, out: Floats) -> None:
    count = motion.shape[0]
    for n in range(points.shape[0]):
        top, bottom, v = corners(points[n, 0], size, count)
        left, right, u = corners(points[n, 1], size, count)
        a, b, c, d = (ONE - v) * (ONE - u), (ONE - v) * u, v * (ONE - u), v * u
        for k in range(8):
            upper = a * motion[top, left, k] + b * motion[top, right, k]
            out[n, k] = upper + c * motion[bottom, left, k] + d * motion[bottom, right, k]


widen = compiled(_widen)
"""`motion` (S, S, 8) read linearly at `points` (N, 2) of a picture of `size`, to `out` (N, 8)."""


def _paint(colours: Floats, points: Ints, table: Bytes, straight: bool, out: Bytes) -> None:
    last = np.float32(LEVELS)
    for n in range(points.shape[0]):
        row, column = points[n, 0], points[n, 1]
        alpha = min(max(HALF * colours[n, 3] + HALF, np.float32(0)), ONE)
        scale = ONE
        if straight:
            scale = ONE / alpha if alpha >= FAINTEST else np.float32(0)
        for c in range(3):
            light = min(max(HALF * colours[n, c] + HALF, np.float32(0)), ONE) * scale
            out[row, column, c] = table[int(min(light, ONE) * last + HALF)]
        out[row, column, 3] = np.uint8(np.rint(alpha * np.float32(255)))


paint = compiled(_paint)
"""Network `colours` (N, 4) as bytes in `out` (H, W, 4) at `points`, through the `table` (LEVELS + 1,) of light.

`straight` divides by alpha, as `picture.picture_of_tensor` does.
"""
