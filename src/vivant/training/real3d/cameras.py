"""Random cameras around a head, as the training draws them (real3d 14.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vivant.avatars.real3d.camera import camera_on_sphere


@dataclass(frozen=True)
class Spread:
    """Where cameras may stand; all equally likely."""

    pitch: float
    """Largest, in degrees, both ways."""
    yaw: float
    near: float
    far: float
    """Distances from the middle of the cube, whose side is 1."""


MAPPED = Spread(10, 16, 2.7, 3.2)
"""What a teacher is told of who is looking at the person."""
SEEN = Spread(26, 38, 2.7, 4.0)
"""What is rendered."""


def random_cameras(count: int, spread: Spread, random: np.random.Generator) -> Tensor:
    """Cameras (N, 25) as in `vivant.avatars.real3d.camera`."""
    unit = random.uniform(-1, 1, (3, count)).astype(np.float32)
    distance = spread.near + (spread.far - spread.near) * (unit[2] + 1) / 2
    cameras = camera_on_sphere(np.radians(unit[0] * spread.pitch), np.radians(unit[1] * spread.yaw), distance)
    return torch.from_numpy(cameras)
