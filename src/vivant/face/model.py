"""The built-in face: a neutral mesh on MediaPipe's landmarks and the shape of each of the 52 curves.

The head frame is MediaPipe's canonical one: centimetres, x to the viewer's right, y up, z toward the viewer.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from vivant.face.arkit import INDEX
from vivant.face.landmarks import OUTER_EYE_CORNERS

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

JAW, CLOSE = INDEX["jawOpen"], INDEX["mouthClose"]


@dataclass(frozen=True)
class FaceModel:
    """A mean neutral face, its surface and how each curve moves it. Arrays are shared: do not write into them."""

    neutral: Floats
    """(478, 3) cm, eyes open, lips closed; the last 10 are the irises, looking straight ahead."""
    basis: Floats
    """(52, 478, 3) cm per unit of each curve, in the order of `CURVES`; irises do not move (gaze is its own value)."""
    triangles: Ints
    """(T, 3) of the 468 mesh, counter-clockwise seen from outside; eyes and mouth are open."""
    eye_triangles: Ints
    """(28, 3) that fill the two eyes."""
    mouth_triangles: Ints
    """(18, 3) that fill the mouth."""
    mirror: Ints
    """(478,) left-right partner of each point."""

    @property
    def inter_ocular(self) -> float:
        """Distance of the outer eye corners in cm."""
        right, left = self.neutral[list(OUTER_EYE_CORNERS)]
        return float(np.linalg.norm(left - right))


@functools.cache
def load_face_model() -> FaceModel:
    """The packaged face model; read once, the same object every time."""
    with (
        resources.files("vivant.face").joinpath("data/face_model.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        model = FaceModel(
            neutral=arrays["neutral"].astype(np.float32),
            basis=arrays["basis"].astype(np.float32),
            triangles=arrays["triangles"].astype(np.int32),
            eye_triangles=arrays["eye_triangles"].astype(np.int32),
            mouth_triangles=arrays["mouth_triangles"].astype(np.int32),
            mirror=arrays["mirror"].astype(np.int32),
        )
    for array in vars(model).values():
        array.flags.writeable = False
    return model


def displacement_from_curves(model: FaceModel, curves: Floats) -> Floats:
    """Displacement (478, 3) in cm of the neutral face under `curves` (52,) 0..1.

    mouthClose has an effect only as far as the jaw is open, because it means lips that stay together over an open jaw.
    """
    effective = np.array(curves, np.float32)
    effective[CLOSE] = min(effective[CLOSE], effective[JAW])
    return np.asarray(np.tensordot(effective, model.basis, 1), np.float32)
