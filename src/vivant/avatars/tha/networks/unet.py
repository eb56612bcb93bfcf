"""U-Net with attention whose every block is steered by the pose (THA4); all tensors are (N, C, H, W)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.tha.networks.blocks import (
    EPSILON,
    Doubling,
    Foldable,
    blend,
    mix_channels,
)
from vivant.nn.norm import group_norm
from vivant.nn.warp import warp

GROUPS = 32
RESULTS = (4, 2, 1)
"""Channels of the result: what to draw, the flow, and the logit of the alpha that picks between them."""
Resample = Literal["shrink", "enlarge"]


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """Sizes of a U-Net."""

    channels: int
    """At full size."""
    multipliers: tuple[int, ...]
    """Channels of each level, in units of `channels`; each level has half the size of the one before."""
    inputs: int = 4
    pose: int = 6
    embedding: int = 256
    """Numbers that steer the blocks."""
    middle: int = 4
    """Blocks at the smallest size; attention stands between them."""
    heads: int = 8
    """Of the attention; it works at the smallest size only."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(self.channels * multiplier for multiplier in self.multipliers)


class Embedding(NamedTuple):
    """What steers the blocks: (1, E) of the time, which stands still, and (N, E) of the pose."""

    time: Tensor
    pose: Tensor


class UNet(nn.Module):
    """Picture and pose to seven channels; what they mean, says `draw_results`."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths, size = config.widths, config.embedding
        self.time = nn.Sequential(nn.Linear(config.channels, size), nn.SiLU(), nn.Linear(size, size))
        self.pose = nn.Sequential(nn.Linear(config.pose, size), nn.SiLU(), nn.Linear(size, size))
        self.enter = nn.Conv2d(config.inputs, widths[0], 3, padding=1)
        entering = (widths[0], *widths[:-1])
        last = len(widths) - 1
        self.down = nn.ModuleList(
            DownLevel(config, wide, wider, last=level == last)
            for level, (wide, wider) in enumerate(zip(entering, widths, strict=True))
        )
        self.middle = nn.ModuleList(Block(widths[-1], widths[-1], size) for _ in range(config.middle))
        self.between = nn.ModuleList(Attention(widths[-1], config.heads) for _ in range(config.middle - 1))
        below = (widths[-1], *reversed(widths[1:]))
        self.up = nn.ModuleList(
            UpLevel(config, low, level, attend=level == last, first=level == 0)
            for low, level in zip(below, range(last, -1, -1), strict=True)
        )
        self.norm = _norm(widths[0])
        self.leave = _zeroed(nn.Conv2d(widths[0], sum(RESULTS), 3, padding=1))

    def forward(self, picture: Tensor, pose: Tensor, rough: Tensor | None = None) -> Tensor:
        """`picture` (N, 4, S, S) and `pose` (N, 6) to (N, 7, S, S); `rough` is added to the first feature."""
        given = self.embed(pose)
        x = self.enter(picture)
        if rough is not None:
            x = x + rough
        skips = [x]
        for level in self.down:
            skips += level(skips[-1], given)
        x = skips[-1]
        for block, attention in zip(self.middle, (*self.between, nn.Identity()), strict=True):
            x = attention(block(x, given))
        for level in self.up:
            x = level(x, (skips.pop(), skips.pop()), given)
        result: Tensor = self.leave(F.silu(normed(self.norm, x), inplace=True))
        return result

    def embed(self, pose: Tensor) -> Embedding:
        """Codes of a `pose` (N, P). The networks are a diffusion model's at time 0: a code of ones, then zeros."""
        half = self.config.channels // 2
        code = torch.cat((pose.new_ones(1, half), pose.new_zeros(1, half)), dim=1)
        return Embedding(F.silu(self.time(code)), F.silu(self.pose(pose)))


class DownLevel(nn.Module):
    """A block, on the last level attention, on all others a block that halves the size."""

    def __init__(self, config: UNetConfig, inputs: int, outputs: int, *, last: bool) -> None:
        super().__init__()
        self.block = Block(inputs, outputs, config.embedding)
        self.attention = Attention(outputs, config.heads) if last else None
        self.shrink = None if last else Block(outputs, outputs, config.embedding, "shrink")

    def forward(self, x: Tensor, given: Embedding) -> Iterator[Tensor]:
        """Of `x` (N, inputs, H, W): each feature (N, C, h, w) that the way up will see again."""
        x = self.block(x, given)
        if self.attention is not None:
            x = self.attention(x)
        yield x
        if self.shrink is not None:
            yield self.shrink(x, given)


class UpLevel(nn.Module):
    """Two blocks that see the features of the way down, each with attention on the last level, then twice the size."""

    def __init__(self, config: UNetConfig, low: int, level: int, *, attend: bool, first: bool) -> None:
        super().__init__()
        wide, size = config.widths[level], config.embedding
        leaving = wide if level == 0 else config.widths[level - 1]
        entering = (low + wide, wide + leaving)
        self.blocks = nn.ModuleList(Block(inputs, wide, size) for inputs in entering)
        self.attentions = nn.ModuleList(Attention(wide, config.heads) for _ in entering if attend)
        self.enlarge = None if first else Block(wide, wide, size, "enlarge")

    def forward(self, x: Tensor, skips: tuple[Tensor, Tensor], given: Embedding) -> Tensor:
        """`x` and `skips` (N, C, H, W) are of one size; the result (N, C, 2 H, 2 W), at the top (N, C, H, W)."""
        attentions = self.attentions or (nn.Identity(), nn.Identity())
        for block, attention, skip in zip(self.blocks, attentions, skips, strict=True):
            x = attention(block(torch.cat((x, skip), dim=1), given))
        return x if self.enlarge is None else self.enlarge(x, given)


class Block(Foldable):
    """Residual block whose second norm is set by time and pose."""

    def __init__(self, inputs: int, outputs: int, embedding: int, resample: Resample | None = None) -> None:
        super().__init__()
        self.resample = resample
        self.norm_in, self.norm = _norm(inputs), _norm(outputs)
        self.conv_in = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time, self.pose = nn.Linear(embedding, 2 * outputs), nn.Linear(embedding, 2 * outputs)
        self.conv = _zeroed(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None
        self.doubling = Doubling()

    def forward(self, x: Tensor, given: Embedding) -> Tensor:
        """(N, I, H, W) to (N, O, H, W), half or twice H and W with `resample`; I = `inputs` and O = `outputs`."""
        h = F.silu(normed(self.norm_in, x), inplace=True)
        if self.resample == "enlarge":
            h = self.doubling(h, self.conv_in.weight, self.conv_in.bias)
        else:
            h = self.conv_in(self.resized(h))
        h = self.conv(F.silu(self.steered(h, given), inplace=True))
        x = self.resized(x)
        result: Tensor = h + (x if self.skip is None else mix_channels(x, self.skip.weight, self.skip.bias))
        return result

    def resized(self, x: Tensor) -> Tensor:
        """`x` (N, C, H, W) at half the size by the mean of 2 x 2 pixels, or each pixel to 2 x 2; else as it is."""
        if self.resample == "shrink":
            return F.avg_pool2d(x, 2)
        return F.interpolate(x, scale_factor=2, mode="nearest") if self.resample == "enlarge" else x

    def steered(self, h: Tensor, given: Embedding) -> Tensor:
        """The second norm of `h` (N, C, H, W), activation not yet."""
        gain, shift = steering(self.norm, (self.time, self.pose), given)
        return group_norm(h, self.norm.num_groups, gain, shift, EPSILON, reuse=True)

    def fold(self) -> None:
        """Doubling and convolution in one."""
        if self.resample == "enlarge":
            self.doubling.fold(self.conv_in.weight)


class Attention(nn.Module):
    """Every place looks at every other; the result is added to the input."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = _norm(channels)
        self.read = nn.Conv2d(channels, 3 * channels, 1)
        self.leave = _zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        count, channels, *size = x.shape
        read = self.read(normed(self.norm, x)).reshape(count, 3, self.heads, channels // self.heads, -1)
        query, key, value = read.transpose(3, 4).unbind(1)  # (N, heads, H W, C / heads)
        seen = F.scaled_dot_product_attention(query, key, value).transpose(2, 3)
        result: Tensor = x + self.leave(seen.reshape(count, channels, *size))
        return result


class Drawn(NamedTuple):
    """What is drawn, in the published order; pictures have 4 channels, alpha 1, the flow 2."""

    picture: Tensor
    alpha: Tensor
    warped: Tensor
    flow: Tensor
    direct: Tensor

    @property
    def rough(self) -> Tensor:
        """What the upscaler starts from (N, 4, 256, 256)."""
        return self.picture


def draw_results(picture: Tensor, results: Tensor) -> Drawn:
    """Warp `picture` (N, 4, S, S) by the flow in `results` (N, 7, S, S), and draw over it where alpha says so."""
    direct, flow, logit = torch.split(results.to(picture.dtype), list(RESULTS), dim=1)
    alpha, warped = torch.sigmoid(logit), warp(picture, flow)
    return Drawn(blend(alpha, direct, warped), alpha, warped, flow, direct)


def steering(norm: nn.GroupNorm, changes: tuple[nn.Linear, nn.Linear], given: Embedding) -> tuple[Tensor, Tensor]:
    """Gain and shift (N, C) of `norm`, changed by the time's, then the pose's own gain and shift."""
    gain, shift = norm.weight, norm.bias
    for linear, one in zip(changes, given, strict=True):
        scale, offset = linear(one).chunk(2, dim=1)
        gain, shift = gain * (1 + scale), shift * (1 + scale) + offset
    return gain, shift


def normed(norm: nn.GroupNorm, x: Tensor) -> Tensor:
    """`x` (N, C, H, W) through `norm`."""
    return group_norm(x, norm.num_groups, norm.weight, norm.bias, EPSILON)


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(min(GROUPS, channels), channels, eps=EPSILON)


def _zeroed(conv: nn.Conv2d) -> nn.Conv2d:
    """A convolution that gives nothing before training."""
    nn.init.zeros_(conv.weight)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv
