"""Two-algorithm rotator: head and body turned, at half resolution, by redrawing and by warping (THA3).

picture   (N, 4, 256, 256)   the whole drawing, face already posed, -1..1
pose      (N, 6)             the numbers of head, body and breath
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vivant.avatars.tha.networks.blocks import BodyConfig, Heads, TurningBody, planes
from vivant.nn.warp import warp


@dataclass(frozen=True)
class RotatorConfig:
    """Sizes; the defaults are those of the release."""

    pose: int = 6
    channels: int = 64
    """Of the feature at full size."""
    separable: bool = False

    @property
    def body(self) -> BodyConfig:
        """Of the encoder-decoder."""
        return BodyConfig(inputs=4 + self.pose, start=self.channels, separable=self.separable)


class Rotated(NamedTuple):
    """What is drawn, in the published order; pictures have 4 channels, the flow 2."""

    direct: Tensor
    warped: Tensor
    flow: Tensor

    @property
    def rough(self) -> Tensor:
        """What the editor starts from (N, 4, 256, 256)."""
        return self.warped


class Rotator(nn.Module):
    """Encoder-decoder that sees the pose as planes beside the picture."""

    def __init__(self, config: RotatorConfig | None = None) -> None:
        super().__init__()
        config = config or RotatorConfig()
        self.body = TurningBody(config.body, kernel=7, skips=False)
        self.heads = Heads(config.channels, {"direct": (4, torch.tanh), "flow": (2, None)})

    def forward(self, picture: Tensor, pose: Tensor) -> Rotated:
        """The `picture` (N, 4, 256, 256) in the `pose` (N, 6)."""
        x = self.body(torch.cat((picture, planes(pose, picture)), dim=1))
        direct, flow = self.heads(x)
        return Rotated(direct, warp(picture, flow), flow)
