"""The space of one picture: a box in front of the camera in which all rays of the picture run straight and parallel.

    head    centimetres in the axes of the face model (`vivant.face.pose`)
    camera  centimetres from the head's origin in upright picture axes: x right, y up, z to the viewer
    view    u, v, w in -1..1: u right and v up in the head's window of the picture, w to the viewer

Dividing by the distance makes the frustum of the picture a box (as normalised device coordinates do): the whole map is
a homography, so straight lines stay straight, and what stands in one line of sight has one u and v. The lens of a
photograph is not known; a camera `DISTANCE` away is assumed, as portraits are taken.
"""

from __future__ import annotations

import torch
from torch import Tensor

DISTANCE = 115.0
"""Centimetres from the camera to the head's origin."""
MIDDLE = (0.0, 1.0, -4.0)
"""Centimetres in the head: what the window is centred on."""
HALF = 18.0
"""Half of the window's side in centimetres."""
DEEP, HALF_DEEP = -5.0, 15.0
"""Middle and half of the box along w, in centimetres at the head's origin."""


def view_from_camera(points: Tensor, rotation: Tensor) -> Tensor:
    """View coordinates (N, M, 3) of camera `points` (N, M, 3) of a head that stands at `rotation` (N, 3, 3)."""
    near = points * (DISTANCE / (DISTANCE - points[..., 2:]))
    return normalised(near, rotation)


def camera_from_view(points: Tensor, rotation: Tensor) -> Tensor:
    """The inverse of `view_from_camera`: (..., 3) to (..., 3)."""
    near = torch.cat([points[..., :2] * HALF + _centre(rotation)[..., :2], points[..., 2:] * HALF_DEEP + DEEP], -1)
    return near * (DISTANCE / (DISTANCE + near[..., 2:]))


def grid(side: int) -> Tensor:
    """View coordinates (S ** 3, 3) of a grid of so many steps a `side`, w slowest."""
    line = torch.linspace(-1, 1, side)
    w, v, u = torch.meshgrid(line, line, line, indexing="ij")
    return torch.stack([u, v, w], -1).reshape(-1, 3)


def normalised(near: Tensor, rotation: Tensor) -> Tensor:
    """View coordinates of points (N, M, 3) whose frustum is straight already, in centimetres at the head's origin."""
    return torch.cat([(near[..., :2] - _centre(rotation)[..., :2]) / HALF, (near[..., 2:] - DEEP) / HALF_DEEP], -1)


def mirrored(points: Tensor, rotation: Tensor) -> Tensor:
    """View coordinates (N, M, 3) of the places that are left-right partners of view `points` (N, M, 3)."""
    flip = torch.tensor([-1.0, 1.0, 1.0], dtype=points.dtype, device=points.device)
    across = (rotation * flip) @ rotation.mT
    return view_from_camera(camera_from_view(points, rotation) @ across.mT, rotation)


def _centre(rotation: Tensor) -> Tensor:
    """Where the window's middle is (N, 1, 3), camera centimetres under scaled orthography."""
    middle = torch.tensor(MIDDLE, dtype=rotation.dtype, device=rotation.device)
    return (rotation @ middle)[..., None, :]
