"""Hair that a picture hides: on the sides and the back of a head its strands go on as in a mirror at their outline."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.real3d.head_turning import pixels_at, pixels_of
from vivant.avatars.real3d.prepare import Layers
from vivant.avatars.real3d.solid_head import SolidHead
from vivant.avatars.real3d.surface_net import evened, neighbour_means
from vivant.face.normals import vertex_normals
from vivant.face.pose import HeadPose
from vivant.portrait.classes import FACE_SKIN, HAIR

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

OBLIQUE = np.float32(np.deg2rad(50))
"""Angle to the line of sight from which on the picture's pixels of hair no longer follow the surface."""
HEAD_RADIUS = np.float32(9.5)
"""Centimetres, with hair."""
EVENING, STEPS = 20, 8
"""Rounds over the mesh in which its course is made even; steps in which the way along the hair is looked at."""
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


def with_hidden_hair(head: SolidHead, hair: Flags, pose: HeadPose) -> tuple[SolidHead, Floats]:
    """`head` whose sides and back show the `hair` (H, W) of the picture, and pixels (V, 2) beside the lines of sight.

    Toward its outline a picture shows hair ever more obliquely, and beyond nothing. From there on the pixels go on
    along the surface as they do along the picture, and turn back at the outline as in a mirror: strands stay strands,
    where the network only knows a colour.
    """
    mean = neighbour_means(head.triangles, len(head.points))
    normals = evened(vertex_normals(head.points, head.triangles), mean, EVENING)
    across = np.maximum(np.linalg.norm(normals[:, :2], axis=1, keepdims=True), 1e-3)
    angle = np.arctan2(across[:, 0], normals[:, 2])
    beyond = 1 - np.abs(1 - np.sin(OBLIQUE) - (angle - OBLIQUE)) - np.sin(angle)
    aim = np.where(angle > OBLIQUE, HEAD_RADIUS * beyond, 0)[:, None] * normals[:, :2] / across
    aim = aim * pose.scale * (1, -1)
    edge = 2 * round(EDGE_OF_HAIR * len(hair) / 2) + 1
    inside = cv2.erode(hair.astype(np.float32), np.ones((edge, edge), np.uint8))
    inside = cv2.GaussianBlur(inside, (0, 0), edge / 4)[..., None]
    places = pixels_of(pose, head.points)[:, :2]
    way = np.stack([pixels_at(inside, places + part * aim) for part in np.linspace(0, 1, STEPS + 1)], 1)[..., 0]
    free = np.cumprod(way > 0.5, axis=1)  # as far as all of the way is hair
    aim = aim * np.maximum(free.sum(1, keepdims=True) - 1, 0) / STEPS
    aim = evened(aim, mean, EVENING)
    share = np.clip(np.minimum(pixels_at(inside, places), pixels_at(inside, places + aim)), 0, 1)
    trust = head.trust + share * (np.array([1, 0, 1], np.float32) - head.trust) * np.array([1, 0, 1], np.float32)
    return replace(head, trust=np.asarray(trust, np.float32)), aim
