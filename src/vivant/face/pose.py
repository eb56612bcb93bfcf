"""Head pose under scaled orthography, and similarity fits.

Conventions
    head      canonical head coordinates in centimetres: x to the viewer's right, y up, z toward the viewer
    picture   pixels: x right, y down, z in pixels with the sign of MediaPipe's landmarks (negative toward the camera)
    matrices  map column vectors; `picture_from_head` maps head to picture
    angles    radians; yaw > 0 turns the nose to the right border of the picture, pitch > 0 lifts it,
              roll > 0 is counter-clockwise as seen in the picture
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.face.landmarks import MESH_COUNT, STABLE, STABLE_DOUBLE

Floats = NDArray[np.float32]

FLIP = np.array([1.0, -1.0, -1.0], np.float32)
"""Turns picture axes (y down, z away) into head axes (y up, z toward the viewer) and back."""
CAMERA_DISTANCE = 6.5
"""Distance of the camera in inter-ocular distances; turns a change of scale into a translation along z."""


@dataclass(frozen=True)
class HeadPose:
    """Where a head stands in a picture: picture = FLIP * (scale * rotation @ head + translation)."""

    scale: float
    """Pixels per centimetre."""
    rotation: Floats
    """(3, 3) head axes to upright picture axes."""
    translation: Floats
    """(3,) pixels, upright axes (y up): place of the head's origin."""

    def picture_from_head(self, points: Floats) -> Floats:
        """Map `points` (..., 3) in head centimetres to picture pixels (..., 3)."""
        upright = self.scale * (points @ self.rotation.T) + self.translation
        return np.asarray(upright * FLIP, np.float32)

    def head_from_picture(self, points: Floats) -> Floats:
        """Map `points` (..., 3) in picture pixels to head centimetres (..., 3)."""
        return np.asarray((points * FLIP - self.translation) @ self.rotation / self.scale, np.float32)


def fit_similarity(source: Floats, target: Floats, weights: Floats) -> HeadPose:
    """Scale, proper rotation and translation that bring `source` (N, 3) nearest to `target` (N, 3).

    Weighted least squares in closed form (Umeyama 1991, without reflection); `weights` (N,) are positive.
    """
    share = (weights / weights.sum()).astype(np.float64)[:, None]
    source_mean, target_mean = (share * source).sum(0), (share * target).sum(0)
    source_centred, target_centred = source - source_mean, target - target_mean
    u, singular, vt = np.linalg.svd(target_centred.T @ (share * source_centred))
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * signs) @ vt
    scale = float((singular * signs).sum() / (share * source_centred**2).sum())
    translation = target_mean - scale * rotation @ source_mean
    return HeadPose(scale, rotation.astype(np.float32), translation.astype(np.float32))


def stable_weights() -> Floats:
    """Weights (468,) of a rigid fit that expression hardly disturbs: zero outside the stable points."""
    weights = np.zeros(MESH_COUNT, np.float32)
    weights[list(STABLE)] = 1.0
    weights[list(STABLE_DOUBLE)] = 2.0
    return weights


def fit_head_pose(landmarks: Floats, neutral: Floats, weights: Floats) -> HeadPose:
    """Pose of a head whose neutral shape is `neutral` (468, 3) cm, seen at `landmarks` (>= 468, 3) picture pixels."""
    used = weights > 0
    return fit_similarity(neutral[used], landmarks[:MESH_COUNT][used] * FLIP, weights[used])


def angles_from_rotation(rotation: Floats) -> tuple[float, float, float]:
    """(yaw, pitch, roll) in radians of `rotation` (3, 3): yaw and pitch of its forward axis, then roll."""
    forward = rotation[:, 2]
    yaw = float(np.arctan2(forward[0], forward[2]))
    pitch = float(np.arcsin(np.clip(forward[1], -1.0, 1.0)))
    unrolled = rotation_from_angles(yaw, pitch, 0.0).T @ rotation
    return yaw, pitch, float(np.arctan2(unrolled[1, 0], unrolled[0, 0]))


def rotation_from_angles(yaw: float, pitch: float, roll: float) -> Floats:
    """Rotation (3, 3) with these angles in radians: Ry(yaw) Rx(-pitch) Rz(roll)."""
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z, np.float32)


def vector_from_rotation(rotation: Floats) -> Floats:
    """Axis times angle (..., 3) of `rotation` (..., 3, 3), by the quaternion with the largest part."""
    from scipy.spatial.transform import Rotation

    flat = Rotation.from_matrix(np.reshape(rotation, (-1, 3, 3))).as_rotvec()
    return np.asarray(flat.reshape(rotation.shape[:-1]), np.float32)


def rotation_from_vector(vector: Floats) -> Floats:
    """Rotation (..., 3, 3) of an axis times angle (..., 3)."""
    from scipy.spatial.transform import Rotation

    flat = Rotation.from_rotvec(np.reshape(vector, (-1, 3))).as_matrix()
    return np.asarray(flat.reshape(*vector.shape, 3), np.float32)
