"""Hair that a picture hides: on the sides and the back of a head the strands go on that the picture shows."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.real3d.ears import BESIDE
from vivant.avatars.real3d.head_turning import pixels_at, pixels_of
from vivant.avatars.real3d.prepare import Layers
from vivant.avatars.real3d.solid_head import MIDDLE_OF_HEAD, SolidHead
from vivant.avatars.retarget import Source
from vivant.face.pose import HeadPose
from vivant.portrait.classes import FACE_SKIN, HAIR
from vivant.portrait.strands import REST, Strands, Wanted, continue_strands

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

FRONT = np.float32(np.deg2rad(40))
"""Angle to the line of sight, from the middle of the head, from which on it is unrolled."""
SHOWN = 0.95
"""Trust in the picture's own pixel from which on a point shows nothing else."""
JAW = (2.5, 4.5)
"""Centimetres from the lower half of the face over which hair begins."""
BETWEEN = 0.5
"""Of the way from the colour of skin to that of hair, over which a hidden point becomes hair."""
EDGE_OF_HAIR = 1 / 57
"""Of the square: how wide a strip inside of hair its outline keeps for itself."""
CLEARLY = 0.5
"""How far from the colour of hair a pixel may be, as a share of how far it is from the skin's."""


def hair_of(layers: Layers) -> Flags:
    """Where (H, W) the picture shows hair, and nothing that is a little like the skin of the face."""
    hair, skin = layers.classes == HAIR, layers.classes == FACE_SKIN
    if not hair.any() or not skin.any():
        return np.asarray(hair)
    weight = hair[..., None].astype(np.float32)
    both = cv2.GaussianBlur(np.dstack([layers.picture * weight, weight]), (0, 0), len(hair) / 80)
    even = both[..., :3] / np.maximum(both[..., 3:], 1e-3)  # a bright strand is no skin
    away = [np.linalg.norm(even - np.median(layers.picture[part], axis=0), axis=2) for part in (hair, skin)]
    return np.asarray(hair & (away[0] < CLEARLY * away[1]))


@dataclass(frozen=True)
class HiddenHair:
    """Strands for the points of a head."""

    strands: Strands
    places: Floats
    """(V, 2) pixels of the strands' canvas."""
    share: Floats
    """(V,) 0..1: how much of them each point shows, where it does not show the picture."""

    @property
    def texture(self) -> Floats:
        """(V, 3) what they add to the colours of the points, of 255."""
        return self.share[:, None] * (pixels_at(self.strands.texture, self.places)[:, :3] - REST)


def hidden_hair(head: SolidHead, layers: Layers, source: Source) -> HiddenHair:
    """The strands of the sides and the back of `head`, whose measures in the picture of `layers` are `source`.

    Where the head has the colour of hair there is hair, but not around the jaw, which is as dark where it turns away.
    """
    pose = source.pose
    hair, skin = hair_of(layers), layers.classes == FACE_SKIN
    rolled, share = unrolled(head.points, pose), np.zeros(len(head.points), np.float32)
    edge = 2 * round(EDGE_OF_HAIR * len(hair) / 2) + 1
    inside = cv2.erode(hair.astype(np.uint8), np.ones((edge, edge), np.uint8)) > 0
    if not inside.any() or not skin.any():
        return HiddenHair(Strands.none(), rolled, share)
    medians = [np.median(layers.picture[part], axis=0) for part in (skin, hair)]
    from_skin, from_hair = (np.linalg.norm(head.colour - colour, axis=1) for colour in medians)
    between = BETWEEN * max(float(np.linalg.norm(medians[0] - medians[1])), 1.0)
    share[:] = np.clip((from_skin - from_hair) / between + 0.5, 0, 1) * (head.own[:, 0] < SHOWN)
    share *= _off_the_jaw(head.points @ pose.rotation, source.shape)
    wanted = Wanted(rolled[share > 0], head.colour[share > 0])
    strands = continue_strands(layers.cut.colour, inside, wanted, pose.scale)
    return HiddenHair(strands, rolled - strands.corner, share)


def _off_the_jaw(points: Floats, shape: Floats) -> Floats:
    """0..1 (V,): how far from the lower half of a face of `shape` (478, 3) `points` (V, 3) are, head centimetres."""
    from scipy.spatial import cKDTree

    lower = shape[shape[:, 1] < shape[list(BESIDE), 1].mean()]
    distance, _ = cKDTree(lower).query(points)
    return np.asarray(np.clip((distance - JAW[0]) / (JAW[1] - JAW[0]), 0, 1), np.float32)


def unrolled(points: Floats, pose: HeadPose) -> Floats:
    """Pixels (V, 2) where `points` (V, 3) of a head would be seen if it were rolled out to a picture.

    In front that is where they are seen; farther round, as far beside as the way over a ball is long.
    """
    middle = pose.rotation @ np.array([0, *MIDDLE_OF_HEAD], np.float32)
    x, y, z = (points - middle).T
    level = np.hypot(x, z)
    right, up = level * _longer(np.arctan2(x, z)), np.hypot(level, y) * _longer(np.arctan2(y, level))
    return np.asarray(pixels_of(pose, points)[:, :2] + pose.scale * np.stack([right, -up], 1), np.float32)


def _longer(angle: Floats) -> Floats:
    """How much longer the way over a ball of radius 1 is than its picture, from `FRONT` on to an `angle` (V,)."""
    beyond = np.maximum(np.abs(angle) - FRONT, 0)
    return np.asarray(np.where(beyond > 0, np.sign(angle) * (np.sin(FRONT) + beyond) - np.sin(angle), 0), np.float32)
