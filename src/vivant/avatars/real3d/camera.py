"""Cameras of the radiance field: from head poses, on a sphere, smooth over time; and the rays of their pixels.

A camera is 25 numbers: camera-to-world (4 x 4, row by row), then the intrinsics (3 x 3, row by row) divided by the size
of the picture. Its own axes are OpenCV's: x right, y down, z forward. The world is the head's: x right, y up, z to the
viewer, in units in which the cube that holds the head has side 1. From Real3D-Portrait (Ye et al., 2024) and EG3D
(Chan et al., 2022).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

FOCAL = 2985.29 / 700
"""Focal length of the radiance field in picture sizes; the face model's own camera has another."""
FACE_CAMERA = (0.0, 0.0, 10.0)
"""Where the face model's camera stands, in the face model's units."""
SCALE = 0.27
"""World units in one unit of the face model."""
SHIFT = (0.0, 0.006, 0.161)
"""Where the face model's origin lies in the world, so that the middle of the head is near the middle of the cube."""
PICTURE_AXES = (1.0, -1.0, -1.0)
"""From head axes (y up, z to the viewer) to camera axes (y down, z forward)."""
LOOKED_AT = (0.0, 0.0, 0.2)
"""What cameras of training look at."""
WINDOW = 7
"""Frames that smoothing takes the mean of."""


def rotation_of_euler(euler: Floats) -> Doubles:
    """Angles about x, y and z (..., 3), radians, to matrices (..., 3, 3) that turn ROW vectors: p R."""
    (cx, cy, cz), (sx, sy, sz) = (np.moveaxis(f(np.asarray(euler, np.float64)), -1, 0) for f in (np.cos, np.sin))
    rows = [
        [cy * cz, cy * sz, -sy],
        [sx * sy * cz - cx * sz, sx * sy * sz + cx * cz, sx * cy],
        [cx * sy * cz + sx * sz, cx * sy * sz - sx * cz, cx * cy],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def camera_of_pose(euler: Floats, translation: Floats) -> Floats:
    """Head poses of the face model, angles (T, 3) in radians and translation (T, 3), to cameras (T, 25)."""
    return camera_of_rotation(rotation_of_euler(euler), translation)


def camera_of_rotation(rotation: Doubles, translation: Floats) -> Floats:
    """The same of matrices (T, 3, 3) that turn row vectors."""
    away = np.asarray(translation, np.float64) - FACE_CAMERA
    position = -np.einsum("tij,tj->ti", rotation, away) * SCALE + SHIFT
    return _camera(rotation * PICTURE_AXES, position)


def camera_on_sphere(pitch: Floats, yaw: Floats, distance: Floats, target: Sequence[float] = LOOKED_AT) -> Floats:
    """Upright cameras (T, 25) at `distance` (T,) from the origin that look at `target`.

    `yaw` (T,) is in radians, positive to the viewer's right. `pitch` (T,), positive below, is in radians only near
    the equator: EG3D takes it as a share of the sphere's area, so that height is -2 distance pitch / pi.
    """
    below, aside, away = (np.asarray(value, np.float64) for value in (pitch, yaw, distance))
    height = -2 / np.pi * away * below
    level = np.sqrt(np.maximum(away**2 - height**2, 0))
    position = np.stack([level * np.sin(aside), height, level * np.cos(aside)], -1)
    forward = _unit(np.asarray(target, np.float64) - position)
    right = _unit(np.cross(forward, [0.0, 1.0, 0.0]))
    return _camera(np.stack([right, np.cross(forward, right), forward], -1), position)


def turned(cameras: Floats, yaw: float, pitch: float, centre: Sequence[float] = (0.0, 0.0, 0.0)) -> Floats:
    """`cameras` (T, 25) carried round `centre` by `yaw` (to the viewer's right) and `pitch` (upwards), radians.

    Pitch is about the camera's own horizontal axis, so that the head keeps its place in the picture.
    """
    world = np.asarray(cameras, np.float64)[:, :16].reshape(-1, 4, 4)
    right = world[:, :3, 0] * [1.0, 0.0, 1.0]
    about = _about(np.broadcast_to([0.0, 1.0, 0.0], right.shape), yaw) @ _about(_unit(right), -pitch)
    position = np.einsum("tij,tj->ti", about, world[:, :3, 3] - centre) + centre
    result = _camera(about @ world[:, :3, :3], position)
    result[:, 16:] = cameras[:, 16:]
    return result


def smooth_cameras(cameras: Floats, window: int = WINDOW) -> Floats:
    """`cameras` (T, 25) each replaced by the mean of the `window` around it, as far as they exist.

    Rotations have their chordal mean, which is the rotation nearest to the mean of the matrices.
    """
    world = np.asarray(cameras, np.float64)[:, :16].reshape(-1, 4, 4)
    mean = _window_mean(world, window)
    u, _, vt = np.linalg.svd(mean[:, :3, :3])
    u[:, :, 2] *= np.linalg.det(u @ vt)[:, None]
    result = _camera(u @ vt, mean[:, :3, 3])
    result[:, 16:] = cameras[:, 16:]
    return result


def smooth_rows(values: Floats, window: int = WINDOW) -> Floats:
    """The mean of `window` rows around each row of `values` (T, ...), mirrored at both ends, the end rows twice."""
    half = window // 2
    around = np.pad(values, [(half, half)] + [(0, 0)] * (values.ndim - 1), mode="symmetric")
    return _window_mean(around, window)[half : half + len(values)].astype(np.float32)


def mirrored(count: int, length: int) -> NDArray[np.int64]:
    """Indices (N,) that play `length` frames forwards and backwards in turn, N = `count`."""
    turn, place = np.divmod(np.arange(count), length)
    return np.where(turn % 2 == 0, place, length - 1 - place)


def level_depth(translation: Floats) -> Floats:
    """`translation` (T, 3) at the distance of the first frame throughout."""
    result = np.array(translation, np.float32)
    result[:, 2] = result[:1, 2]
    return result


def from_initial(values: Floats, initial: Floats) -> Floats:
    """Angles or translations (T, 3) moved so that the first is `initial` (3,); angles are simply added.

    Large turns about two axes drift in this way; see `rotation_from_initial`.
    """
    return np.asarray(values + (np.reshape(initial, 3) - values[:1]), np.float32)


def rotation_from_initial(rotation: Doubles, initial: Doubles) -> Doubles:
    """Matrices (T, 3, 3) that turn row vectors, moved so that the first is `initial` (3, 3).

    What the head turns from the first frame on is turned about the same axes of space, exactly.
    """
    return np.asarray(initial @ rotation[0].T @ rotation)


def rays(cameras: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Origins and unit directions (N, size * size, 3) of the pixels of `cameras` (N, 25), row by row, in the world."""
    world, lens = cameras[:, :16].reshape(-1, 4, 4), cameras[:, 16:].reshape(-1, 3, 3)
    centres = (torch.arange(size, device=cameras.device, dtype=cameras.dtype) + 0.5) / size
    v, u = (part.reshape(1, -1) for part in torch.meshgrid(centres, centres, indexing="ij"))
    y = (v - lens[:, 1, 2, None]) / lens[:, 1, 1, None]
    # The skew is zero in all that is published; it costs nothing to heed it.
    x = (u - lens[:, 0, 2, None] - lens[:, 0, 1, None] * y) / lens[:, 0, 0, None]
    seen = torch.stack([x, y, torch.ones_like(x)], -1)
    directions = torch.nn.functional.normalize(seen @ world[:, :3, :3].mT, dim=-1)
    return world[:, None, :3, 3].expand_as(directions), directions


def _camera(rotation: Doubles, position: Doubles) -> Floats:
    """Camera-to-world rotation (T, 3, 3) and position (T, 3), with the usual intrinsics."""
    result = np.zeros((len(rotation), 25), np.float32)
    world, lens = result[:, :16].reshape(-1, 4, 4), np.array([[FOCAL, 0, 0.5], [0, FOCAL, 0.5], [0, 0, 1]])
    world[:, :3, :3], world[:, :3, 3], world[:, 3, 3] = rotation, position, 1
    result[:, :16], result[:, 16:] = world.reshape(-1, 16), lens.reshape(9)
    return result


def _window_mean(values: Floats | Doubles, window: int) -> Doubles:
    """The mean of `values` (T, ...) over `window` frames around each, fewer at the ends."""
    half = window // 2
    return np.stack([values[max(i - half, 0) : i + half + 1].mean(0, dtype=np.float64) for i in range(len(values))])


def _unit(vectors: Doubles) -> Doubles:
    """`vectors` (..., 3) at length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _about(axes: NDArray[np.float64], angle: float) -> Doubles:
    """Matrices (T, 3, 3) that turn column vectors by `angle` about unit `axes` (T, 3) (Rodrigues)."""
    x, y, z = np.moveaxis(axes, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([np.stack(row, -1) for row in ([zero, -z, y], [z, zero, -x], [-y, x, zero])], -2)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)
