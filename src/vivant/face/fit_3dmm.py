"""Fit of the Basel face model to landmarks: identity, expression and pose of the face in a picture or a video.

    landmarks   (T, >= 468, >= 2) pixels of a square picture, x right, y down: MediaPipe's mesh in T frames

Adam in single precision from zeros: first the pose alone, then everything, as Real3D-Portrait does (Ye et al. 2024).
One identity for all frames; what differs by frame is kept smooth. The gradient is written out, only the vertices that
carry a landmark are used, and frames pass through in pieces: memory grows by 2 kB a frame beside the landmarks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.errors import FaceNotFoundError
from vivant.face.bfm_mesh import BaselMesh
from vivant.face.bfm_pose import CENTRE, DISTANCE, FOCAL, SIZE, rotation_from_euler
from vivant.face.landmarks import EYE_LEFT, EYE_RIGHT, LIPS_INNER, LIPS_OUTER, MESH_COUNT

Floats = NDArray[np.float32]

UPPER_LIDS = (*range(157, 162), *range(384, 389))
TOGETHER = 256
"""Frames of one piece."""
RATE = 0.1
STEPS = 200
"""Steps for the pose alone, and as many for everything."""
DECAY, DECAY_SQUARE, TINY = 0.9, 0.999, 1e-8
"""Adam's own constants."""


@dataclass(frozen=True)
class FitSettings:
    """How much each part of the face counts, and what holds the coefficients."""

    eyes: float = 5.0
    upper_lids: float = 5.0
    lips: float = 2.0
    """Weights of landmarks; the others' is 1."""
    identity: float = 0.3
    expression: float = 0.05
    """Pull of the coefficients to zero: factor of their mean square."""
    smooth_expression: float = 0.0
    smooth_pose: float = 0.0
    """Factor of the mean square of each frame's difference from the middle of its neighbours."""

    def weights(self) -> Floats:
        """(468,) how much each landmark counts."""
        weights = np.ones(MESH_COUNT, np.float32)
        weights[[*LIPS_INNER, *LIPS_OUTER]] = self.lips
        weights[[*EYE_RIGHT, *EYE_LEFT]] = self.eyes
        weights[list(UPPER_LIDS)] = self.upper_lids
        return weights


PICTURE = FitSettings()
VIDEO = FitSettings(3.0, 20.0, 5.0, 0.2, 0.6, smooth_expression=1.0, smooth_pose=0.3)


@dataclass(frozen=True)
class FaceFit:
    """A fitted face in T frames; see `face.bfm_pose` for what the pose means."""

    identity: Floats
    """(1, 80)"""
    expression: Floats
    """(T, 64)"""
    euler: Floats
    """(T, 3) radians"""
    translation: Floats
    """(T, 3) decimetres"""


def fit_picture(landmarks: Floats, size: float, mesh: BaselMesh, settings: FitSettings = PICTURE) -> FaceFit:
    """Fit one picture's `landmarks` (468, 2) or more, pixels of a square picture of `size`; 0.1 s on one core.

    Raises FaceNotFoundError where a landmark is not finite.
    """
    return _fit(landmarks[None], size, mesh, settings)


def fit_video(landmarks: Floats, size: float, mesh: BaselMesh, settings: FitSettings = VIDEO) -> FaceFit:
    """Fit a video's `landmarks` (T, 468, 2) or more with one identity; see `fit_picture`."""
    return _fit(landmarks, size, mesh, settings)


@dataclass
class _Parameter:
    """Numbers that Adam moves (Kingma and Ba 2015), with their moments."""

    value: Floats
    steps: int = 0
    first: Floats = field(init=False)
    second: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.first, self.second = np.zeros_like(self.value), np.zeros_like(self.value)

    def move(self, gradient: Floats) -> None:
        """One step against `gradient` (T, K)."""
        self.steps += 1
        self.first += (1 - DECAY) * (gradient - self.first)
        self.second *= DECAY_SQUARE
        self.second += (1 - DECAY_SQUARE) * gradient * gradient
        scale = np.sqrt(self.second) / np.sqrt(1 - DECAY_SQUARE**self.steps) + TINY
        self.value -= (RATE / (1 - DECAY**self.steps)) * (self.first / scale)


@dataclass(frozen=True)
class _Problem:
    """What the fit compares: K vertices with landmarks in T frames."""

    mean: Floats
    """(3 K,)"""
    identity: Floats
    """(3 K, 80)"""
    expression: Floats
    """(3 K, 64)"""
    target: Floats
    """(T, K, 2) pixels of the picture of 224, y up."""
    weights: Floats
    """(K,) already divided by the count of coordinates."""

    def pieces(self) -> list[slice]:
        """The frames in order, some at a time."""
        return [slice(start, start + TOGETHER) for start in range(0, len(self.target), TOGETHER)]


def _fit(landmarks: Floats, size: float, mesh: BaselMesh, settings: FitSettings) -> FaceFit:
    """Fit `landmarks` (T, 468, 2) or more with one identity."""
    problem = _problem(landmarks, size, mesh, settings)
    count = len(problem.target)
    identity, expression = _zeros(1, problem.identity.shape[1]), _zeros(count, problem.expression.shape[1])
    euler, translation = _zeros(count, 3), _zeros(count, 3)
    for step in range(2 * STEPS):
        shaped = step >= STEPS
        slopes = _slopes(problem, (identity.value, expression.value, euler.value, translation.value), shaped)
        if shaped:
            slopes[0] += _pull(identity.value, settings.identity)
            slopes[1] += _pull(expression.value, settings.expression)
            slopes[1] += _unevenness(expression.value, settings.smooth_expression)
            slopes[2] += _unevenness(euler.value, settings.smooth_pose)
            slopes[3] += _unevenness(translation.value, settings.smooth_pose)
            identity.move(slopes[0])
            expression.move(slopes[1])
        euler.move(slopes[2])
        translation.move(slopes[3])
    return FaceFit(identity.value, expression.value, euler.value, translation.value)


def _zeros(*shape: int) -> _Parameter:
    return _Parameter(np.zeros(shape, np.float32))


def _problem(landmarks: Floats, size: float, mesh: BaselMesh, settings: FitSettings) -> _Problem:
    """What is fitted: the landmarks (T, 468, 2) or more that the face has, in its camera's pixels, with weights."""
    there = mesh.landmarks >= 0
    points = np.asarray(landmarks[:, :MESH_COUNT, :2], np.float32)[:, there]
    if not len(points) or not np.isfinite(points).all():
        raise FaceNotFoundError("landmarks of a face are missing or not finite; fit only frames in which it was found")
    target = points * np.array([1, -1], np.float32) + np.array([0, size], np.float32)
    vertices, face = mesh.landmarks[there], mesh.face
    weights = settings.weights()[there] / np.float32(2 * MESH_COUNT * len(points))
    return _Problem(
        face.mean[vertices].reshape(-1),
        face.identity[vertices].reshape(-1, face.identity.shape[-1]),
        face.expression[vertices].reshape(-1, face.expression.shape[-1]),
        np.ascontiguousarray(target * np.float32(SIZE / size)),
        weights,
    )


def _slopes(problem: _Problem, values: tuple[Floats, Floats, Floats, Floats], shaped: bool) -> list[Floats]:
    """Gradients (1 or T, K) of the landmarks' error in identity, expression, Euler angles and translation.

    Where not `shaped` the first two are left at zero: they are not wanted.
    """
    identity, expression, euler, translation = values
    slopes = [np.zeros_like(value) for value in values]
    base = problem.mean + problem.identity @ identity[0]
    rotation = rotation_from_euler(euler)
    whole = np.zeros_like(base)
    for piece in problem.pieces():
        shapes = base + expression[piece] @ problem.expression.T if shaped else base[None]
        by_point, by_rotation, slopes[3][piece] = _compare(shapes, rotation[piece], translation[piece], problem, piece)
        slopes[2][piece] = _by_angle(by_rotation, rotation[piece], euler[piece])
        if shaped:
            slopes[1][piece] = by_point @ problem.expression
            whole += by_point.sum(0)
    slopes[0][0] = whole @ problem.identity
    return slopes


def _compare(
    shapes: Floats, rotation: Floats, translation: Floats, problem: _Problem, piece: slice
) -> tuple[Floats, Floats, Floats]:
    """Gradients of the error of a piece of P frames: by point (P, 3 K), by rotation (P, 3, 3), by place (P, 3)."""
    frames = len(rotation)
    slopes = np.empty((frames, shapes.shape[1]), np.float32)
    by_rotation, by_place = np.zeros((frames, 3, 3), np.float32), np.zeros((frames, 3), np.float32)
    _kernel()(shapes, rotation, translation, problem.target[piece], problem.weights, slopes, by_rotation, by_place)
    return slopes, by_rotation, by_place


@cache
def _kernel() -> Any:
    """The compiled loop; numba keeps the machine code on disk between runs."""
    from numba import njit

    return njit(cache=True, nogil=True, boundscheck=False, fastmath=True, error_model="numpy")(_project_back)


def _project_back(
    shapes: Floats,
    rotation: Floats,
    translation: Floats,
    target: Floats,
    weights: Floats,
    slopes: Floats,
    by_rotation: Floats,
    by_place: Floats,
) -> None:
    """Project each point (1 or P, 3 K), compare it with its landmark, and send the weighted difference back."""
    focal, centre, distance = np.float32(FOCAL), np.float32(CENTRE), np.float32(DISTANCE)
    for frame in range(target.shape[0]):
        shape = shapes[min(frame, shapes.shape[0] - 1)]
        turn, place = rotation[frame], translation[frame]
        for k in range(weights.shape[0]):
            a, b, c = shape[3 * k], shape[3 * k + 1], shape[3 * k + 2]
            x = turn[0, 0] * a + turn[0, 1] * b + turn[0, 2] * c + place[0]
            y = turn[1, 0] * a + turn[1, 1] * b + turn[1, 2] * c + place[1]
            z = turn[2, 0] * a + turn[2, 1] * b + turn[2, 2] * c + place[2]
            scale = focal / (distance - z)
            weight = np.float32(2) * weights[k] * scale
            gx = weight * (scale * x + centre - target[frame, k, 0])
            gy = weight * (scale * y + centre - target[frame, k, 1])
            gz = (gx * x + gy * y) / (distance - z)
            for i, g in enumerate((gx, gy, gz)):
                by_place[frame, i] += g
                by_rotation[frame, i, 0] += g * a
                by_rotation[frame, i, 1] += g * b
                by_rotation[frame, i, 2] += g * c
            slopes[frame, 3 * k] = turn[0, 0] * gx + turn[1, 0] * gy + turn[2, 0] * gz
            slopes[frame, 3 * k + 1] = turn[0, 1] * gx + turn[1, 1] * gy + turn[2, 1] * gz
            slopes[frame, 3 * k + 2] = turn[0, 2] * gx + turn[1, 2] * gy + turn[2, 2] * gz


def _by_angle(by_rotation: Floats, rotation: Floats, euler: Floats) -> Floats:
    """Gradients (T, 3) by Euler angle of those by rotation (T, 3, 3): the torque about the axis of each angle."""
    turned = by_rotation @ np.swapaxes(rotation, -1, -2)
    torque = np.stack([turned[:, i, j] - turned[:, j, i] for i, j in ((2, 1), (0, 2), (1, 0))], -1)
    about_x = np.einsum("ti,ti->t", torque, rotation[:, :, 0])  # z and y have turned the axis of x
    about_y = np.cos(euler[:, 2]) * torque[:, 1] - np.sin(euler[:, 2]) * torque[:, 0]
    return np.asarray(np.stack([about_x, about_y, torque[:, 2]], -1), np.float32)


def _pull(values: Floats, factor: float) -> Floats:
    """Gradient (T, K) of `factor` times the mean square."""
    return np.float32(2 * factor / values.size) * values


def _unevenness(values: Floats, factor: float) -> Floats:
    """Gradient (T, K) of `factor` times the mean square of x_t - (x_t-1 + x_t+1) / 2, the ends repeated."""
    if not factor or len(values) < 2:
        return np.zeros_like(values)
    return np.float32(2 * factor / values.size) * _bend(_bend(values))  # the matrix of `_bend` is symmetric


def _bend(values: Floats) -> Floats:
    """How far (T, K) each value is from the mean of its neighbours."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.asarray(values - (padded[:-2] + padded[2:]) / 2, np.float32)
