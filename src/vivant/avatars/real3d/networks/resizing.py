"""Bilinear interpolation beside convolutions: what is linear in a place's channels goes through the smaller map.

Interpolation mixes places, a convolution of kernel 1 mixes channels; the order does not matter. On a processor this
saves three quarters of the multiplications of a convolution of kernel 3 behind an enlargement, and all large maps
between. Results differ from those of the plain order by rounding only. All maps are float32.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.real3d.networks.plane_blocks import Foldable
from vivant.nn.cards import on_card
from vivant.nn.rows import Array, together

TAPS = 3
BAND = 8
"""Rows of the smaller map that are worked on while they are in the cache."""


class EnlargingConv(Foldable):
    """Twice the size by bilinear interpolation, corners on corners, then a convolution of kernel 3."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, TAPS, padding=1)
        self.taps: Tensor | None
        self.register_buffer("taps", None, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) to (N, O, 2 H, 2 W), I = `inputs` and O = `outputs`."""
        if self.taps is not None and quick(x) and min(x.shape[2:]) > 1:
            return self.folded(x, self.taps)
        result: Tensor = self.conv(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True))
        return result

    def fold(self) -> None:
        """Every tap of the kernel becomes outputs of one matrix: (inputs, 3 columns x 3 rows x outputs)."""
        self.taps = self.conv.weight.permute(1, 3, 2, 0).flatten(1).contiguous()

    def folded(self, x: Tensor, taps: Tensor) -> Tensor:
        """`forward`'s (N, O, 2 H, 2 W): first the taps at the smaller size, then their sum where they meet.

        `x` is (N, I, H, W), `taps` are (I, 9 O).
        """
        count, _, height, width = x.shape
        outputs = self.conv.out_channels
        result = x.new_empty(count, 2 * height, 2 * width, outputs)
        bias = np.zeros(outputs, np.float32) if self.conv.bias is None else self.conv.bias.detach().numpy()
        for places, large in zip(x.permute(0, 2, 3, 1), result.numpy(), strict=True):
            _enlarge(places, taps, bias, large)
        return result.permute(0, 3, 1, 2)


def sum_resized(maps: list[Tensor], leak: float) -> Tensor:
    """The first of `maps` (N, H, W, C) plus the others resized to it, bilinear; then leaky ReLU of slope `leak`.

    The result may lie where the first was.
    """
    first, *others = maps
    if not others or not quick(first) or min(min(x.shape[1:3]) for x in others) < 2:
        size = first.shape[1:3]
        resized = (F.interpolate(x.permute(0, 3, 1, 2), size, mode="bilinear").permute(0, 2, 3, 1) for x in others)
        return F.leaky_relu(sum(resized, first), leak)
    from vivant.avatars.real3d.networks import plane_kernels

    sums = first.contiguous()
    for number, small in enumerate(others):
        axes = [_halves(old, new) for old, new in zip(small.shape[1:3], sums.shape[1:3], strict=True)]
        slope = np.float32(leak if number == len(others) - 1 else 1)
        for one, total in zip(small.contiguous().numpy(), sums.numpy(), strict=True):
            together(
                partial(
                    plane_kernels.add_resized, one, (axes[0][0][part], axes[0][1][part]), axes[1], slope, total[part]
                )
                for part in _parts(len(total))
            )
    return sums


def quick(x: Tensor) -> bool:
    """Whether `x` (N, C, H, W) is float32 on the CPU, without a gradient."""
    return not on_card(x) and x.dtype == torch.float32 and not (torch.is_grad_enabled() and x.requires_grad)


def _enlarge(x: Tensor, taps: Tensor, bias: Array, large: Array) -> None:
    """`x` (H, W, I) to `large` (2 H, 2 W, O), band by band."""
    from vivant.avatars.real3d.networks import plane_kernels as kernels

    height, width, outputs = len(x), x.shape[1], large.shape[2]
    rows, columns = _corners(height), _corners(width)
    wide = np.empty((BAND + 2, 2 * width, TAPS * outputs), np.float32)
    done = 0
    for top in range(0, height, BAND):
        band = x[top : top + BAND]
        mixed = torch.mm(band.flatten(0, 1), taps).numpy().reshape(len(band), width, TAPS, -1)
        new = wide[2 : len(band) + 2]
        together(partial(kernels.widen, mixed[part], *columns, new[part]) for part in _parts(len(band)))
        bottom = top + len(band)
        ready = 2 * height if bottom == height else int(np.searchsorted(rows[0][:, 2] + 1, bottom))
        place, share = rows[0][done:ready] - (top - 2), rows[1][done:ready]
        seen, to = wide.reshape(BAND + 2, 2 * width, TAPS, outputs), large[done:ready]
        together(partial(kernels.heighten, seen, place[part], share[part], bias, to[part]) for part in _parts(len(to)))
        wide[:2] = wide[len(band) : len(band) + 2]
        done = ready


def _corners(size: int) -> tuple[Array, Array]:
    """Where `size` places give twice as many, corners on corners, seen from three taps of a kernel.

    The first of two places (2 size, 3) and the shares of both (2 size, 3, 2); a tap beyond the edge has no share.
    """
    seen = np.arange(2 * size)[:, None] + np.arange(-1, 2)
    place, share = _between(seen.astype(np.float32) * np.float32((size - 1) / (2 * size - 1)), size)
    share[(seen < 0) | (seen >= 2 * size)] = 0
    return place, share


def _halves(old: int, new: int) -> tuple[Array, Array]:
    """Where `old` places give `new`, edges on edges: the first of two places (new,), the shares of both (new, 2)."""
    centre = (np.arange(new, dtype=np.float32) + np.float32(0.5)) * np.float32(old / new) - np.float32(0.5)
    return _between(np.maximum(centre, 0), old)


def _between(x: Array, size: int) -> tuple[Array, Array]:
    """The first (...) of the two of `size` places that `x` (...) lies between, and the shares (..., 2) of both."""
    place = np.clip(x.astype(np.int64), 0, size - 2)
    part = np.clip(x - place, 0, 1).astype(np.float32)
    return place, np.stack((1 - part, part), axis=-1)


def _parts(count: int) -> list[slice]:
    """`count` rows shared by the cores that PyTorch uses."""
    edges = np.linspace(0, count, min(count, torch.get_num_threads()) + 1).astype(int)
    return [slice(start, stop) for start, stop in pairwise(edges)]
