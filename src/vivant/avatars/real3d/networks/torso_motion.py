"""How the torso follows the head: a flow through the volume of its features (face-vid2vid, "dense motion").

features         (N, 34, 16, 64, 64)   appearance (32), where there is bare skin, where clothes
source, target   (N, 4, 3)             key points, x right, y down, z deep, -1..1
head             (N, 3, 256, 256)      the rendered head -1..1
weights          (N, 1, 256, 256)      where the head is, 0..1
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.real3d.networks.torso_blocks import ConvNorm, Residual, sampled, volume_grid

SPREAD = 0.01
"""Variance of a key point's heat."""
POOL = (1, 2, 2)
"""Pictures are halved, depth is kept."""


@dataclass(frozen=True, kw_only=True)
class TorsoMotionConfig:
    """Sizes; the defaults are those of the release."""

    inputs: int = 34
    depth: int = 16
    keypoints: int = 4
    compressed: int = 4
    """Channels that are carried along each flow."""
    widths: tuple[int, ...] = (64, 128, 256, 512, 1024)
    """Channels of each level; each level has half the size of the one before."""
    outputs: int = 32
    """Channels of the result before the flow is read from it, and of the head's code."""
    blocks: int = 3
    """In the encoder of the head."""

    @property
    def flows(self) -> int:
        """One for each key point, and one that stands still."""
        return self.keypoints + 1

    @property
    def carried(self) -> int:
        """Channels of the first level: heat and compressed features for each flow."""
        return self.flows * (1 + self.compressed)


class Motion(NamedTuple):
    """Where the torso goes."""

    places: Tensor
    """(N, D, H, W, 3): where in the volume each place takes its features from"""
    former: Tensor
    """(N, 1, H, W), 0..1: an occlusion that the method knows but does not apply"""
    occlusion: Tensor
    """(N, 1, H, W), 0..1: for the occupancy"""


class TorsoMotion(nn.Module):
    """A mixture of flows, one for each key point; a U-Net without skips and the rendered head say where each holds."""

    def __init__(self, config: TorsoMotionConfig = TorsoMotionConfig()) -> None:
        super().__init__()
        widths, outputs = config.widths, config.outputs
        self.depth = config.depth
        self.compress = nn.Conv3d(config.inputs, config.compressed, 1)
        down = pairwise((config.carried, *widths))
        up = pairwise((*reversed(widths), outputs))
        self.down = nn.ModuleList(ConvNorm(one, two, sides=3) for one, two in down)
        self.up = nn.ModuleList(ConvNorm(one, two, sides=3) for one, two in up)
        self.see_head = nn.Sequential(ConvNorm(4, outputs, 7), *(Residual(outputs) for _ in range(config.blocks)))
        self.fuse = nn.Conv3d(config.carried + 2 * outputs, outputs, 7, padding=3)
        self.pick = nn.Conv3d(outputs, config.flows, 7, padding=3)
        self.former = nn.Conv2d(outputs * config.depth, 1, 7, padding=3)
        self.occlusion = nn.Conv2d(outputs * config.depth, 1, 7, padding=3)

    def forward(self, features: Tensor, source: Tensor, target: Tensor, head: Tensor, weights: Tensor) -> Motion:
        """For `features` (N, C, D, H, W); `head` and `weights` have four times that height and width."""
        compressed = self.compress(features)
        depth, height, width = features.shape[2:]
        flows = sparse_flows(volume_grid(depth, height, width, features), source, target)
        x = carried(compressed, flows, source, target)
        heads = self.encoded(head, weights).expand(-1, -1, depth, -1, -1)
        fused = self.fuse(torch.cat((x, self.decoded(x), heads), dim=1))
        chosen = self.pick(fused).softmax(1)
        places = torch.einsum("nfdhw,nfdhwx->ndhwx", chosen, flows)
        folded = fused.flatten(1, 2)
        return Motion(places, self.former(folded).sigmoid(), self.occlusion(folded).sigmoid())

    def decoded(self, x: Tensor) -> Tensor:
        """Down and up again: (N, C, D, H, W) to (N, O, D, H, W), C = `carried` and O = `outputs`."""
        for block in self.down:
            x = F.avg_pool3d(block(x), POOL)
        for block in self.up:
            x = block(F.interpolate(x, scale_factor=POOL, mode="nearest"))
        return x

    def encoded(self, head: Tensor, weights: Tensor) -> Tensor:
        """The head (N, 3, 4 H, 4 W) and its `weights` (N, 1, 4 H, 4 W) to (N, O, 1, H, W), O = `outputs`."""
        side = head.shape[2]
        seen = F.interpolate(torch.cat((head, weights), dim=1), size=(side // 2, side // 2), mode="bilinear")
        return F.interpolate(self.see_head(seen), size=(side // 4, side // 4), mode="bilinear")[:, :, None]


def sparse_flows(grid: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """Where each place of `grid` (D, H, W, 3) comes from, if it moves with one key point: (N, 1 + K, D, H, W, 3).

    The first flow stands still.
    """
    moves = (source - target)[:, :, None, None, None]
    still = grid.expand(len(source), 1, *grid.shape)
    return torch.cat((still, grid + moves), dim=1)


def heat(grid: Tensor, keypoints: Tensor) -> Tensor:
    """A Gaussian around each of `keypoints` (N, K, 3) over `grid` (D, H, W, 3): (N, K, D, H, W)."""
    squares = (grid - keypoints[:, :, None, None, None]).square().sum(5)
    return torch.exp(-0.5 * squares / SPREAD)


def carried(compressed: Tensor, flows: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """`compressed` (N, C, D, H, W) along each of `flows` (N, F, D, H, W, 3), each after its heat: (N, F (1 + C), ...).

    A flow's heat is that of its `target` less that of its `source` (N, F - 1, 3).
    """
    grid = flows[0, 0]
    change = heat(grid, target) - heat(grid, source)
    heats = torch.cat((torch.zeros_like(change[:, :1]), change), dim=1)[:, :, None]
    count = flows.shape[1]
    warped = sampled(compressed.repeat_interleave(count, dim=0), flows.flatten(0, 1), beyond="zeros")
    return torch.cat((heats, warped.reshape(-1, count, *warped.shape[1:])), dim=2).flatten(1, 2)
