"""The far side of a face that looks away: seen too obliquely in the picture to be shown, so taken from the near side.

The face is drawn once as seen from the front into a tile. Where the picture shows a place well the tile holds it; where
it does not, the tile holds the mirrored place of the near side, its colours carried over to the far side's light.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.face.model import FaceModel
from vivant.face.normals import vertex_normals
from vivant.face.pose import HeadPose, angles_from_rotation
from vivant.face.raster import rasterise
from vivant.smooth import eased

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

LEAST_YAW = np.deg2rad(7.0)
"""Faces that look more to the front than this need no tile."""
TILE_MARGIN = 3.0
"""Centimetres around the face."""


@dataclass(frozen=True)
class HiddenSide:
    """A tile of the face from the front, and how much of it to show at each of the 468 + 10 points."""

    tile: Bytes
    """(h, w, 4) RGBA."""
    scale: float
    """Tile pixels per centimetre."""
    corner: Floats
    """(2,) head centimetres (x, y) of the tile's top left corner."""
    weight: Floats
    """(478,) 0..1: share of the tile at each point; zero on the near side."""

    def place(self, head: Floats) -> Floats:
        """Tile pixels (N, 2) of points `head` (N, 3) in head centimetres of the undeformed face."""
        offset = (head[:, :2] - self.corner) * np.array([self.scale, -self.scale], np.float32)
        return np.asarray(offset - 0.5, np.float32)


def build_hidden_side(
    model: FaceModel, pose: HeadPose, shape: Floats, triangles: Ints, texture: Bytes, texture_scale: float
) -> HiddenSide | None:
    """The tile for a face with `shape` (478, 3) at `pose`; None where it looks to the front.

    texture: (h, w, 4) the picture, `texture_scale` of its pixels per picture pixel.
    """
    if abs(angles_from_rotation(pose.rotation)[0]) < LEAST_YAW:
        return None
    weight = _hidden(pose, shape, triangles)
    corner = np.array([shape[:, 0].min() - TILE_MARGIN, shape[:, 1].max() + TILE_MARGIN], np.float32)
    scale = pose.scale * texture_scale
    blank = HiddenSide(texture[:0], scale, corner, weight)
    tile = _draw_tile(model, blank, pose, shape, triangles, texture, texture_scale)
    return HiddenSide(tile, scale, corner, weight)


def toward_viewer(rest: HeadPose, posed: HeadPose) -> float:
    """0..1: how far a head has turned its hidden side into view, full at 8 degrees; 0 at rest and when turned away."""
    yaw = angles_from_rotation(posed.rotation)[0] - angles_from_rotation(rest.rotation)[0]
    return eased(float(-yaw * np.sign(angles_from_rotation(rest.rotation)[0]) / np.deg2rad(8.0)))


def _hidden(pose: HeadPose, shape: Floats, triangles: Ints) -> Floats:
    """How badly the picture shows each point (478,): 0 well, 1 not at all or folded over."""
    normals = vertex_normals(shape, triangles) @ pose.rotation.T
    oblique = 1.0 - np.clip((normals[:, 2] - 0.12) / 0.33, 0.0, 1.0)
    occluded = _occluded(pose, shape, triangles)
    far = np.clip(shape[:, 0] * np.sign(angles_from_rotation(pose.rotation)[0]) / 1.5, 0.0, 1.0)
    hidden = np.maximum(oblique, occluded) * far
    for _ in range(3):
        hidden = np.maximum(hidden, _spread(hidden, triangles) * far)
    return np.asarray(np.maximum(hidden, _spread(hidden, triangles)), np.float32)


def _occluded(pose: HeadPose, shape: Floats, triangles: Ints) -> Floats:
    """1 for points (478,) that lie more than a few millimetres behind another part of the face."""
    seen = shape @ pose.rotation.T
    low = seen[:, :2].min(0)
    size = 220
    pixels_per_cm = (size - 4) / float((seen[:, :2].max(0) - low).max())
    placed = np.column_stack([(seen[:, :2] - low) * pixels_per_cm + 2, seen[:, 2]]).astype(np.float32)
    depth = rasterise(placed, triangles, placed[:, 2:], size, size).depth
    depth = np.asarray(cv2.erode(depth, np.ones((3, 3), np.uint8)), np.float32)
    column, row = placed[:, 0].astype(int), placed[:, 1].astype(int)
    return np.asarray(depth[row, column] - placed[:, 2] > 0.35, np.float32)


def _spread(values: Floats, triangles: Ints) -> Floats:
    """Mean of `values` (V,) over each point's neighbours in the mesh (T, 3), itself included."""
    total, count = values.astype(np.float64), np.ones(len(values))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        for here, there in ((a, b), (b, a)):
            np.add.at(total, triangles[:, here], values[triangles[:, there]])
            np.add.at(count, triangles[:, here], 1.0)
    return np.asarray(total / count, np.float32)


def _draw_tile(
    model: FaceModel, blank: HiddenSide, pose: HeadPose, shape: Floats, triangles: Ints, texture: Bytes, scale: float
) -> Bytes:
    """The far side (rows, columns, 4) as the near side shows it, with the light of its own."""
    rows = int(np.ceil((blank.corner[1] - shape[:, 1].min() + TILE_MARGIN) * blank.scale))
    columns = int(np.ceil((shape[:, 0].max() - blank.corner[0] + TILE_MARGIN) * blank.scale))
    own = pose.picture_from_head(shape)[:, :2] * scale - 0.5
    values = np.column_stack([own, own[model.mirror], blank.weight]).astype(np.float32)
    placed = np.column_stack([blank.place(shape) + 0.5, shape[:, 2]]).astype(np.float32)
    front = rasterise(placed, triangles, values, rows, columns)
    near, far = (resample(texture, front.values[..., k : k + 2]).astype(np.float32) for k in (0, 2))
    hidden = front.values[..., 4]
    trusted = np.where(front.covered, (1.0 - hidden) ** 2, 0.0).astype(np.float32)
    mixed = near + hidden[..., None] * (far * _tint(near, far, trusted, 1.6 * blank.scale) - near)
    mixed[..., 3] = np.maximum(near[..., 3], far[..., 3])
    filled = _extend(np.clip(mixed, 0, 255).astype(np.uint8), front.covered)
    return filled


def _tint(near: Floats, far: Floats, trusted: Floats, sigma: float) -> Floats:
    """Smooth ratio (h, w, 4) that carries the colours of `far` over to those of `near`, learnt where `trusted`."""
    small = min(1.0, 24.0 / sigma)

    def blurred(values: Floats) -> Floats:
        """(rows, columns, ...) to a smaller, blurred map."""
        shrunk = cv2.resize(values, None, fx=small, fy=small, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(shrunk, (0, 0), sigma * small), np.float32)

    weight = trusted[..., None]
    ratio = (blurred(near * weight) + 1e-2) / (blurred(far * weight) + 1e-2)
    ratio = np.clip(ratio, 0.55, 1.6)
    return np.asarray(cv2.resize(ratio, near.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _extend(tile: Bytes, covered: NDArray[np.bool_]) -> Bytes:
    """Fill the margin of (rows, columns, 4) with the nearest covered pixel: sampling at the rim stays in the face."""
    _, labels = cv2.distanceTransformWithLabels(
        (~covered).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.zeros(int(labels.max()) + 1, np.int64)
    nearest[labels[covered]] = np.flatnonzero(covered)
    return np.asarray(tile.reshape(-1, 4)[nearest[labels]].reshape(tile.shape), np.uint8)


def resample(texture: Bytes, places: Floats) -> Bytes:
    """Pixels of `texture` (h, w, 4) at `places` (rows, columns, 2) texture pixels; mirrored beyond its borders."""
    x, y = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
    return np.asarray(cv2.remap(texture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101), np.uint8)
