"""Image-to-plane network of Real3D-Portrait (arXiv 2401.08503, section 3.1): one picture of a head to its tri-plane.

picture   (N, 3, 512, 512)      RGB in sRGB, -1..1, -1 where no head is
planes    (N, 3, 32, 256, 256)  features of the canonical head, in the axes of the volume

A deep, narrow branch (DeepLab, then transformer blocks) knows what is seen, a shallow one at full size how it looks;
one more transformer block joins them. Sides must be multiples of 32; planes have half of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.real3d.networks.plane_blocks import (
    LEAK,
    PLANES,
    ConvNorm,
    initialise,
    planes_of,
)
from vivant.avatars.real3d.networks.resizing import EnlargingConv
from vivant.avatars.real3d.networks.transformer import Block, BlockConfig, PatchEmbedding

COORDINATES = 2
"""Channels that say where a pixel is."""
STRIDES = (1, 2, 1, 1)
"""Of the stages of the residual encoder."""
DILATIONS = (1, 1, 2, 4)
"""Of the same; they stand for the strides that DeepLab leaves out."""
DROPOUT = 0.5


@dataclass(frozen=True, kw_only=True)
class ImageToPlaneConfig:
    """Sizes; the defaults are those of the release."""

    picture: int = 3
    """Channels of the picture: RGB; more where it comes with alpha or other maps."""
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    """Channels of the residual encoder's stages."""
    depths: tuple[int, int, int, int] = (3, 4, 6, 3)
    """Their blocks."""
    reaches: tuple[int, ...] = (12, 24, 36)
    """Dilations of the convolutions that see the surroundings."""
    context: int = 256
    """Channels of what the deep branch hands to the transformer."""
    tokens: int = 1024
    """Channels of the transformer blocks; a multiple of 4."""
    heads: int = 4
    blocks: int = 5
    """Transformer blocks of the deep branch."""
    ratio: int = 2
    reduction: int = 2
    """Of the keys of the block that joins the branches."""
    detail: int = 64
    """Channels of the shallow branch's first layer."""
    wide: int = 256
    """Channels of convolutions at the planes' size, the first of each group ..."""
    narrow: int = 128
    """... and the others."""
    plane: int = 32
    """Channels of each plane."""

    @property
    def features(self) -> int:
        """Channels of all planes."""
        return PLANES * self.plane


class ImageToPlane(nn.Module):
    """Picture of a head to the planes of the head with its own expression."""

    def __init__(self, config: ImageToPlaneConfig | None = None) -> None:
        super().__init__()
        config = config or ImageToPlaneConfig()
        inputs = config.picture + COORDINATES
        self.context = ContextEncoder(config, inputs)
        self.low = LowTransformer(config)
        self.high = DetailEncoder(config, inputs)
        self.join = PlanePredictor(config)
        initialise(self)

    def forward(self, picture: Tensor) -> Tensor:
        """`picture` (N, 3, S, S) in -1..1 to planes (N, 3, 32, S / 2, S / 2)."""
        x = with_coordinates(picture)
        return planes_of(self.join(self.low(self.context(x)), self.high(x)))


class ResidualBlock(nn.Module):
    """Two convolutions of kernel 3 whose result is added to the input."""

    def __init__(self, inputs: int, outputs: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.first = ConvNorm(inputs, outputs, 3, stride, dilation)
        self.second = ConvNorm(outputs, outputs, 3, dilation=dilation)
        self.skip = ConvNorm(inputs, outputs, 1, stride) if inputs != outputs or stride != 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) to (N, O, H / stride, W / stride), I = `inputs` and O = `outputs`."""
        h = self.second(F.relu(self.first(x), inplace=True))
        return F.relu(h + (x if self.skip is None else self.skip(x)), inplace=True)


class ResidualEncoder(nn.Module):
    """ResNet-34 (arXiv 1512.03385) whose last two stages see further instead of becoming smaller."""

    def __init__(self, config: ImageToPlaneConfig, inputs: int) -> None:
        super().__init__()
        width = config.widths[0]
        self.enter = ConvNorm(inputs, width, 7, 2)
        stages = []
        for outputs, depth, stride, dilation in zip(config.widths, config.depths, STRIDES, DILATIONS, strict=True):
            first = ResidualBlock(width, outputs, stride, dilation)
            stages.append(
                nn.Sequential(first, *(ResidualBlock(outputs, outputs, 1, dilation) for _ in range(depth - 1)))
            )
            width = outputs
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, S, S), I = `inputs`, to (N, widths[-1], S / 8, S / 8)."""
        x = F.max_pool2d(F.relu(self.enter(x), inplace=True), 3, 2, 1)
        for stage in self.stages:
            x = stage(x)
        return x


class ContextEncoder(nn.Module):
    """DeepLabV3 (arXiv 1706.05587): the residual encoder, then convolutions that see near, far and all of the map."""

    def __init__(self, config: ImageToPlaneConfig, inputs: int) -> None:
        super().__init__()
        width, context = config.widths[-1], config.context
        self.encoder = ResidualEncoder(config, inputs)
        self.near = nn.Conv2d(width, context, 1, bias=False)
        self.far = nn.ModuleList(
            nn.Conv2d(width, context, 3, padding=reach, dilation=reach, bias=False) for reach in config.reaches
        )
        self.whole = nn.Conv2d(width, context, 1, bias=False)
        self.join = nn.Conv2d((2 + len(config.reaches)) * context, context, 1, bias=False)
        self.leave = nn.Conv2d(context, context, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, S, S), I = `inputs`, to (N, context, S / 8, S / 8)."""
        x = self.encoder(x)
        whole = self.whole(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        parts = (self.near(x), *(conv(x) for conv in self.far), whole)
        joined = F.relu(self.join(F.relu(torch.cat(parts, dim=1), inplace=True)), inplace=True)
        result: Tensor = self.leave(F.dropout(joined, DROPOUT, self.training))
        return result


class LowTransformer(nn.Module):
    """Transformer blocks on a map a sixteenth of the picture's size, then convolutions up to the planes' size."""

    def __init__(self, config: ImageToPlaneConfig) -> None:
        super().__init__()
        tokens, narrow = config.tokens, config.narrow
        block = BlockConfig(width=tokens, heads=config.heads, ratio=config.ratio)
        self.embed = PatchEmbedding(config.context, tokens, 3, 2)
        self.blocks = nn.Sequential(*(Block(block) for _ in range(config.blocks)))
        self.enlarge = nn.ModuleList(EnlargingConv(inputs, narrow) for inputs in (tokens // 4, narrow))
        self.leave = nn.Conv2d(narrow, config.features, 3, padding=1)

    def forward(self, context: Tensor) -> Tensor:
        """(N, C, H, W), C = `context` and H = W = S / 8, to (N, features, S / 2, S / 2)."""
        x = F.pixel_shuffle(self.blocks(self.embed(context)).permute(0, 3, 1, 2), 2)
        for conv in self.enlarge:
            x = F.relu(conv(x), inplace=True)
        result: Tensor = self.leave(x)
        return result


class DetailEncoder(nn.Module):
    """Convolutions at half the picture's size."""

    def __init__(self, config: ImageToPlaneConfig, inputs: int) -> None:
        super().__init__()
        width = config.features
        self.enter = nn.Conv2d(inputs, config.detail, 7, 2, 3)
        self.convs = nn.ModuleList(nn.Conv2d(wide, width, 3, padding=1) for wide in (config.detail, *[width] * 3))
        self.leave = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, S, S), I = `inputs`, to (N, features, S / 2, S / 2)."""
        x = self.enter(x)
        for conv in self.convs:
            x = F.leaky_relu(conv(x), LEAK, inplace=True)
        result: Tensor = self.leave(x)
        return result


class PlanePredictor(nn.Module):
    """Joins both branches, with one transformer block at a quarter of the picture's size between convolutions."""

    def __init__(self, config: ImageToPlaneConfig) -> None:
        super().__init__()
        tokens, wide, narrow, features = config.tokens, config.wide, config.narrow, config.features
        entering = ((2 * features, wide), (wide, narrow))
        leaving = ((tokens // 4 + features, wide), (wide, narrow), (narrow, narrow))
        block = BlockConfig(width=tokens, heads=config.heads, ratio=config.ratio, reduction=config.reduction)
        self.enter = nn.ModuleList(nn.Conv2d(*widths, 3, padding=1) for widths in entering)
        self.embed = PatchEmbedding(narrow, tokens, 3, 2)
        self.block = Block(block)
        self.convs = nn.ModuleList(nn.Conv2d(*widths, 3, padding=1) for widths in leaving)
        self.leave = nn.Conv2d(narrow, features, 3, padding=1)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        """Two maps (N, C, H, W), C = `features`, to one (N, C, H, W)."""
        x = torch.cat((low, high), dim=1)
        for conv in self.enter:
            x = F.leaky_relu(conv(x), LEAK, inplace=True)
        x = F.pixel_shuffle(self.block(self.embed(x)).permute(0, 3, 1, 2), 2)
        x = torch.cat((x, low), dim=1)
        for conv in self.convs:
            x = F.leaky_relu(conv(x), LEAK, inplace=True)
        result: Tensor = self.leave(x)
        return result


def with_coordinates(picture: Tensor) -> Tensor:
    """`picture` (N, C, H, W), then its row's and its column's number, both in units of H: (N, C + 2, H, W)."""
    count, _, height, width = picture.shape
    rows, columns = (
        torch.arange(size, dtype=picture.dtype, device=picture.device) / height for size in (height, width)
    )
    grid = torch.stack((rows[:, None].expand(-1, width), columns.expand(height, -1)))
    return torch.cat((picture, grid.expand(count, -1, -1, -1)), dim=1)


def widened(weight: Tensor, channels: int) -> Tensor:
    """A first filter (O, 3, K, K) that was trained on pictures, for `channels` instead: each takes a colour's in turn.

    It is scaled so that the layer sends out numbers of the same size.
    """
    colours = weight.shape[1]
    return weight[:, torch.arange(channels, device=weight.device) % colours] * (colours / channels)
