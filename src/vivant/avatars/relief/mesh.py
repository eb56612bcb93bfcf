"""The mesh of relief: the measured face, and around it a sheet that carries hair, ears, neck and background.

Everything here is made once per portrait. "Hull" is the ring of 36 landmarks around the face; F is the mean of face
height and width in pixels, the unit of all distances around the face.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.face.landmarks import COUNT, MESH_COUNT, OVAL
from vivant.face.pose import FLIP, HeadPose
from vivant.face.raster import rasterise
from vivant.face.window import Window
from vivant.portrait.portrait import Portrait
from vivant.smooth import smoothstep

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]

HEAD_CENTRE = np.array([0.0, -1.0, -3.0], np.float32)
"""Head centimetres: where the silhouette of a head lies in depth."""


@dataclass(frozen=True)
class SheetSettings:
    """Shape of the sheet around the face; lengths in F."""

    spacing: float = 1 / 11
    """Grid spacing of the sheet."""
    minimum_rim: float = 0.15
    """Least distance from hull to silhouette, so that a tight mask does not bend the far side into a cliff."""
    reach: float = 0.32
    """How far beyond the silhouette the background still follows the head, and the end of the head's depth."""
    neck: float = 0.75
    """How far below the chin the head's motion fades out."""
    skin: float = 0.16
    """Decay of expression outside the hull."""
    border: float = 0.22
    """Width of the fade to rest at the window's borders."""
    body_follows: float = 0.35
    """Share of the head's translation that the body takes."""


@dataclass(frozen=True)
class Sheet:
    """The surroundings of the face: V points, of which the first 36 are the hull."""

    rest: Floats
    """(V, 3) picture pixels, z with the sign of the landmarks."""
    head: Floats
    """(V, 3) head centimetres."""
    triangles: Ints
    """(T, 3) indices into the sheet."""
    follows_head: Floats
    """(V,) 0..1: share of the head's rigid motion."""
    follows_body: Floats
    """(V,) 0..1: share of the head's translation where the head's own motion has faded."""
    skin: Floats
    """(V, 36) weights of the hull's expression displacement."""


def face_size(landmarks: Floats) -> float:
    """F: mean of height and width in pixels of the face at `landmarks` (468, 3) or more, unrolled by the eye line."""
    across = np.linalg.norm(landmarks[454, :2] - landmarks[234, :2])
    down = np.linalg.norm(landmarks[152, :2] - landmarks[10, :2])
    return float(max(across, 0.6 * down) + down) / 2


def build_sheet(portrait: Portrait, window: Window, triangles: Ints, settings: SheetSettings) -> Sheet:
    """Mesh of everything around the face of `portrait` within `window`; `triangles` (T, 3) of the face itself."""
    unit = face_size(portrait.landmarks)
    hull = _visible_ring(portrait.landmarks, triangles, unit)
    grid = _grid(window, unit * settings.spacing)
    outside = -_polygon_distance(hull[:, :2], grid)
    grid = grid[outside > unit * settings.spacing * 0.55]
    points = np.concatenate([hull[:, :2], grid]).astype(np.float32)
    distance = np.maximum(-_polygon_distance(hull[:, :2], points), 0.0)
    distance[: len(hull)] = 0.0
    near = _hull_weights(points, hull[:, :2], unit)
    to_rim, beyond = _silhouette_distances(portrait, points, unit)
    depth = _depth(near @ hull[:, 2], portrait.pose, distance, to_rim, unit, settings)
    rest = np.column_stack([points, depth]).astype(np.float32)
    rest[: len(hull)] = hull
    below = _below(portrait.landmarks, points, unit)
    fade = _border_fade(window, points, unit * settings.border)
    fade[: len(hull)] = 1.0
    background = 1.0 - smoothstep(beyond / (unit * settings.reach))
    neck = smoothstep(distance * smoothstep((below - 0.05) / 0.35) / (unit * settings.neck))
    head = (1.0 - neck) * background * fade
    skin = near * (np.exp(-distance / (unit * settings.skin)) * fade)[:, None]
    body = settings.body_follows * neck * background * fade
    in_head = portrait.pose.head_from_picture(rest)
    return Sheet(
        rest=portrait.pose.picture_from_head(in_head),  # there and back, so that rest is exact to the last bit
        head=in_head,
        triangles=_triangulate(points),
        follows_head=head.astype(np.float32),
        follows_body=body.astype(np.float32),
        skin=skin.astype(np.float32),
    )


def _visible_ring(landmarks: Floats, triangles: Ints, unit: float) -> Floats:
    """The hull (36, 3), its hidden points moved to the visible outline of the face.

    On the far side of a turned face cheek and brow hide the hull. What surrounds the face in the picture begins at
    that outline, and moves with the depth of the outline, so that a face turning to the front covers it.
    """
    hull = landmarks[list(OVAL)].copy()
    low = landmarks[:MESH_COUNT, :2].min(0)
    scale = 200.0 / unit
    size = (np.ptp(landmarks[:MESH_COUNT, :2], axis=0) * scale + 8).astype(int)
    placed = (landmarks - (*low, 0.0)) * np.array([scale, scale, -scale]) + (4, 4, 0)
    face = rasterise(placed, triangles, placed[:, 2:], int(size[1]), int(size[0]))
    within, labels = cv2.distanceTransformWithLabels(
        face.covered.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rim = np.argwhere(~face.covered)[:, ::-1]
    order = labels[~face.covered]
    nearest = np.zeros((int(labels.max()) + 1, 2), np.int64)
    nearest[order] = rim
    depth = cv2.dilate(face.depth, np.ones((7, 7), np.uint8))
    for point, spot in zip(hull, placed[list(OVAL)], strict=True):
        column, row = int(spot[0]), int(spot[1])
        if within[row, column] > 0.02 * 200.0:
            column, row = nearest[labels[row, column]]
            point[:2] = (np.array([column, row]) + 0.5 - 4) / scale + low
            point[2] = -depth[row, column] / scale
    return np.asarray(hull, np.float32)


def _grid(window: Window, spacing: float) -> Floats:
    """Points (N, 2) of a regular grid whose outer rows lie on the window's borders."""
    across = np.linspace(window.x, window.x + window.width, max(3, round(window.width / spacing)) + 1)
    down = np.linspace(window.y, window.y + window.height, max(3, round(window.height / spacing)) + 1)
    return np.asarray(np.stack(np.meshgrid(across, down), -1).reshape(-1, 2), np.float32)


def _polygon_distance(polygon: Floats, points: Floats) -> Floats:
    """Signed distance (N,) of `points` (N, 2) to `polygon` (K, 2): positive inside."""
    start, end = polygon, np.roll(polygon, -1, axis=0)
    edge = end - start
    offset = points[:, None] - start
    along = np.clip((offset * edge).sum(-1) / np.maximum((edge**2).sum(-1), 1e-9), 0, 1)
    distance = np.linalg.norm(offset - along[..., None] * edge, axis=-1).min(1)
    crossing = (start[:, 1] > points[:, None, 1]) != (end[:, 1] > points[:, None, 1])
    slope = np.where(np.abs(edge[:, 1]) < 1e-9, 1e-9, edge[:, 1])
    right = points[:, None, 0] < start[:, 0] + edge[:, 0] * offset[..., 1] / slope
    inside = (crossing & right).sum(1) % 2 == 1
    return np.where(inside, distance, -distance).astype(np.float32)


def _hull_weights(points: Floats, hull: Floats, unit: float) -> Floats:
    """Smooth interpolation weights (V, 36), rows summing to one, exact at the hull itself."""
    squared = ((points[:, None] - hull) ** 2).sum(-1) + (1e-3 * unit) ** 2
    weights = squared**-1.5
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


def _silhouette_distances(portrait: Portrait, points: Floats, unit: float) -> tuple[Floats, Floats]:
    """For each of `points` (N, 2): pixels to the person's silhouette from within (N,), and from without (N,)."""
    scale = min(1.0, 48.0 / unit)
    small = cv2.resize(portrait.person, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    pad = round(1.2 * unit * scale)
    mask = cv2.copyMakeBorder((np.asarray(small) > 0.5).astype(np.uint8), pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    soft = 0.06 * unit * scale
    x = (points[:, 0] * scale + pad - 0.5).astype(np.float32)[None]
    y = (points[:, 1] * scale + pad - 0.5).astype(np.float32)[None]
    found = []
    for side in (np.asarray(mask), 1 - np.asarray(mask)):
        field = cv2.GaussianBlur(cv2.distanceTransform(side, cv2.DIST_L2, 5), (0, 0), soft)
        sampled = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
        found.append((sampled / scale).astype(np.float32))
    return found[0], found[1]


def _depth(
    hull_depth: Floats, pose: HeadPose, distance: Floats, to_rim: Floats, unit: float, settings: SheetSettings
) -> Floats:
    """Depth (N,) of the sheet: an ellipse that leaves the hull and meets the plane of the head's centre at the rim."""
    centre = pose.picture_from_head(HEAD_CENTRE)[2]
    whole = np.maximum(distance + to_rim, settings.minimum_rim * unit)
    part = np.clip(np.maximum(distance / whole, distance / (settings.reach * unit) * 0.6), 0.0, 1.0)
    return np.asarray(centre + (hull_depth - centre) * np.sqrt(1.0 - part**2), np.float32)


def _below(landmarks: Floats, points: Floats, unit: float) -> Floats:
    """How far below the middle of the face each of (N, 2) lies along the head's own axis, in F; chin about 0.25."""
    down = landmarks[152, :2] - landmarks[10, :2]
    down = down / max(float(np.linalg.norm(down)), 1e-6)
    middle = landmarks[list(OVAL), :2].mean(0)
    return np.asarray((points - middle) @ down / unit - 0.25, np.float32)


def _border_fade(window: Window, points: Floats, width: float) -> Floats:
    """(N,) 0 at the border of `window`, 1 from `width` pixels within."""
    inside = np.minimum(points - (window.x, window.y), (window.x + window.width, window.y + window.height) - points)
    return smoothstep(inside.min(1) / width)


def _triangulate(points: Floats) -> Ints:
    """The triangles (T, 3) of Delaunay between `points` (N, 2)."""
    from scipy.spatial import Delaunay

    return np.asarray(Delaunay(points.astype(np.float64)).simplices, np.int32)


def move_sheet(sheet: Sheet, posed: HeadPose, rest: HeadPose, hull_shift: Floats) -> Floats:
    """Sheet points (V, 3) in picture pixels when the head stands at `posed` instead of `rest`.

    hull_shift: (36, 3) expression displacement of the hull in head centimetres.
    """
    moved = posed.picture_from_head(sheet.head + sheet.skin @ hull_shift)
    translation = (posed.translation - rest.translation) * FLIP
    body = sheet.rest + sheet.follows_body[:, None] * translation
    weight = sheet.follows_head[:, None]
    return np.asarray(body + weight * (moved - sheet.rest), np.float32)


def hull_rows() -> list[int]:
    """Rows of the hull among the 478 landmarks."""
    assert max(OVAL) < COUNT
    return list(OVAL)
