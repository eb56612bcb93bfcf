"""Blinks drawn into a code image: lids grow over the holes that the eyes are in it.

    code   (3, H, W) -1..1, -1 where there is no face; the person's right eye is in its left half

Real3D-Portrait (Ye et al. 2024) closes eyes so when sound alone drives the face.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

FACE = np.float32(2 / 255 - 1)
"""Least value of each channel of a pixel that shows the face: 1 in 8 bits."""
BORDER = 4
"""Pixels around the eyes that are looked at, in an image of 512."""
LID = 5.0
"""Pixels of the skin around an eye that moves with its lids, in an image of 512."""
WHOLE = 512


@dataclass(frozen=True)
class _Eye:
    """One eye's box, within the box of both."""

    columns: slice
    area: Flags
    """(rows, columns of the box) the eye and the skin that moves with its lids."""


def blink_curve(frames: int) -> Floats:
    """How far the eyes are closed (T,) in each of the `frames` of a blink: 0 at its start, up to 1, and back."""
    k = np.arange(frames)
    return np.asarray(4 * k / frames - 4 * k**2 / frames**2, np.float32)


def close_eyes(code: Floats, right: float, left: float) -> Floats:
    """`code` (3, H, W) with the person's `right` and `left` eye closed so far, 0 open to 1 closed.

    An image without eye holes, such as a profile's, comes back as it is.
    """
    eyes = _find_eyes((code >= FACE).all(0))
    if eyes is None or not max(right, left) > 0:
        return code
    rows, both, face = eyes
    lids, skin = np.zeros_like(face), np.zeros_like(face)
    for eye, closing in zip(both, (right, left), strict=True):
        if eye is not None:
            skin[:, eye.columns] |= face[:, eye.columns] & ~eye.area
            if closing > 0:
                lids[:, eye.columns] |= _lids(eye.area, min(float(closing), 1.0))
    return _painted(code, rows, lids, skin)


def _find_eyes(face: Flags) -> tuple[tuple[slice, slice], tuple[_Eye | None, _Eye | None], Flags] | None:
    """Box of both eyes of `face` (H, W), each of them in it, and what is face there; None where no hole is found."""
    rows, columns = face.shape
    border, reach = max(1, round(BORDER * rows / WHOLE)), LID * rows / WHOLE
    top = rows // 4
    halves = ((columns // 4, columns // 2), (columns // 2, 3 * columns // 4))
    found = [np.argwhere(~face[top : rows // 2, start:end]) + np.array([top, start]) for start, end in halves]
    seen = [places for places in found if len(places)]
    if not seen:
        return None
    low, high = np.min([p.min(0) for p in seen], 0), np.max([p.max(0) for p in seen], 0)
    box = slice(low[0] - border, high[0] + border), slice(low[1] - border, high[1] + border)
    inside = face[box]
    eyes: list[_Eye | None] = []
    for places in found:
        if not len(places):
            eyes.append(None)
            continue
        first, last = places[:, 1].min() - border - box[1].start, places[:, 1].max() + border - box[1].start
        own = slice(first, last)
        eyes.append(_Eye(own, _near(~inside[:, own], reach)))
    return box, (eyes[0], eyes[1]), inside


def _near(flags: Flags, reach: float) -> Flags:
    """Where (h, w) a set flag is at most `reach` pixels away."""
    from scipy.ndimage import distance_transform_edt

    return np.asarray(distance_transform_edt(~flags) <= reach)


def _lids(area: Flags, closing: float) -> Flags:
    """The part of an eye's `area` (h, w) that its lids cover: from its edges to its middle, column by column."""
    rows = np.arange(len(area))[:, None]
    count = np.maximum(area.sum(0), 1)
    middle = (rows * area).sum(0) / count
    upper, lower = area.argmax(0), len(area) - 1 - area[::-1].argmax(0)
    above = rows <= closing * middle + (1 - closing) * upper
    below = rows >= closing * middle + (1 - closing) * lower
    return np.asarray(area & (above | below))


def _painted(code: Floats, box: tuple[slice, slice], lids: Flags, skin: Flags) -> Floats:
    """`code` (3, H, W) with `lids` in the colour of the nearest pixel of `skin` in the box."""
    from scipy.ndimage import distance_transform_edt

    if not skin.any():
        return code
    row, column = distance_transform_edt(~skin, return_distances=False, return_indices=True)
    inside = code[(slice(None), *box)]
    result = code.copy()
    result[(slice(None), *box)] = np.where(lids, inside[:, row, column], inside)
    return result
