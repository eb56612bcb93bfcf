"""Turns of the head as angles about x, y and z, as the published puppeteers count them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


def angles_of(rotation: Floats | Doubles) -> tuple[float, float, float]:
    """Angles in radians of `rotation` (3, 3) about the fixed axes x, y, z in this order."""
    return (
        math.atan2(rotation[2, 1], rotation[2, 2]),
        math.asin(min(max(-float(rotation[2, 0]), -1.0), 1.0)),
        math.atan2(rotation[1, 0], rotation[0, 0]),
    )


def rotation_of(angles: Doubles) -> Floats:
    """The rotation (3, 3) whose `angles_of` are `angles` (3,)."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x, np.float32)
