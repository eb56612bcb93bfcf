"""What the torso looks like, as a volume of features; it depends on the picture only.

picture   (N, 5, 256, 256)   torso -1..1 in RGB, then where there is bare skin and where clothes, 0..1
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.real3d.networks.torso_blocks import ConvNorm, Residual


@dataclass(frozen=True, kw_only=True)
class TorsoAppearanceConfig:
    """Sizes; the defaults are those of the release."""

    inputs: int = 5
    start: int = 64
    """Channels at full size; they double with each of two halvings."""
    channels: int = 32
    """Of the volume."""
    depth: int = 16
    blocks: int = 6


class TorsoAppearance(nn.Module):
    """Two halvings, then the channels are taken apart into channels and depth."""

    def __init__(self, config: TorsoAppearanceConfig = TorsoAppearanceConfig()) -> None:
        super().__init__()
        start = config.start
        self.shape = (config.channels, config.depth)
        self.enter = ConvNorm(config.inputs, start, 7)
        self.down = nn.ModuleList(ConvNorm(start * 2**level, start * 2 ** (level + 1)) for level in range(2))
        self.join = nn.Conv2d(4 * start, config.channels * config.depth, 1)
        self.blocks = nn.ModuleList(Residual(config.channels, sides=3) for _ in range(config.blocks))

    def forward(self, picture: Tensor) -> Tensor:
        """`picture` (N, 5, S, S) to (N, 32, 16, S / 4, S / 4)."""
        x = self.enter(picture)
        for block in self.down:
            x = F.avg_pool2d(block(x), 2)
        volume: Tensor = self.join(x)
        volume = volume.reshape(len(x), *self.shape, *x.shape[2:])
        for block in self.blocks:
            volume = block(volume)
        return volume
