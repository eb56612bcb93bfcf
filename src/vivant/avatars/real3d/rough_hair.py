"""Hair that a picture hides has an outline as rough as that of the hair that is seen: curls are no helmet."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.real3d.hidden_hair import HiddenHair
from vivant.avatars.real3d.solid_head import SolidHead
from vivant.avatars.real3d.surface_net import evened, neighbour_means
from vivant.face.normals import vertex_normals

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

EVEN = 0.7
"""Centimetres over which an outline is made even, to be compared with itself."""
NEAR = 0.03
"""Share of the person, evened so, from which on a place is near an outline."""
SMOOTH = 0.14
"""Roughness in centimetres up to which hair is smooth: outlines bend, mattes have steps."""
HIGH = 1.25
"""Standard deviation of the surface over what roughness is beyond that; neighbours cover its lows."""
MOST = 2.5
"""Standard deviations that a point moves at most."""
LUMPS, COURSE = 2, 10
"""Rounds over the mesh in which lumps are made as large as it can show, and in which its normals are made even."""
BEHIND = 0.35
"""Cosine to the line of sight, away from the camera, from which on points move; those that are outlines stay."""


def roughness(alpha: Floats, hair: Flags, unit: float) -> float:
    """Mean distance in centimetres of the outline of `hair` (H, W) from its own even course.

    `alpha` (H, W) is the person's, `unit` pixels per centimetre. What the picture's border cuts is no outline.
    """
    person = (alpha > 0.5).astype(np.float32)
    even = cv2.GaussianBlur(person, (0, 0), EVEN * unit)
    here = cv2.dilate(hair.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    here &= (even > NEAR) & (even < 1 - NEAR)
    # All that a blurred outline rises, over its surroundings, is its length.
    length = float(np.hypot(*np.gradient(even))[here].sum())
    return float((here & ((even > 0.5) != (person > 0.5))).sum()) / max(length, 1.0) / unit


def with_rough_hair(head: SolidHead, hair: HiddenHair, rough: float) -> SolidHead:
    """`head` whose hidden `hair` stands out where it is light, so far that its outline is as `rough` (centimetres)."""
    shown = hair.share > 0.5
    if rough <= SMOOTH or not shown.any():
        return head
    mean = neighbour_means(head.triangles, len(head.points))
    light = evened(hair.texture.mean(1, keepdims=True), mean, LUMPS)[:, 0]
    light = (light - light[shown].mean()) / max(float(light[shown].std()), 1e-3)
    normals = evened(vertex_normals(head.points, head.triangles), mean, COURSE)
    behind = np.clip(-normals[:, 2] / BEHIND, 0, 1)
    out = HIGH * (rough - SMOOTH) * hair.share * behind * np.clip(light, -MOST, MOST)
    return replace(head, points=np.asarray(head.points + out[:, None] * normals, np.float32))
