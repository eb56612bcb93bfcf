"""Transparent pictures over a colour, for what knows no transparency: windows, cameras, JPEG, H.264."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
"""Behind transparent pictures in files without transparency."""
CHECKER = 16
"""Pixels of a field of the checker that stands for transparency."""
_LIGHT, _DARK = 204, 153


def see_through(picture: Bytes) -> bool:
    """Whether anything of `picture` (H, W, 4) is transparent."""
    return bool(cv2.extractChannel(picture, 3).min() < 255)


def over(picture: Bytes, backdrop: Bytes) -> Bytes:
    """`picture` (H, W, 4) RGBA, straight alpha, over the opaque `backdrop` (H, W, 3): (H, W, 3)."""
    colour = cv2.cvtColor(picture, cv2.COLOR_RGBA2RGB)
    if not see_through(picture):
        return np.asarray(colour, np.uint8)
    weight = cv2.extractChannel(picture, 3).astype(np.float32) * np.float32(1 / 255)
    return np.asarray(cv2.blendLinear(colour, backdrop, weight, 1 - weight), np.uint8)


def backdrop(rows: int, columns: int, colour: Colour | None) -> Bytes:
    """An even picture (rows, columns, 3) of `colour`, or the checker that stands for transparency."""
    if colour is not None:
        return np.full((rows, columns, 3), colour, np.uint8)
    fields = (np.arange(rows)[:, None] // CHECKER + np.arange(columns) // CHECKER) % 2
    grey = np.where(fields == 0, _LIGHT, _DARK).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


@dataclass
class Opaque:
    """Lays pictures over an even colour, or over the checker; remembers the backdrop of one size."""

    colour: Colour | None = None
    _backdrop: Bytes = field(default_factory=lambda: np.zeros((0, 0, 3), np.uint8))

    def __call__(self, picture: Bytes) -> Bytes:
        """`picture` (H, W, 4) RGBA as (H, W, 3) RGB."""
        if self._backdrop.shape[:2] != picture.shape[:2]:
            self._backdrop = backdrop(picture.shape[0], picture.shape[1], self.colour)
        return over(picture, self._backdrop)
