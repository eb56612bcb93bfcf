"""Portrait: one source picture and all that is known of the face in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vivant.face.pose import HeadPose

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Note:
    """One finding about a portrait, for the preflight report."""

    level: str
    """"info", "warning" or "problem"."""
    what: str
    """What was found, in one sentence."""
    advice: str = ""
    """What to do about it."""


@dataclass(frozen=True)
class Portrait:
    """A picture with one chosen face; made by `vivant.open_portrait`."""

    picture: Bytes
    """(H, W, 4) RGBA, sRGB, straight alpha, upright, at source resolution."""
    landmarks: Floats
    """(478, 3) picture pixels; z in the scale of x, negative toward the camera."""
    pose: HeadPose
    """Fit of the canonical face model to the landmarks (all 468 points)."""
    person: Floats
    """(H, W) 0..1, soft and rough: where the person (hair, body) is; low in detail, cheap, for depth and layout."""
    scores: Floats | None = None
    """(52,) measured curves of the source expression, if a model file with scores was given."""
    faces: tuple[tuple[float, float, float, float], ...] = ()
    """Boxes (x0, y0, x1, y1) in pixels of all faces found, largest first."""
    notes: tuple[Note, ...] = field(default=())
    """Findings of the preflight."""
    name: str = "portrait"
    """File name, for messages."""
    confidence: float = 1.0
    """0..1: score of the face detector; people reach 0.75 to 0.95."""
    wobble: float = 0.0
    """How far the landmarks move when the crop changes a little, in inter-ocular distances; people stay below 0.012."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.picture.shape[1], self.picture.shape[0]
