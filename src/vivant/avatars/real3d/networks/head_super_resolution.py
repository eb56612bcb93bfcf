"""Super-resolution of the head alone, as in the first stages of training (EG3D).

features  (N, 32, 128, 128)   volume rendered
rgb       (N, 3, 128, 128)    their first three channels: the raw picture, -1..1
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.real3d.networks.style_layers import LATENT, SynthesisBlock


@dataclass(frozen=True, kw_only=True)
class HeadSuperResolutionConfig:
    """Sizes; the defaults are those of the release."""

    inputs: int = 32
    width: int = 256
    """Channels at twice the size that comes in."""
    last: int = 128
    """Channels at full size."""
    side: int = 128
    """Of the features; others are brought to this size."""
    latent: int = LATENT


class HeadSuperResolution(nn.Module):
    """Two synthesis blocks, each of which doubles the size."""

    def __init__(self, config: HeadSuperResolutionConfig = HeadSuperResolutionConfig()) -> None:
        super().__init__()
        self.side = config.side
        self.low = SynthesisBlock(config.inputs, config.width, latent=config.latent)
        self.high = SynthesisBlock(config.width, config.last, latent=config.latent)

    def forward(self, features: Tensor, rgb: Tensor) -> Tensor:
        """`features` (N, inputs, S, S) and `rgb` (N, 3, S, S) to a picture (N, 3, 512, 512), nearly in -1..1."""
        if features.shape[2:] != (self.side, self.side):
            features, rgb = (resized(x, self.side) for x in (features, rgb))
        _, rgb = self.high(*self.low(features, rgb))
        return rgb


def resized(x: Tensor, side: int) -> Tensor:
    """`x` (N, C, H, W) at (N, C, side, side), bilinear, smoothed first where it shrinks."""
    return F.interpolate(x, size=(side, side), mode="bilinear", antialias=True)
