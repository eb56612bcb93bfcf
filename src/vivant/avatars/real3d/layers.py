"""The pictures that the networks see: head alone, torso with the neck painted on, background without the person.

    picture   (H, W, 3)   sRGB bytes
    classes   (H, W)      bytes 0..5, see `vivant.portrait.classes`

Real3D-Portrait (arXiv 2401.08503), section 3.4 and appendix; the constants are those its networks were trained with.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.portrait.classes import BODY_SKIN, CLOTHES, FACE_SKIN, HAIR, OTHER

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Ints = NDArray[np.intp]

HEAD = (HAIR, FACE_SKIN, OTHER)
"""Classes of the head picture."""
TORSO = (BODY_SKIN, CLOTHES)
"""Classes of the torso picture, and of the two channels that go with it."""
COLLAR_ROWS, NECK_ROWS = 9, 53
"""How far the topmost colour of clothes and neck is painted upwards, that row included."""
FADE = 0.98
"""Each painted row has this share of the light of the row below."""
NECK_GROWS, NECK_SKIPS = 3, 4
"""The neck is grown by this many rows into the head; then its colour is taken this many rows lower."""
SURE = 10.0
"""Pixels between a person and background that certainly shows nothing of it."""


def head_picture(picture: Bytes, classes: Bytes) -> Bytes:
    """The head of `picture` (H, W, 3): hair, face and what is worn on it; everything else black."""
    return np.where(np.isin(classes, HEAD)[..., None], picture, np.uint8(0))


@dataclass(frozen=True)
class Torso:
    """Neck and clothes, continued upwards behind the head."""

    picture: Bytes
    """(H, W, 3), black outside `mask`."""
    mask: Flags
    """(H, W)."""


def torso_picture(picture: Bytes, classes: Bytes) -> Torso:
    """The torso of `picture` (H, W, 3); where the head hides its neck and collar their colours run on upwards.

    Products are truncated to bytes, as the published networks saw them in training.
    """
    head = np.isin(classes, HEAD)
    result = np.where(head[..., None], np.uint8(0), picture)
    collar = _tops(classes == CLOTHES, head)
    collar_paint = _paint_upwards(result, picture, collar, COLLAR_ROWS)
    reach = np.ones((2 * NECK_GROWS + 1, 1), np.uint8)
    neck = cv2.dilate((classes == BODY_SKIN).astype(np.uint8), reach) > 0
    rows, columns = _tops(neck, head)
    start = rows + np.minimum(neck.sum(0)[columns] - 1, NECK_SKIPS)
    neck_paint = _paint_upwards(result, picture, (start, columns), NECK_ROWS)
    result[neck_paint] = cv2.GaussianBlur(result, (5, 5), 4)[neck_paint]
    mask = neck | (classes == CLOTHES) | collar_paint | neck_paint
    result[~mask] = 0
    return Torso(result, mask)


def _tops(part: Flags, head: Flags) -> tuple[Ints, Ints]:
    """(rows, columns) of the topmost pixels of `part` (H, W) that stand right under the `head` (H, W)."""
    columns = np.flatnonzero(part.any(0))
    rows = part.argmax(0)[columns]
    under = (rows > 0) & head[rows - 1, columns]
    return rows[under], columns[under]


def _paint_upwards(result: Bytes, picture: Bytes, starts: tuple[Ints, Ints], count: int) -> Flags:
    """Paint the colours of `picture` at `starts` over `count` rows of `result` upwards; where (H, W) it painted."""
    painted = np.zeros(result.shape[:2], np.bool_)
    rows, columns = starts
    colours = picture[rows, columns].astype(np.float64)
    for step in range(count):
        inside = rows - step >= 0
        at = rows[inside] - step, columns[inside]
        result[at] = (colours[inside] * FADE**step).astype(np.uint8)
        painted[at] = True
    return painted


@dataclass(frozen=True)
class Background:
    """A picture without its person."""

    picture: Bytes
    """(H, W, 3)."""
    sure: Flags
    """(H, W): pixels that show the background itself; all others have the colour of the nearest of these."""


def background_of(frames: Iterable[tuple[Bytes, Flags]]) -> Background:
    """The background behind the person of one or more frames of the same size and camera.

    frames   picture (H, W, 3) and where (H, W) anything of the person shows; one frame at a time is held

    Each pixel is taken from the frame in which the person is farthest away; where that is never more than 10 pixels,
    from the nearest pixel where it is. Raises ValueError without any frame.
    """
    picture: Bytes | None = None
    farthest = np.zeros(0, np.float32)
    for frame, person in frames:
        away = distance_from_person(person)
        if picture is None:
            picture, farthest = frame.copy(), away
            continue
        better = away > farthest
        picture[better], farthest[better] = frame[better], away[better]
    if picture is None:
        raise ValueError("a background needs at least one frame")
    sure = farthest > SURE
    return Background(fill_from_nearest(picture, sure if sure.any() else farthest > 0), sure)


def distance_from_person(person: Flags) -> Floats:
    """Distance (H, W) in pixels to the nearest pixel of `person` (H, W); infinite without any."""
    if not person.any():
        return np.full(person.shape, np.inf, np.float32)
    behind = (~person).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(behind, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def fill_from_nearest(picture: Bytes, known: Flags) -> Bytes:
    """`picture` (H, W, 3) with the colour of the nearest `known` pixel (H, W) everywhere; middle grey without any."""
    from scipy.ndimage import distance_transform_edt

    if not known.any():
        return np.full_like(picture, 128)
    rows, columns = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.ascontiguousarray(picture[rows, columns])
