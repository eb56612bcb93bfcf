"""Loops over the points and pixels of the packaged 3-D heads, compiled by numba when they first run, kept on disk."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.nn.norm_kernels import compiled
from vivant.portrait.strands import REST

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

ONE, HALF, MOST = np.float32(1), np.float32(0.5), np.float32(255)
EMPTY = np.float32(-1e8)
"""Depth below which a raster shows nothing; `vivant.face.raster.FAR` is less."""
NEARLY = np.float32(0.49)
"""Pixels from half way between two pixels, from which on one of them is meant."""
NO_TEXTURE = np.float32(REST)
GUESSED, KNOWN = np.float32(96), np.float32(192)
"""Alpha of the picture below which its colours are guessed, and from which on they are not."""


def _place(
    points: Floats,
    follows: Floats,
    leans: Floats,
    near: Ints,
    weights: Floats,
    move: Floats,
    turn: Floats,
    shift: Floats,
    mirror: Floats,
    lens: Floats,
    shows: Floats,
    posed: Floats,
) -> None:
    """Where `points` (V, 3), camera centimetres, are seen and drawn.

    Each moves by the `weights` (V, K) of the `move` (L, 3) of the landmarks `near` (V, K). `shows` (V, 4 or more)
    begins with the picture's pixels of the point and of its partner beyond the `mirror`. The head's `turn` (3, 3) is
    taken by the share `follows` (V,), its `shift` (3,) by `leans` (V,); `posed` (V, 3) are pixels of the frame and
    nearness. Across, the `shift` is of the picture and turns the head to no side of the camera. `lens` is pixels per
    centimetre, its pixel (2,) of the head's origin, y up, and the camera's distance.
    """
    scale, right, up, distance = lens[0], lens[1], lens[2], lens[3]
    at = np.empty(3, np.float32)
    for v in range(points.shape[0]):
        for c in range(3):
            at[c] = points[v, c]
            for k in range(near.shape[1]):
                at[c] += weights[v, k] * move[near[v, k], c]
        closer = scale * distance / (distance - at[2])
        shows[v, 0] = at[0] * closer + right
        shows[v, 1] = -(at[1] * closer + up)
        x = mirror[0, 0] * at[0] + mirror[0, 1] * at[1] + mirror[0, 2] * at[2]
        y = mirror[1, 0] * at[0] + mirror[1, 1] * at[1] + mirror[1, 2] * at[2]
        z = mirror[2, 0] * at[0] + mirror[2, 1] * at[1] + mirror[2, 2] * at[2]
        closer = scale * distance / (distance - z)
        shows[v, 2] = x * closer + right
        shows[v, 3] = -(y * closer + up)
        share, lean = follows[v], leans[v]
        x = turn[0, 0] * at[0] + turn[0, 1] * at[1] + turn[0, 2] * at[2]
        y = turn[1, 0] * at[0] + turn[1, 1] * at[1] + turn[1, 2] * at[2]
        z = turn[2, 0] * at[0] + turn[2, 1] * at[1] + turn[2, 2] * at[2]
        x, y, z = at[0] + share * (x - at[0]), at[1] + share * (y - at[1]), at[2] + share * (z - at[2])
        z += lean * shift[2]
        nearness = distance / (distance - z)
        # Across, the camera goes along: a turn is what the camera sees of it, wherever in the picture the head is.
        posed[v, 0] = scale * (x * nearness + lean * shift[0]) + right
        posed[v, 1] = -(scale * (y * nearness + lean * shift[1]) + up)
        posed[v, 2] = nearness


def _look(picture: Bytes, x: np.float32, y: np.float32, out: Floats) -> None:
    """The colour (4,) of `picture` (H, W, 4) at one place, bicubic."""
    x, y = x - HALF, y - HALF
    column, row = np.floor(x), np.floor(y)
    across, down = np.float32(x - column), np.float32(y - row)
    first, top = int(column) - 1, int(row) - 1
    last_row, last_column = picture.shape[0] - 1, picture.shape[1] - 1
    if abs(across - HALF) > NEARLY and abs(down - HALF) > NEARLY:  # what stands still, shows its pixels
        pixel = picture[
            min(max(int(np.floor(y + HALF)), 0), last_row), min(max(int(np.floor(x + HALF)), 0), last_column)
        ]
        for c in range(4):
            out[c] = np.float32(pixel[c])
        return
    out[:] = np.float32(0)
    for j in range(4):
        high = _cubic(abs(np.float32(j - 1) - down))
        at = min(max(top + j, 0), last_row)
        for i in range(4):
            weight = high * _cubic(abs(np.float32(i - 1) - across))
            pixel = picture[at, min(max(first + i, 0), last_column)]
            for c in range(4):
                out[c] += weight * np.float32(pixel[c])
    for c in range(4):
        out[c] = min(max(out[c], np.float32(0)), MOST)


def _cubic_weight(t: np.float32) -> np.float32:
    if t < ONE:
        return (np.float32(1.5) * t - np.float32(2.5)) * t * t + ONE
    return ((np.float32(2.5) - HALF * t) * t - np.float32(4)) * t + np.float32(2)


_cubic = compiled(_cubic_weight)
look = compiled(_look)


def _colour(
    values: Floats, depth: Floats, picture: Bytes, strands: Bytes, hidden: Any, oblique: Any, layer: Floats
) -> None:
    """The mesh's `layer` (R, C, 4), premultiplied 0..255, of its raster.

    `values` (R, C, 13) are the picture's pixels of point and partner, the trust in each, how far the surface faces the
    picture's camera, the colour without pixels, and the pixel and share of the texture `strands` (h, w, 4) that is
    added to it; `hidden` and `oblique` 0..1 say how much trust and facing matter.
    """
    found = np.empty(4, np.float32)
    for row in range(depth.shape[0]):
        for column in range(depth.shape[1]):
            if depth[row, column] < EMPTY:
                layer[row, column] = np.float32(0)
                continue
            here, pixel = values[row, column], layer[row, column]
            for c in range(3):
                pixel[c] = here[7 + c]
            if here[12] > np.float32(0.004):
                look(strands, here[10], here[11], found)
                for c in range(3):
                    pixel[c] = min(max(pixel[c] + here[12] * (found[c] - NO_TEXTURE), np.float32(0)), MOST)
            for place in (2, 0):
                share = here[5]
                if place == 0:
                    share = max(ONE - hidden * (ONE - here[4]), np.float32(0)) * (ONE - oblique * (ONE - here[6]))
                if share > np.float32(0.004):
                    look(picture, here[place], here[place + 1], found)
                    share *= min(max((found[3] - GUESSED) / (KNOWN - GUESSED), np.float32(0)), ONE)
                    for c in range(3):
                        pixel[c] += share * (found[c] - pixel[c])
            pixel[3] = MOST


def _compose(
    layer: Floats,
    values: Floats,
    depth: Floats,
    picture: Bytes,
    background: Bytes,
    beside: Bytes,
    something: Bytes,
    alone: bool,
    out: Bytes,
) -> None:
    """The frame `out` (R, C, 4): `layer` over the sheet, whose raster's `values` (R, C, 2) are pixels of `picture`.

    That is (H, W, 4), sRGB. All over `beside` (H, W, 4), which lies on the sheet, too, and the `background` (R, C, 3);
    or straight where the person is `alone`. Alpha is the person's. `something` (H, W) is 0 where nothing lies on the
    sheet.
    """
    last_row, last_column = picture.shape[0] - 1, picture.shape[1] - 1
    found = np.zeros(4, np.float32)
    for row in range(depth.shape[0]):
        for column in range(depth.shape[1]):
            pixel = layer[row, column]
            alpha = pixel[3] / MOST
            found[3] = np.float32(0)
            on_sheet = alpha < np.float32(0.999) and depth[row, column] > EMPTY
            if on_sheet:
                at_row = min(max(int(values[row, column, 1]), 0), last_row)
                on_sheet = something[at_row, min(max(int(values[row, column, 0]), 0), last_column)] > 0
            if on_sheet:
                look(picture, values[row, column, 0], values[row, column, 1], found)
                more = (ONE - alpha) * found[3] / MOST
                for c in range(3):
                    pixel[c] += more * found[c]
                alpha += more
            if on_sheet and not alone:
                look(beside, values[row, column, 0], values[row, column, 1], found)
            share = found[3] / MOST
            for c in range(3):
                behind = np.float32(background[row, column, c])
                behind = (ONE - alpha) * (behind + share * (found[c] - behind))
                value = pixel[c] / max(alpha, np.float32(1e-3)) if alone else pixel[c] + behind
                out[row, column, c] = np.uint8(min(max(value + HALF, np.float32(0)), MOST))
            out[row, column, 3] = np.uint8(min(max(alpha * MOST + HALF, np.float32(0)), MOST))


place = compiled(_place)
colour = compiled(_colour)
compose = compiled(_compose)
