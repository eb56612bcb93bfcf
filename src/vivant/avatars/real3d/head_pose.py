"""From a face state's head pose to that of the Basel face model, around the pose that was fitted to the portrait.

A state turns and shifts the head under scaled orthography, about the origin of the project's head frame; the Basel face
stands before a camera with perspective (`face.bfm_pose`), and turns about another point. Both draw the head's origin at
the same place of the picture and at the same size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.real3d.expression import head_in_face
from vivant.face.bfm import OUTER_CORNERS
from vivant.face.bfm_mesh import BaselMesh
from vivant.face.bfm_pose import DISTANCE, euler_from_rotation, rotation_from_euler
from vivant.face.fit_3dmm import FaceFit
from vivant.face.model import load_face_model
from vivant.face.pose import CAMERA_DISTANCE
from vivant.motion.state import FaceState

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class RestPose:
    """How the portrait's head stands in its picture; made once by `prepare_pose`."""

    rotation: Floats
    """(3, 3) before the camera from face."""
    translation: Floats
    """(3,) decimetres"""
    pivot: Floats
    """(3,) decimetres in the face's axes: the origin of the project's head frame."""
    inter_ocular: float
    """Distance of the portrait's outer eye corners in decimetres."""


def prepare_pose(fit: FaceFit, mesh: BaselMesh) -> RestPose:
    """The rest pose of a portrait whose picture was fitted as `fit` (its first frame)."""
    face = mesh.face
    corners = face.keypoints[list(OUTER_CORNERS)]
    right, left = face.mean[corners] + face.identity[corners] @ fit.identity[0]
    pivot = head_in_face(mesh, load_face_model()).translation
    apart = float(np.linalg.norm(left - right))
    return RestPose(rotation_from_euler(fit.euler[0]), fit.translation[0], pivot, apart)


def pose_of_state(state: FaceState, rest: RestPose) -> tuple[Floats, Floats]:
    """Euler angles (3,) in radians and translation (3,) in decimetres of the head in `state`."""
    rotation = np.asarray(state.rotation @ rest.rotation, np.float32)
    across, up, nearer = (float(part) for part in state.translation)
    shrink = (CAMERA_DISTANCE - nearer) / CAMERA_DISTANCE
    place = rest.rotation @ rest.pivot + rest.translation
    # Further to the side by as much as the picture shows at the head's distance; the nearer, the less it takes.
    aside = shrink * (place[:2] + rest.inter_ocular * np.array([across, up], np.float32))
    moved = np.array([*aside, DISTANCE - shrink * (DISTANCE - place[2])], np.float32)
    return euler_from_rotation(rotation), np.asarray(moved - rotation @ rest.pivot, np.float32)
