"""Convolutions whose numbers are split in two bytes each: three 8-bit convolutions instead of one of float32.

Processors with instructions for neural networks (VNNI, AMX) multiply bytes up to 30 times as fast as float32, and add
up without rounding. Sixteen bits for each number leave an error of 1e-4 of what comes out, 30 times less than bfloat16.

What would otherwise cost more than the convolutions, happens on the way. A convolution's parts are added up in the
pass that finds what the next norm must know, a `Feature`; that norm, the activation and the cutting into bytes
are one more pass, `cut`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vivant.nn.norm import moments, of_groups, scale
from vivant.nn.rows import Array, cores_for, rows_of, shares, together

STEPS = 256
"""Steps of the low byte within one of the high byte."""
HIGHEST = 127
MIDDLE = 128
"""The byte that means zero."""
SMALLEST = 1e-12
DIP = 0.2785
"""How far SiLU goes below zero."""


def split_convs_work() -> bool:
    """Whether this processor and this PyTorch can."""
    return hasattr(torch.ops.onednn, "qconv2d_pointwise") and torch.cpu._is_vnni_supported()


class Feature(NamedTuple):
    """One picture or volume whose channels lie together in memory, and what is known of each channel."""

    picture: Tensor
    """(1, C, H, W) or (1, C, D, H, W) float32"""
    mean: Array
    """(C,), like the others"""
    variance: Array
    least: Array
    most: Array


class Change(NamedTuple):
    """What is to be done with every number of a channel: a gain, a shift, and an activation."""

    scale: Array
    """(C,) float32"""
    offset: Array
    """(C,) float32"""
    leak: float | None = 1.0
    """The slope of leaky ReLU, 1 for no activation; None: SiLU."""


class Pieces(NamedTuple):
    """A picture x = step (256 h + l), h and l in -128..127; its bytes are 128 more."""

    step: float
    high: Tensor
    """(1, C, H, W): h"""
    both: Tensor
    """(1, 2 C, H, W): l, then h"""


class SplitConv:
    """A convolution for inference.

    x = s (256 h + l) and w = t (256 g + k), all of h, l, g, k in -128..127, give
    x w = s t (65536 h g + 256 (l g + h k)); what is left out, l k, is no more than the rounding of the bytes.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 1) -> None:
        """Of `weight` (O, I, K, K), or (O, I, K, K, K) for volumes, and `bias` (O,)."""
        self.step = weight.abs().flatten(1).amax(1).clamp(min=SMALLEST) / (HIGHEST * STEPS)
        steps = (weight / self.step.reshape(-1, *[1] * (weight.dim() - 1))).round()
        high = (steps / STEPS).round()
        low = (steps - STEPS * high).clamp(-MIDDLE, HIGHEST)
        self.bias = bias
        sides = weight.dim() - 2
        self.convolution = torch.ops.onednn.qconv2d_pointwise if sides == 2 else torch.ops.onednn.qconv_pointwise
        self.layout = ([stride] * sides, [padding] * sides, [1] * sides, 1)
        self.zero = torch.zeros(len(weight), dtype=torch.int32)
        self.weights = {"high": high.to(torch.int8), "both": torch.cat((high, low), 1).to(torch.int8)}
        self.packed: dict[str, Tensor] = {}

    def __call__(self, x: Pieces, more: Tensor | None = None, leak: float | None = None) -> Feature:
        """(1, I, H, W) to (1, O, H', W'), plus `more`, then leaky ReLU of slope `leak` if that is given."""
        main, small = self.parts(x)
        return join(main, small, more, leak)

    def parts(self, x: Pieces) -> tuple[Tensor, Tensor]:
        """Nearly all of the result (1, O, ...) in float32, and the rest, 256 times smaller, in bfloat16."""
        main = self._convolve(x.high, STEPS**2 * x.step, self._packed("high", x.high), self.bias, torch.float32)
        return main, self._convolve(x.both, STEPS * x.step, self._packed("both", x.both), None, torch.bfloat16)

    def _convolve(self, x: Tensor, step: float, packed: Tensor, bias: Tensor | None, to: torch.dtype) -> Tensor:
        """(1, O, ...) of the bytes `x` (1, C, ...)."""
        given = (x, step, MIDDLE, packed, self.step, self.zero, bias)
        result: Tensor = self.convolution(*given, *self.layout, 1.0, 0, to, "none", [], "")
        return result

    def _packed(self, part: str, x: Tensor) -> Tensor:
        """Weights (O, C, ...) in the order that suits the size of `x`, the first; others of any size work too."""
        if part not in self.packed:
            pack = torch.ops.onednn.qconv_prepack
            self.packed[part] = pack(self.weights.pop(part), self.step, 1.0, MIDDLE, *self.layout, list(x.shape))
        return self.packed[part]


class SplitDeconv:
    """A transposed convolution of kernel 4, stride 2 and padding 1 in the same way.

    Each pixel of the result sees 2 x 2 of the input; its four kinds are four times the channels of one convolution.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        """Of `weight` (I, O, 4, 4) and `bias` (O,)."""
        taps = ([3, 1], [2, 0])
        kinds = [weight[:, :, rows][:, :, :, columns] for rows in taps for columns in taps]
        stacked = torch.stack(kinds).permute(0, 2, 1, 3, 4).flatten(0, 1)
        self.conv = SplitConv(stacked, None if bias is None else bias.repeat(4))

    def __call__(self, x: Pieces, more: Tensor | None = None) -> Feature:
        """(1, I, H, W) to (1, O, 2 H, 2 W), plus `more`."""
        return join(_woven(*self.conv.parts(x)), None, more)


def measured(picture: Tensor) -> Feature:
    """A `picture` (1, C, H, W) that comes from elsewhere."""
    together = torch.channels_last if picture.dim() == 4 else torch.channels_last_3d
    return join(picture.contiguous(memory_format=together), None)


def join(main: Tensor, small: Tensor | None, more: Tensor | None = None, leak: float | None = None) -> Feature:
    """`main` plus `small` plus `more`, all (1, C, H, W), channels together; the result lies where `main` was.

    Leaky ReLU of slope `leak` follows if that is given.
    """
    from vivant.nn import split_kernels as kernels

    rows = rows_of(main)
    cores, channels = cores_for(rows), rows.shape[1]
    about, sums = rows[0].copy(), np.zeros((cores, 2, channels))
    ends = np.empty((cores, 2, channels), np.float32)
    ends[:, 0], ends[:, 1] = np.inf, -np.inf
    parts = [_shares_of(part, cores) for part in (main, small, more)]
    slope = None if leak is None else np.float32(leak)
    together(
        partial(kernels.join, *part, slope, about, *found)
        for *part, found in zip(*parts, zip(sums, ends, strict=True), strict=True)
    )
    mean, variance = moments(sums.sum(0), about, len(rows))
    return Feature(main, mean, variance, ends[:, 0].min(0), ends[:, 1].max(0))


def normed(
    features: Sequence[Feature], groups: int, gain: Array, shift: Array, epsilon: float, leak: float | None
) -> Change:
    """The norm over each of `groups` of the channels of all `features`, then gain, shift (C,) and activation."""
    mean, variance = (np.concatenate([feature[part] for feature in features]) for part in (1, 2))
    mean, variance = of_groups(mean, variance, groups)
    scale = gain / np.sqrt(variance + epsilon)
    return Change(scale.astype(np.float32), (shift - mean * scale).astype(np.float32), leak)


def changed(feature: Feature, change: Change, *, reuse: bool = False) -> Tensor:
    """The picture (1, C, ...) of `feature` after `change`, float32; with `reuse` it lies where the feature was."""
    picture = feature.picture if reuse else torch.empty_like(feature.picture)
    scale(feature.picture, change.scale, change.offset, 1 if change.leak is None else change.leak, picture)
    return F.silu(picture, inplace=True) if change.leak is None else picture


def cut(
    features: Sequence[Feature], change: Change | None = None, gains: Sequence[Array | None] | None = None
) -> Pieces:
    """The channels of all `features` after `change`, in bytes.

    A feature that has `gains` (P,), in 0..1, for its places is multiplied by them.
    """
    from vivant.nn import split_kernels as kernels

    channels = sum(feature.picture.shape[1] for feature in features)
    scale, offset, leak = change or Change(np.ones(channels, np.float32), np.zeros(channels, np.float32))
    step = _largest(features, Change(scale, offset, leak)) / (HIGHEST * STEPS)
    like = features[0].picture
    pieces = Pieces(step, *(_empty(like, count * channels, torch.uint8) for count in (1, 2)))
    high, both = map(rows_of, pieces[1:])
    given, place = (None if leak is None else np.float32(leak), np.float32(1 / step)), 0
    for feature, gain in zip(features, gains or [None] * len(features), strict=True):
        rows, end = rows_of(feature.picture), place + feature.picture.shape[1]
        cores = cores_for(rows)
        by_core = [None] * cores if gain is None else shares(gain, cores)
        tasks = zip(*(shares(some, cores) for some in (rows, high, both)), by_core, strict=True)
        part = (scale[place:end], offset[place:end], *given, place)
        together(partial(kernels.cut, some, gained, *part, *to) for some, *to, gained in tasks)
        place = end
    return pieces


def _largest(features: Sequence[Feature], change: Change) -> float:
    """What the largest number of `features` can be after `change`; activations keep the order of numbers."""
    ends = np.array([np.concatenate([feature[part] for feature in features]) for part in (3, 4)])
    ends = ends * change.scale + change.offset
    if change.leak is None:
        return max(float(ends.max()), DIP)
    return max(float(np.abs(np.maximum(ends, change.leak * ends)).max()), SMALLEST)


def _shares_of(picture: Tensor | None, cores: int) -> Sequence[Array | None]:
    """The rows (P, C) of `picture` by cores."""
    return [None] * cores if picture is None else shares(rows_of(picture), cores)


def _woven(main: Tensor, small: Tensor) -> Tensor:
    """Four kinds of pixels (1, 4 C, H + 1, W + 1), put in their places: (1, C, 2 H, 2 W)."""
    from vivant.nn import split_kernels as kernels

    _, channels, height, width = main.shape
    size = (height - 1, 2, width - 1, 2, channels // 4)
    picture = torch.empty(1, size[4], 2 * size[0], 2 * size[2], memory_format=torch.channels_last)
    out = rows_of(picture).reshape(size)
    given = [rows_of(part).reshape(height, width, 4, -1) for part in (main, small)]
    bounds = np.linspace(0, size[0], cores_for(out.reshape(-1, size[4])) + 1).astype(int)
    together(partial(kernels.weave, *given, out, first, last) for first, last in pairwise(bounds))
    return picture


def _empty(like: Tensor, channels: int, dtype: torch.dtype) -> Tensor:
    """Room (1, C, ...) of the size of `like`; PyTorch's begins where a cache line does, which tiles need."""
    size = (1, channels, *like.shape[2:])
    together = torch.channels_last if like.dim() == 4 else torch.channels_last_3d
    return torch.empty(size, dtype=dtype, memory_format=together)
