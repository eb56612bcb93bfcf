"""The square of a picture around a head that the packaged network sees, and what it is told of the face in it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.real3d.view_space import DEEP, HALF, HALF_DEEP, MIDDLE
from vivant.face.landmarks import MESH_COUNT
from vivant.face.model import load_face_model
from vivant.face.pose import HeadPose, fit_head_pose
from vivant.face.raster import rasterise

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SIDE = 256
"""Pixels of the window."""
MODEL_SIZE = 10.0
"""Centimetres that count 1 where the network is told of places on the face model."""


@dataclass(frozen=True)
class HeadWindow:
    """Where the window lies in a picture, and how the head stands there."""

    pose: HeadPose
    """In the picture."""

    @classmethod
    def of_landmarks(cls, landmarks: Floats) -> HeadWindow:
        """Around the face with `landmarks` (478, 3) picture pixels."""
        neutral = load_face_model().neutral[:MESH_COUNT]
        return cls(fit_head_pose(landmarks, neutral, np.ones(MESH_COUNT, np.float32)))

    @property
    def half(self) -> float:
        """Half of the side in picture pixels."""
        return HALF * self.pose.scale

    @property
    def centre(self) -> Floats:
        """(2,) picture pixels."""
        middle: Floats = self.pose.picture_from_head(np.array(MIDDLE, np.float32))[:2]
        return middle

    def cut(self, picture: NDArray[np.uint8]) -> Bytes:
        """The window (256, 256, ...) of a `picture` (H, W, ...); 0 beyond its border."""
        scale = SIDE / (2 * self.half)
        # Blurred to as many pixels as the window has, so that there are no aliases.
        shrunk = cv2.GaussianBlur(picture, (0, 0), 0.45 / scale) if scale < 0.7 else picture
        corner = self.centre - self.half
        affine = np.array([[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]])
        affine[:, 2] += 0.5 * scale - 0.5  # pixel centres are at halves
        return np.asarray(cv2.warpAffine(shrunk, affine, (SIDE, SIDE), flags=cv2.INTER_LINEAR), np.uint8)

    def to_window(self, pixels: Floats) -> Floats:
        """Points (N, 3) of the picture in pixels of the window."""
        result = np.asarray(pixels * np.float32(SIDE / (2 * self.half)), np.float32)
        result[:, :2] -= (self.centre - self.half) * np.float32(SIDE / (2 * self.half))
        return result

    def view_of(self, pixels: Floats) -> Floats:
        """View coordinates (N, 3) of points with straight depth in picture pixels, negative toward the camera."""
        place = (pixels[:, :2] - self.centre) * np.array([1, -1], np.float32) / np.float32(self.half)
        near = (-pixels[:, 2:] - self.pose.translation[2]) / np.float32(self.pose.scale)
        return np.asarray(np.concatenate([place, (near - DEEP) / HALF_DEEP], 1), np.float32)


def mesh_maps(landmarks: Floats) -> Floats:
    """What the network is told of the face with `landmarks` (478, 3), pixels of the window: (256, 256, 5).

    The place on the neutral face model (3) in tenths of its centimetres, w, and 1 where the face is.
    """
    model, window = load_face_model(), HeadWindow.of_landmarks(landmarks)
    depth = window.view_of(landmarks)[:, 2:]
    values = np.concatenate([model.neutral / np.float32(MODEL_SIZE), depth, np.ones_like(depth)], 1)
    triangles = np.concatenate([model.triangles, model.eye_triangles, model.mouth_triangles])
    return rasterise(landmarks * np.array([1, 1, -1], np.float32), triangles, values, SIDE, SIDE).values


def network_input(picture: Bytes, mask: Bytes, inside: Bytes, maps: Floats) -> Floats:
    """(10, 256, 256) of a window: `picture` (256, 256, 3) sRGB, `mask` and `inside` (256, 256), `mesh_maps`."""
    share = mask[..., None].astype(np.float32) / 255
    colour = (picture.astype(np.float32) / 127.5 - 1) * share
    layers = np.concatenate([colour, share, inside[..., None].astype(np.float32) / 255, maps], 2)
    return np.ascontiguousarray(layers.transpose(2, 0, 1))
