"""Convolutions whose numbers are split in two bytes each: three 8-bit convolutions instead of one of float32.

Processors with instructions for neural networks (VNNI, AMX) multiply bytes ten times as fast as float32, and add up
without rounding. Sixteen bits for each number leave an error of 1e-4 of what comes out, 30 times less than bfloat16.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from vivant.nn.rows import Array, cores_for, rows_of, shares, together

STEPS = 256
"""Steps of the low byte within one of the high byte."""
HIGHEST = 127
MIDDLE = 128
"""The byte that means zero."""
SMALLEST = 1e-12


def split_convs_work() -> bool:
    """Whether this processor and this PyTorch can."""
    return hasattr(torch.ops.onednn, "qconv2d_pointwise") and torch.cpu._is_vnni_supported()


class SplitConv:
    """A convolution of float32 pictures whose channels lie together in memory, for inference.

    x = s (256 h + l) and w = t (256 g + k), all of h, l, g, k in -128..127, give
    x w = s t (65536 h g + 256 (l g + h k)); what is left out, l k, is no more than the rounding of the bytes.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 1) -> None:
        """Of `weight` (O, I, K, K) and `bias` (O,)."""
        self.step = weight.abs().amax((1, 2, 3)).clamp(min=SMALLEST) / (HIGHEST * STEPS)
        steps = (weight / self.step[:, None, None, None]).round()
        high = (steps / STEPS).round()
        low = (steps - STEPS * high).clamp(-MIDDLE, HIGHEST)
        self.high, self.both = high.to(torch.int8), torch.cat((high, low), 1).to(torch.int8)
        self.bias = bias
        self.zero = torch.zeros(len(weight), dtype=torch.int32)
        self.layout = ([stride, stride], [padding, padding], [1, 1], 1)
        self.packed: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def __call__(self, x: Tensor) -> Tensor:
        """(1, I, H, W) to (1, O, H', W')."""
        step, high, both = split(x)
        if x.shape[2:] not in self.packed:
            self.packed[x.shape[2], x.shape[3]] = self._pack(self.high, high), self._pack(self.both, both)
        packed = self.packed[x.shape[2], x.shape[3]]
        convolve = torch.ops.onednn.qconv2d_pointwise
        given = (self.step, self.zero)
        end = (1.0, 0, torch.float32)
        result: Tensor = convolve(
            high, STEPS**2 * step, MIDDLE, packed[0], *given, self.bias, *self.layout, *end, "none", [], ""
        )
        convolve.binary(
            *(both, STEPS * step, MIDDLE, packed[1], *given, result, None, *self.layout, *end),
            *(1.0, 0, "sum", 1.0, "none", [], ""),
        )
        return result

    def _pack(self, weight: Tensor, x: Tensor) -> Tensor:
        packed: Tensor = torch.ops.onednn.qconv_prepack(weight, self.step, 1.0, MIDDLE, *self.layout, list(x.shape))
        return packed


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

    def __call__(self, x: Tensor) -> Tensor:
        """(1, I, H, W) to (1, O, 2 H, 2 W)."""
        height, width = x.shape[2:]
        kinds = self.conv(x).chunk(4, dim=1)
        size = (1, kinds[0].shape[1], 2 * height, 2 * width)
        result = torch.empty(size, dtype=x.dtype, memory_format=torch.channels_last)
        for place, kind in enumerate(kinds):
            down, right = divmod(place, 2)
            result[:, :, down::2, right::2] = kind[:, :, down : down + height, right : right + width]
        return result


def split(x: Tensor) -> tuple[float, Tensor, Tensor]:
    """Of `x` (1, C, H, W): the low byte's step, the high bytes (1, C, H, W), low and high bytes (1, 2 C, H, W)."""
    from vivant.nn import norm_kernels as kernels

    rows = rows_of(x)
    cores = cores_for(rows)
    most = np.zeros((cores, 1), np.float32)
    together(partial(kernels.largest, part, to) for part, to in zip(shares(rows, cores), most, strict=True))
    step = max(float(most.max()), SMALLEST) / (HIGHEST * STEPS)
    high, both = (np.empty((len(rows), count * rows.shape[1]), np.uint8) for count in (1, 2))
    tasks = zip(*(shares(some, cores) for some in (rows, high, both)), strict=True)
    together(partial(kernels.split, part, np.float32(1 / step), *to) for part, *to in tasks)
    return step, _picture(high, x), _picture(both, x)


def _picture(bytes_: Array, like: Tensor) -> Tensor:
    return torch.from_numpy(bytes_).reshape(*like.shape[2:], -1).permute(2, 0, 1)[None]
