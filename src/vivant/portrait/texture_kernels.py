"""Loops over patches of a picture, compiled by numba when they first run, kept on disk.

Pictures lie flat, pixel after pixel; a place is the number of its pixel. A patch is the square of `SIDE` pixels around
a place; no place that is asked for lies nearer than `REACH` to the rim.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.nn.norm_kernels import compiled

Floats = NDArray[np.float32]
Places = NDArray[np.int64]
Flags = NDArray[np.bool_]

REACH = 3
SIDE = 2 * REACH + 1
TONE_COUNTS = np.float32(0.15 * SIDE * SIDE)
"""Weight of the tone in the middle beside the texture of a patch: texture comes rather from where it is as light."""
LARGEST = np.float32(1e30)


def _unlike(texture: Floats, tone: Floats, width: Any, one: Any, other: Any, most: Any) -> Any:
    """Squared difference of the patches around `one` and `other`; once it is `most`, any number from there on."""
    total = np.float32(0)
    for c in range(3):
        off = tone[3 * one + c] - tone[3 * other + c]
        total += TONE_COUNTS * off * off
    for row in range(-REACH, SIDE - REACH):
        here, there = 3 * (one + row * width - REACH), 3 * (other + row * width - REACH)
        for k in range(3 * SIDE):
            off = texture[here + k] - texture[there + k]
            total += off * off
        if total >= most:
            return total
    return total


unlike = compiled(_unlike)


def _judge(texture: Floats, tone: Floats, width: Any, targets: Places, match: Places, cost: Floats) -> None:
    """`cost` of every target's `match`."""
    for n in range(len(targets)):
        place = targets[n]
        cost[place] = unlike(texture, tone, width, place, match[place], LARGEST)


def _improve(
    texture: Floats,
    tone: Floats,
    width: Any,
    targets: Places,
    match: Places,
    cost: Floats,
    sources: Flags,
    chance: Any,
    backwards: Any,
) -> Any:
    """Look for better matches beside those of two neighbours, and ever nearer to one's own; the new `chance`.

    match      place in `sources` that each target is like; -1 for all that is no target
    backwards  from the last target to the first, and from the neighbours that come then
    """
    size, count, step = len(sources), len(targets), 1 if backwards else -1
    for n in range(count):
        place = targets[count - 1 - n] if backwards else targets[n]
        best, least = match[place], cost[place]
        for neighbour in (place + step, place + step * width):
            if match[neighbour] < 0:
                continue
            candidate = match[neighbour] + place - neighbour
            if 0 <= candidate < size and sources[candidate]:
                found = unlike(texture, tone, width, place, candidate, least)
                if found < least:
                    best, least = candidate, found
        reach = max(width, size // width)
        while reach >= 1:
            chance = (chance * 1664525 + 1013904223) & 0xFFFFFFFF
            down = (chance >> 16) % (2 * reach + 1) - reach
            chance = (chance * 1664525 + 1013904223) & 0xFFFFFFFF
            candidate = best + down * width + (chance >> 16) % (2 * reach + 1) - reach
            if 0 <= candidate < size and sources[candidate]:
                found = unlike(texture, tone, width, place, candidate, least)
                if found < least:
                    best, least = candidate, found
            reach //= 2
        match[place], cost[place] = best, least
    return chance


def _vote(
    texture: Floats,
    width: Any,
    targets: Places,
    match: Places,
    sure: Floats,
    covered: Flags,
    sums: Floats,
) -> None:
    """Paint `texture` where it is `covered`: the mean of what all patches over a pixel show there.

    sure  weight of each target's patch
    sums  (pixels, 4) zeros
    """
    for n in range(len(targets)):
        place = targets[n]
        weight = sure[place] + np.float32(1e-30)
        for row in range(-REACH, SIDE - REACH):
            for column in range(-REACH, SIDE - REACH):
                here = place + row * width + column
                if covered[here]:
                    there = match[place] + row * width + column
                    sums[here, 3] += weight
                    for c in range(3):
                        sums[here, c] += weight * texture[3 * there + c]
    for here in range(len(covered)):
        if covered[here] and sums[here, 3] > 0:
            for c in range(3):
                texture[3 * here + c] = sums[here, c] / sums[here, 3]


def _take(texture: Floats, covered: Flags, moves: Floats, found: Flags, out: Floats) -> None:
    """What stands a move away from each covered pixel, added to `out` (H, W, 3).

    texture  (H, W, 3), of which what is not `covered` (H, W) is taken
    moves    (h, w, 2) rows and columns of (H, W), for the middles of the cells of a coarser picture, where `found`
    """
    height, width = covered.shape
    rows, columns = found.shape
    for y in range(height):
        for x in range(width):
            if not covered[y, x]:
                continue
            down, right = (y + 0.5) * rows / height - 0.5, (x + 0.5) * columns / width - 0.5
            top, left = int(np.floor(down)), int(np.floor(right))
            sums, whole = np.zeros(3, np.float32), np.float32(0)
            for corner in range(4):
                cell_y, cell_x = top + corner // 2, left + corner % 2
                # Squared: of two cells that take from different places, one decides.
                weight = ((1 - abs(down - cell_y)) * (1 - abs(right - cell_x))) ** 2
                cell_y, cell_x = min(max(cell_y, 0), rows - 1), min(max(cell_x, 0), columns - 1)
                if not found[cell_y, cell_x]:
                    continue
                from_y = min(max(y + round(moves[cell_y, cell_x, 0]), 0), height - 1)
                from_x = min(max(x + round(moves[cell_y, cell_x, 1]), 0), width - 1)
                if covered[from_y, from_x]:
                    continue
                whole += weight
                for c in range(3):
                    sums[c] += weight * texture[from_y, from_x, c]
            if whole > 0:
                for c in range(3):
                    out[y, x, c] += sums[c] / whole


judge, improve, vote, take = compiled(_judge), compiled(_improve), compiled(_vote), compiled(_take)
