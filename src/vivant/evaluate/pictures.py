"""Comparing pictures: PSNR, SSIM, and the crops on which talking heads are compared.

Pictures are (H, W, 3) uint8 RGB of equal size; compare whole frames and face crops alike.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.face.landmarks import MESH_COUNT

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

BEST_PSNR = 100.0
"""Given to identical pictures."""


def psnr(one: Bytes, other: Bytes) -> float:
    """Peak signal-to-noise ratio in dB over all pixels and channels of (H, W, C); larger is better."""
    error = float(np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2))
    return BEST_PSNR if error == 0 else min(BEST_PSNR, 10.0 * float(np.log10(255.0**2 / error)))


def ssim(one: Bytes, other: Bytes) -> float:
    """Structural similarity -1..1 of (H, W, C) (Wang et al. 2004): Gaussian window of sigma 1.5, mean inside."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    mean_a, mean_b = _smooth(a), _smooth(b)
    spread_a, spread_b = _smooth(a * a) - mean_a**2, _smooth(b * b) - mean_b**2
    together = _smooth(a * b) - mean_a * mean_b
    small, large = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    top = (2 * mean_a * mean_b + small) * (2 * together + large)
    bottom = (mean_a**2 + mean_b**2 + small) * (spread_a + spread_b + large)
    return float((top / bottom)[5:-5, 5:-5].mean())


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(H, W, C) to the same shape."""
    return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5), np.float64)


def face_crop(landmarks: Floats, shape: tuple[int, ...], room: float = 1.2) -> tuple[slice, slice]:
    """Rows and columns of the square around the points `landmarks` (468, 2) or more, within a picture of `shape`."""
    points = landmarks[:MESH_COUNT, :2]
    low, high = points.min(0), points.max(0)
    half = room * float((high - low).max()) / 2
    first = np.clip(np.round((low + high) / 2 - half), 0, (shape[1] - 1, shape[0] - 1)).astype(int)
    last = np.clip(np.round((low + high) / 2 + half), first + 1, (shape[1], shape[0])).astype(int)
    return slice(int(first[1]), int(last[1])), slice(int(first[0]), int(last[0]))
