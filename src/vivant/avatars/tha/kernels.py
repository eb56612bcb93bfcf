"""Loops over the points and pixels of characters, compiled by numba when they first run and kept on disk.

Phases are in turns and a quarter behind, so that a sine costs one rounding and five multiplications:
sin(z) = cos(2 pi u) with u = z / 2 pi - 1/4, and the cosine depends on u's distance to the nearest integer alone.
Activations are (points, channels), contiguous. Two bfloat16 of neighbouring channels are given as one uint32, the
first in its low half: so every lane of a vector keeps its width, and nothing is shuffled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pairs = NDArray[np.uint32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]
Shorts = NDArray[np.int16]

# sin(2 pi t) for |t| <= 1/4: the odd polynomial with the least relative error, 5e-9.
S1, S3, S5, S7, S9 = (
    np.float32(c) for c in (6.283185273786336, -41.341677477, 81.602231171, -76.574990484, 39.710904943)
)
# The same to 7e-5, which bfloat16 rounds away.
R1, R3, R5 = (np.float32(c) for c in (6.28126751, -41.09442052, 73.57476588))
HIGH, SHIFT, ROUND = np.uint32(0xFFFF0000), np.uint32(16), np.uint32(0x8000)
QUARTER, HALF, ONE, TWO = np.float32(0.25), np.float32(0.5), np.float32(1), np.float32(2)
THREE, SIX = np.float32(3), np.float32(6)
MOST = ONE - QUARTER
"""The share of the nearest of two samples half a sample apart."""
PAD = 3
"""Samples that a grid which is read cubically has beyond each edge."""
NOWHERE = -(2**31)
"""No row."""
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


def _rough(turns: Any) -> Any:
    t = QUARTER - abs(turns - np.rint(turns))
    s = t * t
    return np.float32(t * (R1 + s * (R3 + s * R5)))


def _first(pair: Any) -> Any:
    return np.uint32(pair << SHIFT).view(np.float32)


def _second(pair: Any) -> Any:
    return np.uint32(pair & HIGH).view(np.float32)


def _pair(first: Any, second: Any) -> Any:
    low = np.uint32(np.float32(first).view(np.uint32) + ROUND) >> SHIFT
    return np.uint32(low | (np.uint32(np.float32(second).view(np.uint32) + ROUND) & HIGH))


def _centre(place: Any, size: Any) -> Any:
    return (TWO * np.float32(place) + ONE) / np.float32(size) - ONE


def _index(place: Any, last: Any) -> Any:
    """0..`last`, whatever `place` is: no number must read beside an array."""
    return min(max(int(place), 0), last)


sine, rough, centre = compiled(_sine), compiled(_rough), compiled(_centre)
first, second, pair = compiled(_first), compiled(_second), compiled(_pair)
index = compiled(_index)


def _wave(z: Floats, bias: Floats) -> None:
    """Sine of `z` (N, C) plus `bias` (C,), in place."""
    for n in range(z.shape[0]):
        for c in range(z.shape[1]):
            z[n, c] = sine(z[n, c] + bias[c])


def _wave_half(z: Pairs, bias: Floats) -> None:
    """The same of pairs, `z` (N, C / 2)."""
    even, odd = bias[::2].copy(), bias[1::2].copy()
    for n in range(z.shape[0]):
        for c in range(z.shape[1]):
            z[n, c] = pair(rough(first(z[n, c]) + even[c]), rough(second(z[n, c]) + odd[c]))


def _wave_out(z: Pairs, bias: Floats, out: Floats) -> None:
    """The same from pairs (N, C / 2) to float32 `out` (N, C)."""
    even, odd = bias[::2].copy(), bias[1::2].copy()
    for n in range(z.shape[0]):
        for c in range(z.shape[1]):
            out[n, 2 * c], out[n, 2 * c + 1] = sine(first(z[n, c]) + even[c]), sine(second(z[n, c]) + odd[c])


def _wave_in(z: Floats, bias: Floats, out: Pairs) -> None:
    """The same from float32 (N, C) to pairs `out` (N, C / 2)."""
    even, odd = bias[::2].copy(), bias[1::2].copy()
    for n in range(z.shape[0]):
        for c in range(out.shape[1]):
            out[n, c] = pair(rough(z[n, 2 * c] + even[c]), rough(z[n, 2 * c + 1] + odd[c]))


wave = compiled(_wave)
wave_half = compiled(_wave_half)
wave_out = compiled(_wave_out)
wave_in = compiled(_wave_in)


def _mix(x: Floats | Shorts, weight: Floats, bias: Floats, out: Floats) -> None:
    """`weight` (K, C) times `x` (N or more, C) plus `bias` (K,), to the first K of `out` (N, K or more)."""
    for n in range(out.shape[0]):
        for k in range(weight.shape[0]):
            total = bias[k]
            for c in range(weight.shape[1]):
                total += np.float32(x[n, c]) * weight[k, c]
            out[n, k] = total


mix = njit(cache=True, nogil=True, boundscheck=False, fastmath=True)(_mix)


def _corners(place: Any, size: Any, count: Any) -> Any:
    """The two of `count` samples that pixel `place` of `size` lies between, and the second one's share."""
    at = (np.float32(place) + HALF) * (np.float32(count) / np.float32(size)) - HALF
    at = min(max(at, np.float32(0)), np.float32(count - 1))
    first = int(at)
    return first, min(first + 1, count - 1), at - np.float32(first)


corners = compiled(_corners)


def _lift(grid: Floats, points: Ints, size: int, axes: Floats, out: Floats) -> None:
    """Phases of a level's first layer at `points` (N, 2), row and column of a picture of `size`, to `out` (N, C).

    `grid` (h, w, C) is what the coarser level gives, already through this layer's weights, read bilinearly;
    `axes` (2 or more, C) are the weights of x and y in -1..1.
    """
    height, width, channels = grid.shape
    for n in range(points.shape[0]):
        row, column = points[n, 0], points[n, 1]
        top, bottom, v = corners(row, size, height)
        left, right, u = corners(column, size, width)
        y, x = centre(row, size), centre(column, size)
        a, b, c, d = (ONE - v) * (ONE - u), (ONE - v) * u, v * (ONE - u), v * u
        for k in range(channels):
            smooth = a * grid[top, left, k] + b * grid[top, right, k] + c * grid[bottom, left, k]
            out[n, k] = smooth + d * grid[bottom, right, k] + x * axes[0, k] + y * axes[1, k]


lift = compiled(_lift)


def _taps(place: Any, size: Any, count: Any, bend: Any) -> Any:
    """The first of the four of `count` samples around pixel `place` of `size`, and their weights.

    They give the cubic through them (Lagrange) plus `bend` times its second derivative.
    """
    at = (np.float32(place) + HALF) * (np.float32(count) / np.float32(size)) - HALF
    before = np.floor(at)
    f = np.float32(at - before)
    f1, f2, f3 = f + ONE, f - ONE, f - TWO
    a, b = -f * f2 * f3 / SIX - bend * f2, f1 * f2 * f3 / TWO + bend * (THREE * f - TWO)
    c, d = -f1 * f * f3 / TWO + bend * (ONE - THREE * f), f1 * f * f2 / SIX + bend * f
    return int(before) - 1, (a, b, c, d)


taps = compiled(_taps)


def _lift_smooth(grid: Floats, bend: Any, points: Ints, size: int, axes: Floats, out: Floats) -> None:
    """The same read cubically, from a `grid` (h, w, C) that goes on by PAD samples beyond each edge.

    Quick where neighbours in `points` are neighbours in a row.
    """
    count, last, channels = grid.shape[0] - 2 * PAD, grid.shape[0] - 4, grid.shape[2]
    columns = np.empty((grid.shape[1], channels), np.float32)
    ready = np.full(grid.shape[1], NOWHERE)
    for n in range(points.shape[0]):
        row, column = points[n, 0], points[n, 1]
        top, (a, b, c, d) = taps(row, size, count, bend)
        left, (p, q, r, s) = taps(column, size, count, bend)
        top, left = index(top + PAD, last), index(left + PAD, last)
        for j in range(left, left + 4):
            if ready[j] != row:
                ready[j] = row
                one, two, three, four = grid[top, j], grid[top + 1, j], grid[top + 2, j], grid[top + 3, j]
                for k in range(channels):
                    columns[j, k] = a * one[k] + b * two[k] + c * three[k] + d * four[k]
        y, x = centre(row, size), centre(column, size)
        one, two, three, four = columns[left], columns[left + 1], columns[left + 2], columns[left + 3]
        for k in range(channels):
            smooth = p * one[k] + q * two[k] + r * three[k] + s * four[k]
            out[n, k] = smooth + x * axes[0, k] + y * axes[1, k]


lift_smooth = compiled(_lift_smooth)


def _cover(mask: Bytes, pad: Any, reach: Any, out: Bytes) -> None:
    """Set the samples of `out` (H, W), PAD beyond each edge, that lie in a cell of `mask` or within `reach` of it.

    `mask` (h, w) has `pad` cells beyond each edge; where it is 0 is left as it is.
    """
    cells, count, last = mask.shape[0] - 2 * pad, out.shape[0] - 2 * PAD, out.shape[0] - 1
    for row in range(mask.shape[0]):
        top = index((row - pad) * count // cells - reach + PAD, last)
        bottom = index(((row - pad + 1) * count - 1) // cells + reach + PAD, last)
        for column in range(mask.shape[1]):
            if mask[row, column]:
                left = index((column - pad) * count // cells - reach + PAD, last)
                right = index(((column - pad + 1) * count - 1) // cells + reach + PAD, last)
                out[top : bottom + 1, left : right + 1] = 1


cover = compiled(_cover)


def _place(values: Floats, points: Ints, pad: Any, out: Floats) -> None:
    """`values` (N or more, C or more) to `points` (N, 2) of `out` (H, W, C), whose first place is `pad` before."""
    for n in range(points.shape[0]):
        to = out[points[n, 0] + pad, points[n, 1] + pad]
        for k in range(to.shape[0]):
            to[k] = values[n, k]


place = compiled(_place)


def _sampled(image: Floats, x: Any, y: Any, channel: Any) -> Any:
    """`image` (S, S, C) at one place, bilinear."""
    size = image.shape[0]
    left, top = index(x, size - 1), index(y, size - 1)
    right, bottom = min(left + 1, size - 1), min(top + 1, size - 1)
    u, v = x - np.float32(left), y - np.float32(top)
    upper = (ONE - u) * image[top, left, channel] + u * image[top, right, channel]
    lower = (ONE - u) * image[bottom, left, channel] + u * image[bottom, right, channel]
    return (ONE - v) * upper + v * lower


sampled = compiled(_sampled)


def _blend(image: Floats, motion: Floats, points: Ints, out: Floats) -> None:
    """`image` (S, S, 4) moved by `motion` (N, 7 or more: flow, alpha, colour) at `points` (N, 2), to `out` (N, 4).

    `motion` and `out` may be longer.
    """
    size = np.float32(image.shape[0])
    for n in range(points.shape[0]):
        x = np.float32(points[n, 1]) + motion[n, 0] * size * HALF
        y = np.float32(points[n, 0]) + motion[n, 1] * size * HALF
        x, y = min(max(x, np.float32(0)), size - ONE), min(max(y, np.float32(0)), size - ONE)
        alpha = motion[n, 2]
        for c in range(4):
            out[n, c] = (ONE - alpha) * sampled(image, x, y, c) + alpha * motion[n, 3 + c]


blend = compiled(_blend)


def _judge(motion: Floats, mask: Bytes, detail: Floats, error: Any, rows: Any, kinds: Bytes) -> None:
    """How each cell of a coarse `motion` (S, S, 8) is to be drawn: 0 not at all, 1 by interpolation, 2 more finely.

    More finely where the bends from cell to cell are more than `error`: the flow's in pixels times the contrast of what
    it shows, that of new pixels' alpha, and their colours' times alpha. Not at all outside of `mask` (S, S) and where
    neither the drawing, whose `detail` (C, C) is 0 where it is transparent, nor new pixels are. To `kinds` (S, S), from
    and up to the two `rows`.
    """
    size = motion.shape[0]
    cells, last = np.float32(detail.shape[0]), detail.shape[0] - 1
    for row in range(rows[0], rows[1]):
        for column in range(size):
            kinds[row, column] = 0
            if not mask[row, column]:
                continue
            here = motion[row, column]
            x = (np.float32(column) + HALF) * (cells / np.float32(size)) + here[0] * cells * HALF
            y = (np.float32(row) + HALF) * (cells / np.float32(size)) + here[1] * cells * HALF
            contrast = detail[index(y, last), index(x, last)]
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


def _soften(half: Floats, error: Any, out: Floats, bent: Bytes) -> None:
    """Enlarge the colours of `half` (S, S, 4 or more), -1..1, to `out` (2 S, 2 S, 4), linear, where they bend little.

    `bent` (S, S) becomes 1 where the roots of the colours 0..1, which are nearer to what is seen, bend by more than
    `error`.
    """
    last = half.shape[0] - 1
    tone = np.sqrt(np.maximum(HALF * half[..., :4] + HALF, np.float32(0)))
    for row in range(last + 1):
        for column in range(last + 1):
            up, down, left, right = max(row - 1, 0), min(row + 1, last), max(column - 1, 0), min(column + 1, last)
            most = np.float32(0)
            for c in range(4):
                twice = TWO * tone[row, column, c]
                most = max(most, abs(tone[up, column, c] - twice + tone[down, column, c]))
                most = max(most, abs(tone[row, left, c] - twice + tone[row, right, c]))
                across = tone[up, left, c] + tone[down, right, c] - tone[up, right, c] - tone[down, left, c]
                most = max(most, HALF * abs(across))
            bent[row, column] = most > error
            if most > error:
                continue
            for y in range(2):
                v = down if y else up
                for x in range(2):
                    u = right if x else left
                    to = out[2 * row + y, 2 * column + x]
                    for c in range(4):
                        here = MOST * half[row, column, c] + QUARTER * half[v, column, c]
                        beside = MOST * half[row, u, c] + QUARTER * half[v, u, c]
                        to[c] = MOST * here + QUARTER * beside


soften = compiled(_soften)


def _list_pixels(mask: Bytes, kind: Any, side: Any, pad: Any, out: Ints) -> None:
    """Row and column of the `side` * `side` pixels of each cell where `mask` (H, W) is `kind`, to `out` (N, 2).

    Row by row; they count from `pad` before the first one.
    """
    n = 0
    for row in range(mask.shape[0]):
        for y in range(side):
            for column in range(mask.shape[1]):
                if mask[row, column] == kind:
                    for x in range(side):
                        out[n, 0], out[n, 1] = row * side + y - pad, column * side + x - pad
                        n += 1


list_pixels = compiled(_list_pixels)


def _widen(motion: Floats, points: Ints, size: Any, out: Floats) -> None:
    """`motion` (S, S, 8) read linearly at `points` (N, 2) of a picture of `size`, to `out` (N, 8)."""
    count = motion.shape[0]
    for n in range(points.shape[0]):
        top, bottom, v = corners(points[n, 0], size, count)
        left, right, u = corners(points[n, 1], size, count)
        a, b, c, d = (ONE - v) * (ONE - u), (ONE - v) * u, v * (ONE - u), v * u
        for k in range(8):
            upper = a * motion[top, left, k] + b * motion[top, right, k]
            out[n, k] = upper + c * motion[bottom, left, k] + d * motion[bottom, right, k]


widen = compiled(_widen)


def _find_shown(coarse: Floats, solid: NDArray[np.bool_], found: NDArray[np.bool_]) -> None:
    """Whether tiles show something `solid` (T, T) or new pixels by the motion `coarse` (S, S, 8), to `found` (T, T)."""
    count, size = coarse.shape[0], found.shape[0]
    side, last = np.float32(size), size - 1
    for row in range(size):
        top, bottom, v = corners(row, size, count)
        for column in range(size):
            left, right, u = corners(column, size, count)
            a, b, c, d = (ONE - v) * (ONE - u), (ONE - v) * u, v * (ONE - u), v * u
            p, q, r, s = coarse[top, left], coarse[top, right], coarse[bottom, left], coarse[bottom, right]
            alpha = a * p[2] + b * q[2] + c * r[2] + d * s[2]
            x = np.float32(column) + HALF + (a * p[0] + b * q[0] + c * r[0] + d * s[0]) * side * HALF
            y = np.float32(row) + HALF + (a * p[1] + b * q[1] + c * r[1] + d * s[1]) * side * HALF
            source = solid[index(y, last), index(x, last)]
            found[row, column] = source or abs(alpha) > FAINT


find_shown = compiled(_find_shown)


def _paint(colours: Floats, points: Ints, table: Bytes, straight: bool, out: Bytes) -> None:
    """Network `colours` (N or more, 4) as bytes in `out` (H, W, 4) at `points`, by a `table` (LEVELS + 1,) of light.

    `straight` divides by alpha, as `picture.picture_of_tensor` does.
    """
    last = np.float32(LEVELS)
    for n in range(points.shape[0]):
        row, column = points[n, 0], points[n, 1]
        alpha = min(max(HALF * colours[n, 3] + HALF, np.float32(0)), ONE)
        scale = ONE
        if straight:
            scale = ONE / alpha if alpha >= FAINTEST else np.float32(0)
        for c in range(3):
            light = min(max(HALF * colours[n, c] + HALF, np.float32(0)), ONE) * scale
            out[row, column, c] = table[index(light * last + HALF, LEVELS)]
        out[row, column, 3] = np.uint8(np.rint(alpha * np.float32(255)))


paint = compiled(_paint)


def _interpolate(
    motion: Floats, kinds: Bytes, rows: Any, image: Floats, table: Bytes, straight: bool, out: Bytes
) -> None:
    """Draw the cells of `kinds` (S, S) that are 1, from and up to two `rows`, by their `motion` (S, S, 8), linear.

    See `blend` and `paint` for the rest.
    """
    size = out.shape[0]
    side = size // kinds.shape[0]
    points = np.empty((size * side, 2), np.int32)
    values = np.empty((size * side, 8), np.float32)
    colours = np.empty((size * side, 4), np.float32)
    for row in range(rows[0], rows[1]):
        n = 0
        for y in range(side):
            for column in range(size):
                if kinds[row, column // side] == 1:
                    points[n, 0], points[n, 1] = row * side + y, column
                    n += 1
        widen(motion, points[:n], size, values)
        blend(image, values, points[:n], colours)
        paint(colours, points[:n], table, straight, out)


interpolate = compiled(_interpolate)
