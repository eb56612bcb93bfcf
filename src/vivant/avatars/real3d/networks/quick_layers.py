"""Convolutions for inference, with what stands around them: blends before them, activation and sums after them.

There are two kinds, and the same networks are made of both: in the 16-bit numbers of `vivant.nn.split_conv`, exact
to 1e-4 of what comes out, and plain ones in float32 or bfloat16. Images are (N, C, H, W) or volumes (N, C, D, H, W)
whose channels lie together in memory; those of split numbers are one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.real3d.networks.torso_blocks import SpectralConv2d
from vivant.nn.cards import on_card
from vivant.nn.rows import rows_of, shares, together
from vivant.nn.split_conv import Change, Feature, SplitConv, cut, measured, split_convs_work

Image = Tensor | Feature


class Seen(NamedTuple):
    """A part of what a convolution sees."""

    image: Image
    gain: Tensor | None = None
    """(N, 1, ...) in 0..1: what each place is multiplied by"""


class Affine(NamedTuple):
    """A gain and a shift (C,) of each channel, and ReLU after them."""

    scale: Tensor
    shift: Tensor


class Arithmetic(NamedTuple):
    """How convolutions calculate."""

    split: bool
    dtype: torch.dtype = torch.float32

    def conv(self, weight: Tensor, bias: Tensor | None, leak: float | None = None) -> Convolution:
        """By `weight` (O, I, K, K) and `bias` (O,), the size kept, then leaky ReLU of slope `leak`; None is nothing."""
        weight = weight.detach()
        bias = weight.new_zeros(len(weight)) if bias is None else bias.detach()
        return SplitConvolution(weight, bias, leak) if self.split else Plain(weight, bias, leak, self.dtype)

    def image(self, x: Tensor) -> Image:
        """`x` (N, C, ..., H, W) as convolutions want it."""
        if self.split:
            return measured(x.float())
        return x.to(self.dtype, memory_format=torch.channels_last if x.dim() == 4 else torch.channels_last_3d)


def arithmetic(*, fast: bool, device: torch.device) -> Arithmetic:
    """What suits the processor; `fast` is bfloat16 where it has that."""
    on_cpu = device.type == "cpu"
    if fast and (not on_cpu or _has_bfloat16()):
        return Arithmetic(False, torch.bfloat16)
    return Arithmetic(on_cpu and split_convs_work())


def _has_bfloat16() -> bool:
    """Whether oneDNN, PyTorch's library for convolutions, calculates in bfloat16 on this processor."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


class Plain:
    """A convolution in one type of number."""

    def __init__(self, weight: Tensor, bias: Tensor, leak: float | None, dtype: torch.dtype) -> None:
        """Of `weight` (O, I, ..., K, K) and `bias` (O,)."""
        together = torch.channels_last if weight.dim() == 4 else torch.channels_last_3d
        self.weight = weight.to(dtype, memory_format=together)
        self.bias, self.leak = bias.to(dtype), leak
        self.packed = False

    def __call__(self, parts: Sequence[Seen], change: Affine | None = None, more: Image | None = None) -> Image:
        """(N, O, ...) of all `parts`, after `change`; `more` (N, O, ...) is added at the end."""
        images = [picture(part.image) for part in parts]
        images = [x if part.gain is None else x * part.gain.to(x.dtype) for x, part in zip(images, parts, strict=True)]
        x = images[0] if len(images) == 1 else torch.cat(images, dim=1)
        if change is not None:
            scale, shift = (number.to(x.dtype).reshape(-1, *[1] * (x.dim() - 2)) for number in change)
            x = torch.addcmul(shift, x, scale).relu_()
        x = self._convolve(x)
        return x if more is None else x + picture(more)

    def _convolve(self, x: Tensor) -> Tensor:
        """(N, I, ...) to (N, O, ...), padded to keep its size."""
        sides = x.dim() - 2
        padding = [size // 2 for size in self.weight.shape[2:]]
        if not _packs(x):
            convolve = F.conv2d if sides == 2 else F.conv3d
            # Without instructions for it a processor takes seven times as long for bfloat16.
            kind = x.dtype if on_card(x) else torch.float32
            given, weight, bias = (each.to(kind) for each in (x, self.weight, self.bias))
            x = convolve(given, weight, bias, padding=padding).to(x.dtype)
            return x if self.leak is None else F.leaky_relu_(x, self.leak)
        layout = ([1] * sides, [1] * sides, 1)
        if not self.packed:  # in the order that suits images of this size, the first; it works for any
            pack = torch.ops.mkldnn._reorder_convolution_weight
            self.weight, self.packed = pack(self.weight, padding, *layout, list(x.shape)), True
        after = ("none", []) if self.leak is None else ("leaky_relu", [self.leak])
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, padding, *layout, *after, ""
        )
        return result


def _packs(x: Tensor) -> bool:
    """Whether oneDNN takes weights in an order of its own for an image such as `x`."""
    if on_card(x) or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return x.dtype == torch.float32 or _has_bfloat16()


class SplitConvolution:
    """A convolution of numbers split in bytes."""

    def __init__(self, weight: Tensor, bias: Tensor, leak: float | None) -> None:
        """Of `weight` (O, I, ..., K, K) and `bias` (O,)."""
        self.conv, self.leak = SplitConv(weight, bias, padding=weight.shape[-1] // 2), leak

    def __call__(self, parts: Sequence[Seen], change: Affine | None = None, more: Image | None = None) -> Image:
        """(1, O, ...) of all `parts`, after `change`; `more` (1, O, ...) is added before the activation."""
        features = [feature(image) for image, _ in parts]
        gains = [None if gain is None else gain.reshape(-1).numpy() for _, gain in parts]
        after = None if change is None else Change(change.scale.numpy(), change.shift.numpy(), 0.0)
        pieces = cut(features, after, gains, margin=self.conv.margin)
        return self.conv(pieces, None if more is None else picture(more), self.leak)


Convolution = Plain | SplitConvolution


class Doubling:
    """A convolution of kernel 3 whose result has twice the size: four kinds of pixels, put in their places."""

    def __init__(self, how: Arithmetic, weight: Tensor, bias: Tensor, leak: float) -> None:
        """By `weight` (4, O, I, 3, 3) of the pixels above left, above right, below left, below right."""
        self.conv = how.conv(weight.flatten(0, 1), bias.repeat(4), leak)

    def __call__(self, parts: Sequence[Seen]) -> Image:
        """(N, I, H, W) to (N, O, 2 H, 2 W)."""
        x = self.conv(parts)
        woven = _woven(picture(x))
        if isinstance(x, Feature):
            ends = x.least.reshape(4, -1).min(0), x.most.reshape(4, -1).max(0)
            return Feature(woven, ends[0], ends[0], *ends)
        return woven


def _woven(x: Tensor) -> Tensor:
    """(N, 4 C, H, W), whose channels are four kinds of places, to (N, C, 2 H, 2 W)."""
    count, _, height, width = x.shape
    kinds = x.movedim(1, -1).reshape(count, height, width, 2, 2, -1)
    return kinds.permute(0, 1, 3, 2, 4, 5).reshape(count, 2 * height, 2 * width, -1).movedim(-1, 1)


def smooth_doubling(weight: Tensor) -> Tensor:
    """The four kernels (4, O, I, 3, 3) of a transposed convolution by `weight` (O, I, 3, 3), stride 2, and `low_pass`.

    Together they reach over 6 x 6 places of the result, every second of which each of its pixels sees.
    """
    line = weight.new_tensor([1, 3, 3, 1]) / 4
    wide = F.conv2d(weight.flatten(0, 1)[:, None], torch.outer(line, line)[None, None], padding=3)
    wide = wide.reshape(*weight.shape[:2], 6, 6)
    taps = ([4, 2, 0], [5, 3, 1])
    return torch.stack([wide[:, :, rows][:, :, :, columns] for rows in taps for columns in taps])


def feature(x: Image) -> Feature:
    """`x` (1, C, ..., H, W) with the ends of its channels."""
    return x if isinstance(x, Feature) else measured(x)


def picture(x: Image) -> Tensor:
    """The numbers (N, C, ..., H, W) of `x`."""
    return x.picture if isinstance(x, Feature) else x


def kept(x: Image, change: Callable[[Tensor], Tensor]) -> Image:
    """`x` (N, C, ...) after a `change` that leaves its numbers between their ends."""
    return x._replace(picture=change(x.picture)) if isinstance(x, Feature) else change(x)


def halved(x: Tensor) -> Tensor:
    """The means of 2 x 2 places, (N, C, ..., H, W) to (N, C, ..., H / 2, W / 2)."""
    rows = x.movedim(1, -1)
    lines = rows[..., ::2, :, :] + rows[..., 1::2, :, :]
    return ((lines[..., ::2, :] + lines[..., 1::2, :]) / 4).movedim(-1, 1)


def repeated(x: Tensor) -> Tensor:
    """Each place as 2 x 2, (N, C, ..., H, W) to (N, C, ..., 2 H, 2 W)."""
    rows = x.movedim(1, -1)
    *before, height, width, channels = rows.shape
    wide = rows[..., :, None, :, None, :].expand(*before, height, 2, width, 2, channels)
    return wide.reshape(*before, 2 * height, 2 * width, channels).movedim(-1, 1)


def projected(x: Image, weight: Tensor) -> Tensor:
    """`x` (N, C, H, W) by `weight` (3, C) as float32 (N, 3, H, W)."""
    values = picture(x)
    if on_card(values) or len(values) > 1:
        return F.conv2d(values.float(), weight[:, :, None, None])
    from vivant.avatars.real3d.networks import quick_kernels as kernels

    out = torch.empty(1, 3, *values.shape[2:])
    rows, to = rows_of(values), out.reshape(3, -1).numpy()
    loop = kernels.project if values.dtype == torch.float32 else kernels.project_halves
    cores = torch.get_num_threads()
    pairs = zip(shares(rows, cores), np.array_split(to, cores, axis=1), strict=True)
    by = weight.detach().numpy()
    together(partial(loop, some, by, part) for some, part in pairs)
    return out


def sampled_quickly(volume: Tensor, places: Tensor, *, beyond: str) -> Tensor:
    """`torso_blocks.sampled` of (1, C, D, H, W); the result's channels lie together in memory."""
    if on_card(volume) or len(volume) > 1:
        return F.grid_sample(volume, places, padding_mode=beyond, align_corners=True)
    from vivant.avatars.real3d.networks import quick_kernels as kernels

    given = volume[0].movedim(0, -1).contiguous().numpy()
    points, out = places.reshape(-1, 3).numpy(), np.empty((places[..., 0].numel(), volume.shape[1]), np.float32)
    cores = torch.get_num_threads()
    pairs = zip(shares(points, cores), shares(out, cores), strict=True)
    together(partial(kernels.sample, given, some, beyond == "border", part) for some, part in pairs)
    return torch.from_numpy(out).reshape(*places.shape[:4], -1).movedim(-1, 1)


def weight_of(conv: nn.Module) -> Tensor:
    """The weight (O, I, ..., K, K) that a convolution really uses."""
    return conv.normalised() if isinstance(conv, SpectralConv2d) else conv.weight  # type: ignore[return-value]


def bias_of(conv: nn.Module) -> Tensor:
    """The bias (O,) of a convolution by weights (O, I, ..., K, K), zeros where it has none."""
    weight, bias = weight_of(conv), conv.bias
    return bias.detach() if isinstance(bias, Tensor) else weight.new_zeros(len(weight))


def norm_of(norm: nn.Module) -> Affine:
    """What a batch norm does to each channel."""
    assert isinstance(norm, nn.modules.batchnorm._BatchNorm)
    assert norm.running_var is not None
    assert norm.running_mean is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return Affine(scale.detach(), (norm.bias - norm.running_mean * scale).detach())


def normed(conv: nn.Module, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight (O, I, ..., K, K) and bias (O,) of a convolution with the batch norm behind it."""
    weight, (scale, shift) = weight_of(conv), norm_of(norm)
    bias: Tensor = conv.bias  # type: ignore[assignment]
    return weight * scale.reshape(-1, *[1] * (weight.dim() - 1)), bias * scale + shift
