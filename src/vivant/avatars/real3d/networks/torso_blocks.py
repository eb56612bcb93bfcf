"""Blocks that the torso networks are made of (face-vid2vid), over pictures (N, C, H, W) or volumes (N, C, D, H, W)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SMALLEST = 1e-12


class SpectralConv2d(nn.Conv2d):
    """Convolution whose weight, as a matrix (O, I K K), is divided by its largest singular value.

    That value comes from the vectors `u` and `v`, which every step of training brings nearer to the singular ones
    (Miyato et al. 2018).
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, padding: int) -> None:
        super().__init__(inputs, outputs, kernel, padding=padding)
        self.u: Tensor
        self.v: Tensor
        self.register_buffer("u", F.normalize(torch.randn(outputs), dim=0))
        self.register_buffer("v", F.normalize(torch.randn(inputs * kernel**2), dim=0))

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) to (N, O, H, W)."""
        if self.training:
            self._improve()
        return F.conv2d(x, self.normalised(), self.bias, padding=self.padding)

    def normalised(self) -> Tensor:
        """The weight (O, I, K, K) that is used."""
        return self.weight / torch.dot(self.u, self.weight.flatten(1) @ self.v)

    @torch.no_grad()
    def _improve(self) -> None:
        matrix = self.weight.flatten(1)
        self.v = F.normalize(matrix.T @ self.u, dim=0, eps=SMALLEST)
        self.u = F.normalize(matrix @ self.v, dim=0, eps=SMALLEST)


def convolution(inputs: int, outputs: int, kernel: int, *, sides: int, spectral: bool = False) -> nn.Module:
    """A convolution that keeps the size, over so many `sides`."""
    if spectral:
        return SpectralConv2d(inputs, outputs, kernel, padding=kernel // 2)
    kind = nn.Conv2d if sides == 2 else nn.Conv3d
    return kind(inputs, outputs, kernel, padding=kernel // 2)


def norm(channels: int, *, sides: int) -> nn.Module:
    """Batch norm over so many `sides`."""
    return nn.BatchNorm2d(channels) if sides == 2 else nn.BatchNorm3d(channels)


class ConvNorm(nn.Module):
    """Convolution, batch norm, leaky ReLU of slope `leak` (0: ReLU)."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, *, sides: int = 2, leak: float = 0.0, spectral: bool = False
    ) -> None:
        super().__init__()
        self.conv = convolution(inputs, outputs, kernel, sides=sides, spectral=spectral)
        self.norm = norm(outputs, sides=sides)
        self.leak = leak

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, ...) to (N, O, ...), I = `inputs` and O = `outputs`."""
        return F.leaky_relu(self.norm(self.conv(x)), self.leak)


class NormConv(nn.Module):
    """Batch norm, ReLU, convolution of kernel 3."""

    def __init__(self, channels: int, *, sides: int = 2, spectral: bool = False) -> None:
        super().__init__()
        self.norm = norm(channels, sides=sides)
        self.conv = convolution(channels, channels, 3, sides=sides, spectral=spectral)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) to the same shape."""
        result: Tensor = self.conv(F.relu(self.norm(x)))
        return result


class Residual(nn.Module):
    """Two `NormConv`s, added to their input."""

    def __init__(self, channels: int, *, sides: int = 2, spectral: bool = False) -> None:
        super().__init__()
        self.first = NormConv(channels, sides=sides, spectral=spectral)
        self.second = NormConv(channels, sides=sides, spectral=spectral)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) to the same shape."""
        result: Tensor = self.second(self.first(x)) + x
        return result


def each(modules: nn.ModuleList | nn.Sequential) -> Sequence[Any]:
    """What `modules` holds, of whatever type."""
    return list(modules)


def volume_grid(depth: int, height: int, width: int, like: Tensor) -> Tensor:
    """Places (D, H, W, 3) of a volume, each side from -1 to 1: x along the width, y the height, z the depth."""
    z, y, x = (torch.linspace(-1, 1, size, dtype=like.dtype, device=like.device) for size in (depth, height, width))
    zs, ys, xs = torch.meshgrid(z, y, x, indexing="ij")
    return torch.stack((xs, ys, zs), dim=3)


def sampled(volume: Tensor, places: Tensor, *, beyond: str) -> Tensor:
    """`volume` (N, C, D, H, W) at `places` (N, D', H', W', 3) as those of `volume_grid`, trilinear.

    `beyond` its corners are "zeros", or its "border" goes on.
    """
    return F.grid_sample(volume, places, mode="bilinear", padding_mode=beyond, align_corners=True)


def damped(x: Tensor, share: float) -> Tensor:
    """`x` (...) unchanged, but only so much of its gradient goes back."""
    still = x.detach()
    return still + share * (x - still) if x.requires_grad else x
