"""The six classes of a class map, (H, W) bytes 0..5: what each pixel of a portrait shows.

Classes and order are those of MediaPipe's multiclass selfie segmenter; see `vivant.portrait.segment`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

BACKGROUND, HAIR, BODY_SKIN, FACE_SKIN, CLOTHES, OTHER = range(6)
NAMES = ("background", "hair", "body skin", "face skin", "clothes", "other")
COLOURS: Bytes = np.array(
    [[255, 255, 255], [255, 255, 0], [255, 0, 255], [0, 255, 255], [255, 0, 0], [0, 255, 0]], np.uint8
)
"""(6, 3) sRGB in which class maps are drawn and stored as pictures."""


def draw_classes(classes: Bytes) -> Bytes:
    """`classes` (H, W) as a picture (H, W, 3) in `COLOURS`."""
    return COLOURS[classes]


def agreement(first: Bytes, second: Bytes) -> Floats:
    """Intersection over union (6,) of each class in two maps (H, W) of the same size; NaN where neither has it."""
    pairs = [(first == kind, second == kind) for kind in range(len(NAMES))]
    shares = [(a & b).sum() / (a | b).sum() if (a | b).any() else np.nan for a, b in pairs]
    return np.array(shares, np.float32)
