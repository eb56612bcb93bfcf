"""From landmarks to face states: the driver's own neutral face, then each frame against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.face.arkit import INDEX, group
from vivant.face.curves import curves_from_displacement
from vivant.face.landmarks import (
    BROW_LEFT,
    BROW_RIGHT,
    EYE_LEFT,
    EYE_RIGHT,
    IRIS_LEFT,
    IRIS_RIGHT,
    MESH_COUNT,
    OUTER_EYE_CORNERS,
)
from vivant.face.model import displacement_from_curves, load_face_model
from vivant.face.pose import CAMERA_DISTANCE, HeadPose, fit_head_pose, fit_similarity, stable_weights
from vivant.face.tracker import FaceLandmarks
from vivant.motion.state import LOOK_RADIANS, FaceState
from vivant.smooth import eased

Floats = NDArray[np.float32]

NEUTRAL_FRAMES = 10
"""The neutral face is the mean of at most this many of the best frames, and at most a quarter of all."""
TURN_COST = 1.0
"""cm per radian: how much a head turned away from its usual direction counts against a neutral frame."""
EYEBALL_RADIUS = 1.2
"""cm"""
OPEN_EYE = 0.16
"""Lid gap over eye width below which the iris is guessed by the tracker, not seen."""
LIDS = {side: (list(eye[3:6]), list(eye[11:14])) for side, eye in (("Right", EYE_RIGHT), ("Left", EYE_LEFT))}
"""Landmarks in the middle of upper and lower lids."""
SHUT = 0.15
"""Share of an eye's gap at rest that trackers still see when it is closed."""
BLINKING = (0.45, 0.75)
"""Shares of the way to closed lids between which the gap counts more and more: curves and scores fall short there."""
MOUTH_CURVES = (*group("mouth"), *group("jaw"))


@dataclass(frozen=True)
class DriverNeutral:
    """The zero of a driver: its own face at rest."""

    shape: Floats
    """(468, 3) in the head frame, at the size of the face model (cm)."""
    pose: HeadPose
    """Where the head stood."""
    gaze: Floats
    """(2,) radians as measured, a constant of this face and camera."""
    scores: Floats | None = None
    """(52,) the model file's scores at rest."""
    resting: Floats | None = None
    """(52,) curves to add to all frames: the resting expression, in absolute mode."""


def find_neutral(faces: Sequence[FaceLandmarks]) -> DriverNeutral:
    """The driver's neutral face among `faces` (one or more): closed lips, open eyes, low brows, near the median."""
    model = load_face_model()
    rough = model.neutral[:MESH_COUNT]
    poses = [fit_head_pose(face.points, rough, stable_weights()) for face in faces]
    shapes = np.stack([pose.head_from_picture(f.points[:MESH_COUNT]) for pose, f in zip(poses, faces, strict=True)])
    rest = rest_cost(shapes) + TURN_COST * turns_from_median(np.stack([pose.rotation for pose in poses]))
    best = np.argsort(rest, kind="stable")[: max(1, min(NEUTRAL_FRAMES, len(faces) // 4))]
    mean = shapes[best].mean(0)
    # Once more against the driver's own shape, so that the model's shape has no share in the poses.
    mean = np.mean([_shape(faces[index].points, mean) for index in best], axis=0, dtype=np.float32)
    mean = _canonical(mean)
    scores = [face.scores for index in best if (face := faces[index]).scores is not None]
    return DriverNeutral(
        mean,
        fit_head_pose(faces[best[0]].points, mean, stable_weights()),
        np.median([_raw_gaze(faces[index].points, mean) for index in best], axis=0).astype(np.float32),
        np.mean(scores, axis=0, dtype=np.float32) if scores else None,
    )


def absolute(neutral: DriverNeutral) -> DriverNeutral:
    """The same driver measured from a face that looks into the camera: its rest pose, gaze and mouth are motion too."""
    model = load_face_model()
    resting = np.zeros(len(INDEX), np.float32)
    mouth = list(MOUTH_CURVES)
    resting[mouth] = curves_from_displacement(neutral.shape - model.neutral[:MESH_COUNT])[mouth]
    facing = HeadPose(neutral.pose.scale, np.eye(3, dtype=np.float32), neutral.pose.translation)
    return DriverNeutral(neutral.shape, facing, np.zeros(2, np.float32), None, resting)


def measure(face: FaceLandmarks, neutral: DriverNeutral) -> FaceState:
    """The state of `face` relative to `neutral`."""
    pose = fit_head_pose(face.points, neutral.shape, stable_weights())
    dense = pose.head_from_picture(face.points[:MESH_COUNT]) - neutral.shape
    gaze = np.clip(_raw_gaze(face.points, neutral.shape) - neutral.gaze, -0.6, 0.6)
    curves = _curves(face, neutral, dense)
    _close_eyes(curves, neutral.shape, dense)
    set_looks(curves, gaze)
    if neutral.resting is not None:
        curves = np.clip(curves + neutral.resting, 0.0, 1.0)
        dense = dense + displacement_from_curves(load_face_model(), neutral.resting)[:MESH_COUNT]
    return FaceState(
        np.asarray(curves, np.float32),
        np.asarray(pose.rotation @ neutral.pose.rotation.T, np.float32),
        _translation(pose, neutral),
        np.asarray(gaze, np.float32),
        np.asarray(dense, np.float32),
    )


def eyes_seen(face: FaceLandmarks) -> bool:
    """Whether an eye is open enough for the iris to be measured."""
    return bool(max(_openness(face.points, eye) for eye in (EYE_RIGHT, EYE_LEFT)) > OPEN_EYE)


def rest_cost(shapes: Floats) -> Floats:
    """Distance (N,) in cm of each of `shapes` (N, 468, 3) from a face at rest, lowest for the most neutral."""
    gap = np.abs(shapes[:, 13, 1] - shapes[:, 14, 1])
    lids = (shapes[:, (159, 386), 1] - shapes[:, (145, 374), 1]).mean(1)
    brows = shapes[:, BROW_RIGHT + BROW_LEFT, 1].mean(1)
    strange = np.abs(shapes - np.median(shapes, axis=0)).mean((1, 2))
    wide, low = np.abs(lids - np.percentile(lids, 75)), np.abs(brows - np.percentile(brows, 30))
    return np.asarray(gap + 0.5 * wide + 0.5 * low + strange, np.float32)


def turns_from_median(rotations: Floats) -> Floats:
    """Angles (N,) in radians of `rotations` (N, 3, 3) from the rotation nearest to their median."""
    u, _, vt = np.linalg.svd(np.median(rotations, axis=0))
    middle = (u * [1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    cosines = (np.einsum("nij,ij->n", rotations, middle) - 1) / 2
    return np.asarray(np.arccos(np.clip(cosines, -1, 1)), np.float32)


def _canonical(shape: Floats) -> Floats:
    """`shape` (468, 3) in the frame that a portrait is fitted in, so that both turn about the same point."""
    fitted = fit_similarity(load_face_model().neutral[:MESH_COUNT], shape, np.ones(MESH_COUNT, np.float32))
    return np.asarray((shape - fitted.translation) @ fitted.rotation / fitted.scale, np.float32)


def _shape(points: Floats, neutral: Floats) -> Floats:
    """The mesh (468, 3) in head centimetres of `points` (478, 3), fitted to `neutral`."""
    return fit_head_pose(points, neutral, stable_weights()).head_from_picture(points[:MESH_COUNT])


def _openness(points: Floats, eye: tuple[int, ...]) -> float:
    """How far an eye of `points` (478, 3) is open, in its widths."""
    width = float(np.linalg.norm(points[eye[0], :2] - points[eye[8], :2]))
    return float(np.linalg.norm(points[eye[4], :2] - points[eye[12], :2])) / max(width, 1e-6)


def _raw_gaze(points: Floats, shape: Floats) -> Floats:
    """Angles (2,) of the irises against the middle of the eye corners, mean of both eyes weighted by opening."""
    pose = fit_head_pose(points, shape, stable_weights())
    head = pose.head_from_picture(points)
    model = load_face_model().neutral
    angles, weights = [], []
    for eye, iris in ((EYE_RIGHT, IRIS_RIGHT), (EYE_LEFT, IRIS_LEFT)):
        corners = [eye[0], eye[8]]
        straight = model[iris[0]] - model[corners].mean(0)
        off = head[iris[0]] - head[corners].mean(0) - straight
        angles.append(np.arcsin(np.clip(off[:2] / EYEBALL_RADIUS, -0.9, 0.9)))
        weights.append(max(_openness(points, eye) - 0.1, 1e-3))
    return np.asarray(np.average(angles, axis=0, weights=weights), np.float32)


def _curves(face: FaceLandmarks, neutral: DriverNeutral, dense: Floats) -> Floats:
    """Curves (52,), by the tracker's scores, or by the displacement `dense` (468, 3) where it has none."""
    if face.scores is None:
        return curves_from_displacement(dense)
    if neutral.scores is None:
        return face.scores.copy()
    rest = np.minimum(neutral.scores, 0.8)
    return np.asarray(np.clip((face.scores - rest) / (1.0 - rest), 0.0, 1.0), np.float32)


def _close_eyes(curves: Floats, rest: Floats, dense: Floats) -> None:
    """Let blinks in `curves` (52,) be whole where the gap of the lids of `rest` + `dense` (468, 3) says that they are.

    On closed eyes the fit gives 0.6 to 0.9, MediaPipe's scores 0.4 to 0.8, as eyes are more or less large.
    """
    for side, (upper, lower) in LIDS.items():
        before, now = (float(np.mean(at[upper, 1]) - np.mean(at[lower, 1])) for at in (rest, rest + dense))
        closed = min(max((1 - now / max(before, 1e-3)) / (1 - SHUT), 0.0), 1.0)
        share = eased((closed - BLINKING[0]) / (BLINKING[1] - BLINKING[0]))
        blink = INDEX[f"eyeBlink{side}"]
        curves[blink] = max(curves[blink], share * closed)


def set_looks(curves: Floats, gaze: Floats) -> None:
    """Write the eyeLook curves that say the same as `gaze` into `curves` (52,), for those who only read curves."""
    right, up = float(gaze[0]) / LOOK_RADIANS, float(gaze[1]) / LOOK_RADIANS
    looks = {"OutLeft": right, "InRight": right, "InLeft": -right, "OutRight": -right}
    looks |= {f"{name}{side}": sign * up for name, sign in (("Up", 1), ("Down", -1)) for side in ("Left", "Right")}
    for name, value in looks.items():
        curves[INDEX[f"eyeLook{name}"]] = np.clip(value, 0.0, 1.0)


def _translation(pose: HeadPose, neutral: DriverNeutral) -> Floats:
    """Displacement (3,) in the driver's own inter-ocular distances; a larger face is nearer, by scaled orthography."""
    right, left = neutral.shape[list(OUTER_EYE_CORNERS)]
    unit = neutral.pose.scale * float(np.linalg.norm(left - right))
    aside = (pose.translation[:2] - neutral.pose.translation[:2]) / unit
    return np.array([*aside, CAMERA_DISTANCE * (1 - neutral.pose.scale / pose.scale)], np.float32)
