"""Eyebrow decomposer: a drawing's brows, and the face without them (THA3 and THA4).

picture   (N, 4, 128, 128)   rows 64:192, columns 192:320 of the drawing, -1..1
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vivant.avatars.tha.networks.blocks import Body, BodyConfig, Heads, blend


@dataclass(frozen=True)
class EyebrowDecomposerConfig:
    """Sizes; the defaults are those of the release."""

    channels: int = 64
    """Of the feature at full size."""
    separable: bool = False


class EyebrowLayers(NamedTuple):
    """What is found in a drawing, in the published order; pictures have 4 channels, alphas 1."""

    eyebrow: Tensor
    eyebrow_alpha: Tensor
    eyebrow_colour: Tensor
    background: Tensor
    background_alpha: Tensor
    background_colour: Tensor


class EyebrowDecomposer(nn.Module):
    """Takes the brows off a face; its result depends on the drawing alone."""

    def __init__(self, config: EyebrowDecomposerConfig | None = None) -> None:
        super().__init__()
        config = config or EyebrowDecomposerConfig()
        self.body = Body(BodyConfig(inputs=4, start=config.channels, separable=config.separable))
        self.heads = Heads(
            config.channels,
            {
                "background_alpha": (1, torch.sigmoid),
                "background_colour": (4, torch.tanh),
                "eyebrow_alpha": (1, torch.sigmoid),
                "eyebrow_colour": (4, torch.tanh),
            },
        )

    def forward(self, picture: Tensor) -> EyebrowLayers:
        """Layers of `picture` (N, 4, 128, 128)."""
        feature = self.body.decode(self.body.encode(picture))
        background_alpha, background_colour, eyebrow_alpha, eyebrow_colour = self.heads(feature)
        return EyebrowLayers(
            blend(eyebrow_alpha, picture, eyebrow_colour),
            eyebrow_alpha,
            eyebrow_colour,
            blend(background_alpha, background_colour, picture),  # here alpha picks the colour, there the picture
            background_alpha,
            background_colour,
        )
