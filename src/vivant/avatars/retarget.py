"""From a FaceState to the shape and pose of one portrait's head: retargeting.

Everything is in head centimetres of the canonical frame. A driver's displacement is fitted to the proportions of the
portrait's mouth, tempered where the portrait already wears the expression, and kept from tearing or thickening lips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.face.arkit import INDEX, group
from vivant.face.curves import curves_from_displacement
from vivant.face.landmarks import COUNT, LIP_PAIRS, LIPS_OUTER, MESH_COUNT, OUTER_EYE_CORNERS
from vivant.face.model import FaceModel, displacement_from_curves
from vivant.face.pose import (
    CAMERA_DISTANCE,
    HeadPose,
    angles_from_rotation,
    fit_similarity,
    rotation_from_angles,
)
from vivant.motion.state import FaceState

Floats = NDArray[np.float32]


WORKING = (
    "jawOpen",
    "mouthFunnel",
    "mouthPucker",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthRollLower",
    "mouthRollUpper",
)
TEMPERED = (*group("mouth"), *group("jaw"))


@dataclass(frozen=True)
class HeadLimits:
    """How far a head moves away from its picture; approached softly from 0.6 of it on."""

    yaw: float = float(np.deg2rad(38.0))
    """Radians to either side; less on the side to which the picture already turns."""
    pitch: float = float(np.deg2rad(26.0))
    """Radians up and down."""
    shift: float = 1.0
    """Inter-ocular distances along each axis: the neck and the picture's border follow no further."""


@dataclass(frozen=True)
class Source:
    """What retargeting needs to know of a portrait."""

    pose: HeadPose
    shape: Floats
    """(478, 3) the portrait's own face in head centimetres, with the expression it wears."""
    curves: Floats
    """(52,) the expression that the portrait already wears."""
    mouth_ratio: float
    """Mouth width of the portrait over that of the model, both at rest."""
    lip_zone: Floats
    """(478,) 0..1 around the lips, where displacements follow the mouth's proportions."""
    upper_lip: Floats
    """(478, 9) how the skin goes along with the upper points of `LIP_PAIRS`."""
    lower_lip: Floats
    """(478, 9) the same for the lower points."""
    inter_ocular: float
    """Centimetres between the outer eye corners."""


def read_source(model: FaceModel, pose: HeadPose, landmarks: Floats, scores: Floats | None) -> Source:
    """Measure the face at `landmarks` (478, 3) picture pixels once for all states."""
    shape = pose.head_from_picture(landmarks)
    offset = shape[:MESH_COUNT] - _own_neutral(model, shape)[:MESH_COUNT]
    curves = curves_from_displacement(offset) if scores is None else scores
    worn = displacement_from_curves(model, curves)
    width = np.linalg.norm(shape[61] - shape[291]) - (np.linalg.norm(model.neutral[61] + worn[61] - model.neutral[291]
            - worn[291]) - np.linalg.norm(model.neutral[61] - model.neutral[291]))  # fmt: skip
    ratio = float(width / np.linalg.norm(model.neutral[61] - model.neutral[291]))
    lips = shape[list(LIPS_OUTER)].mean(0)
    zone = np.exp(-(((shape[:, 1] - lips[1]) / 3.5) ** 2))
    upper, lower = zip(*LIP_PAIRS, strict=True)
    return Source(
        pose=pose,
        shape=shape,
        curves=np.asarray(curves, np.float32),
        mouth_ratio=float(np.clip(ratio, 0.7, 1.4)),
        lip_zone=np.asarray(zone, np.float32),
        upper_lip=_lip_weights(shape, upper, lower),
        lower_lip=_lip_weights(shape, lower, upper),
        inter_ocular=float(np.linalg.norm(shape[OUTER_EYE_CORNERS[0]] - shape[OUTER_EYE_CORNERS[1]])),
    )


def _own_neutral(model: FaceModel, shape: Floats) -> Floats:
    """The model's neutral face (478, 3) stretched to the proportions of `shape` (478, 3), axis by axis."""
    weights = np.ones(COUNT, np.float32)
    aligned = fit_similarity(model.neutral, shape, weights)
    return np.asarray(aligned.scale * (model.neutral @ aligned.rotation.T) + aligned.translation, np.float32)


def pose_head(source: Source, state: FaceState, limits: HeadLimits) -> HeadPose:
    """Pose of the portrait's head in `state`: rotation within `limits`, translation and size, from the rest pose."""
    rest = source.pose
    rotation = _limit_turn(rest, state.rotation, limits)
    across, up, nearer = (_soft_limit(float(part), limits.shift) for part in state.translation)
    scale = rest.scale * CAMERA_DISTANCE / (CAMERA_DISTANCE - nearer)
    shift = np.array([across, up, 0.0], np.float32) * rest.scale * source.inter_ocular
    return HeadPose(scale, np.asarray(rotation @ rest.rotation, np.float32), rest.translation + shift)


def _limit_turn(rest: HeadPose, rotation: Floats, limits: HeadLimits) -> Floats:
    """Bend large turns (3, 3) back softly; beyond them one picture has nothing left to show."""
    yaw, pitch, roll = angles_from_rotation(rotation)
    rest_yaw = angles_from_rotation(rest.rotation)[0]
    outward = limits.yaw if yaw * rest_yaw <= 0 else max(limits.yaw - abs(rest_yaw), 0.3 * limits.yaw)
    return rotation_from_angles(_soft_limit(yaw, outward), _soft_limit(pitch, limits.pitch), roll)


def _soft_limit(value: float, limit: float) -> float:
    """`value` unchanged up to 0.6 of `limit`, then ever slower toward it; smooth."""
    linear = 0.6 * limit
    over = abs(value) - linear
    if over <= 0.0:
        return value
    return float(np.sign(value) * (linear + (limit - linear) * np.tanh(over / (limit - linear))))


def expression(model: FaceModel, source: Source, state: FaceState) -> Floats:
    """Displacement (478, 3) in head centimetres that brings the portrait's own shape into `state`'s expression."""
    move = np.zeros((COUNT, 3), np.float32)
    if state.dense is None:
        move[:] = displacement_from_curves(model, state.curves)
    else:
        move[:MESH_COUNT] = state.dense
    move = _temper(model, source, state.curves, move)
    move = _fit_mouth(source, move)
    move = _limit_gap(source, move)
    return _close_lips(source, state, move)


def _temper(model: FaceModel, source: Source, curves: Floats, move: Floats) -> Floats:
    """Take back from `move` (478, 3) what the portrait's mouth already wears: no double smile.

    Only the mouth: what one picture seems to tell of brows and lids is mostly the shape of the person.
    """
    excess = np.zeros_like(curves)
    worn, wanted = source.curves[list(TEMPERED)], curves[list(TEMPERED)]
    excess[list(TEMPERED)] = np.minimum(np.maximum(worn + wanted - 1.0, 0.0), worn)
    return np.asarray(move - displacement_from_curves(model, excess), np.float32)


def _fit_mouth(source: Source, move: Floats) -> Floats:
    """Scale the motion (478, 3) around the lips to the portrait's mouth width."""
    across = source.mouth_ratio
    up = float(np.clip(np.sqrt(across), 0.85, 1.2))
    factors = 1.0 + source.lip_zone[:, None] * (np.array([across, up, 1.0], np.float32) - 1.0)
    return np.asarray(move * factors, np.float32)


def _gap(shape: Floats) -> float:
    """Mean distance of the lips in the middle of the mouth of `shape` (478, 3), in head centimetres."""
    return float(np.mean([shape[upper, 1] - shape[lower, 1] for upper, lower in LIP_PAIRS[2:7]]))


def _limit_gap(source: Source, move: Floats) -> Floats:
    """Let `move` (478, 3) saturate in a shout: relief stretches one picture, and lips and chin have so much of it."""
    rest, gap = _gap(source.shape), _gap(source.shape + move)
    start = max(2.0, rest + 0.2)
    if gap <= start:
        return move
    base_of_nose = source.shape[2, 1]
    below = 1.0 / (1.0 + np.exp((source.shape[:, 1] - base_of_nose) * 6.0))
    factor = (start + 1.1 * np.tanh((gap - start) / 1.1) - rest) / (gap - rest)
    return np.asarray(move * (1.0 + (factor - 1.0) * below[:, None]), np.float32)


def _close_lips(source: Source, state: FaceState, move: Floats) -> Floats:
    """Bring the lips of `move` (478, 3) together where speech needs them closed, but never through each other.

    A portrait whose lips are apart in the picture keeps them so at rest. While the mouth works that distance is taken
    back, so that /p b m/ close. The lower lip gives more than the upper, and the skin around goes along.
    """
    upper, lower = (list(points) for points in zip(*LIP_PAIRS, strict=True))
    rest = source.shape[upper, 1] - source.shape[lower, 1]
    gap = rest + move[upper, 1] - move[lower, 1]
    closable = np.clip(rest, 0.0, 1.0) + 0.3 * np.maximum(rest - 1.0, 0.0)
    wanted = np.maximum(gap - _activity(state.curves) * closable, np.minimum(rest, 0.0))
    short = (gap - wanted).astype(np.float32)
    if not short.any():
        return move
    result = move.copy()
    result[:, 1] += 0.65 * (source.lower_lip @ short) - 0.35 * (source.upper_lip @ short)
    return result


def _activity(curves: Floats) -> float:
    """0..1: how much the mouth of `curves` (52,) works: speaking, rounding, pressing the lips; not smiling."""
    total = sum(float(curves[INDEX[name]]) for name in WORKING)
    return float(np.clip((total - 0.1) / 0.25, 0.0, 1.0))


def _lip_weights(shape: Floats, lips: tuple[int, ...], others: tuple[int, ...]) -> Floats:
    """How the skin goes along with one lip: weights (478, 9) of the displacement of the points `lips`, each exact."""
    distance = np.linalg.norm(shape[:, None, :2] - shape[list(lips), :2], axis=-1)
    share = (distance + 0.02) ** -2.0
    share /= share.sum(1, keepdims=True)
    nearest, other = distance.min(1), np.linalg.norm(shape[:, None, :2] - shape[list(others), :2], axis=-1).min(1)
    side = np.clip((other - nearest) / 0.3 + 0.5, 0.0, 1.0)
    side[list(lips)], side[list(others)] = 1.0, 0.0
    weights = share * (np.exp(-((nearest / 1.6) ** 2)) * side)[:, None]
    weights[list(lips)] = np.eye(len(lips))
    return np.asarray(weights, np.float32)
