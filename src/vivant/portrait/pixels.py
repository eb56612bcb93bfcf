"""Scaling that never aliases: averages when it shrinks, interpolates when it grows."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


def scale_bytes(picture: Bytes, size: tuple[int, int]) -> Bytes:
    """`picture` (H, W) or (H, W, C) uint8 at `size` (width, height)."""
    return np.asarray(_scaled(picture, size), np.uint8)


def scale_floats(array: Floats, size: tuple[int, int]) -> Floats:
    """`array` (H, W) or (H, W, C) float32 at `size` (width, height)."""
    return np.asarray(_scaled(array, size), np.float32)


def fitted_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """(width, height) in whole pixels after scaling, at least 1."""
    return max(1, round(width * scale)), max(1, round(height * scale))


def _scaled(array: NDArray[np.uint8] | NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.generic]:
    """(H, W, ...) to so many columns and rows."""
    if (array.shape[1], array.shape[0]) == size:
        return array
    shrinks = size[0] * size[1] < array.shape[0] * array.shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(array), size, interpolation=way))
