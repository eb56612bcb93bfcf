"""The shape of a head where its picture does not show it: no stumps at its back, an even far side.

The network puts buns and plaits where none is seen, cut off at its reach. An opening by a ball takes from the back what
is narrower than the ball, and leaves what is round. The far side of a head that looks away ends where the lines of
sight do that pass the face, in ridges along them; that side is made even.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivant.avatars.real3d.surface_net import evened
from vivant.avatars.real3d.view_space import HALF, HALF_DEEP, camera_from_view, grid
from vivant.face.pose import angles_from_rotation

Floats = NDArray[np.float32]

SIDE = 64
"""Steps of the grid on which the back is opened; a ball has no fine details."""
BALL = np.float32(2.5)
"""Its radius in centimetres."""
BEHIND, ABOVE = -7.0, 3.0
"""z and y in head centimetres: what lies before or below may stand out, as far as it lies so."""
STEEP = np.float32(8)
"""Of density, per centimetre, where the ball does not reach."""
YAW = (8.0, 18.0)
"""Degrees that a portrait looks aside, between which its far side is hidden more and more."""
FAR = (0.5, 2.5)
"""Centimetres from the middle of the head between which that side begins."""
NECK = (-12.0, -10.0)
"""y in head centimetres between which it begins above the neck."""
BORDER = 4
"""Rounds over the mesh in which the border of what is hidden is made even."""
TIMES, ROUNDS = 4, 15
"""How often what is hidden there is brought to the mean of so many rounds over the mesh."""


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


def far_side(points: Floats, rotation: Floats, begins: tuple[float, float]) -> Floats:
    """0..1 (V,): how far `points` (V, 3) of a head at `rotation` (3, 3) are on the side that looks away.

    Nothing is where it looks ahead. The side `begins` between two distances from the middle of the head, centimetres.
    """
    yaw = angles_from_rotation(rotation)[0]
    return _between(np.abs(np.rad2deg(yaw)), YAW) * _between((points @ rotation)[:, 0] * np.sign(yaw), begins)


def with_even_far_side(points: Floats, mean: Any, hidden: Floats, rotation: Floats) -> Floats:
    """`points` (V, 3) of a head that stands at `rotation` (3, 3), even where they are `hidden` (V,) and look away.

    `mean` is that of `neighbour_means`. What the picture shows keeps its place, and so does its outline.
    """
    far = far_side(points, rotation, FAR)
    if not far.any():
        return points
    far *= _between((points @ rotation)[:, 1], NECK)
    share = evened((hidden * far)[:, None], mean, BORDER)
    for _ in range(TIMES):
        points = points + share * (evened(points, mean, ROUNDS) - points)
    return np.asarray(points, np.float32)


def _between(values: Floats, ends: tuple[float, float]) -> Floats:
    """0 up to the first of `ends`, 1 from the second on."""
    return np.asarray(np.clip((values - ends[0]) / (ends[1] - ends[0]), 0, 1), np.float32)


def _places(rotation: Tensor) -> Floats:
    """Head centimetres (3, w, v, u) of the points of the grid."""
    head = camera_from_view(grid(SIDE)[None], rotation) @ rotation
    return head[0].T.reshape(3, SIDE, SIDE, SIDE).numpy()


def _steps(field: Floats, side: int) -> Floats:
    """`field` (S, S, S) on a grid of so many steps a `side` that ends at the same places."""
    given = torch.from_numpy(field)[None, None]
    found = torch.nn.functional.interpolate(given, (side, side, side), mode="trilinear", align_corners=True)
    return found[0, 0].numpy()
