"""The far side of a head that looks away: where the picture hides it, it is as the near side, in its own light.

Colours of the near side are evened and carried over to the far side's light like those of the network (`adapted`);
what the near side has beyond them, such as a brow or the grain of skin, is added in every frame as its partner's pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vivant.avatars.real3d.head_turning import CHIN, mirror_of, pixels_at, pixels_of
from vivant.avatars.real3d.hidden_shape import far_side
from vivant.avatars.real3d.prepare import Layers
from vivant.avatars.real3d.solid_head import OBLIQUE, SolidHead, seen_share
from vivant.avatars.real3d.surface_net import evened, neighbour_means
from vivant.avatars.real3d.view_space import view_from_camera
from vivant.avatars.retarget import Source
from vivant.face.normals import vertex_normals

Floats = NDArray[np.float32]

MIDDLE = 1.5
"""Centimetres from the middle of the head over which its far side begins."""
CHIN_FADE = 1.0
"""Centimetres above and below the chin over which it ends."""
INSIDE, SURELY = 7, 0.9
"""Pixels that a partner is away from the person's outline, and what alpha is there, for at its outline colours mix."""
EVEN = 0.25
"""Centimetres over which the near side's colours are evened; beyond the grain of the mesh is detail."""
SOFTENING = 4
"""Rounds over the mesh in which the far side's border is made even."""
MOST = np.float32(0.85)
"""Share of the detail that is shown: what the mesh's colours have to make up for grows as 1 / (1 - share)."""


@dataclass(frozen=True)
class FarSide:
    """What the near side tells of the V points of a head."""

    share: Floats
    """(V, 1) 0..1: how far a point is on the far side, and its partner seen well."""
    even: Floats
    """(V, 3) evened colour of the partner, sRGB 0..255."""

    @staticmethod
    def of(head: SolidHead, layers: Layers, source: Source) -> FarSide:
        """That of `head`, whose measures in the picture of `layers` are `source`; nothing where it looks ahead."""
        far = _far(head, source)
        if not far.any():
            return FarSide(far[:, None], head.colour)
        pose = source.pose
        mirror = mirror_of(pose)
        partners = head.points @ mirror.T
        places = pixels_of(pose, partners)
        around = np.ones((INSIDE, INSIDE), np.uint8)
        alpha = pixels_at(cv2.erode(layers.cut.alpha, around)[..., None], places)
        mean = neighbour_means(head.triangles, len(head.points))
        normals = evened(vertex_normals(head.points, head.triangles), mean, SOFTENING) @ mirror.T
        share = far * _seen(head, partners, source)
        share *= np.clip((normals[:, 2] - OBLIQUE[0]) / (OBLIQUE[1] - OBLIQUE[0]), 0, 1)
        share *= np.clip((alpha[:, 0] - SURELY) / (1 - SURELY), 0, 1)
        smooth = cv2.GaussianBlur(layers.cut.colour, (0, 0), EVEN * pose.scale)
        return FarSide(evened(share[:, None], mean, SOFTENING), pixels_at(smooth, places))

    def begun(self, head: SolidHead) -> SolidHead:
        """`head` with the near side's even colours, in the near side's light."""
        return replace(head, colour=head.colour + self.share * (self.even - head.colour))

    def finished(self, head: SolidHead, lit: Floats) -> SolidHead:
        """`head` with the near side's pixels on colours `lit` (V, 3), which are `begun` and in the far side's light.

        Its colour is what gives, mixed with its partner's pixel, those colours and the detail of that pixel.
        """
        colour = head.colour + self.share * (lit - head.colour)
        shown = head.trust[:, 1:2] + self.share * (MOST - head.trust[:, 1:2])
        even = colour + self.share * (self.even - colour)
        trust = np.concatenate([head.trust[:, :1], shown, head.trust[:, 2:]], 1)
        mixed = np.where(self.share > 0, (colour - shown * even) / np.maximum(1 - shown, 1 - MOST), colour)
        return replace(head, colour=mixed.astype(np.float32), trust=trust)


def _far(head: SolidHead, source: Source) -> Floats:
    """0..1 (V,): how far points of `head` are on the side that looks away."""
    chin = (source.shape[CHIN] @ source.pose.rotation.T)[1]
    above = (head.points[:, 1] - chin) / CHIN_FADE + 0.5
    return np.asarray(far_side(head.points, source.pose.rotation, (0, MIDDLE)) * np.clip(above, 0, 1), np.float32)


def _seen(head: SolidHead, partners: Floats, source: Source) -> Floats:
    """0..1 (V,): how far the picture shows the `partners` (V, 3) of the points of `head`."""
    rotation = torch.from_numpy(source.pose.rotation)[None]
    own, other = (view_from_camera(torch.from_numpy(at)[None], rotation)[0].numpy() for at in (head.points, partners))
    return seen_share(own, head.triangles, other)
