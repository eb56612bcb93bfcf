"""From a face state to the 64 expression coefficients of the Basel face model.

Regularised least squares on MediaPipe's points, as the fit to a video's landmarks weighs them (`face.fit_3dmm`): the
coefficients are those whose displacement of the 468 points is nearest to the state's, and no larger than it takes. The
displacement is the measured one where the state carries it, else that of the curves under the project's own face model.
Both are linear, so that a state costs one small product; the neutral state gives exactly 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.face.bfm_mesh import BaselMesh
from vivant.face.bfm_pose import DISTANCE, FOCAL
from vivant.face.fit_3dmm import VIDEO, FitSettings
from vivant.face.landmarks import MESH_COUNT
from vivant.face.model import CLOSE, JAW, FaceModel, load_face_model
from vivant.face.pose import HeadPose, fit_similarity
from vivant.motion.state import FaceState

Floats = NDArray[np.float32]

DEPTH = 0.3
"""Weight of depth beside the two axes of the picture: a camera sees it badly."""


@dataclass(frozen=True)
class ExpressionMap:
    """The linear maps of one face model; made once by `prepare_expression`."""

    from_dense: Floats
    """(64, 1404) per centimetre of the flat displacement of the 468 points."""
    from_curves: Floats
    """(64, 52) per unit of each curve."""


def expression_of_state(state: FaceState, expression: ExpressionMap) -> Floats:
    """Coefficients (64,) of `state`, relative to the same person's neutral face; standard deviations over faces."""
    if state.dense is not None:
        return np.asarray(expression.from_dense @ state.dense.reshape(-1), np.float32)
    curves = np.array(state.curves, np.float32)
    curves[CLOSE] = min(curves[CLOSE], curves[JAW])  # lips cannot be held together further than the jaw is open
    return np.asarray(expression.from_curves @ curves, np.float32)


def prepare_expression(mesh: BaselMesh, settings: FitSettings = VIDEO) -> ExpressionMap:
    """The maps for `mesh`, a Basel face with MediaPipe's points; `settings` weigh points and coefficients."""
    model = load_face_model()
    there = mesh.landmarks >= 0
    placed = head_in_face(mesh, model)
    moves = mesh.face.expression[mesh.landmarks[there]].astype(np.float64)  # (K, 3, 64)
    moves = np.einsum("kce,cd->kde", moves, placed.rotation) / placed.scale  # in the head's axes, cm
    # The fit's own balance: the mean square in pixels over both axes of all points, against that of the coefficients.
    pixels = placed.scale * FOCAL / DISTANCE
    weights = settings.weights()[there, None] * np.array([1.0, 1.0, DEPTH]) * pixels**2 / (2 * MESH_COUNT)
    count = moves.shape[-1]
    weighted = weights[..., None] * moves
    normal = np.einsum("kde,kdf->ef", weighted, moves) + settings.expression / count * np.eye(count)
    from_dense = np.zeros((count, MESH_COUNT, 3))
    from_dense[:, there] = np.linalg.solve(normal, weighted.reshape(-1, count).T).reshape(count, -1, 3)
    flat = from_dense.reshape(count, -1)
    from_curves = flat @ model.basis[:, :MESH_COUNT].reshape(len(model.basis), -1).T
    return ExpressionMap(flat.astype(np.float32), from_curves.astype(np.float32))


def head_in_face(mesh: BaselMesh, model: FaceModel) -> HeadPose:
    """The project's head frame in the mean face: decimetres = scale * rotation @ centimetres + translation."""
    there = mesh.landmarks >= 0
    neutral, mean = model.neutral[:MESH_COUNT][there], mesh.face.mean[mesh.landmarks[there]]
    return fit_similarity(neutral, mean, np.ones(len(mean), np.float32))
