"""Convolutions whose numbers are split in two bytes each: three 8-bit convolutions instead of one of float32.

Processors with instructions for neural networks (VNNI, AMX) multiply bytes up to 30 times as fast as float32, and add
up without rounding. Sixteen bits for each number leave an error of 1e-4 of what comes out, 30 times less than bfloat16.

What would otherwise cost more than the convolutions, happens on the way. A convolution's parts are added up, band by
band while they are in the cache, in the pass that finds what the next norm must know, a `Feature`; that norm, the
activation and the cutting into bytes are one more pass, `cut`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from math import prod
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vivant.nn.norm import moments, of_groups, scale
from vivant.nn.rooms import room
from vivant.nn.rows import Array, cores_for, one_core_each, rows_of, together

STEPS = 256
"""Steps of the low byte within one of the high byte."""
HIGHEST = 127
MIDDLE = 128
"""The byte that means zero."""
SMALLEST = 1e-12
DIP = 0.2785
"""How far SiLU goes below zero."""
BAND = 2**19
"""Numbers of a result that are made at once; many more would leave the cache before they are added up."""

More = Tensor | Callable[[int, int], Tensor]
"""What is added to a result (1, C, H, W), or a function that gives it from one row to before another."""


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
    """A picture x = step (256 h + l), h and l in -128..127; its bytes are 128 more.

    Above and below, left and right of it there are `margin` more that stand for zero: convolutions that pad nothing are
    up to twice as fast, and need no copies of bands. Volumes have margins along depth and width.
    """

    step: float
    margin: int
    high: Tensor
    """(1, C, H + 2 margin, W + 2 margin): h"""
    both: Tensor
    """(1, 2 C, H + 2 margin, W + 2 margin): l, then h"""

    @property
    def sides(self) -> list[int]:
        """(H, W), or (D, H, W) of a volume."""
        first, *middle, last = self.high.shape[2:]
        return [first - 2 * self.margin, *middle, last - 2 * self.margin]


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
        self.kernel, self.stride, self.padding = weight.shape[2], stride, padding
        self.margin = min(padding, 1)
        """Of the pieces that it takes."""
        beyond = [0] + [padding] * (sides - 2) + [padding - self.margin]
        self.layout = ([stride] * sides, beyond, [1] * sides, 1)
        self.zero = torch.zeros(len(weight), dtype=torch.int32)
        self.weights = {"high": high.to(torch.int8), "both": torch.cat((high, low), 1).to(torch.int8)}
        self.packed: dict[str, Tensor] = {}

    def __call__(self, x: Pieces, more: More | None = None, leak: float | None = None) -> Feature:
        """(1, I, H, W) to (1, O, H', W'), plus `more`, then leaky ReLU of slope `leak` if that is given."""
        return _by_bands(partial(self._band, x), len(self.step), self._prepared(x), more, leak)

    def later(self, x: Pieces) -> More:
        """(1, O, H', W') of `x`, to be added to another result of that size."""
        self._prepared(x)
        return partial(self._rows, x)

    def _prepared(self, x: Pieces) -> list[int]:
        """(H', W') of the result; the weights are packed for its bands."""
        sides = [(side + 2 * self.padding - self.kernel) // self.stride + 1 for side in x.sides]
        self.pack(x, _bounds(len(self.step), sides)[0][1])
        return sides

    def _band(self, x: Pieces, first: int, last: int, _: Array) -> tuple[Array, Array]:
        main, small = self.parts(x, first, last)
        return rows_of(main), rows_of(small)

    def parts(self, x: Pieces, first: int, last: int) -> tuple[Tensor, Tensor]:
        """Of the result (1, O, ...) from row `first` to before `last` nearly all, float32, and the rest, bfloat16.

        The rest is 256 times smaller.
        """
        high, both = self._lines(x, first, last)
        main = self._convolve("high", high, STEPS**2 * x.step, self.bias, torch.float32)
        return main, self._convolve("both", both, STEPS * x.step, None, torch.bfloat16)

    def pack(self, x: Pieces, rows: int) -> None:
        """Put the weights (O, C, ...) in the order that suits bands of so many rows of the result, if they aren't yet.

        Bands of any size then work. It is not for the threads that calculate: what lasts, in the memory of a thread,
        keeps it from using the rest again.
        """
        pack = torch.ops.onednn.qconv_prepack
        for part, lines in zip(("high", "both"), self._lines(x, 0, rows), strict=True):
            if part in self.weights:
                given = self.step, 1.0, MIDDLE, *self.layout, list(lines.shape)
                self.packed[part] = pack(self.weights.pop(part), *given)

    def _lines(self, x: Pieces, first: int, last: int) -> list[Tensor]:
        """What the rows `first` to before `last` of the result see."""
        top = x.margin + first * self.stride - self.padding
        return [_lines(part, top, top + (last - 1 - first) * self.stride + self.kernel) for part in x[2:]]

    def _rows(self, x: Pieces, first: int, last: int) -> Tensor:
        main, small = self.parts(x, first, last)
        return main.add_(small)

    def _convolve(self, part: str, x: Tensor, step: float, bias: Tensor | None, to: torch.dtype) -> Tensor:
        """(1, O, ...) of the bytes `x` (1, C, ...)."""
        given = (x, step, MIDDLE, self.packed[part], self.step, self.zero, bias)
        result: Tensor = self.convolution(*given, *self.layout, 1.0, 0, to, "none", [], "")
        return result


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

    def __call__(self, x: Pieces, more: More | None = None) -> Feature:
        """(1, I, H, W) to (1, O, 2 H, 2 W), plus `more`."""
        channels, sides = len(self.conv.step) // 4, [2 * side for side in x.sides]
        self.conv.pack(x, _bounds(channels, sides)[0][1] // 2 + 1)
        return _by_bands(partial(self._band, x), channels, sides, more, None)

    def _band(self, x: Pieces, first: int, last: int, out: Array) -> tuple[Array, None]:
        """The even rows `first` to before `last` to `out` (P, O)."""
        from vivant.nn import split_kernels as kernels

        main, small = self.conv.parts(x, first // 2, last // 2 + 1)
        _, channels, height, width = main.shape
        given = [rows_of(part).reshape(height, width, 4, -1) for part in (main, small)]
        kernels.weave(*given, out.reshape(height - 1, 2, width - 1, 2, channels // 4))
        return out, None


def measured(picture: Tensor) -> Feature:
    """A `picture` (1, C, H, W) that comes from elsewhere."""
    together = torch.channels_last if picture.dim() == 4 else torch.channels_last_3d
    picture = picture.contiguous(memory_format=together)
    return _measured(picture, lambda first, last, out: (out, None), None, None)


Band = Callable[[int, int, Array], tuple[Array, Array | None]]
"""The rows from the first to before the last, (P, C) float32, and what is to be added to them, bfloat16's bits.

They may lie in the third, where they are to be in the end.
"""


def _by_bands(band: Band, channels: int, sides: Sequence[int], more: More | None, leak: float | None) -> Feature:
    """Every `band` of (1, C, H, W) of the `sides`, plus `more`, then leaky ReLU of slope `leak` if that is given."""
    return _measured(room(channels, sides, torch.float32), band, more, leak)


def _measured(picture: Tensor, band: Band, more: More | None, leak: float | None) -> Feature:
    """What comes into `picture` (1, C, H, W); see `_by_bands`."""
    rows, channels = rows_of(picture), picture.shape[1]
    each = len(rows) // picture.shape[2]
    slope = None if leak is None else np.float32(leak)

    def work(bounds: list[int], sums: Array, ends: Array) -> None:
        from vivant.nn import split_kernels as kernels

        for first, last in pairwise(bounds):
            out = rows[first * each : last * each]
            main, small = band(first, last, out)
            added = None if more is None else rows_of(_rows_from(more, first, last))
            kernels.join(main, small, added, slope, sums, ends, None if main is out else out)

    bounds = _bounds(channels, picture.shape[2:])
    sums = np.zeros((len(bounds), 2, channels))
    ends = np.empty((len(bounds), 2, channels), np.float32)
    ends[:, 0], ends[:, 1] = np.inf, -np.inf
    one_core_each(partial(work, *part) for part in zip(bounds, sums, ends, strict=True))
    mean, variance = moments(sums.sum(0), np.zeros(channels), len(rows))
    return Feature(picture, mean, variance, ends[:, 0].min(0), ends[:, 1].max(0))


def _bounds(channels: int, sides: Sequence[int]) -> list[list[int]]:
    """Where the bands of each core begin in a result (1, C, H, W), and the last ends: even rows, but for the end."""
    rows, numbers = sides[0], channels * prod(sides)
    pairs = max(rows // 2, 1)
    cores = min(cores_for(numbers), pairs)
    each = max(1, min(round(numbers / BAND / cores), pairs // cores))
    bounds = [2 * (band * pairs // (cores * each)) for band in range(cores * each)] + [rows]
    return [bounds[core * each : (core + 1) * each + 1] for core in range(cores)]


def _rows_from(more: More, first: int, last: int) -> Tensor:
    """(1, C, last - first, W)"""
    return more[:, :, first:last] if isinstance(more, Tensor) else more(first, last)


def _lines(x: Tensor, first: int, last: int) -> Tensor:
    """The rows `first` to before `last` of bytes `x` (1, C, H, W); those outside stand for zero."""
    above, below = max(-first, 0), max(last - x.shape[2], 0)
    inside = x[:, :, max(first, 0) : last]
    return F.pad(inside, (0, 0) * (x.dim() - 3) + (above, below), value=MIDDLE) if above or below else inside


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
    picture = feature.picture if reuse else room(feature.picture.shape[1], feature.picture.shape[2:], torch.float32)
    scale(feature.picture, change.scale, change.offset, 1 if change.leak is None else change.leak, picture)
    return F.silu(picture, inplace=True) if change.leak is None else picture


def cut(
    features: Sequence[Feature],
    change: Change | None = None,
    gains: Sequence[Array | None] | None = None,
    *,
    margin: int = 1,
) -> Pieces:
    """The channels of all `features` after `change`, in bytes, for a convolution of this `margin`.

    A feature that has `gains` (P,), in 0..1, for its places is multiplied by them.
    """
    from vivant.nn import split_kernels as kernels

    channels = sum(feature.picture.shape[1] for feature in features)
    scale, offset, leak = change or Change(np.ones(channels, np.float32), np.zeros(channels, np.float32))
    step = _largest(features, Change(scale, offset, leak)) / (HIGHEST * STEPS)
    pieces, place = _room_for(channels, features[0].picture.shape[2:], step, margin), 0
    to, given = _bytes_of(pieces), (None if leak is None else np.float32(leak), np.float32(1 / step))
    for feature, gain in zip(features, gains or [None] * len(features), strict=True):
        lines, end = _lines_of(feature.picture), place + feature.picture.shape[1]
        by_line = None if gain is None else gain.reshape(lines.shape[:2])
        part = (by_line, scale[place:end], offset[place:end], *given, place, *to)
        together(partial(kernels.cut, lines, *bounds, *part) for bounds in _shares_of(lines))
        place = end
    return pieces


def cut_means(feature: Feature, change: Change) -> Pieces:
    """The means of 2 x 2 places of `feature` (1, C, H, W) after `change`, whose activation is SiLU, in bytes."""
    from vivant.nn import split_kernels as kernels

    _, channels, height, width = feature.picture.shape
    step = _largest([feature], change) / (HIGHEST * STEPS)
    pieces = _room_for(channels, (height // 2, width // 2), step, 1)
    lines = _lines_of(feature.picture).reshape(height // 2, 2, width // 2, 2, channels)
    part = change.scale, change.offset, np.float32(1 / step), *_bytes_of(pieces)
    together(partial(kernels.cut_means, lines, *bounds, *part) for bounds in _shares_of(lines))
    return pieces


def _shares_of(lines: Array) -> Iterator[tuple[int, int]]:
    """The first of `lines` and the end of them for each core."""
    return pairwise(np.linspace(0, len(lines), cores_for(lines.size) + 1).astype(int).tolist())


def _room_for(channels: int, sides: Sequence[int], step: float, margin: int) -> Pieces:
    """Pieces of `channels` and `sides` (H, W), of any content within the margins."""
    first, *middle, last = sides
    around = (first + 2 * margin, *middle, last + 2 * margin)
    pieces = Pieces(step, margin, *(room(count * channels, around, torch.uint8) for count in (1, 2)))
    for part in (*pieces[2:], *(part.movedim(-1, 2) for part in pieces[2:])):
        part[:, :, :margin] = MIDDLE
        part[:, :, part.shape[2] - margin :] = MIDDLE
    return pieces


def _lines_of(picture: Tensor) -> Array:
    """A view (H, W, C) of `picture` (1, C, H, W), or (D H, W, C) of a volume."""
    return rows_of(picture).reshape(-1, *picture[0, 0].shape[-1:], picture.shape[1])


def _bytes_of(pieces: Pieces) -> tuple[tuple[int, int], Array, Array]:
    """Where the picture begins, line and column, in the bytes (Y, X, C), and these; then (Y, X, 2 C)."""
    lines_each = prod(pieces.sides[1:-1])
    return (pieces.margin * lines_each, pieces.margin), _lines_of(pieces.high), _lines_of(pieces.both)


def _largest(features: Sequence[Feature], change: Change) -> float:
    """What the largest number of `features` can be after `change`; activations keep the order of numbers."""
    ends = np.array([np.concatenate([feature[part] for feature in features]) for part in (3, 4)])
    ends = ends * change.scale + change.offset
    if change.leak is None:
        return max(float(ends.max()), DIP)
    return max(float(np.abs(np.maximum(ends, change.leak * ends)).max()), SMALLEST)
