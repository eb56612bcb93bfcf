"""What goes along when a head turns: the head itself, its neck less, and long hair the less, the lower it hangs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.real3d.head_turning import CHIN, pixels_at, pixels_of
from vivant.avatars.real3d.hidden_hair import HiddenHair
from vivant.avatars.real3d.long_hair import LongHair
from vivant.avatars.real3d.prepare import Layers
from vivant.avatars.real3d.solid_head import SolidHead
from vivant.avatars.real3d.surface_net import evened, neighbour_means
from vivant.avatars.retarget import Source
from vivant.portrait.classes import HAIR
from vivant.smooth import smoothstep

Floats = NDArray[np.float32]

JAW = 172, 397
"""Landmarks, with the chin, through which the plane goes that divides head and neck."""
NECK = (0.5, 6.5)
"""Centimetres below that plane between which the head's motion fades out."""
HANGS = (-5.0, 7.0)
"""Centimetres below the chin between which it fades out of long hair, which lies on the trunk at last."""
ROUNDS = 8
"""Over the mesh, in which the way from hair to skin is made even."""


def follows(head: SolidHead, hair: HiddenHair, layers: Layers, source: Source, long: LongHair) -> Floats:
    """How far each point of `head` with its `hair`, seen in `layers`, takes part in the head's turn: (V,) 0..1."""
    skin = _skin_follows(head.points @ source.pose.rotation, source.shape)
    if not long.share:
        return skin
    shown = (layers.classes == HAIR).astype(np.float32)[..., None]
    seen = np.clip(head.trust[:, 0], 0, 1)
    share = np.maximum(pixels_at(shown, pixels_of(source.pose, head.points))[:, 0] * seen, hair.share * (1 - seen))
    share = long.share * evened(share, neighbour_means(head.triangles, len(share)), ROUNDS)
    hangs = 1 - _smoothly(long.chin - head.points[:, 1], HANGS)
    return np.asarray(skin + share * (hangs - skin), np.float32)


def leans(points: Floats, source: Source, rows: int) -> Floats:
    """How far `points` (V, 3) in camera centimetres go where the head goes if the trunk leans all the way: (V,).

    In a picture of so many `rows` that is most below the chin, and not at all at the lower edge.
    """
    chin = float(pixels_of(source.pose, source.shape[CHIN] @ source.pose.rotation.T)[1])
    up = rows - pixels_of(source.pose, points)[:, 1]
    return _smoothly(up, (0.0, max(rows - chin, NECK[1] * source.pose.scale)))


def _skin_follows(head: Floats, shape: Floats) -> Floats:
    """How far points `head` (V, 3) in head centimetres go along with the head, for a face of `shape` (478, 3)."""
    jaw, chin = shape[list(JAW)].mean(0), shape[CHIN]
    slope = float(np.clip((chin[1] - jaw[1]) / max(chin[2] - jaw[2], 1.0), -0.6, 0.0))
    below = (chin[1] + slope * (head[:, 2] - chin[2]) - head[:, 1]) / np.hypot(1, slope)
    return 1 - _smoothly(below, NECK)


def _smoothly(values: Floats, between: tuple[float, float]) -> Floats:
    """`values` (V,) as 0 up to the first, 1 from the second of two numbers on, and a smooth step `between`."""
    return smoothstep((values - between[0]) / (between[1] - between[0]))
