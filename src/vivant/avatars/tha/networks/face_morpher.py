"""Face morpher: eyes, irises and mouth in a new pose (THA3 and THA4).

picture   (N, 4, 192, 192)   rows 32:224, columns 160:352 of the drawing, brows already posed, -1..1
pose      (N, 27)            the numbers of eyes, irises and mouth
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vivant.avatars.tha.networks.blocks import Body, BodyConfig, Heads, blend
from vivant.nn.warp import warp


@dataclass(frozen=True)
class FaceMorpherConfig:
    """Sizes; the defaults are those of the release."""

    pose: int = 27
    channels: int = 64
    """Of the feature at full size."""
    separable: bool = False


class MorphedFace(NamedTuple):
    """What is drawn, in the published order; pictures have 4 channels, alphas 1, the flow 2 (THA4 gives it too)."""

    picture: Tensor
    eye_alpha: Tensor
    eye_colour: Tensor
    mouth_picture: Tensor
    """With irises and mouth in their new pose, before the lids."""
    mouth_alpha: Tensor
    mouth_colour: Tensor
    warped: Tensor
    flow: Tensor


class FaceMorpher(nn.Module):
    """Moves irises and mouth, redraws them, then draws the lids over."""

    def __init__(self, config: FaceMorpherConfig | None = None) -> None:
        super().__init__()
        config = config or FaceMorpherConfig()
        self.body = Body(BodyConfig(inputs=4, pose=config.pose, start=config.channels, separable=config.separable))
        self.heads = Heads(
            config.channels,
            {
                "flow": (2, None),
                "mouth_colour": (4, torch.tanh),
                "mouth_alpha": (1, torch.sigmoid),
                "eye_colour": (4, torch.tanh),
                "eye_alpha": (1, torch.sigmoid),
            },
        )

    def forward(self, picture: Tensor, pose: Tensor) -> MorphedFace:
        """The face (N, 4, 192, 192) in the `pose` (N, 27)."""
        return self.draw(picture, self.encode(picture), pose)

    def encode(self, picture: Tensor) -> Tensor:
        """What comes of the picture (N, 4, 192, 192) alone, for `draw`."""
        return self.body.encode(picture)

    def draw(self, picture: Tensor, encoded: Tensor, pose: Tensor) -> MorphedFace:
        """The picture (N, 4, 192, 192), its code, and the pose (N, 27)."""
        flow, mouth_colour, mouth_alpha, eye_colour, eye_alpha = self.heads(self.body.decode(encoded, pose))
        warped = warp(picture.expand(len(flow), -1, -1, -1), flow)
        mouth = blend(mouth_alpha, mouth_colour, warped)
        # In training the lids must not pull at what lies under them.
        face = blend(eye_alpha, eye_colour, mouth.detach())
        return MorphedFace(face, eye_alpha, eye_colour, mouth, mouth_alpha, mouth_colour, warped, flow)
