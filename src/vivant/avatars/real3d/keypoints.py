"""The 68 key points that the torso follows, as the published networks learned them: places in the picture.

    keypoints   (T, 68, 3)   x right and y down, -1..1 over the picture, cut off there; z is 0

Over time they are smoothed by `camera.smooth_rows`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivant.face.bfm_mesh import BaselMesh
from vivant.face.bfm_pose import SIZE, pose_points, project
from vivant.face.fit_3dmm import FaceFit

Floats = NDArray[np.float32]


def keypoints_of_fit(fit: FaceFit, mesh: BaselMesh) -> Floats:
    """Key points (T, 68, 3) of a face with one identity, in T expressions and poses."""
    vertices, face = mesh.shifted_keypoints, mesh.face
    shape = face.mean[vertices] + face.identity[vertices] @ fit.identity[0]
    moved = shape + np.einsum("kce,te->tkc", face.expression[vertices], fit.expression)
    seen = project(pose_points(moved, fit.euler, fit.translation)) * (2 / SIZE) - 1
    places = np.clip(seen * np.array([1, -1], np.float32), -1, 1)
    return np.concatenate([places, np.zeros_like(places[..., :1])], -1, dtype=np.float32)
