"""The square of a portrait that the networks see: the face covers a fifth of it, as in their training.

Coordinates are pixels of the portrait's picture; see `Window`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vivant.face.landmarks import MESH_COUNT
from vivant.face.pose import HeadPose
from vivant.face.window import Window
from vivant.portrait.pixels import scale_bytes, scale_floats
from vivant.portrait.portrait import Portrait

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class CropSettings:
    """How much of a portrait the networks see."""

    pixels: int = 512
    """Side of the square that they see."""
    least_face: float = 0.2
    """Share of the square that the box around the face covers at least; smaller values show more of the body."""
    most_shrink: float = 0.15
    """A square that does not fit around the face shrinks at most by this share; then it moves off its centre."""


def face_window(portrait: Portrait, settings: CropSettings = CropSettings()) -> Window:
    """The square in whole pixels around the face, inside the picture.

    The largest square of the picture where the face covers enough of that. Else, as in the published preparation, one
    around the middle of the face's box that shrinks by twice what reaches beyond the border; but not by more than the
    settings say, or a face near the border would lose its hair and neck.
    """
    low, high = _box(portrait)
    width, height = portrait.size
    middle, area = (low + high) / 2, float(np.prod(high - low))
    largest = min(width, height)
    side = float(np.sqrt(area / settings.least_face))
    if side < largest:
        beyond = max(0.0, float((side / 2 - middle).max()), float((middle + side / 2 - [width, height]).max()))
        side = max(side - 2 * beyond, (1 - settings.most_shrink) * side)
    whole = max(2, min(round(side), largest))
    x, y = (
        int(np.clip(round(float(at) - whole / 2), 0, extent - whole))
        for at, extent in zip(middle, (width, height), strict=True)
    )
    return Window(x, y, whole, whole, settings.pixels, settings.pixels)


def crop_portrait(portrait: Portrait, window: Window) -> Portrait:
    """The part of `portrait` in `window` (whole pixels, inside the picture) at the window's resolution.

    Picture, landmarks, pose and mask become those of the cut; everything else stays.
    """
    rows = slice(int(window.y), int(window.y + window.height))
    columns = slice(int(window.x), int(window.x + window.width))
    size, scale = (window.columns, window.rows), window.columns / window.width
    pose, moved = portrait.pose, np.array([-window.x, window.y, 0.0], np.float32)
    return replace(
        portrait,
        picture=scale_bytes(portrait.picture[rows, columns], size),
        landmarks=to_window(portrait.landmarks, window),
        pose=HeadPose(pose.scale * scale, pose.rotation, ((pose.translation + moved) * scale).astype(np.float32)),
        person=scale_floats(portrait.person[rows, columns], size),
    )


def to_window(points: Floats, window: Window) -> Floats:
    """Points (..., 2 or 3) of the picture in the pixels of `window`; depth in the same scale."""
    scale = np.float32(window.columns / window.width)
    result = points * scale
    result[..., :2] -= np.array([window.x, window.y], np.float32) * scale
    return np.asarray(result, np.float32)


def from_window(points: Floats, window: Window) -> Floats:
    """Points (..., 2 or 3) in pixels of `window` back in the picture: the inverse of `to_window`."""
    result = points * np.float32(window.width / window.columns)
    result[..., :2] += np.array([window.x, window.y], np.float32)
    return np.asarray(result, np.float32)


def _box(portrait: Portrait) -> tuple[Floats, Floats]:
    """Left top and right bottom (2,) of the face."""
    flat = portrait.landmarks[:MESH_COUNT, :2]
    return flat.min(0), flat.max(0)
