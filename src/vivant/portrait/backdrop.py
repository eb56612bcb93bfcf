"""Lift a drawing off a flat background: one colour or a gentle slope of colours that reaches the picture's border.

What is near the border's colours and joined to the border is background. A narrow band along the lines is solved by
closed-form matting, and the background's colour taken out of it, as for photographs in `matte`.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.portrait.matte import CutOut
from vivant.portrait.pixels import fitted_size, scale_bytes, scale_floats

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]

WORK_PIXELS = 1_200_000
"""Size at which the line between character and background is drawn."""
NEAR = 8.0
"""Distance in Lab (L 0..100) within which a pixel may be background."""
SAME, MEAN = 4.0, 2.2
"""Distance within which pixels that the character encloses may be background, and their mean distance if they are; more
for a coloured background, whose colour bleeds in JPEG and is no colour of clothes."""
LEAST_PATCH = 3e-4
"""How large such a patch is at least, as a share of the character."""
LEAST_FLAT = 0.7
"""Share of the border (all but its lower edge) that a flat background covers."""
WHITE, BLACK = 97.0, 4.0
"""Lightness beyond which a background may also be the colour of clothes and eyes: enclosed patches are left alone."""


def lift_off(picture: Bytes) -> CutOut | None:
    """The character of an opaque `picture` (H, W, 3 or 4) without its flat background; None if that is not flat."""
    height, width = picture.shape[:2]
    scale = min(1.0, float(np.sqrt(WORK_PIXELS / (height * width))))
    colour = np.ascontiguousarray(picture[..., :3])
    small = scale_bytes(colour, fitted_size(width, height, scale))
    behind = flat_background(small)
    if behind is None or behind.all():
        return None
    alpha = _edge(small, behind)
    clean = _clean(small, alpha)
    if scale == 1.0:
        return CutOut(np.where(alpha[..., None] > 0.995, colour, clean), alpha)
    alpha = scale_floats(alpha, (width, height))
    return CutOut(np.where(alpha[..., None] > 0.995, colour, scale_bytes(clean, (width, height))), alpha)


def flat_background(picture: Bytes) -> Flags | None:
    """Where (H, W) the flat background of `picture` (H, W, 3) is, None if the border shows none."""
    lab = np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
    rows, columns = np.mgrid[-1 : 1 : lab.shape[0] * 1j, -1 : 1 : lab.shape[1] * 1j].astype(np.float32)
    ground = np.stack([np.ones_like(rows), rows, columns], -1).astype(np.float32)
    border = _border(lab.shape)
    slope = _fit(ground[border], lab[border])
    if slope is None:
        return None
    away = np.linalg.norm(lab - ground @ slope, axis=-1)
    _, labels = cv2.connectedComponents((away < NEAR).astype(np.uint8), connectivity=4)
    behind = np.isin(labels, np.unique(labels[border & (away < NEAR)])) & (labels > 0)
    wider = 1.0 + min(float(np.hypot(*slope[0, 1:])) / 30, 1.5)
    return np.asarray(behind | _enclosed(away / wider) if BLACK < slope[0, 0] < WHITE else behind)


def _enclosed(away: Floats) -> Flags:
    """Patches (H, W) of background that the character encloses, by their distance from its colour."""
    count, labels, boxes, _ = cv2.connectedComponentsWithStats((away < SAME).astype(np.uint8), connectivity=4)
    area = np.maximum(boxes[:, cv2.CC_STAT_AREA], 1)
    mean = np.bincount(labels.ravel(), away.ravel(), count) / area
    patches = (area >= LEAST_PATCH * np.count_nonzero(away >= SAME)) & (mean < MEAN)
    patches[0] = False
    return np.asarray(patches[labels])


def _border(shape: tuple[int, ...]) -> Flags:
    """The picture's rim (H, W) without its lower edge, where the character is cut."""
    rim = np.zeros(shape[:2], np.bool_)
    wide = max(2, round(0.01 * min(shape[:2])))
    rim[:wide] = rim[:, :wide] = rim[:, -wide:] = True
    rim[-round(0.25 * shape[0]) :] = False
    return rim


def _fit(ground: Floats, lab: Floats) -> Floats | None:
    """The slope (3, 3) of the colours `lab` (N, 3) over places `ground` (N, 3); None if they lie on none."""
    slope = np.zeros((3, 3), np.float32)
    slope[0] = np.median(lab, axis=0)
    near = np.linalg.norm(lab - slope[0], axis=1) < 3 * NEAR
    for _ in range(4):
        if near.mean() < LEAST_FLAT:
            return None
        slope = np.linalg.lstsq(ground[near], lab[near], rcond=None)[0]
        near = np.linalg.norm(lab - ground @ slope, axis=1) < NEAR
    return np.asarray(slope, np.float32) if near.mean() >= LEAST_FLAT else None


def _edge(picture: Bytes, behind: Flags) -> Floats:
    """Alpha (h, w) of what is not `behind`, solved in a band along the edge."""
    from pymatting import estimate_alpha_cf

    reach = max(2, round(max(picture.shape[:2]) / 400))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    inner = cv2.erode(behind.astype(np.uint8), kernel)
    left = (behind & (cv2.dilate(inner, kernel) == 0)).astype(np.uint8)  # too narrow, as between arm and body
    trimap = np.full(behind.shape, 0.5)
    trimap[(inner > 0) | (cv2.erode(left, np.ones((3, 3), np.uint8)) > 0)] = 0.0
    trimap[cv2.erode((~behind).astype(np.uint8), kernel) > 0] = 1.0
    if not (trimap == 1.0).any():
        return (~behind).astype(np.float32)
    alpha = estimate_alpha_cf(picture / 255.0, trimap)
    return np.asarray(np.clip((alpha - 0.03) / 0.94, 0, 1), np.float32)


def _clean(picture: Bytes, alpha: Floats) -> Bytes:
    """Colours (h, w, 3) without the background's share."""
    from pymatting import estimate_foreground_ml

    colour = estimate_foreground_ml(picture / 255.0, alpha.astype(np.float64))
    return np.asarray(np.clip(colour * 255 + 0.5, 0, 255), np.uint8)
