"""The sheet behind the mesh of a head: it carries what cannot be part of the mesh, such as loose hair and clothes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.real3d.head_turning import Points, pixels_of
from vivant.avatars.real3d.neck_and_hair import leans
from vivant.avatars.real3d.prepare import Layers
from vivant.avatars.real3d.surroundings import extended
from vivant.avatars.real3d.view_space import DISTANCE
from vivant.avatars.retarget import Source
from vivant.face.raster import rasterise
from vivant.portrait.classes import HAIR

Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

STEP = 8
"""Pixels between the points of the sheet."""
OVERLAP = 9
"""Pixels that the sheet reaches under the mesh."""
RIM = 5
"""Pixels beyond the mesh that may be the soft outline of what is on it."""


def sheet_behind(mesh: Points, source: Source, layers: Layers) -> tuple[Points, Bytes, Bytes]:
    """A grid over the picture at the depth of the mesh's outline, and the share (H, W) of the picture that it carries.

    That is what of the person in `layers` is not on the `mesh`; also, the `rim` (H, W) of that; see `Scene`.
    """
    rows, columns = layers.cut.alpha.shape
    pose = source.pose
    values = np.column_stack([mesh.places[:, 2], mesh.follows]).astype(np.float32)
    front = rasterise(pixels_of(pose, mesh.places), mesh.triangles, values, rows, columns)
    around = cv2.GaussianBlur(extended(front.values, front.covered), (0, 0), rows / 64)
    inside = cv2.erode(front.covered.astype(np.uint8), np.ones((OVERLAP, OVERLAP), np.uint8))
    share = np.round(255 * (1 - inside)).astype(np.uint8)
    line = [np.linspace(0, n, max(2, n // STEP) + 1) for n in (columns, rows)]
    rest = np.stack(np.meshgrid(*line), -1).reshape(-1, 2).astype(np.float32)
    at = np.minimum(rest.astype(np.int64), (columns - 1, rows - 1))
    depth, follow = around[at[:, 1], at[:, 0]].T
    upright = (rest * np.array([1, -1], np.float32) - pose.translation[:2]) / pose.scale
    points = np.column_stack([upright * ((DISTANCE - depth) / DISTANCE)[:, None], depth]).astype(np.float32)
    still = np.zeros((len(points), 1), np.int32), np.zeros((len(points), 1), np.float32)
    lattice = _lattice(len(line[1]), len(line[0]))
    shows = np.zeros((len(points), 4), np.float32)
    along = np.ascontiguousarray(follow), leans(points, source, rows)
    return Points(points, *along, *still, lattice, shows, closed=False), share, rim_of(share, front.covered, layers)


def rim_of(share: Bytes, covered: NDArray[np.bool_], layers: Layers) -> Bytes:
    """The part of `share` (H, W) by which no hair and nothing broader lies that is not `covered` (H, W) by the mesh.

    It begins softly.
    """
    beyond = ((layers.cut.alpha > 0.5) & ~covered).astype(np.uint8)
    broad = cv2.morphologyEx(beyond, cv2.MORPH_OPEN, np.ones((RIM, RIM), np.uint8))
    others = 1 - ((broad > 0) | (layers.classes == HAIR)).astype(np.uint8)
    away = cv2.distanceTransform(others, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(share * np.clip(away / OVERLAP - 1, 0, 1), np.uint8)


def _lattice(rows: int, columns: int) -> Ints:
    """Triangles (T, 3) of a grid of points, row by row."""
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1, 1)
    corners = first + np.array([0, 1, columns, 1, columns + 1, columns])
    return np.asarray(corners.reshape(-1, 3), np.int32)
