"""Long hair: how low it falls in the picture, and that it falls behind the neck as well, where no picture shows it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivant.avatars.real3d.view_space import camera_from_view
from vivant.face.pose import HeadPose
from vivant.portrait.classes import HAIR

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

LONG = (1.0, 6.0)
"""Centimetres below the chin, from which on hair that ends there is long, and is so without doubt."""
STRAY = 2.0
"""Per cent of the hair that are lower than where it ends: maps of classes have specks."""
EASES = 2.0
"""Centimetres over which hair that hangs behind the neck leaves the head, and over which it ends."""
NAPE = 5.0
"""Centimetres above the chin below which a back may be that of the trunk."""
EVEN = 3.0
"""Steps of the grid, to the sides, over which its back is made even."""


@dataclass(frozen=True)
class LongHair:
    """How long somebody's hair is."""

    share: float
    """0 none is long; 1 it is long without doubt."""
    chin: float
    """Where the chin is: centimetres above the head's origin in upright picture axes."""
    ends: float
    """Where the hair ends, likewise."""

    @classmethod
    def of(cls, classes: Bytes, pose: HeadPose, chin: Floats) -> LongHair:
        """In a map of `classes` (H, W), where a head with the `chin` (3,), head centimetres, stands at `pose`."""
        shown = classes == HAIR
        level = float((pose.rotation @ chin)[1])
        if not shown.any():
            return cls(0.0, level, level)
        lowest = float(np.percentile(np.nonzero(shown)[0], 100 - STRAY))
        ends = (-lowest - float(pose.translation[1])) / pose.scale
        if level - ends > LONG[0] and shown[-1].sum() > pose.scale:
            ends = min(ends, level - LONG[1])  # the picture cuts it
        return cls(float(np.clip((level - ends - LONG[0]) / (LONG[1] - LONG[0]), 0, 1)), level, ends)


def with_hair_behind(density: Floats, rotation: Tensor, long: LongHair) -> Floats:
    """`density` (w, v, u) of a head that stands at `rotation` (1, 3, 3), with hair that hangs down from its back.

    It hangs as far behind the neck as the head reaches back, in the lines of sight that end at the person.
    """
    if not long.share:
        return density
    deep, high = density.shape[:2]
    level = _levels(high, rotation)[:, None]
    person = (density > 0).any(0)
    back = np.where(person, (density > 0).argmax(0), deep).astype(np.float32)
    head = np.where(level > long.chin + NAPE, back, deep)
    hangs, begins = (_even_across(line) for line in (head.min(0), level[head.argmin(0), 0]))
    share = long.share * np.clip((begins - level) / EASES, 0, 1) * np.clip((level - long.ends) / EASES, 0, 1)
    moved = back + share * np.minimum(hangs - back, 0)
    steps = np.arange(deep, dtype=np.float32)[:, None, None]
    filled = np.minimum(steps - moved, density.max(0))
    return np.where((share > 0) & (steps <= back), np.maximum(density, filled), density)


def _even_across(line: Floats) -> Floats:
    """`line` (U,) without sudden changes."""
    return np.asarray(cv2.GaussianBlur(line[None].astype(np.float32), (0, 0), EVEN)[0])


def _levels(count: int, rotation: Tensor) -> Floats:
    """Centimetres (V,) above the head's origin of the rows of a grid of view coordinates, at the depth of the neck."""
    line = torch.linspace(-1, 1, count)
    places = torch.stack([torch.zeros(count), line, torch.zeros(count)], -1)[None]
    return camera_from_view(places, rotation)[0, :, 1].numpy()
