"""The back of a head without stumps: the network puts buns and plaits where none is seen, cut off at its reach.

An opening by a ball takes from the back what is narrower than the ball, and leaves what is round.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivant.avatars.real3d.view_space import HALF, HALF_DEEP, camera_from_view

Floats = NDArray[np.float32]

SIDE = 64
"""Steps of the grid on which the back is opened; a ball has no fine details."""
BALL = np.float32(2.5)
"""Its radius in centimetres."""
BEHIND, ABOVE = -7.0, 3.0
"""z and y in head centimetres: what lies before or below may stand out, as far as it lies so."""
STEEP = np.float32(8)
"""Of density, per centimetre, where the ball does not reach."""


def without_stumps(density: Floats, rotation: Tensor) -> Floats:
    """`density` (w, v, u) of a head that stands at `rotation` (1, 3, 3), rounded at its back; nowhere more."""
    from scipy.ndimage import distance_transform_edt as distances

    step = 2 / (SIDE - 1) * np.array([HALF_DEEP, HALF, HALF])
    inside = _steps(density, SIDE) > 0
    middles = distances(inside, sampling=step) > BALL
    if not middles.any():
        return density
    beyond = distances(~middles, sampling=step).astype(np.float32) - BALL
    _, up, ahead = _places(rotation)
    allowed = np.maximum(ahead - BEHIND, 0) + np.maximum(ABOVE - up, 0) - beyond
    return np.minimum(density, STEEP * _steps(allowed, len(density)))


def _places(rotation: Tensor) -> Floats:
    """Head centimetres (3, w, v, u) of the points of the grid."""
    line = torch.linspace(-1, 1, SIDE)
    w, v, u = torch.meshgrid(line, line, line, indexing="ij")
    view = torch.stack([u, v, w], -1).reshape(1, -1, 3)
    return (camera_from_view(view, rotation) @ rotation)[0].T.reshape(3, SIDE, SIDE, SIDE).numpy()


def _steps(field: Floats, side: int) -> Floats:
    """`field` (S, S, S) on a grid of so many steps a `side` that ends at the same places."""
    given = torch.from_numpy(field)[None, None]
    found = torch.nn.functional.interpolate(given, (side, side, side), mode="trilinear", align_corners=True)
    return found[0, 0].numpy()
