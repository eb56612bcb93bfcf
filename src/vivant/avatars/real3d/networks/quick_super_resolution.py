"""Head, torso and background joined, for inference: `super_resolution.HeadTorsoSuperResolution`, but for rounding.

Styles, batch norm, spectral norm and the filters between resolutions are folded into the convolutions; a 1 x 1
convolution before a blend and a convolution becomes part of the latter; what only the picture decides is kept.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.real3d.networks.quick_layers import (
    Arithmetic,
    Doubling,
    Image,
    Seen,
    arithmetic,
    bias_of,
    kept,
    picture,
    projected,
    smooth_doubling,
    weight_of,
)
from vivant.avatars.real3d.networks.quick_torso import QuickGenerator, QuickMotion
from vivant.avatars.real3d.networks.style_layers import SLOPE, SynthesisBlock
from vivant.avatars.real3d.networks.super_resolution import (
    KEYPOINTS,
    LEAK,
    THRESHOLD,
    HeadTorsoSuperResolution,
    Joined,
    seen_still,
)

REACH = 2
"""Rows beyond a band that its result depends on."""


class QuickStill(NamedTuple):
    """What depends on the picture only; S is the side of the features, 128."""

    volume: Tensor
    """(1, C, D, S / 2, S / 2): the torso's features where there is torso"""
    compressed: Tensor
    """(1, 4, D, S / 2, S / 2): what is carried along the flows"""
    background: Tensor
    """(1, 3, 2 S, 2 S)"""
    behind: Image
    """(1, hidden, 2 S, 2 S): the background's part of the last fusion"""


class QuickBlock:
    """A `SynthesisBlock`; its colours are given without their bias and what comes in."""

    bands = 1
    """Of rows, that are drawn one after another where only the colours are wanted, to bound memory."""

    def __init__(self, how: Arithmetic, block: SynthesisBlock) -> None:
        weight, bias = block.first.folded_kernel()
        self.first = (
            Doubling(how, smooth_doubling(weight), bias, SLOPE) if block.first.up else how.conv(weight, bias, SLOPE)
        )
        self.second = how.conv(*block.second.folded_kernel(), SLOPE)
        weight, bias = block.to_rgb.folded_kernel()
        self.colours, self.bias = weight[:, :, 0, 0].detach().contiguous(), bias.detach()[:, None, None]

    def __call__(self, x: Image, rgb: Tensor) -> tuple[Image, Tensor]:
        """Feature (1, I, H, W) and colours (1, 3, H', W') of the result's size to (1, O, H', W') and new colours."""
        x = self.second([Seen(self.first([Seen(x)]))])
        return x, rgb + self.bias + projected(x, self.colours)

    def coloured(self, x: Image, rgb: Tensor) -> Tensor:
        """The new colours (1, 3, H', W') alone, of a feature (1, I, H, W) and colours as in a call; see `bands`."""
        if self.bands == 1:
            return self(x, rgb)[1]
        rows = picture(x).shape[2]
        edges = sorted({round(band * rows / self.bands) for band in range(self.bands + 1)})
        result, scale = torch.empty_like(rgb), rgb.shape[2] // rows
        for top, bottom in pairwise(edges):
            first, last = max(top - REACH, 0), min(bottom + REACH, rows)
            band = slice(scale * first, scale * last)
            found = self(kept(x, partial(_rows, first=first, last=last)), rgb[:, :, band])[1]
            result[:, :, scale * top : scale * bottom] = found[:, :, scale * (top - first) : scale * (bottom - first)]
        return result


class QuickSuperResolution(nn.Module):
    """Made from a network that learns no more, on the device where it is."""

    @torch.no_grad()
    def __init__(self, network: HeadTorsoSuperResolution, how: Arithmetic) -> None:
        super().__init__()
        self.how, self.channels = how, network.channels
        # The others are not kept: what is made of them is.
        self.appearance, self.see_background = network.appearance, network.see_background
        self.compress = network.motion.compress
        self.low, self.body, self.high = (QuickBlock(how, block) for block in (network.low, network.body, network.high))
        self.motion, self.generator = QuickMotion(how, network.motion), QuickGenerator(how, network.generator)
        first, middle, last = (cast(nn.Conv2d, network.occupancy[place]) for place in (0, 2, 4))
        self.occupancy = [
            how.conv(with_ones_unseen(weight_of(first)), bias_of(first), 0.0),
            how.conv(weight_of(middle), bias_of(middle), 0.0),
            how.conv(weight_of(last), bias_of(last)),
        ]
        enter, _, leave = cast(list[nn.Conv2d], list(network.join_torso))
        self.join_torso = [
            how.conv(seeing_through(weight_of(enter), network.see_torso), bias_of(enter), LEAK),
            how.conv(weight_of(leave), bias_of(leave)),
        ]
        enter, _, middle, _, leave = cast(list[nn.Conv2d], list(network.join_background))
        width, seen = network.see_torso.out_channels, weight_of(enter)
        self.behind = seen[:, width:].detach()
        identity = torch.eye(len(seen), device=seen.device)[:, :, None, None]
        self.join_background = [
            how.conv(torch.cat((seen[:, :width], identity), dim=1), bias_of(enter), LEAK),
            how.conv(weight_of(middle), bias_of(middle), LEAK),
            how.conv(weight_of(leave), bias_of(leave)),
        ]

    @torch.no_grad()
    def still(self, torso: Tensor, background: Tensor, classes: Tensor) -> QuickStill:
        """What can be kept of one picture (1, 3, H, W), as for `HeadTorsoSuperResolution.still`."""
        still = seen_still(self.appearance, self.see_background, (torso, background, classes))
        compressed = self.compress(still.torso)
        volume = still.torso[:, : self.channels]
        behind = self.how.image(F.conv2d(still.behind, self.behind))
        volume, compressed = (part.contiguous(memory_format=torch.channels_last_3d) for part in (volume, compressed))
        return QuickStill(volume, compressed, still.background, behind)

    @torch.no_grad()
    def forward(
        self,
        features: Tensor,
        rgb: Tensor,
        weights: Tensor,
        still: QuickStill,
        source: Tensor,
        target: Tensor,
        threshold: float = THRESHOLD,
    ) -> Joined:
        """Frames (N, 3, 4 S, 4 S) of one picture, as `HeadTorsoSuperResolution.forward` draws them.

        `features` are (N, C, S, S), `rgb` (N, 3, S, S) and `weights` (N, 1, S, S).
        """
        # Not by a list of places, which a graphics card would have to be handed in each frame.
        ends = (torch.stack([points[:, place] for place in KEYPOINTS], 1) for points in (source, target))
        source, target = (points.expand(len(rgb), -1, -1) for points in ends)
        given = (features, rgb, weights, source, target)
        frames = zip(*(torch.split(part, 1) for part in given), strict=True)
        joined = [self._frame(still, threshold, *frame) for frame in frames]
        return Joined(*(torch.cat(parts) for parts in zip(*joined, strict=True)))

    def _frame(self, still: QuickStill, threshold: float, *given: Tensor) -> Joined:
        """One frame (1, 3, 4 S, 4 S) of features, colours, weights and two sets of key points."""
        features, rgb, weights, source, target = given
        large, head = (F.interpolate(part, scale_factor=2, mode="bilinear") for part in (rgb, weights))
        places, occlusion = self.motion(still.compressed, source, target, large, head)
        torso, torso_rgb = self.generator(still.volume, places)
        person = (self.occupied(torso, occlusion) + torch.where(head > threshold, 1.0, head)).clamp(0, 1)
        x, rgb = self.low(self.how.image(features), doubled(rgb))
        rgb = torch.lerp(torso_rgb, rgb, head)
        x = self.join_torso[0]([Seen(x, head), Seen(torso, 1 - head)])
        x, rgb = self.body(self.join_torso[1]([Seen(x)]), rgb)
        rgb = torch.lerp(still.background, rgb, person)
        x = self.join_background[0]([Seen(x, person), Seen(still.behind, 1 - person)])
        for conv in self.join_background[1:]:
            x = conv([Seen(x)])
        return Joined(self.high.coloured(x, doubled(rgb)), person)

    def occupied(self, torso: Image, occlusion: Tensor) -> Tensor:
        """The torso's occupancy (1, 1, 2 S, 2 S).

        `torso` is (1, C, 2 S, 2 S), `occlusion` (1, 1, H, W) with H = W = S / 2.
        """
        occlusion = F.interpolate(occlusion, size=picture(torso).shape[2:], mode="bilinear")
        x = self.occupancy[0]([Seen(torso), Seen(self.how.image(occlusion))])
        for conv in self.occupancy[1:]:
            x = conv([Seen(x)])
        return picture(x).float().sigmoid()


def quickened(network: HeadTorsoSuperResolution, *, fast: bool = False) -> QuickSuperResolution:
    """The quickest form of `network` that is exact to 1e-3 on its processor, or with `fast` one in bfloat16."""
    return QuickSuperResolution(network, arithmetic(fast=fast, device=network.see_torso.weight.device))


def _rows(x: Tensor, first: int, last: int) -> Tensor:
    return x[:, :, first:last]


def doubled(rgb: Tensor) -> Tensor:
    """`style_layers.doubled` of (N, 3, H, W): the bilinear one, but that black (0) lies beyond the border."""
    return F.interpolate(F.pad(rgb, (1,) * 4), scale_factor=2, mode="bilinear")[:, :, 2:-2, 2:-2]


def with_ones_unseen(weight: Tensor) -> Tensor:
    """`weight` (O, I, K, K) of features and a plane, as (O, I + 1, K, K) with a channel of ones between them."""
    return torch.cat((weight[:, :-1], torch.zeros_like(weight[:, :1]), weight[:, -1:]), dim=1)


def seeing_through(weight: Tensor, before: nn.Conv2d) -> Tensor:
    """`weight` (O, C + W, K, K), where W channels come from a 1 x 1 convolution (W, V, 1, 1), as (O, C + V + 1, K, K).

    Now it sees the V channels that go into that convolution, and for its bias a channel of ones.
    """
    near, far = weight[:, : -before.out_channels], weight[:, -before.out_channels :]
    assert before.bias is not None
    through = torch.einsum("omyx,mi->oiyx", far, before.weight[:, :, 0, 0])
    bias = torch.einsum("omyx,m->oyx", far, before.bias)[:, None]
    return torch.cat((near, through, bias), dim=1)
