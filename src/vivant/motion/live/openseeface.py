"""OpenSeeFace: a webcam tracker that sends 66 landmarks, irises and eye openings by UDP.

The pose, the mouth and the brows are measured here from the landmarks in the camera's picture, by the project's own
face model, so that nothing depends on the axes of the tracker's own pose.
"""

from __future__ import annotations

import functools
import math
import struct
from dataclasses import dataclass

import numpy as np

from vivant.face.arkit import CURVES, INDEX
from vivant.face.ibug import CHIN, COUNT, INNER_LIPS, OUTER_LIPS, mouth_curves
from vivant.face.landmarks import OUTER_EYE_CORNERS
from vivant.face.model import load_face_model
from vivant.face.pose import CAMERA_DISTANCE, HeadPose
from vivant.motion.live.sockets import PacketError
from vivant.motion.measure import EYEBALL_RADIUS, set_looks
from vivant.motion.state import FaceState, Floats

PORT = 11573
LANDMARKS = 68
"""66 of the face and the two irises."""
FACE = struct.Struct("<d i 2f 2f B f 4f 3f 3f 68f 136f 210f")
"""Time, number, picture's width and height, openness of right and left eye, whether there is a pose, its error,
quaternion, angles, place, confidences, landmarks (x, y), points in space."""
FEATURES = 14 * 4
"""Bytes of action units that newer versions add to each face."""
MOST_FACES = 16
REST_FRAMES = 30
"""Packets whose mean is the face at rest."""
LARGEST_PIXEL = 1e5
_OPEN, _SHUT = 0.8, 0.2
"""Openness from which an eye is fully open, and below which it is shut."""
_BROW_CM = 0.7
"""Lift of a brow at full."""
_RIGID = {
    **{27: 168, 28: 197, 29: 5, 30: 4, 31: 75, 32: 97, 33: 2, 34: 326, 35: 305},
    **{36: 33, 39: 133, 42: 362, 45: 263},
}
_BROWS = {17: 70, 18: 63, 19: 105, 20: 66, 21: 107, 22: 336, 23: 296, 24: 334, 25: 293, 26: 300}
MESH = {**CHIN, **OUTER_LIPS, **INNER_LIPS, **_RIGID, **_BROWS}
"""The landmark of MediaPipe's mesh at each of iBUG's 68 that is looked at."""
_IRISES = {66: 468, 67: 473}
FROM_SENT = np.array([*range(48), 58, *range(48, 53), 62, *range(53, 58), *range(58, 66)])
"""Where iBUG's 68 are among the 66 sent ones, which have the corners of the mouth once."""


@dataclass(frozen=True)
class SentFace:
    """One face of a packet."""

    number: int
    opening: tuple[float, float]
    """Right and left eye of the person, 0 shut to 1 open."""
    points: Floats
    """(68, 2) pixels of the camera's picture: 66 landmarks, right iris, left iris."""


def parse_faces(data: bytes) -> list[SentFace]:
    """The faces of a datagram that have a pose; raises PacketError for a wrong size and numbers that are not finite."""
    sizes = [FACE.size + FEATURES, FACE.size]
    size = next((size for size in sizes if data and len(data) % size == 0), 0)
    if not size or len(data) > MOST_FACES * size:
        raise PacketError(f"{len(data)} bytes")
    faces = []
    for start in range(0, len(data), size):
        values = FACE.unpack_from(data, start)
        number, right, left, has_pose = values[1], values[4], values[5], values[6]
        points = np.array(values[86:222], np.float64).reshape(LANDMARKS, 2)
        if not (np.isfinite(points).all() and math.isfinite(right) and math.isfinite(left)):
            raise PacketError("a number is not finite")
        if np.abs(points).max() > LARGEST_PIXEL:
            raise PacketError("a landmark far outside the picture")
        if has_pose:
            faces.append(SentFace(number, (right, left), points.astype(np.float32)))
    return faces


class OpenSeeFace:
    """One followed face of a stream; `feed` takes its datagrams in order."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._rest = np.zeros((COUNT, 3), np.float32)
        self._rest_gaze = np.zeros(2, np.float32)
        self._rest_scale = 0.0
        self._frames = 0

    def feed(self, data: bytes) -> FaceState | None:
        """The face of the lowest number; None where no face has a pose. Raises PacketError as `parse_faces` does.

        Displacements are from the mean of the first second; the head's rotation and place are as measured.
        """
        faces = parse_faces(data)
        if not faces:
            return None
        face = min(faces, key=lambda one: one.number)
        if face.number != self._number:
            self._number, self._frames = face.number, 0
        return self._measure(face)

    def _measure(self, face: SentFace) -> FaceState:
        points = face.points * np.array([1.0, -1.0], np.float32)
        landmarks = points[FROM_SENT]
        pose = fit_flat(landmarks)
        shape = np.zeros((COUNT, 3), np.float32)
        shape[:, :2] = _in_head(landmarks, pose, _model_points()) - _model_points()[:, :2]
        gaze = _gaze(points, landmarks, pose)
        if self._frames < REST_FRAMES:
            self._frames += 1
            self._rest += (shape - self._rest) / self._frames
            self._rest_gaze += (gaze - self._rest_gaze) / self._frames
            self._rest_scale += (pose.scale - self._rest_scale) / self._frames
        gaze = np.clip(gaze - self._rest_gaze, -0.6, 0.6)
        curves = _curves(shape - self._rest, face.opening)
        set_looks(curves, gaze)
        return FaceState(curves, pose.rotation, _place(pose, self._rest_scale), np.asarray(gaze, np.float32))


def fit_flat(landmarks: Floats) -> HeadPose:
    """Pose of a head seen at `landmarks` (68, 2), pixels with y up, by scaled orthography in closed form.

    The best affine map of the rigid points in space to the picture, then the rotation nearest to it.
    """
    rigid = list(_RIGID)
    space = _model_points()[rigid].astype(np.float64)
    flat = landmarks[rigid].astype(np.float64)
    affine = np.linalg.lstsq(space - space.mean(0), flat - flat.mean(0), rcond=None)[0].T
    u, singular, vt = np.linalg.svd(affine, full_matrices=False)
    if singular[1] < 1e-6:
        raise PacketError("landmarks on one line")
    rows = u @ vt
    scale = float(singular.mean())
    rotation = np.stack([*rows, np.cross(*rows)])
    place = flat.mean(0) - scale * rows @ space.mean(0)
    return HeadPose(scale, rotation.astype(np.float32), np.array([*place, 0.0], np.float32))


@functools.cache
def _model_points() -> Floats:
    """(68, 3) head centimetres of the model's face at rest; 0 where a landmark is not looked at."""
    points = np.zeros((COUNT, 3), np.float32)
    points[list(MESH)] = load_face_model().neutral[list(MESH.values())]
    return points


def _in_head(flat: Floats, pose: HeadPose, rest: Floats) -> Floats:
    """(N, 2) head centimetres of picture points (N, 2), y up, whose depth is that of `rest` (N, 3)."""
    rows = pose.rotation[:2]
    rows_flat = rows[:, :2]
    if abs(np.linalg.det(rows_flat)) < 0.1:
        raise PacketError("a face seen from the side")
    seen = (flat - pose.translation[:2]) / pose.scale - rest[:, 2:] * rows[:, 2]
    return np.asarray(np.linalg.solve(rows_flat, seen.T).T, np.float32)


def _gaze(points: Floats, landmarks: Floats, pose: HeadPose) -> Floats:
    """Angles (2,) of the irises against the middle of the eye corners, mean of both eyes."""
    model = load_face_model().neutral
    angles = []
    for (sent, iris), corners in zip(_IRISES.items(), ((36, 39), (42, 45)), strict=True):
        rest = np.stack([model[iris], *_model_points()[list(corners)]])
        seen = _in_head(np.stack([points[sent], *landmarks[list(corners)]]), pose, rest) - rest[:, :2]
        angles.append(np.arcsin(np.clip((seen[0] - seen[1:].mean(0)) / EYEBALL_RADIUS, -0.9, 0.9)))
    return np.asarray(np.mean(angles, axis=0), np.float32)


def _curves(moved: Floats, opening: tuple[float, float]) -> Floats:
    """Curves (52,) of the displacement (68, 3) from rest and the openness of right and left eye."""
    curves = mouth_curves(moved[None])[0]
    for side, inner, outer, opened in (
        ("Right", (20, 21), (17, 18, 19), opening[0]),
        ("Left", (22, 23), (24, 25, 26), opening[1]),
    ):
        curves[INDEX[f"eyeBlink{side}"]] = (_OPEN - opened) / (_OPEN - _SHUT)
        lift = float(moved[list(inner), 1].mean())
        curves[INDEX["browInnerUp"]] += lift / _BROW_CM / 2
        curves[INDEX[f"browDown{side}"]] = -lift / _BROW_CM
        curves[INDEX[f"browOuterUp{side}"]] = float(moved[list(outer), 1].mean()) / _BROW_CM
    assert len(curves) == len(CURVES)
    return np.asarray(np.clip(curves, 0, 1), np.float32)


def _place(pose: HeadPose, rest_scale: float) -> Floats:
    """The head's place (3,) in the picture in inter-ocular distances; a larger face than at rest is nearer."""
    right, left = load_face_model().neutral[list(OUTER_EYE_CORNERS)]
    unit = rest_scale * float(np.linalg.norm(left - right))
    x, y, _ = pose.translation / unit
    return np.array([x, y, CAMERA_DISTANCE * (1 - rest_scale / pose.scale)], np.float32)
