"""A rough, soft mask of the person in a picture: hair, face, body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.face.landmarks import OVAL
from vivant.face.tracker import FaceLandmarks, quiet_stderr
from vivant.portrait.pixels import fitted_size, scale_bytes, scale_floats

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Segment = Callable[[Bytes], Floats]

WORK_SIDE = 1024
"""Longer side at which the mask is made; the network itself sees 256 x 256."""
BUST_HEIGHTS = 3.4
"""Side of the head-and-shoulders window, in face heights."""
COVERED = 0.7
"""Mean of a believable mask inside the face."""


def person_mask(picture: Bytes, landmarks: Floats, others: tuple[Floats, ...] = ()) -> Floats:
    """Where the person with these `landmarks` (478, 3) is, as (H, W) 0..1.

    `picture` (H, W, 4) is RGBA; one of a person that is already cut out keeps its own alpha. Otherwise MediaPipe's
    selfie segmentation looks at the whole picture and at the head and shoulders. Where it misses the face (animals,
    some drawings) a head-and-shoulders shape fitted to the colours takes its place. `others` are the landmarks of
    further faces, whose surroundings are left out.
    """
    own = picture[..., 3].astype(np.float32) / 255
    height, width = own.shape
    scale = min(1.0, WORK_SIDE / max(height, width))
    size = fitted_size(width, height, scale)
    stretch = np.array([size[0] / width, size[1] / height], np.float32)
    small = scale_bytes(over_grey(picture), size)
    points = landmarks[:, :2] * stretch
    mask = _segmented(small, points)
    if _inside(mask, points) < COVERED:
        mask = _head_and_shoulders(small, points)
    for other in others:
        mask = mask * _own_side(mask.shape, points, other[:, :2] * stretch)
    mask = _connected(mask, points)
    if is_cut_out(picture) and _overlap(mask, scale_floats(own, size)) > 0.75:
        return own
    return scale_floats(mask, (width, height)) * own


def over_grey(picture: Bytes) -> Bytes:
    """RGB (H, W, 3) of an RGBA `picture` over light grey, so that what is transparent looks like a plain background."""
    if picture[..., 3].min() == 255:
        return np.ascontiguousarray(picture[..., :3])
    alpha = picture[..., 3:].astype(np.float32) / 255
    return np.asarray(picture[..., :3] * alpha + 200.0 * (1 - alpha) + 0.5, np.uint8)


def is_cut_out(picture: Bytes) -> bool:
    """Whether a good part of `picture` (H, W, 4) is transparent already."""
    return float((picture[::4, ::4, 3] < 128).mean()) > 0.02


def _segmented(picture: Bytes, points: Floats) -> Floats:
    """The network's mask (H, W) of `picture` (H, W, 3)."""
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    with quiet_stderr():
        engine = SelfieSegmentation(model_selection=0)
        try:
            return _both_scales(picture, points, lambda part: _mirrored_mean(engine, part))
        finally:
            engine.close()


def _both_scales(picture: Bytes, points: Floats, segment: Segment) -> Floats:
    """The mask (H, W): head and shoulders at their own scale, eased into that of the whole picture."""
    whole = segment(picture)
    x0, y0, x1, y1 = _bust(picture, points)
    if (x1 - x0) * (y1 - y0) > 0.8 * whole.size:
        return whole
    near = segment(picture[y0:y1, x0:x1])
    # Ease only at borders that are not the picture's own.
    margin = max(2, round(0.12 * (x1 - x0)))
    inside = np.zeros((whole.shape[0] + 2 * margin, whole.shape[1] + 2 * margin), np.float32)
    left, top = (margin if edge else 0 for edge in (x0, y0))
    right, bottom = (margin if edge < limit else 0 for edge, limit in ((x1, whole.shape[1]), (y1, whole.shape[0])))
    inside[
        (y0 + margin + top if top else 0) : (y1 + margin - bottom if bottom else None),
        (x0 + margin + left if left else 0) : (x1 + margin - right if right else None),
    ] = 1.0
    share = cv2.blur(inside, (2 * margin + 1, 2 * margin + 1))[margin:-margin, margin:-margin]
    placed = whole.copy()
    placed[y0:y1, x0:x1] = near
    return np.asarray(whole + share * (placed - whole), np.float32)


def _mirrored_mean(engine: Any, part: Bytes) -> Floats:
    """Mean (H, W) of the masks of a part and of its mirror image, which halves the network's noise."""
    small = scale_bytes(part, (256, 256))
    masks = [engine.process(np.ascontiguousarray(view)).segmentation_mask for view in (small, small[:, ::-1])]
    mean = (masks[0] + masks[1][:, ::-1]) / 2
    return scale_floats(np.asarray(mean, np.float32), (part.shape[1], part.shape[0]))


def _bust(picture: Bytes, points: Floats) -> tuple[int, int, int, int]:
    """Head-and-shoulders window (x0, y0, x1, y1) in whole pixels, inside the picture (H, W, 3)."""
    x0, y0, x1, y1 = FaceLandmarks(points).box
    side = BUST_HEIGHTS * max(y1 - y0, x1 - x0)
    left, top = (x0 + x1 - side) / 2, (y0 + y1) / 2 - 0.42 * side
    height, width = picture.shape[:2]
    return (
        int(np.clip(left, 0, width - 2)),
        int(np.clip(top, 0, height - 2)),
        int(np.clip(left + side, 2, width)),
        int(np.clip(top + side, 2, height)),
    )


def face_oval(shape: tuple[int, ...], points: Floats) -> Bytes:
    """(H, W) 0 or 255: inside of the face's outline."""
    filled = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(filled, [np.round(points[list(OVAL), :2]).astype(np.int32)], (255,))
    return filled


def _inside(mask: Floats, points: Floats) -> float:
    """Mean of `mask` (H, W) in the face."""
    oval = face_oval(mask.shape, points) > 0
    return float(mask[oval].mean()) if oval.any() else 0.0


def _overlap(first: Floats, second: Floats) -> float:
    """Intersection over union of two soft masks (H, W)."""
    return float(np.minimum(first, second).sum() / max(float(np.maximum(first, second).sum()), 1e-6))


def _own_side(shape: tuple[int, ...], points: Floats, other: Floats) -> Floats:
    """(H, W) 1 near the own face, 0 near the other one; distances count in face heights."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    distances = []
    for face in (points, other):
        x0, y0, x1, y1 = FaceLandmarks(face).box
        distances.append(np.hypot(columns - (x0 + x1) / 2, rows - (y0 + y1) / 2) / max(y1 - y0, x1 - x0, 1.0))
    return np.asarray(np.clip((distances[1] - distances[0]) / 0.2 + 0.5, 0, 1), np.float32)


def _connected(mask: Floats, points: Floats) -> Floats:
    """Only what of `mask` (H, W) hangs together with the face; other people and blots go."""
    _, labels = cv2.connectedComponents(((mask > 0.3) | (face_oval(mask.shape, points) > 0)).astype(np.uint8))
    own = np.isin(labels, np.unique(labels[face_oval(mask.shape, points) > 0]))
    reach = max(3, round(mask.shape[1] / 100)) | 1
    near = cv2.dilate(own.astype(np.uint8), np.ones((reach, reach), np.uint8))
    return np.asarray(mask * cv2.GaussianBlur(near.astype(np.float32), (0, 0), reach / 3))


def _head_and_shoulders(picture: Bytes, points: Floats) -> Floats:
    """A mask (H, W) around the face, drawn in or let out where the colours say so (GrabCut)."""
    scale = min(1.0, 256 / max(picture.shape[:2]))
    small = scale_bytes(picture, fitted_size(picture.shape[1], picture.shape[0], scale))
    near = points * scale
    x0, y0, x1, y1 = FaceLandmarks(near).box
    middle, size = (round((x0 + x1) / 2), round((y0 + y1) / 2)), max(x1 - x0, y1 - y0)
    guess = np.full(small.shape[:2], cv2.GC_BGD, np.uint8)
    for grown, label in ((1.35, cv2.GC_PR_BGD), (1.0, cv2.GC_PR_FGD)):
        axes = (round(0.62 * grown * size), round(0.78 * grown * size))
        cv2.ellipse(guess, (middle[0], round(middle[1] - 0.12 * size)), axes, 0, 0, 360, (label,), -1)
        shoulders = np.array(
            [[-0.4, 0.4], [0.4, 0.4], [0.6, 0.75], [1.4, 1.1], [1.5, 9], [-1.5, 9], [-1.4, 1.1], [-0.6, 0.75]]
        )
        cv2.fillPoly(guess, [np.round(middle + shoulders * [grown * size, size]).astype(np.int32)], (label,))
    guess[face_oval(guess.shape, near) > 0] = cv2.GC_FGD
    if (guess != cv2.GC_FGD).all() or not np.isin(guess, (cv2.GC_BGD, cv2.GC_PR_BGD)).any():
        return np.ones(picture.shape[:2], np.float32)
    cv2.setRNGSeed(0)
    cv2.grabCut(small, guess, None, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    inside = np.isin(guess, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    soft = cv2.GaussianBlur(inside, (0, 0), 0.03 * size + 0.5)
    return scale_floats(np.asarray(soft, np.float32), (picture.shape[1], picture.shape[0]))
