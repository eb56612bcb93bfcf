"""Where heads stand in the cube of the radiance field, and the cameras that look at them.

The published pipeline puts the Basel face model there: decimetres times 0.27, moved by (0, 0.006, 0.161), so that the
cube [-0.5, 0.5]^3 holds 37 cm. Five points of that model (eyes, tip of the nose, corners of the mouth) agree with
ICT-FaceKit's within 2 mm after a shift by (0, -0.55, -7.8) cm and no change of scale; so

    cube = 0.027 * (head cm - (0, 0.33, 1.84))

and a camera of a fitted portrait sees our heads as it sees the published ones. A face 14 cm wide fills 43 to 57 % of
the picture's width at distances of 3.8 to 2.9, as in portraits whose face covers 20 % of the picture and more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SCALE = 0.027
"""Units of the cube per centimetre."""
ORIGIN: Floats = np.array([0.0, 0.33, 1.84], np.float32)
"""The middle of the cube in centimetres of ICT-FaceKit's head."""
FACE_SHIFT: Floats = np.array([0.0, -0.55, -7.8], np.float32)
"""From ICT-FaceKit's origin to the Basel face model's, in cm."""
NEAREST = np.float32(0.05)
"""Depth in the cube's units below which nothing is projected."""


def cube_from_head(points: Floats) -> Floats:
    """Places (..., 3) in the cube of `points` (..., 3) in cm."""
    return np.asarray((points - ORIGIN) * np.float32(SCALE), np.float32)


def head_from_cube(places: Floats) -> Floats:
    """Points (..., 3) in cm of `places` (..., 3) in the cube."""
    return np.asarray(places / np.float32(SCALE) + ORIGIN, np.float32)


def face_from_head(points: Floats) -> Floats:
    """Places (..., 3) in the Basel face model's frame, decimetres, of `points` (..., 3) in cm."""
    return np.asarray((points + FACE_SHIFT) / np.float32(10), np.float32)


def draw_poses(rng: np.random.Generator, count: int) -> Floats:
    """Head angles and translations (count, 6) before the camera (real3d 5), in radians and decimetres.

    The first is as portraits are taken, within 25 degrees of frontal, the others are around the head: yaw to 50
    degrees, pitch to 28, roll to 12; distances of 3.1 to 4, the eyes above the middle, the head a little off it.
    """
    yaw = np.clip(rng.normal(0, np.deg2rad(10), count), -0.44, 0.44)
    yaw[1:] = np.deg2rad(rng.uniform(-50, 50, count - 1))
    pitch = np.clip(rng.normal(0, np.deg2rad(9), count), -0.49, 0.49)
    roll = np.clip(rng.normal(0, np.deg2rad(4), count), -0.21, 0.21)
    aside = np.clip(rng.normal(0, 0.12, count), -0.4, 0.4)
    up, away = rng.normal(-0.28, 0.16, count), -rng.uniform(0.8, 4.2, count)
    return np.asarray(np.stack([pitch, yaw, roll, aside, up, away], 1), np.float32)


def project(points: Floats, camera: Floats, size: int) -> Floats:
    """Pixels (N, 3) of `points` (N, 3) in the cube: x right, y down in a picture of `size`, and one by the depth."""
    world, lens = camera[:16].reshape(4, 4), camera[16:].reshape(3, 3)
    seen = (points - world[:3, 3]) @ world[:3, :3]
    nearness = 1 / np.maximum(seen[:, 2:], NEAREST)
    place = (seen[:, :2] * nearness * lens[[0, 1], [0, 1]] + lens[:2, 2]) * np.float32(size)
    return np.asarray(np.concatenate([place, nearness], 1), np.float32)
