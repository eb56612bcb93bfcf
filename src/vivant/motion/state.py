"""FaceState: one instant of a moving face, the only thing that drivers and avatars exchange."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vivant.face.arkit import CURVES

Floats = NDArray[np.float32]

LOOK_RADIANS = 0.55
"""Gaze angle at which an eyeLook curve is 1."""


def _zeros(*shape: int) -> Floats:
    return np.zeros(shape, np.float32)


def _identity() -> Floats:
    """No rotation: (3, 3)."""
    return np.eye(3, dtype=np.float32)


@dataclass(frozen=True)
class FaceState:
    """A face at one instant, relative to the same person's neutral face; the default is that neutral face."""

    curves: Floats = field(default_factory=lambda: _zeros(len(CURVES)))
    """(52,) ARKit coefficients 0..1 in the order of `vivant.face.arkit.CURVES`."""
    rotation: Floats = field(default_factory=_identity)
    """(3, 3) head axes from neutral head axes; axes as in `vivant.face.pose`."""
    translation: Floats = field(default_factory=lambda: _zeros(3))
    """(3,) displacement of the head's origin from neutral, in inter-ocular distances; x right, y up, z to the viewer.

    Under scaled orthography z changes the size: scale = CAMERA_DISTANCE / (CAMERA_DISTANCE - z)."""
    gaze: Floats = field(default_factory=lambda: _zeros(2))
    """(2,) radians in the head's axes: to the viewer's right, up; (0, 0) looks straight ahead of the head."""
    dense: Floats | None = None
    """(468, 3) displacement of the mesh from neutral in head centimetres; only video drivers know it."""
    present: bool = True
    """False where the driver lost the face and this state is held or eased."""
