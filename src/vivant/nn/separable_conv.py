"""Separable convolutions for inference that pass over the memory once: norm, activation, spreading, mixing, sums.

A separable convolution is one kernel for each channel, which spreads, followed by a mixing of channels. Layer by layer
nearly all of its time goes into moving numbers. Here bands of rows go all the way while they are in the cache: norm and
activation of what comes in, both convolutions, and the sums that the next norm must know (`split_conv.Feature`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vivant.nn.norm import moments
from vivant.nn.rooms import room
from vivant.nn.rows import Array, cores_for, one_core_each, rows_of
from vivant.nn.split_conv import Change, Feature

BAND = 2**17
"""Numbers of a band before it is mixed; two such bands lie in a core's cache."""
NARROWEST = 16
"""Channels from which on one instruction works on many of them."""
Way = Literal["same", "halve", "double"]
KERNELS: dict[Way, int] = {"same": 3, "halve": 4, "double": 4}


class SeparableConv:
    """Depthwise convolution without bias, then a mixing of channels.

    same: kernel 3, padding 1; halve: kernel 4, stride 2, padding 1; double: its transposed one.
    """

    def __init__(self, depthwise: Tensor, mixing: Tensor, way: Way) -> None:
        """Of the weights (I, 1, K, K) and (O, I, 1, 1) or (O, I)."""
        self.way: Way = way
        channels = len(depthwise)
        self.taps: Array = depthwise.detach().reshape(channels, -1).T.contiguous().numpy()
        self.mixing = mixing.detach().reshape(len(mixing), channels).T.contiguous()

    def __call__(self, x: Feature, change: Change | None = None, more: Tensor | None = None) -> Feature:
        """(1, I, H, W) after `change` to (1, O, H', W'), plus `more`; W must be even where it is halved."""
        _, channels, height, width = x.picture.shape
        size = {"same": (height, width), "halve": (height // 2, width // 2), "double": (2 * height, 2 * width)}
        rows, columns = size[self.way]
        outputs = self.mixing.shape[1]
        picture = room(outputs, (rows, columns), torch.float32)
        ones = np.ones(channels, np.float32)
        bands = _Bands(
            rows_of(x.picture).reshape(height, width, channels),
            change or Change(ones, 0 * ones),
            picture[0].permute(1, 2, 0).reshape(rows * columns, outputs),
            None if more is None else rows_of(more),
        )
        # What is shared out: rows of the result, or pairs of them where it is doubled.
        units = rows // 2 if self.way == "double" else rows
        cores = cores_for(bands.source.size)
        bounds = np.linspace(0, units, cores + 1).astype(int)
        found = [(np.zeros((2, outputs)), np.empty((2, outputs), np.float32)) for _ in range(cores)]
        parts = zip(pairwise(bounds), found, strict=True)
        one_core_each(partial(self._work, bands, *part, *sums) for part, sums in parts)
        mean, variance = moments(np.sum([one for one, _ in found], 0), np.zeros(outputs), rows * columns)
        ends = np.stack([one for _, one in found])
        return Feature(picture, mean, variance, ends[:, 0].min(0), ends[:, 1].max(0))

    def _work(self, bands: _Bands, first: int, last: int, sums: Array, ends: Array) -> None:
        """The units `first` to `last` of the result; `sums` (2, C) and `ends` (2, C) of what is in them."""
        from vivant.nn import separable_kernels as kernels
        from vivant.nn import split_kernels

        source, change = bands.source, bands.change
        leak = np.float32(1 if change.leak is None else change.leak)
        _, width, channels = source.shape
        wide = {"same": width, "halve": width // 2, "double": 4 * width}[self.way]
        step = max(1, BAND // (wide * channels))
        reach = 2 * step + 2 if self.way == "halve" else step + 2
        given = np.zeros((reach, width + 2, channels), np.float32)
        spread = torch.empty(step * wide, channels)
        ends[0], ends[1] = np.inf, -np.inf
        kernel: Callable[..., Any] = getattr(kernels, self.way)
        for unit in range(first, last, step):
            count = min(step, last - unit)
            top = 2 * unit - 1 if self.way == "halve" else unit - 1
            kernels.fill(source, top, change.scale, change.offset, leak, given)
            kernel(given, self.taps, count, spread.numpy())
            place = slice(unit * wide, (unit + count) * wide)
            out = bands.out[place]
            torch.mm(spread[: count * wide], self.mixing, out=out)
            more = None if bands.more is None else bands.more[place]
            split_kernels.join(out.numpy(), None, more, None, sums, ends, None)


class _Bands(NamedTuple):
    source: Array
    """(H, W, I)"""
    change: Change
    out: Tensor
    """(H' W', O)"""
    more: Array | None
    """(H' W', O)"""
