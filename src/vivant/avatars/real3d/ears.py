"""The light on an ear: a head's mesh knows where its ears stand out, but is too coarse for what is inside of them.

The packaged light is that of a mean ear under a sky that is brighter in front and above, against the light around it;
`tools/make_ear.py` makes it. People's ears lie within 0.3 cm (standard deviation) of the mean ear's place at the face.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.real3d.head_turning import pixels_at
from vivant.avatars.real3d.solid_head import SolidHead
from vivant.avatars.retarget import Source
from vivant.face.normals import vertex_normals

Floats = NDArray[np.float32]

PACKAGED = "data/ear.npz"
STEP = 0.1
"""Centimetres from sample to sample of the packaged light."""
BESIDE = (234, 454)
"""Landmarks before the person's right and left ear."""
MIDDLE = (0.5, -2.2)
"""Centimetres from those up and to the front: the middle of the ear."""
HALF = (2.8, 1.6)
"""Half of the ear's height and width in centimetres."""
FADE = (1.15, 1.6)
"""Times that, between which the light of the ear fades into that of the head."""
OUTWARD = 3.0
"""Times the cosine to the side: what looks back or ahead is not inside the ear."""
LEAST_ASIDE = 4.0
"""Centimetres from the middle of the head."""


@dataclass(frozen=True)
class Ears:
    """The light on V points of a head."""

    light: Floats
    """(V,) against the light around the ear."""
    share: Floats
    """(V,) 0..1: how far a point is on an ear."""


@functools.cache
def ear_light() -> Floats:
    """(100, 80) what an ear is lighter than around it, seen from its side, the face to the left; read once."""
    with (
        resources.files("vivant.avatars.real3d").joinpath(PACKAGED).open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return np.asarray(arrays["light"], np.float32)


def ears_of(head: SolidHead, covered: Floats, source: Source) -> Ears:
    """The ears of `head`, whose measures in its picture are `source`, but for what hair has `covered` (V,) of them."""
    points = head.points @ source.pose.rotation
    outward = vertex_normals(head.points, head.triangles) @ source.pose.rotation[:, 0]
    light, share = np.ones(len(points), np.float32), np.zeros(len(points), np.float32)
    for landmark, side in zip(BESIDE, (-1, 1), strict=True):
        back, down = from_middle(points, source.shape[landmark])
        far = np.hypot(down / HALF[0], back / HALF[1])
        near = np.flatnonzero((far < FADE[1]) & (side * points[:, 0] > LEAST_ASIDE))
        fade = np.clip((FADE[1] - far[near]) / (FADE[1] - FADE[0]), 0, 1)
        share[near] = fade * np.clip(side * outward[near] * OUTWARD, 0, 1) * (1 - covered[near])
        light[near] = light_at(back[near], down[near])
    return Ears(light, share)


def from_middle(points: Floats, landmark: Floats) -> tuple[Floats, Floats]:
    """How far back and down (V,) `points` (V, 3) are from the middle of the ear beside a `landmark` (3,), head cm."""
    return landmark[2] + np.float32(MIDDLE[1]) - points[:, 2], landmark[1] + np.float32(MIDDLE[0]) - points[:, 1]


def light_at(back: Floats, down: Floats) -> Floats:
    """The packaged light (V,) at places `back` and `down` (V,) from the middle of the ear, in centimetres."""
    light = ear_light()
    rows, columns = light.shape
    places = np.stack([back / STEP + columns / 2, down / STEP + rows / 2], 1).astype(np.float32)
    return np.asarray(pixels_at(light[..., None], places)[:, 0], np.float32)
