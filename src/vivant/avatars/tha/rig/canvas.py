"""A part of a drawing that is drawn anew: where its pixels are, and how to sample the drawing there.

Pictures are (rows, columns, 4) float32, premultiplied, 0..1; lengths are pixels of the aligned drawing (512, 512).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.smooth import smoothstep

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Number = NDArray[np.floating[Any]] | float


@dataclass(frozen=True)
class Canvas:
    """A rectangle of the drawing."""

    drawing: Floats
    """(512, 512, 4), at rest."""
    rows: slice
    columns: slice
    x: Floats
    """(1, columns) of pixels as `drawing` counts them: the first is 0."""
    y: Floats
    """(rows, 1)"""

    def sample(self, x: Floats, y: Floats) -> Floats:
        """The drawing at `x` and `y`, which broadcast to (rows, columns)."""
        shape = (self.y.shape[0], self.x.shape[1])
        at = [np.ascontiguousarray(np.broadcast_to(one, shape), np.float32) for one in (x, y)]
        seen = cv2.remap(self.drawing, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(seen, np.float32)


def canvas(drawing: Floats, left: float, top: float, right: float, bottom: float) -> Canvas:
    """The pixels of `drawing` (H, W, 4) between the borders, which are cut to it."""
    height, width = drawing.shape[:2]
    x0, x1 = (int(np.clip(edge, 0, width - 2)) for edge in (np.floor(left), np.ceil(right)))
    y0, y1 = (int(np.clip(edge, 0, height - 2)) for edge in (np.floor(top), np.ceil(bottom)))
    columns, rows = slice(x0, max(x1, x0 + 1) + 1), slice(y0, max(y1, y0 + 1) + 1)
    x = np.arange(columns.start, columns.stop, dtype=np.float32)[None]
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
    return Canvas(drawing, rows, columns, x, y)


def heights(line: Floats, x: Floats) -> Floats:
    """The y of a `line` (n, 2) at `x` (1, m); beyond its ends that of the end."""
    order = np.argsort(line[:, 0], kind="stable")
    found: Floats = np.interp(x[0], line[order, 0], line[order, 1])[None].astype(np.float32)
    return found


def rise(value: Number, start: Number, end: Number) -> Floats:
    """(...) 0 up to `start`, 1 from `end` on, smooth between; `end` may be the smaller one."""
    span = np.asarray(end) - np.asarray(start)
    smooth = smoothstep((np.asarray(value) - start) / np.where(np.abs(span) < 1e-3, 1e-3, span))
    return smooth


def cover(inside: Floats) -> Floats:
    """(...) how much of a pixel is covered, for the distance `inside` of its middle from the edge."""
    covered: Floats = np.clip(inside + 0.5, 0, 1).astype(np.float32)
    return covered


def luma(picture: Floats) -> Floats:
    """Brightness of (..., 4)."""
    bright: Floats = picture[..., :3] @ np.array([0.3, 0.59, 0.11], np.float32)
    return bright


def wider(marked: Flags) -> Floats:
    """`marked` (n, m) as 0 or 1, and a pixel more all around."""
    return np.asarray(cv2.dilate(marked.astype(np.float32), np.ones((3, 3), np.uint8)))


def held_by(marked: Flags, core: Flags) -> Flags:
    """What of `marked` (n, m) hangs together with the `core` (n, m), which is part of it."""
    _, parts = cv2.connectedComponents(marked.astype(np.uint8), connectivity=4)
    held: Flags = np.isin(parts, np.unique(parts[core]))
    return held & marked
