"""Eyebrow morphing combiner: brows in a new pose, on the face without brows (THA3 and THA4).

layers   (N, 4, 128, 128)   background and brows of the decomposer
pose     (N, 12)            the numbers of the brows
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vivant.avatars.tha.networks.blocks import Body, BodyConfig, Heads, blend
from vivant.nn.warp import warp


@dataclass(frozen=True)
class EyebrowCombinerConfig:
    """Sizes; the defaults are those of the release."""

    pose: int = 12
    channels: int = 64
    """Of the feature at full size."""
    separable: bool = False


class CombinedEyebrows(NamedTuple):
    """What is drawn, in the published order; pictures have 4 channels, alphas 1, the flow 2."""

    picture_by_alpha: Tensor
    combine_alpha: Tensor
    picture: Tensor
    """Brows over the background by the brows' own alpha: what the other networks use."""
    eyebrow: Tensor
    eyebrow_alpha: Tensor
    eyebrow_colour: Tensor
    warped: Tensor
    flow: Tensor


class EyebrowCombiner(nn.Module):
    """Moves the brows, redraws them, and puts them on."""

    def __init__(self, config: EyebrowCombinerConfig | None = None) -> None:
        super().__init__()
        config = config or EyebrowCombinerConfig()
        self.body = Body(BodyConfig(inputs=8, pose=config.pose, start=config.channels, separable=config.separable))
        self.heads = Heads(
            config.channels,
            {
                "flow": (2, None),
                "eyebrow_alpha": (1, torch.sigmoid),
                "eyebrow_colour": (4, torch.tanh),
                "combine_alpha": (1, torch.sigmoid),
            },
        )

    def forward(self, background: Tensor, eyebrow: Tensor, pose: Tensor) -> CombinedEyebrows:
        """Both layers (N, 4, 128, 128) and the pose (N, 12) of the brows."""
        return self.draw(background, eyebrow, self.encode(background, eyebrow), pose)

    def encode(self, background: Tensor, eyebrow: Tensor) -> Tensor:
        """What comes of the layers (N, 4, 128, 128) alone, for `draw`."""
        return self.body.encode(torch.cat((background, eyebrow), dim=1))

    def draw(self, background: Tensor, eyebrow: Tensor, encoded: Tensor, pose: Tensor) -> CombinedEyebrows:
        """Layers (N, 4, 128, 128), their code, and the pose (N, 12)."""
        flow, alpha, colour, combine_alpha = self.heads(self.body.decode(encoded, pose))
        warped = warp(eyebrow.expand(len(flow), -1, -1, -1), flow)
        morphed = blend(alpha, colour, warped)
        return CombinedEyebrows(
            merge(combine_alpha, morphed, background),
            combine_alpha,
            merge((morphed[:, 3:] + 1) / 2, morphed, background),
            morphed,
            alpha,
            colour,
            warped,
            flow,
        )


def merge(alpha: Tensor, over: Tensor, under: Tensor) -> Tensor:
    """The colours of `over` (N, 4, H, W) by `alpha` over those of `under`; the alpha channel stays that of `under`."""
    colours = blend(alpha, over[:, :3], under[:, :3])
    return torch.cat((colours, under[:, 3:].expand(len(colours), -1, -1, -1)), dim=1)
