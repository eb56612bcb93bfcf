"""Two-algorithm rotator: head and body turned, at half resolution, by redrawing and by warping (THA3).

picture   (N, 4, 256, 256)   the whole drawing, face already posed, -1..1
pose      (N, 6)             the numbers of head, body and breath
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vivant.avatars.tha.networks.blocks import (
    BodyConfig,
    ConvBlock,
    Heads,
    ResidualBlock,
    UpBlock,
    channels_by_level,
    like_weights,
    planes,
)
from vivant.nn.warp import warp

LEAK = 0.1


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
        """What the editor starts from."""
        return self.warped


class Rotator(nn.Module):
    """Encoder-decoder that sees the pose as planes beside the picture."""

    def __init__(self, config: RotatorConfig | None = None) -> None:
        super().__init__()
        config = config or RotatorConfig()
        body = config.body
        widths, separable = channels_by_level(body), body.separable
        pairs = list(pairwise(widths))
        leak_down = LEAK if separable else 0.0  # the released standard variant has ReLU where it halves the picture
        self.enter = ConvBlock(body.inputs, widths[0], 7, separable=separable, leak=LEAK)
        self.down = nn.ModuleList(
            ConvBlock(wide, wider, 4, down=True, separable=separable, leak=leak_down) for wide, wider in pairs
        )
        self.blocks = nn.ModuleList(
            ResidualBlock(widths[-1], separable=separable, leak=LEAK) for _ in range(body.blocks)
        )
        self.up = nn.ModuleList(UpBlock(wider, wide, separable=separable, leak=LEAK) for wide, wider in reversed(pairs))
        self.heads = Heads(widths[0], {"direct": (4, torch.tanh), "flow": (2, None)})

    def forward(self, picture: Tensor, pose: Tensor) -> Rotated:
        """The `picture` (N, 4, 256, 256) in the `pose` (N, 6)."""
        x = self.enter(like_weights(self.enter, torch.cat((picture, planes(pose, picture)), dim=1)))
        for block in (*self.down, *self.blocks, *self.up):
            x = block(x)
        direct, flow = self.heads(x)
        return Rotated(direct, warp(picture, flow), flow)
