"""Where a Basel face stands before its camera: Euler angles, translation, perspective.

    face       decimetres; x to the viewer's right, y up, z toward the viewer
    rotation   maps column vectors: posed = rotation @ point + translation; rotation = Rz Ry Rx
    camera     looks along -z from (0, 0, 10); a square picture of 224 pixels, focal length 1015, y up

Deng et al. 2019, "Accurate 3D face reconstruction with weakly-supervised learning", section 3; Ye et al. 2024,
"Real3D-Portrait", as released.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

DISTANCE = 10.0
"""Decimetres from the camera to the origin."""
FOCAL = 1015.0
"""Pixels of the picture of `SIZE`."""
SIZE = 224
CENTRE = SIZE / 2


def rotation_from_euler(euler: Floats) -> Floats:
    """Rotations (..., 3, 3) = Rz Ry Rx of `euler` (..., 3) in radians about x, y and z; single precision."""
    cosine, sine = np.cos(euler), np.sin(euler)
    cx, cy, cz = np.moveaxis(cosine, -1, 0)
    sx, sy, sz = np.moveaxis(sine, -1, 0)
    rows = (
        (cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx),
        (sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx),
        (-sy, cy * sx, cy * cx),
    )
    return np.asarray(np.stack([np.stack(row, -1) for row in rows], -2), np.float32)


def euler_from_rotation(rotation: Floats) -> Floats:
    """Angles (..., 3) in radians of `rotation` (..., 3, 3); about y within 90 degrees. Turns `rotation_from_euler`."""
    about_y = np.arcsin(np.clip(-rotation[..., 2, 0], -1.0, 1.0))
    about_x = np.arctan2(rotation[..., 2, 1], rotation[..., 2, 2])
    about_z = np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0])
    return np.asarray(np.stack([about_x, about_y, about_z], -1), np.float32)


def pose_points(points: Floats, euler: Floats, translation: Floats) -> Floats:
    """`points` (..., K, 3) before the camera, for `euler` (..., 3) radians and `translation` (..., 3) decimetres."""
    turned = points @ np.swapaxes(rotation_from_euler(euler), -1, -2)
    return np.asarray(turned + translation[..., None, :], np.float32)


def project(posed: Floats) -> Floats:
    """Places (..., 2) of `posed` points (..., 3) in the picture of 224 pixels, x right, y **up**."""
    depth = DISTANCE - posed[..., 2:]
    return np.asarray(FOCAL * posed[..., :2] / depth + CENTRE, np.float32)
