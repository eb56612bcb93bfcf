"""Where the square that a network draws lies in the pictures that are written, and how it gets there."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.face.window import Window

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SEAM = 0.06
"""Width of the seam between drawn and still parts of a person, in sides of the square."""


@dataclass(frozen=True)
class Square:
    """The whole pixels of a picture that a network draws; may reach outside the picture."""

    left: int
    top: int
    side: int

    def covers(self, size: tuple[int, int]) -> bool:
        """Whether a picture of `size` (width, height) lies within."""
        width, height = size
        return self.left <= 0 and self.top <= 0 and self.left + self.side >= width and self.top + self.side >= height


def seen_window(square: Square, view: Window) -> Window:
    """The part of `view` that shows `square`, on the view's own grid of pixels; at least two pixels of it."""
    density = view.columns / view.width
    corner = np.array([square.left - view.x, square.top - view.y]) * density
    first = np.clip(np.floor(corner + 1e-6), 0, (view.columns - 2, view.rows - 2))
    last = np.clip(np.ceil(corner + square.side * density - 1e-6), first + 2, (view.columns, view.rows))
    columns, rows = (int(n) for n in last - first)
    x, y = (first / density + (view.x, view.y)).tolist()
    return Window(x, y, columns / density, rows / density, columns, rows)


def fills(window: Window, square: Square, pixels: int) -> bool:
    """Whether `window` is exactly `square` drawn with `pixels` a side."""
    place = (window.x, window.y, window.width, window.height, window.columns, window.rows)
    return place == (square.left, square.top, square.side, square.side, pixels, pixels)


def sample(layer: Floats, square: Square, window: Window) -> Floats:
    """The part (rows, columns, C) of a premultiplied `layer` (h, w, C) in `window`; nothing (0) outside the layer.

    The layer's upper left corner lies at that of `square`, whose side is the layer's width.
    """
    density = layer.shape[1] / square.side
    step = window.width / window.columns * density
    if step > 1:  # an affine warp alone would alias
        size = max(1, round(layer.shape[1] / step)), max(1, round(layer.shape[0] / step))
        layer = np.asarray(cv2.resize(layer, size, interpolation=cv2.INTER_AREA), np.float32)
        density = layer.shape[1] / square.side
        step = window.width / window.columns * density
    x, y = (window.x - square.left) * density, (window.y - square.top) * density
    matrix = np.array([[step, 0, x + (step - 1) / 2], [0, step, y + (step - 1) / 2]], np.float64)
    flags = (cv2.INTER_CUBIC if step < 1 else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    placed = cv2.warpAffine(layer, matrix, (window.columns, window.rows), flags=flags, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(placed, np.float32)


def seam(square: Square, size: tuple[int, int], window: Window) -> Floats:
    """Share (rows, columns, 1) of the drawn square beside the still picture of `size` (width, height).

    1 inside, falling to 0 at those edges of the square that the picture goes on beyond.
    """
    ramps = []
    for start, picture, at, extent, count in (
        (square.top, size[1], window.y, window.height, window.rows),
        (square.left, size[0], window.x, window.width, window.columns),
    ):
        place = at + (np.arange(count) + 0.5) * (extent / count)
        ramp = np.ones(count)
        if start > 0:
            ramp = np.minimum(ramp, (place - start) / (SEAM * square.side))
        if start + square.side < picture:
            ramp = np.minimum(ramp, (start + square.side - place) / (SEAM * square.side))
        ramps.append(np.clip(ramp, 0.0, 1.0))
    return np.asarray(np.minimum(ramps[0][:, None], ramps[1][None, :])[..., None], np.float32)


def premultiplied(picture: Bytes) -> Floats:
    """`picture` (H, W, 4), straight alpha, as floats 0..255 whose colours are multiplied by alpha."""
    from vivant.avatars import place_kernels as kernels  # numba takes time to load

    layer = np.empty(picture.shape, np.float32)
    kernels.premultiply(picture.reshape(-1, 4), layer.reshape(-1, 4))
    return layer


def straight(layer: Floats) -> Bytes:
    """The picture (H, W, 4) uint8, straight alpha, of a premultiplied `layer`, the inverse of `premultiplied`."""
    from vivant.avatars import place_kernels as kernels

    picture = np.empty(layer.shape, np.uint8)
    kernels.divide(np.ascontiguousarray(layer, np.float32).reshape(-1, 4), picture.reshape(-1, 4))
    return picture


def over(layer: Floats, behind: Floats) -> Bytes:
    """A premultiplied `layer` (H, W, 4) over an opaque ground (H, W, 3): (H, W, 4) uint8, alpha 255."""
    colour = layer[..., :3] + behind * (1 - np.clip(layer[..., 3:], 0, 255) / 255)
    opaque = np.full((*layer.shape[:2], 1), 255, np.float32)
    return np.asarray(np.clip(np.concatenate([colour, opaque], 2) + 0.5, 0, 255), np.uint8)
