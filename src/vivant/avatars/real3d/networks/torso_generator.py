"""The moved torso as a picture and as features for the fusion (face-vid2vid).

features   (N, 32, 16, 64, 64)      the torso's volume
places     (N, 16, 64, 64, 3)       where in it each place takes its features from, -1..1
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.real3d.networks.torso_blocks import ConvNorm, Residual, sampled

LEAK = 0.2


@dataclass(frozen=True, kw_only=True)
class TorsoGeneratorConfig:
    """Sizes; the defaults are those of the release."""

    channels: int = 32
    """Of the volume."""
    depth: int = 16
    width: int = 256
    """Channels of the blocks; they halve with each of two doublings of the size."""
    blocks: int = 6


class TorsoGenerator(nn.Module):
    """Warped volume, its depth as channels, residual blocks, two doublings; spectral normalisation throughout."""

    def __init__(self, config: TorsoGeneratorConfig = TorsoGeneratorConfig()) -> None:
        super().__init__()
        width, self.depth = config.width, config.depth
        self.enter = ConvNorm(config.channels * config.depth, width, leak=LEAK, spectral=True)
        self.join = nn.Conv2d(width, width, 1)
        self.blocks = nn.ModuleList(Residual(width, spectral=True) for _ in range(config.blocks))
        self.up = nn.ModuleList(ConvNorm(width >> level, width >> (level + 1), spectral=True) for level in range(2))
        self.leave = nn.Conv2d(width // 4, 3, 7, padding=3)

    def forward(self, features: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """`features` (N, C, D, H, W) and `places` (N, D, H, W, 3) to (N, 64, 4 H, 4 W) and RGB (N, 3, 4 H, 4 W)."""
        x = self.join(self.enter(sampled(features, places, beyond="border").flatten(1, 2)))
        for block in self.blocks:
            x = block(x)
        for block in self.up:
            x = block(F.interpolate(x, scale_factor=2, mode="nearest"))
        return x, self.leave(x)
