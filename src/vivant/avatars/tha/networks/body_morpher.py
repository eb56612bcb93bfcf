"""Body morpher: head and body turned, at half resolution, by a U-Net with attention (THA4).

picture   (N, 4, 256, 256)   the whole drawing, face already posed, -1..1, premultiplied
pose      (N, 6)             the numbers of head, body and breath
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from vivant.avatars.tha.networks.unet import Drawn, UNet, UNetConfig, draw_results


@dataclass(frozen=True)
class BodyMorpherConfig:
    """Sizes; the defaults are those of the release."""

    pose: int = 6
    channels: int = 64
    """Of the feature at full size."""
    multipliers: tuple[int, ...] = (1, 2, 4, 4, 4)


class BodyMorpher(nn.Module):
    """Draws the turned body anew and by warping, and picks between the two."""

    def __init__(self, config: BodyMorpherConfig | None = None) -> None:
        super().__init__()
        config = config or BodyMorpherConfig()
        self.body = UNet(UNetConfig(channels=config.channels, multipliers=config.multipliers, pose=config.pose))

    def forward(self, picture: Tensor, pose: Tensor) -> Drawn:
        """The `picture` (N, 4, 256, 256) in the `pose` (N, 6)."""
        return draw_results(picture, self.body(picture, pose))
