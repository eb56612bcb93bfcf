"""Editor: the turned drawing at full resolution, from the rotator's rough idea of it (THA3).

picture   (N, 4, 512, 512)   the whole drawing, face already posed, -1..1
rough     (N, 4, 512, 512)   the rotator's warped picture, enlarged
flow      (N, 2, 512, 512)   the rotator's flow, enlarged
pose      (N, 6)             the numbers of head, body and breath
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vivant.avatars.tha.networks.blocks import BodyConfig, Heads, TurningBody, blend, planes
from vivant.nn.warp import warp


@dataclass(frozen=True)
class EditorConfig:
    """Sizes; the defaults are those of the release."""

    pose: int = 6
    channels: int = 32
    """Of the feature at full size."""
    separable: bool = False

    @property
    def body(self) -> BodyConfig:
        """Of the U-Net; it sees picture, rough picture, flow and pose."""
        return BodyConfig(inputs=4 + 4 + 2 + self.pose, start=self.channels, separable=self.separable)


class Edited(NamedTuple):
    """What is drawn, in the published order; pictures and alpha have 4 channels, the flow 2."""

    picture: Tensor
    alpha: Tensor
    colour: Tensor
    warped: Tensor
    flow: Tensor


class Editor(nn.Module):
    """U-Net that mends the flow, warps the drawing by it, and redraws what a warp cannot give."""

    def __init__(self, config: EditorConfig | None = None) -> None:
        super().__init__()
        config = config or EditorConfig()
        self.body = TurningBody(config.body, kernel=3, skips=True)
        self.heads = Heads(config.channels, {"colour": (4, torch.tanh), "alpha": (4, torch.sigmoid), "flow": (2, None)})

    def forward(self, picture: Tensor, rough: Tensor, rough_flow: Tensor, pose: Tensor) -> Edited:
        """A picture (N, 4, 512, 512), its rough idea, that one's flow (N, 2, 512, 512), and the pose (N, 6)."""
        x = self.body(torch.cat((picture, rough, rough_flow, planes(pose, picture)), dim=1))
        colour, alpha, change = self.heads(x)
        flow = rough_flow + change
        warped = warp(picture, flow)
        return Edited(blend(alpha, colour, warped), alpha, colour, warped, flow)
