"""Loops of `vivant.avatars.real3d.quick_volume`, compiled by numba when they first run and kept on disk.

Samples of a ray are rows of what the decoder's first layer makes of them; they stay in the processor's cache from the
lookup to the choice of those that are seen. Coarse samples come first, then fine ones, each near to far.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

# 2^x for |x| <= 1/2 is 1 + x (E1 + x (E2 + ...)), relative error 9e-8, none at 0.
E1, E2, E3, E4, E5 = (np.float32(c) for c in (0.693147004, 0.240222424, 0.0555073358, 0.00967151299, 0.00132647273))
# log(1 + t) / t for 0 <= t <= 1, relative error 2e-7.
L0, L1, L2, L3, L4, L5, L6, L7 = (
    np.float32(c)
    for c in (
        *(0.999999821, -0.499974042, 0.332754791, -0.244954631),
        *(0.17745243, -0.107681729, 0.0440896414, -0.00853921007),
    )
)
TURNS = np.float32(1.44269504)
"""1 / log 2"""
LOWEST = np.float32(-60)
"""Powers of two below this one count as this one: products of smaller ones would leave the range of quick floats."""
BIAS, MANTISSA = np.int32(127), np.int32(23)
ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)
LEAST = np.float32(1e-10)
FLOOR = np.float32(0.01)
SHARE_FLOOR = np.float32(1e-5)
STRETCH, SHIFT = np.float32(1.002), np.float32(0.001)
START: Any = np.int64(0)
"""A plain 0 is a type of its own, for which numba compiles everything once more."""
AT_ONCE = 8
"""Coarse samples between two looks at the light that is left."""


class Field(NamedTuple):
    """What is the same for all rays."""

    table: Floats
    """(2, S, S, C): the first layer before softplus at every place of the planes x y and x z, and of no features one
    place beyond each border."""
    opaque: Floats
    """(C + 1,): weights and bias that make a density of a row."""
    dark: Any
    """Light that may be neglected."""


class Ray(NamedTuple):
    """The samples of one ray, S in all, of which the first `coarse`; all scratch but the depths of those."""

    depths: Floats
    density: Floats
    seen: Floats
    """What each sample has of the ray's weight."""
    near: Floats
    """Depths in order."""
    thick: Floats
    """Densities in order."""
    alpha: Floats
    weights: Floats
    """Of the step from each sample to the next."""
    reached: Floats
    order: Ints


def compiled(function: Callable[..., Any]) -> Any:
    """`function` as machine code that runs beside other threads; numbers that are none stay none."""
    kinds = {"contract", "nsz", "arcp", "reassoc"}
    return njit(cache=True, nogil=True, boundscheck=False, error_model="numpy", fastmath=kinds)(function)


def _exp_of_negative(x: Any) -> Any:
    y = max(x * TURNS, LOWEST)
    whole = np.rint(y)
    f = y - whole
    power = np.int32((np.int32(whole) + BIAS) << MANTISSA).view(np.float32)
    return power + power * f * (E1 + f * (E2 + f * (E3 + f * (E4 + f * E5))))


exp_of_negative = compiled(_exp_of_negative)
"""exp(x) for x <= 0."""


def _softplus(x: Any) -> Any:
    t = exp_of_negative(-abs(x))
    return max(x, ZERO) + t * (L0 + t * (L1 + t * (L2 + t * (L3 + t * (L4 + t * (L5 + t * (L6 + t * L7)))))))


softplus = compiled(_softplus)


def _corner(at: Any, end: Any) -> Any:
    at = min(max(at, ZERO), np.float32(end))
    # The second limit holds for numbers that are none, too.
    first = min(max(int(at), 0), end - 1)
    return first, at - np.float32(first)


corner = compiled(_corner)
"""The last place of 0..`end`, but not the end, that is not beyond `at`, and how far it is to there."""


def _look_up(field: Field, line: Floats, ray: Ray, first: int, last: int, rows: Floats) -> None:
    size, width, depths, opaque = field.table.shape[1], field.table.shape[3], ray.depths, field.opaque
    flat = field.table.reshape(-1, width)
    for k in range(first, last):
        column, u = corner(line[0] + depths[k] * line[3], size - 1)
        upper, v = corner(line[1] + depths[k] * line[4], size - 1)
        front, w = corner(line[2] + depths[k] * line[5], size - 1)
        one, two = upper * size + column, (size + front) * size + column
        a, b, c, d = flat[one], flat[one + 1], flat[one + size], flat[one + size + 1]
        e, f, g, h = flat[two], flat[two + 1], flat[two + size], flat[two + size + 1]
        p, q, r, s = (ONE - u) * (ONE - v), u * (ONE - v), (ONE - u) * v, u * v
        i, j, m, n = (ONE - u) * (ONE - w), u * (ONE - w), (ONE - u) * w, u * w
        row, total = rows[k], opaque[width]
        for o in range(width):
            here = p * a[o] + q * b[o] + r * c[o] + s * d[o] + i * e[o] + j * f[o] + m * g[o] + n * h[o]
            value = softplus(here)
            row[o] = value
            total += opaque[o] * value
        ray.density[k] = total


look_up = compiled(_look_up)
"""Samples `first` up to `last` of `ray` to their `rows` (S, C) and densities.

`line` (6,) is where the ray begins in the table and what it moves by in a unit of depth.
"""


def _stop(depths: Floats, density: Floats, steps: Any, light: Any, alpha: Floats, weights: Floats) -> Any:
    for k in range(steps[0], steps[1]):
        middle = softplus((density[k] + density[k + 1]) * HALF - ONE)
        alpha[k] = ONE - exp_of_negative(-middle * (depths[k + 1] - depths[k]))
    for k in range(steps[0], steps[1]):
        weights[k] = alpha[k] * light
        light *= ONE - alpha[k] + LEAST
    return light


stop = compiled(_stop)
"""Weights of the `steps` from and up to between samples; takes and returns the light that is left."""


def _coarse(field: Field, line: Floats, ray: Ray, count: int, rows: Floats) -> Any:
    ray.weights[:] = 0
    known, light = START, ONE
    while known < count and light > field.dark:
        last = min(known + AT_ONCE, count)
        look_up(field, line, ray, known, last, rows)
        light = stop(ray.depths, ray.density, (max(known - 1, 0), last - 1), light, ray.alpha, ray.weights)
        known = last
    return known


coarse = compiled(_coarse)
"""Looks up the first of `count` coarse samples, until it is dark, and weighs their steps; returns how many."""


def _spread(ray: Ray, count: int, u: Floats) -> None:
    depths, weights, reached, shares = ray.depths, ray.weights, ray.reached, count - 3
    reached[0] = 0
    for k in range(shares):
        here, nearer, farther = weights[k + 1], weights[k], weights[k + 2]
        smooth = HALF * (max(nearer, here) + max(here, farther)) + FLOOR
        reached[k + 1] = reached[k] + smooth + SHARE_FLOOR
    scale = ONE / reached[shares]
    for k in range(shares + 1):
        reached[k] *= scale
    found = 0
    for n in range(u.shape[0]):
        while found <= shares and reached[found] <= u[n]:
            found += 1
        below, above = max(found - 1, 0), min(found, shares)
        width = reached[above] - reached[below]
        if width < SHARE_FLOOR:
            width = ONE
        first = (depths[below] + depths[below + 1]) * HALF
        second = (depths[above] + depths[above + 1]) * HALF
        depths[count + n] = first + (u[n] - reached[below]) / width * (second - first)


spread = compiled(_spread)
"""Puts fine samples at the shares `u` (F,), ascending, of the weights of `count` coarse ones: `volume.fine_depths`."""


def _sort(values: Floats) -> None:
    for n in range(1, values.shape[0]):
        value, at = values[n], n
        while at > 0 and values[at - 1] > value:
            values[at] = values[at - 1]
            at -= 1
        values[at] = value


sort = compiled(_sort)


def _merge(ray: Ray, count: int) -> None:
    total, one, two = ray.depths.shape[0], 0, count
    for n in range(total):
        if two == total or (one < count and ray.depths[one] <= ray.depths[two]):
            ray.order[n] = one
            one += 1
        else:
            ray.order[n] = two
            two += 1


merge = compiled(_merge)
"""Puts `count` coarse samples and the fine ones in one order."""


def _weigh(ray: Ray, count: int) -> Any:
    near, weights, order = ray.near, ray.weights, ray.order
    for n in range(count):
        near[n], ray.thick[n] = ray.depths[order[n]], ray.density[order[n]]
    light = stop(near, ray.thick, (START, count - 1), ONE, ray.alpha, weights)
    total, depth, before = ZERO, ZERO, ZERO
    ray.seen[:] = 0
    for n in range(count - 1):
        total += weights[n]
        depth += weights[n] * (near[n] + near[n + 1]) * HALF
        ray.seen[order[n]] = (before + weights[n]) * HALF
        before = weights[n]
    ray.seen[order[count - 1]] = before * HALF
    return light, total, depth


weigh = compiled(_weigh)
"""Weighs the first `count` samples in order; returns the light that is left, the weight, and depth times weight."""


def _fine(field: Field, line: Floats, ray: Ray, count: int, known: int, rows: Floats) -> Any:
    merge(ray, count)
    depths, total = ray.depths, ray.depths.shape[0]
    # What lies behind the last sample that was looked at is in the dark, unless a fine one finds a gap.
    behind = count
    while behind < total and (known == count or depths[behind] < depths[known]):
        behind += 1
    # One place where samples are looked up and one where they are weighed: each is compiled into here as a whole.
    first, last, shown = count, behind, known + behind - count
    while True:
        look_up(field, line, ray, first, last, rows)
        light, weight, depth = weigh(ray, shown)
        if shown == total or light <= field.dark:
            return weight, depth
        first, last, shown = known, total, total


fine = compiled(_fine)
"""Looks up the fine samples of `ray` and what is left of the `count` coarse ones, of which `known` are looked up.

Returns the ray's weight, and depth times weight.
"""


def _keep(ray: Ray, first: int, faint: Any, rows: Floats, seen: Floats) -> int:
    count = first
    for n in range(ray.seen.shape[0]):
        if ray.seen[n] > faint:
            seen[count] = ray.seen[n]
            if count < first + n:
                for c in range(rows.shape[1]):
                    rows[count, c] = rows[first + n, c]
            count += 1
    return count


keep = compiled(_keep)
"""Moves together those of a ray's rows, from `first` on, that are seen more than faintly; returns where they end."""


def _trace(field: Field, lines: Floats, depths: Floats, shares: Floats, rows: Floats, out: Any) -> None:
    count, total = depths.shape[1], depths.shape[1] + shares.shape[1]
    new = np.empty((8, total), np.float32)
    order, u = np.empty(total, np.int32), np.empty(shares.shape[1], np.float32)
    ray = Ray(new[0], new[1], new[2], new[3], new[4], new[5], new[6], new[7], order)
    seen, ends, pixels = out
    faint, end = field.dark / np.float32(total), START
    for n in range(lines.shape[0]):
        ray.depths[:count] = depths[n]
        u[:] = shares[n]
        sort(u)
        hidden = rows[end : end + total]
        known = coarse(field, lines[n], ray, count, hidden)
        spread(ray, count, u)
        weight, depth = fine(field, lines[n], ray, count, known, hidden)
        end = keep(ray, end, faint, rows, seen)
        ends[n] = end
        pixels[n, 0], pixels[n, 1] = weight, depth / weight
        pixels[n, 2], pixels[n, 3] = ray.depths[order[0]], ray.depths[order[total - 1]]


trace = compiled(_trace)
"""Follows rays, their `lines` (N, 6), with coarse samples at `depths` (N, K) and fine ones at `shares` (N, F).

The rows of samples that are seen come one after another to `rows` (N (K + F), C), what they have of their ray's weight
to `seen` (N (K + F),), and where each ray's end to `ends` (N,). `pixels` (N, 4): weight, mean, least and most depth.
`out` is `seen`, `ends` and `pixels`.
"""


def _shade(colours: Floats, seen: Floats, ends: Ints, out: Floats) -> None:
    first = 0
    for n in range(ends.shape[0]):
        for c in range(colours.shape[1]):
            out[n, c] = -ONE
        for k in range(first, ends[n]):
            twice = seen[k] + seen[k]
            for c in range(colours.shape[1]):
                t = exp_of_negative(-abs(colours[k, c]))
                side = ONE if colours[k, c] >= ZERO else t
                out[n, c] += twice * (STRETCH * side / (ONE + t) - SHIFT)
        first = ends[n]


shade = compiled(_shade)
"""Colours before the sigmoid (M, D) of the samples of `trace`, to the rays' features `out` (N, D)."""
