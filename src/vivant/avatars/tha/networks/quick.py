"""The networks' bodies made quick for one picture at a time on a CPU; several are drawn one by one.

Convolutions are in 16-bit numbers (`vivant.nn.split_conv`), separable ones in one pass over the memory, in float32
(`vivant.nn.separable_conv`). They take the place of the bodies that they are made from, and need nothing more of those
than small parts. A norm and its activation wait until the next convolution reads the feature.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from vivant.avatars.tha.networks.blocks import (
    EPSILON,
    Body,
    ConvBlock,
    DeconvBlock,
    InstanceNorm,
    ResidualBlock,
    TurningBody,
    UpBlock,
    planes,
)
from vivant.avatars.tha.networks.unet import GROUPS, Block, DownLevel, Embedding, UNet, UpLevel, steering
from vivant.avatars.tha.networks.upscaler import Upscaler
from vivant.nn.rooms import Rooms
from vivant.nn.rows import Array
from vivant.nn.separable_conv import KERNELS, NARROWEST, SeparableConv
from vivant.nn.split_conv import (
    Change,
    Feature,
    Pieces,
    SplitConv,
    SplitDeconv,
    changed,
    cut,
    cut_means,
    measured,
    normed,
    split_convs_work,
)
from vivant.nn.threads import cores_to_ourselves


def quicken(network: nn.Module, *, exact: bool = False) -> None:
    """Give the folded `network` a quick body where there is one; it can then learn no more.

    `exact`: only one that calculates in float32, which separable networks have.
    """
    bodies = {Body: QuickBody, TurningBody: QuickTurningBody, UNet: QuickUNet}
    separable = isinstance(network.body, Body | TurningBody) and network.body.enter.depthwise is not None
    if separable or (not exact and split_convs_work()):
        network.body = bodies[type(network.body)](network.body)
        if isinstance(network, Upscaler):
            network.rough = QuickLayer(network.rough)  # type: ignore[assignment]


class Pending:
    """A feature with a norm and an activation to come; ask for its pieces before its picture, if for both."""

    def __init__(self, feature: Feature, change: Change | None = None) -> None:
        self.feature, self.change = feature, change

    @cached_property
    def pieces(self) -> Pieces:
        """For the next convolution."""
        return cut([self.feature], self.change)

    @cached_property
    def picture(self) -> Tensor:
        """(1, C, H, W) float32, where the feature was."""
        return self.feature.picture if self.change is None else changed(self.feature, self.change, reuse=True)


Layer = Callable[[Pending, Tensor | None], Feature]
"""A convolution of what is pending, plus another picture."""


class QuickConv:
    """A `ConvBlock` or `DeconvBlock`."""

    def __init__(self, block: ConvBlock | DeconvBlock) -> None:
        self.norm = block.norm
        self.conv = convolution(block) if isinstance(block, ConvBlock) else doubling(block.depthwise, block.conv.weight)

    def __call__(self, x: Pending) -> Pending:
        """From one block to the next."""
        return instance_normed(self.conv(x, None), self.norm)


class QuickUp:
    """An `UpBlock`."""

    def __init__(self, up: UpBlock) -> None:
        block, kernel = up.block, up.doubling.folded
        self.norm, weight = block.norm, block.conv.weight
        skips = slice(up.inputs, None)
        self.skip: Layer | None = None
        if block.depthwise is None:
            self.conv = split(SplitDeconv(kernel))
            if weight.shape[1] > up.inputs:
                self.skip = split(SplitConv(weight[:, skips]))
        else:
            self.conv = apart(SeparableConv(kernel.transpose(0, 1), weight[:, : up.inputs], "double"))
            if weight.shape[1] > up.inputs:
                self.skip = apart(SeparableConv(block.depthwise.weight[skips], weight[:, skips], "same"))

    def __call__(self, x: Pending, skip: Pending | None) -> Pending:
        """`skip` has twice the size of `x`."""
        more = None if self.skip is None or skip is None else self.skip(skip, None).picture
        return instance_normed(self.conv(x, more), self.norm)


class QuickResidual:
    """A `ResidualBlock`."""

    def __init__(self, block: ResidualBlock) -> None:
        self.first, self.second = QuickConv(block.first), QuickConv(block.second)

    def __call__(self, x: Pending) -> Pending:
        """From one block to the next."""
        x = Pending(measured(x.picture)) if x.change else x
        return Pending(measured(x.picture + self.second(self.first(x)).picture))


class QuickBody(nn.Module):
    """A `Body`."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.rooms = Rooms()
        self.join, self.deepest = body.join, body.deepest
        self.down = [QuickConv(block) for block in (body.enter, *each(body.down))]
        self.steps: list[Callable[[Pending], Pending]] = [
            *map(QuickResidual, each(body.blocks)),
            *map(QuickConv, each(body.up)),
        ]

    def encode(self, picture: Tensor) -> Tensor:
        """What comes from the picture (N, I, S, S), I = `inputs`, alone: (N, 512, S / 8, S / 8), for `decode`."""
        return one_by_one(self.rooms, self._encode, picture)

    def decode(self, encoded: Tensor, pose: Tensor) -> Tensor:
        """The feature (N, 64, S, S) of a picture's code for `pose` (N, pose)."""
        return one_by_one(self.rooms, self._decode, encoded, pose)

    def _encode(self, picture: Tensor) -> Tensor:
        """What the picture (1, C, H, W) alone gives to the first of the deep layers (1, D, H / 8, W / 8)."""
        x = Pending(measured(picture))
        for block in self.down:
            x = block(x)
        return self.join.mix(x.picture, slice(0, self.deepest))

    def _decode(self, encoded: Tensor, pose: Tensor) -> Tensor:
        """Features (1, C, H, W) of a picture's code and a `pose` (1, P)."""
        steered = encoded + self.join.mix(planes(pose, encoded), slice(self.deepest, None))
        x = instance_normed(measured(steered), self.join.norm)
        for step in self.steps:
            x = step(x)
        return x.picture


class QuickTurningBody(nn.Module):
    """A `TurningBody`."""

    def __init__(self, body: TurningBody) -> None:
        super().__init__()
        self.rooms = Rooms()
        self.skips = body.skips
        self.enter = QuickConv(body.enter)
        self.down = [QuickConv(block) for block in each(body.down)]
        self.blocks = [QuickResidual(block) for block in each(body.blocks)]
        self.up = [QuickUp(block) for block in each(body.up)]

    def forward(self, picture: Tensor) -> Tensor:
        """The feature (N, C, S, S), C = `start`, of `picture` (N, I, S, S), I = `inputs`."""
        return one_by_one(self.rooms, self._draw, picture)

    def _draw(self, picture: Tensor) -> Tensor:
        """Features (1, C, H, W) of what the body sees (1, I, H, W)."""
        x = self.enter(Pending(measured(picture)))
        passed: list[Pending | None] = []
        for block in self.down:
            passed.append(x if self.skips else None)
            x = block(x)
        for residual in self.blocks:
            x = residual(x)
        for up in self.up:
            x = up(x, passed.pop())
        return x.picture


class QuickUNet(nn.Module):
    """A `UNet`."""

    def __init__(self, unet: UNet) -> None:
        super().__init__()
        self.rooms = Rooms()
        self.embed, self.enter = unet.embed, SplitConv(unet.enter.weight, unet.enter.bias)
        self.down = [QuickDown(level) for level in each(unet.down)]
        self.middle = [QuickBlock(block) for block in each(unet.middle)]
        self.between = [*unet.between, nn.Identity()]
        self.up = [QuickLevel(level) for level in each(unet.up)]
        self.norm, self.leave = unet.norm, SplitConv(unet.leave.weight, unet.leave.bias)

    def forward(self, picture: Tensor, pose: Tensor, rough: Tensor | None = None) -> Tensor:
        """`picture` (N, 4, S, S) and `pose` (N, 6) to (N, 7, S, S); `rough` is added to the first feature."""
        return one_by_one(self.rooms, self._draw, picture, pose, *([] if rough is None else [rough]))

    def _draw(self, picture: Tensor, pose: Tensor, rough: Tensor | None = None) -> Tensor:
        """(1, I, H, W) and a `pose` (1, P) to what the results are made of (1, O, H, W)."""
        given = self.embed(pose)
        skips = [self.enter(cut([measured(picture)]), rough)]
        for level in self.down:
            skips += level(skips[-1], given)
        x = skips[-1]
        for block, attention in zip(self.middle, self.between, strict=True):
            x = attended(attention, block([x], given))
        for up in self.up:
            x = up(x, (skips.pop(), skips.pop()), given)
        return self.leave(cut([x], group_normed([x], self.norm.weight, self.norm.bias))).picture


class QuickLayer(nn.Module):
    """A convolution of kernel 3 by itself."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.rooms, self.conv = Rooms(), SplitConv(conv.weight, conv.bias)

    def forward(self, picture: Tensor) -> Tensor:
        """(N, I, H, W) to (N, O, H, W)."""
        return one_by_one(self.rooms, self._draw, picture)

    def _draw(self, picture: Tensor) -> Tensor:
        """The same for one picture."""
        return self.conv(cut([measured(picture)])).picture


class QuickDown:
    """A `DownLevel`."""

    def __init__(self, level: DownLevel) -> None:
        self.block, self.attention = QuickBlock(level.block), level.attention
        self.shrink = None if level.shrink is None else QuickBlock(level.shrink)

    def __call__(self, x: Feature, given: Embedding) -> list[Feature]:
        """Each feature that the way up will see again."""
        x = attended(self.attention, self.block([x], given))
        return [x] if self.shrink is None else [x, self.shrink([x], given)]


class QuickLevel:
    """An `UpLevel`."""

    def __init__(self, level: UpLevel) -> None:
        self.blocks = [QuickBlock(block) for block in each(level.blocks)]
        self.attentions = level.attentions or [None] * len(self.blocks)
        self.enlarge = None if level.enlarge is None else QuickBlock(level.enlarge)

    def __call__(self, x: Feature, skips: tuple[Feature, Feature], given: Embedding) -> Feature:
        """`x` and `skips` are of one size."""
        for block, attention, skip in zip(self.blocks, self.attentions, skips, strict=True):
            x = attended(attention, block([x, skip], given))
        return x if self.enlarge is None else self.enlarge([x], given)


class QuickBlock:
    """A `Block` of the U-Net."""

    def __init__(self, block: Block) -> None:
        self.resample, self.resized = block.resample, block.resized
        self.norm_in, self.norm = block.norm_in, block.norm
        self.steers = block.time, block.pose
        if block.resample == "enlarge":
            self.conv_in: SplitConv | SplitDeconv = SplitDeconv(block.doubling.folded, block.conv_in.bias)
        else:
            self.conv_in = SplitConv(block.conv_in.weight, block.conv_in.bias)
        self.conv = SplitConv(block.conv.weight, block.conv.bias)
        self.skip = None if block.skip is None else SplitConv(block.skip.weight, block.skip.bias, padding=0)

    def __call__(self, features: Sequence[Feature], given: Embedding) -> Feature:
        """From the channels of all `features`."""
        change = group_normed(features, self.norm_in.weight, self.norm_in.bias)
        h = self.conv_in(cut_means(features[0], change) if self.resample == "shrink" else cut(features, change))
        pieces = cut([h], group_normed([h], *steering(self.norm, self.steers, given)))
        if self.skip is None:
            return self.conv(pieces, partial(self.resized_rows, features[0].picture))
        return self.conv(pieces, self.skip.later(cut(features, margin=self.skip.margin)))

    def resized_rows(self, picture: Tensor, first: int, last: int) -> Tensor:
        """Rows `first` to before `last`, (1, C, last - first, W), of `picture` (1, C, h, w) resized to (1, C, H, W)."""
        if self.resample == "shrink":
            first, last = 2 * first, 2 * last
        elif self.resample == "enlarge":
            first, last = first // 2, last // 2
        return self.resized(picture[:, :, first:last])


def one_by_one(rooms: Rooms, draw: Callable[..., Tensor], *given: Tensor) -> Tensor:
    """What `draw` makes in `rooms` of each of N pictures (N, ...)."""
    with rooms.used(), cores_to_ourselves():
        if len(given[0]) == 1:
            return draw(*given)
        each = zip(*(torch.split(part, 1) for part in given), strict=True)
        return torch.cat([draw(*parts) for parts in each])


def convolution(block: ConvBlock) -> Layer:
    """The convolution of `block`, however it is calculated best."""
    weight = block.conv.weight
    if block.depthwise is None:
        return split(SplitConv(weight, stride=block.stride, padding=block.padding))
    kernel = block.depthwise.weight
    if len(kernel) >= NARROWEST and kernel.shape[2] == KERNELS["halve" if block.stride == 2 else "same"]:
        return apart(SeparableConv(kernel, weight, "halve" if block.stride == 2 else "same"))
    return lambda x, more: measured(block.mix(x.picture))


def doubling(depthwise: nn.Conv2d | None, weight: Tensor) -> Layer:
    """A transposed convolution of kernel 4, with a `weight` (I, O, 4, 4), or (O, I, 1, 1) of a separable one."""
    return split(SplitDeconv(weight)) if depthwise is None else apart(SeparableConv(depthwise.weight, weight, "double"))


def split(conv: SplitConv | SplitDeconv) -> Layer:
    """`conv` of bytes."""
    return lambda x, more: conv(x.pieces, more)


def apart(conv: SeparableConv) -> Layer:
    """`conv` of the feature and what is to come of it."""
    return lambda x, more: conv(x.feature, x.change, more)


def each(modules: nn.ModuleList) -> list[Any]:
    """What `modules` holds, of whatever type."""
    return list(modules)


def instance_normed(feature: Feature, norm: InstanceNorm) -> Pending:
    """`norm` is to come."""
    gain, shift = numbers(norm.weight), numbers(norm.bias)
    return Pending(feature, normed([feature], len(gain), gain, shift, EPSILON, norm.leak))


def group_normed(features: Sequence[Feature], gain: Tensor, shift: Tensor) -> Change:
    """The U-Net's norm of the channels of all `features`, of `gain` and `shift` (C,) or (1, C), then SiLU."""
    return normed(features, GROUPS, numbers(gain), numbers(shift), EPSILON, None)


def attended(attention: nn.Module | None, feature: Feature) -> Feature:
    """`feature` after `attention`, which works in float32."""
    return feature if attention is None else measured(attention(feature.picture))


def numbers(parameter: Tensor) -> Array:
    """A parameter (C,) or (1, C) as it is in the memory."""
    values: Array = parameter.detach().reshape(-1).numpy()
    return values
