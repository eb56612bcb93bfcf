"""Layers with equalised learning rate, as StyleGAN2 defines them (arXiv 1912.04958), and halving of the size.

The stored weights are of unit size; each layer scales them by what would keep the variance of its input.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.real3d.networks.style_layers import GAIN, SLOPE, low_pass


def leaky(x: Tensor, clamp: float = math.inf, gain: float = 1.0) -> Tensor:
    """Leaky ReLU of (N, ...), times the root of 2 and `gain`, not beyond +-`clamp` times `gain`."""
    x = F.leaky_relu(x, SLOPE) * (GAIN * gain)
    return x if math.isinf(clamp) else x.clamp(-clamp * gain, clamp * gain)


def unit_size(x: Tensor) -> Tensor:
    """`x` (N, C) with a mean square of 1 over C."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class EqualisedLinear(nn.Module):
    """Fully connected; `rate` slows its learning and divides the stored weights accordingly."""

    def __init__(self, inputs: int, outputs: int, *, rate: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """(N, I) to (N, O), I = `inputs` and O = `outputs`."""
        return F.linear(x, self.weight * (self.rate / math.sqrt(x.shape[1])), self.bias * self.rate)


class EqualisedConv(nn.Module):
    """Convolution that keeps the size, with an odd kernel; `shrink` filters and halves the size."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, bias: bool = True, shrink: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.gain = 1 / math.sqrt(inputs * kernel**2)
        self.pad, self.shrink = kernel // 2, shrink

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) to (N, O, H, W), or half of H and W; I = `inputs` and O = `outputs`."""
        weight = self.weight * self.gain
        if not self.shrink:
            return F.conv2d(x, weight, self.bias, padding=self.pad)
        around = 1 + self.pad
        smooth = low_pass(x, (around, around)) / 4  # the filter is made for zeros between the pixels
        return F.conv2d(smooth, weight, self.bias, stride=2)
