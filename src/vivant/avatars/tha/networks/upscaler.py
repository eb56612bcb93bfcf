"""Upscaler: the turned drawing at full resolution, from the body morpher's rough one (THA4).

picture   (N, 4, 512, 512)   the whole drawing, face already posed, -1..1, premultiplied
rough     (N, 4, 512, 512)   the body morpher's picture, enlarged
flow      (N, 2, 512, 512)   the body morpher's flow, enlarged
pose      (N, 6)             the numbers of head, body and breath
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vivant.avatars.tha.networks.unet import Drawn, UNet, UNetConfig, draw_results
from vivant.nn.warp import warp


@dataclass(frozen=True)
class UpscalerConfig:
    """Sizes; the defaults are those of the release."""

    pose: int = 6
    channels: int = 32
    """Of the feature at full size."""
    multipliers: tuple[int, ...] = (1, 2, 4, 8, 8, 8)


class Upscaler(nn.Module):
    """Draws the turned body in full, seeing how it looks at half resolution."""

    def __init__(self, config: UpscalerConfig | None = None) -> None:
        super().__init__()
        config = config or UpscalerConfig()
        self.body = UNet(UNetConfig(channels=config.channels, multipliers=config.multipliers, pose=config.pose))
        self.rough = nn.Conv2d(4 + 4 + 2, config.channels, 3, padding=1)
        nn.init.zeros_(self.rough.weight)
        if self.rough.bias is not None:
            nn.init.zeros_(self.rough.bias)

    def forward(self, picture: Tensor, rough: Tensor, rough_flow: Tensor, pose: Tensor) -> Drawn:
        """Shapes as at the top of this file; the result's flow (N, 2, S, S) is absolute, not added to `rough_flow`."""
        seen = torch.cat((rough, warp(picture, rough_flow), rough_flow), dim=1)
        return draw_results(picture, self.body(picture, pose, self.rough(seen)))
