"""iBUG's 68 landmarks, which the published speech networks move, and the curves of jaw and mouth that they show.

    displacement   (T, 68, 3)   cm from rest; x to the viewer's right, y up, z toward the viewer
    curves         (T, 52)      0..1; all but those of jaw and mouth are 0

Landmarks 0..16 are the jaw, 17..26 brows, 27..35 nose, 36..47 eyes, 48..67 mouth; the person's right comes first.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from vivant.face.arkit import CURVES, INDEX
from vivant.face.curves import CurveFit, fit_measures
from vivant.face.model import FaceModel, load_face_model

Floats = NDArray[np.float32]

COUNT = 68
CHIN = {5: 150, 6: 176, 7: 148, 8: 152, 9: 377, 10: 400, 11: 379}
OUTER_LIPS = {
    **{48: 61, 49: 39, 50: 37, 51: 0, 52: 267, 53: 269, 54: 291},
    **{55: 405, 56: 314, 57: 17, 58: 84, 59: 181},
}
INNER_LIPS = {60: 78, 61: 81, 62: 13, 63: 311, 64: 308, 65: 402, 66: 14, 67: 178}
"""The landmark of MediaPipe's mesh at each of the 68 that the fit looks at."""
WEIGHTS = ((CHIN, (0.6, 0.8, 0.2)), (OUTER_LIPS, (1.6, 1.6, 0.6)), (INNER_LIPS, (1.6, 2.4, 0.4)))
"""How much each group counts along x, y and z: depth is weak in what the networks were trained on."""
JAW, CLOSE = INDEX["jawOpen"], INDEX["mouthClose"]


def mouth_curves(displacement: Floats) -> Floats:
    """Curves (T, 52) of `displacement` (T, 68, 3) by bounded least squares; see `face.curves` and the top."""
    curves = _packaged_fit()(displacement)
    curves[:, CLOSE] = np.minimum(curves[:, CLOSE], curves[:, JAW])  # there is no more to close
    return curves


def landmarks_of(dense: Floats) -> Floats:
    """(..., 68, 3) from the points (..., >= 468, 3) of MediaPipe's mesh; 0 but for the mouth and the chin."""
    result = np.zeros((*dense.shape[:-2], COUNT, 3), np.float32)
    for group, _ in WEIGHTS:
        result[..., list(group), :] = dense[..., list(group.values()), :]
    return result


@functools.cache
def _packaged_fit() -> CurveFit:
    return prepare_mouth_fit(load_face_model())


def prepare_mouth_fit(model: FaceModel) -> CurveFit:
    """Everything of the fit that does not depend on the frame."""
    axes = np.zeros((COUNT, 3))
    for group, weights in WEIGHTS:
        axes[list(group)] = weights
    measures = np.diag(axes.reshape(-1))[axes.reshape(-1) > 0]
    moved = landmarks_of(model.basis).reshape(len(CURVES), -1).astype(np.float64)
    others = [not name.startswith(("jaw", "mouth")) for name in CURVES]
    moved[others] = 0.0  # brows, lids and cheeks are other generators' work
    return fit_measures(measures, measures @ moved.T)
