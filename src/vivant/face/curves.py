"""From a measured displacement of the mesh to the 52 curves.

Not the mesh itself is fitted but some fifty measures of it, each the mean of a few landmarks along one axis (height of
the inner brow, of the upper lid, place of a mouth corner ...): single landmarks slide over the skin and their depth is
weak, while these follow the muscles. The fit is bounded least squares with a ridge that is stronger for rare curves.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.face.arkit import CURVES
from vivant.face.landmarks import MESH_COUNT
from vivant.face.model import FaceModel, load_face_model

Floats = NDArray[np.float32]

SIDED: tuple[tuple[tuple[int, ...], int, float], ...] = (
    ((55, 65, 107, 66), 1, 3.0),  # inner brow
    ((52, 105), 1, 2.0),
    ((46, 53, 63, 70), 1, 3.0),  # outer brow
    ((55, 107), 0, 2.0),  # frown
    ((160, 159, 158), 1, 5.0),  # upper lid
    ((144, 145, 153), 1, 5.0),  # lower lid
    ((157, 173), 1, 2.0),
    ((61,), 0, 3.0),  # mouth corner
    ((61,), 1, 3.0),
    ((78,), 0, 1.0),
    ((78,), 1, 1.0),
    ((39, 40, 37), 1, 1.5),  # outer upper lip
    ((81, 80, 82), 1, 2.0),  # inner upper lip
    ((178, 88, 87), 1, 2.0),  # inner lower lip
    ((181, 91, 84), 1, 1.5),  # outer lower lip
    ((205, 50), 1, 0.7),  # cheek
    ((98, 129), 1, 1.0),  # wing of the nose
    ((117, 118, 101), 1, 0.5),  # under the eye
)
"""(landmarks of the right side, axis, weight); the left side follows by mirroring."""
MIDDLE: tuple[tuple[tuple[int, ...], int, float], ...] = (
    ((0,), 1, 1.5),
    ((13,), 1, 3.0),
    ((14,), 1, 3.0),
    ((17,), 1, 1.5),
    ((152, 175, 199), 1, 0.7),  # chin: the tracker keeps it too still when the mouth opens
    ((152, 148, 377), 0, 0.7),
    ((13, 14, 0, 17), 0, 2.0),
    ((0, 37, 267), 2, 0.7),  # protrusion of the lips
    ((17, 84, 314), 2, 0.7),
    ((61, 291), 2, 0.5),
    ((152, 175), 2, 0.2),
)
RIDGE = {
    **{"jawOpen": 0.06, "mouthSmile": 0.06, "eyeBlink": 0.06, "mouthPucker": 0.09, "browInnerUp": 0.09},
    **{"browOuterUp": 0.36, "browDown": 0.7, "eyeWide": 0.42, "eyeSquint": 0.42, "mouthFunnel": 0.42},
    **{"mouthLowerDown": 0.36, "mouthUpperUp": 0.36, "mouthClose": 0.6, "mouthDimple": 0.6, "mouthStretch": 0.6},
    **{"mouthPress": 0.6, "mouthRoll": 0.9, "cheekSquint": 0.9, "cheekPuff": 1.2, "jawLeft": 1.2, "jawRight": 1.2},
    **{"mouthFrown": 1.8, "mouthShrug": 1.8, "noseSneer": 1.8, "jawForward": 2.4, "eyeLook": 3.0, "tongueOut": 1e3},
}
"""Ridge by prefix of the curve's name: what the landmarks show badly needs strong evidence."""
OTHER_RIDGE = 0.18
SPARSITY = 0.02
"""Constant pull to zero, so that noise does not spread over many small curves."""
STEPS = 60


@dataclass(frozen=True)
class CurveFit:
    """Normal equations of the fit, scaled so that their diagonal is one; see `prepare_curve_fit`."""

    normal: NDArray[np.float64]
    """(52, 52)"""
    projection: NDArray[np.float64]
    """(52, 1404) from the flat displacement to the right-hand side."""
    scale: NDArray[np.float64]
    """(52,) from scaled unknowns to curves."""
    step: float
    """Largest safe step of the gradient."""

    def __call__(self, dense: Floats) -> Floats:
        """Curves (..., 52) 0..1 of `dense` (..., 468, 3), a displacement from neutral in head centimetres."""
        right = dense.reshape(*dense.shape[:-2], -1) @ self.projection.T - SPARSITY * self.scale
        upper = 1.0 / self.scale
        point = ahead = np.zeros_like(right)
        momentum = 1.0
        for _ in range(STEPS):  # accelerated projected gradient (FISTA)
            moved = np.clip(ahead - self.step * (ahead @ self.normal - right), 0.0, upper)
            grown = (1 + np.sqrt(1 + 4 * momentum * momentum)) / 2
            ahead = moved + (momentum - 1) / grown * (moved - point)
            point, momentum = moved, grown
        return np.asarray(np.clip(point * self.scale, 0.0, 1.0), np.float32)


def prepare_curve_fit(model: FaceModel) -> CurveFit:
    """Everything of the fit that does not depend on the frame."""
    measures = _measures(model)
    return fit_measures(measures, measures @ model.basis[:, :MESH_COUNT].reshape(len(CURVES), -1).T.astype(np.float64))


def fit_measures(measures: NDArray[np.float64], seen: NDArray[np.float64]) -> CurveFit:
    """The fit of weighted `measures` (M, D) of a flat displacement, which are `seen` (M, 52) at each curve's full."""
    normal = seen.T @ seen + np.diag([_ridge(name) for name in CURVES])
    scale = 1.0 / np.sqrt(np.diag(normal))
    scaled = normal * scale * scale[:, None]
    return CurveFit(scaled, scale[:, None] * (seen.T @ measures), scale, float(1.0 / np.linalg.eigvalsh(scaled)[-1]))


def curves_from_displacement(dense: Floats) -> Floats:
    """Curves (52,) 0..1 of `dense` (468, 3) cm under the packaged face model; about half a millisecond."""
    return _packaged_fit()(dense)


@functools.cache
def _packaged_fit() -> CurveFit:
    return prepare_curve_fit(load_face_model())


def _measures(model: FaceModel) -> NDArray[np.float64]:
    """The measures of a displacement, as (M, 468 * 3)."""
    mirrored = [(tuple(int(model.mirror[i]) for i in points), axis, weight) for points, axis, weight in SIDED]
    measures = [*SIDED, *mirrored, *MIDDLE]
    matrix = np.zeros((len(measures), MESH_COUNT, 3))
    for row, (points, axis, weight) in zip(matrix, measures, strict=True):
        row[list(points), axis] = weight / len(points)
    return matrix.reshape(len(measures), -1)


def _ridge(name: str) -> float:
    return next((value for prefix, value in RIDGE.items() if name.startswith(prefix)), OTHER_RIDGE)
