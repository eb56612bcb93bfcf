"""Loops over the pixels of layers, compiled by numba when they first run and kept on disk."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivant.nn.norm_kernels import compiled

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

HALF = np.float32(0.5)


def _premultiply(picture: Bytes, layer: Floats) -> None:
    """Bytes of a `picture` (N, 4), straight alpha, to a `layer` (N, 4) of 0..255, its colours times alpha."""
    for n in range(picture.shape[0]):
        alpha = np.float32(picture[n, 3])
        for c in range(3):
            layer[n, c] = np.float32(picture[n, c]) * (alpha / np.float32(255))
        layer[n, 3] = alpha


def _divide(layer: Floats, picture: Bytes) -> None:
    """A `layer` (N, 4) of `premultiply` to bytes of a `picture` (N, 4), straight alpha."""
    most = np.float32(255)
    for n in range(layer.shape[0]):
        alpha = layer[n, 3]
        scale = most / max(alpha, HALF)
        for c in range(3):
            picture[n, c] = np.uint8(min(max(layer[n, c] * scale + HALF, np.float32(0)), most))
        picture[n, 3] = np.uint8(min(max(alpha + HALF, np.float32(0)), most))


premultiply = compiled(_premultiply)
divide = compiled(_divide)
