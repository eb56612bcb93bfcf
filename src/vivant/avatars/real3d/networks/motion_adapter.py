"""Motion adapter of Real3D-Portrait (arXiv 2401.08503, section 3.2): what an expression changes in a head's tri-plane.

codes     (N, 9, 512, 512)      code images of the canonical head, the portrait and the frame, each RGB in -1..1,
                                -1 where no face is, all facing the camera
planes    (N, 3, 32, 256, 256)  to be added to those of the image-to-plane network

SegFormer b0 (arXiv 2105.15203) on three channels mixed of the nine. Two of the three code images stay the same for all
frames of a portrait: `still` works out once what comes from them, `forward_target` adds the frame's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.real3d.networks.plane_blocks import (
    LEAK,
    PLANES,
    ConvNorm,
    Foldable,
    initialise,
    planes_of,
)
from vivant.avatars.real3d.networks.resizing import EnlargingConv, sum_resized
from vivant.avatars.real3d.networks.transformer import Block, BlockConfig, PatchEmbedding

CODE = 3
"""Channels of a code image, and of the mixture of all."""
CODES = 3 * CODE
EPSILON = 1e-6
"""Of the norms of blocks and stages."""
DROPOUT = 0.1


@dataclass(frozen=True, kw_only=True)
class MotionAdapterConfig:
    """Sizes; the defaults are those of the release."""

    widths: tuple[int, ...] = (32, 64, 160, 256)
    """Channels of each stage; the first has a quarter of the picture's size, each other half of the one before."""
    depths: tuple[int, ...] = (2, 2, 2, 2)
    """Blocks of each stage."""
    heads: tuple[int, ...] = (1, 2, 5, 8)
    reductions: tuple[int, ...] = (8, 4, 2, 1)
    ratio: int = 4
    drop: float = 0.1
    """Stochastic depth of the last block; it grows from 0 at the first."""
    joined: int = 256
    """Channels of the stages joined."""
    convs: int = 3
    """Convolutions of as many channels behind them."""
    plane: int = 32
    """Channels of each plane."""


class MotionAdapter(nn.Module):
    """Code images to the change of the planes."""

    def __init__(self, config: MotionAdapterConfig | None = None) -> None:
        super().__init__()
        config = config or MotionAdapterConfig()
        joined = config.joined
        self.mix = Mix()
        self.encoder = MixTransformer(config)
        self.head = JoinStages(config.widths, joined)
        self.convs = nn.ModuleList(nn.Conv2d(joined, joined, 3, padding=1) for _ in range(config.convs))
        self.leave = EnlargingConv(joined, PLANES * config.plane)
        initialise(self)

    def forward(self, codes: Tensor) -> Tensor:
        """`codes` (N, 9, S, S) in -1..1, S a multiple of 32, to planes (N, 3, 32, S / 2, S / 2)."""
        return self.decode(self.encoder.enter.conv(self.mix(codes)))

    def still(self, canonical: Tensor, source: Tensor) -> Tensor:
        """What the first layer gives for two code images (N, 3, S, S): (N, widths[0], S / 4, S / 4)."""
        result: Tensor = self.encoder.enter.conv(self.mix.still(torch.cat((canonical, source), dim=1)))
        return result

    def forward_target(self, still: Tensor, target: Tensor) -> Tensor:
        """Planes as `forward` gives them, of what `still` gave and of the frame's code image (N, 3, S, S).

        `still` of one portrait serves any number N of frames.
        """
        conv = self.encoder.enter.conv
        weight = torch.einsum("omyx,mi->oiyx", conv.weight, self.mix.target)
        return self.decode(still + F.conv2d(target, weight, None, conv.stride, conv.padding))

    def decode(self, entered: Tensor) -> Tensor:
        """Planes (N, 3, 32, 2 H, 2 W) of what the first layer gives (N, C, H, W), C = `widths[0]` and H = W = S / 4."""
        x = self.head(list(self.encoder(self.encoder.enter.normed(entered))))
        for conv in self.convs:
            x = F.leaky_relu(conv(x), LEAK, inplace=True)
        return planes_of(self.leave(x))


class Mix(nn.Module):
    """Three channels of the nine of all code images; equalised: the weights are scaled where they are used."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(CODE, CODES, 1, 1))
        self.bias = nn.Parameter(torch.zeros(CODE))
        self.scale = 1 / math.sqrt(CODES)

    def forward(self, codes: Tensor) -> Tensor:
        """(N, 9, S, S) to (N, 3, S, S)."""
        return F.conv2d(codes, self.weight * self.scale, self.bias)

    def still(self, codes: Tensor) -> Tensor:
        """The part of it that the canonical and the portrait's code images (N, 6, S, S) make."""
        return F.conv2d(codes, self.weight[:, :-CODE] * self.scale, self.bias)

    @property
    def target(self) -> Tensor:
        """The weights (3, 3) of the frame's code image."""
        return self.weight[:, -CODE:, 0, 0] * self.scale


class MixTransformer(nn.Module):
    """The encoder of SegFormer: stages of transformer blocks, each on a smaller map than the one before."""

    def __init__(self, config: MotionAdapterConfig) -> None:
        super().__init__()
        widths, count = config.widths, sum(config.depths)
        self.enter = PatchEmbedding(CODE, widths[0], 7, 4)
        self.shrink = nn.ModuleList(PatchEmbedding(wide, wider, 3, 2) for wide, wider in pairwise(widths))
        self.norms = nn.ModuleList(nn.LayerNorm(width, EPSILON) for width in widths)
        self.stages = nn.ModuleList()
        drops = iter(config.drop * block / max(1, count - 1) for block in range(count))
        for width, depth, heads, reduction in zip(widths, config.depths, config.heads, config.reductions, strict=True):
            block = BlockConfig(width=width, heads=heads, ratio=config.ratio, reduction=reduction, epsilon=EPSILON)
            self.stages.append(nn.Sequential(*(Block(replace(block, drop=next(drops))) for _ in range(depth))))

    def forward(self, tokens: Tensor) -> Iterator[Tensor]:
        """Of what `enter` gives (N, H, W, C): the map of each stage."""
        for stage, norm, shrink in zip(self.stages, self.norms, (*self.shrink, None), strict=True):
            tokens = norm(stage(tokens))
            yield tokens
            if shrink is not None:
                tokens = shrink(tokens.permute(0, 3, 1, 2))


class JoinStages(Foldable):
    """Every stage to the same width and size, then one convolution over all of them, batch norm, ReLU."""

    def __init__(self, widths: Sequence[int], joined: int) -> None:
        super().__init__()
        self.linears = nn.ModuleList(nn.Linear(width, joined) for width in widths)
        self.join: ConvNorm | None = ConvNorm(len(widths) * joined, joined, 1)

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Maps (N, H, W, C), the first the largest, to (N, joined, H, W)."""
        maps = [linear(stage) for linear, stage in zip(self.linears, stages, strict=True)]
        if self.join is None:
            return sum_resized(maps, leak=0).permute(0, 3, 1, 2)
        size = maps[0].shape[1:3]
        resized = [F.interpolate(x.permute(0, 3, 1, 2), size, mode="bilinear") for x in maps]
        x = F.relu(self.join(torch.cat(resized[::-1], dim=1)), inplace=True)
        return F.dropout2d(x, DROPOUT, self.training)

    def fold(self) -> None:
        """Nothing but ReLU bends numbers here: each stage's layers become one, and what they give is added up."""
        if self.join is None:
            return
        self.join.fold()
        weights, bias = self.join.conv.weight.flatten(1).chunk(len(self.linears), dim=1), self.join.conv.bias
        layers: list[nn.Linear] = list(self.linears)  # type: ignore[arg-type]
        for layer, weight in zip(layers, reversed(weights), strict=True):
            layer.bias.data = weight @ layer.bias.data if bias is None else weight @ layer.bias.data + bias
            layer.weight.data, bias = weight @ layer.weight.data, None
        self.join = None
