"""Convolutions steered by a latent (StyleGAN2), as super-resolution after volume rendering uses them (EG3D).

Real3D-Portrait's latent is all ones and its noise is off, so every style is a constant of its layer: a network that
learns no more takes `folded_kernel` instead. All pictures are (N, C, H, W).
"""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LATENT = 512
SLOPE = 0.2
GAIN = math.sqrt(2)
"""What every activation is multiplied with, so that it keeps the variance."""
SMALLEST = 1e-8
BINOMIAL = (1.0, 3.0, 3.0, 1.0)
"""The low-pass filter between two resolutions, along each side; its sum is 8."""


class Style(nn.Module):
    """A gain for each of `channels`, from the latent."""

    def __init__(self, channels: int, latent: int = LATENT) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, latent))
        self.bias = nn.Parameter(torch.ones(channels))

    def forward(self, latent: Tensor | None = None) -> Tensor:
        """(N, channels) of `latent` (N, L); (1, channels) of a latent of ones."""
        gain = 1 / math.sqrt(self.weight.shape[1])
        if latent is None:
            return (self.weight.sum(1) * gain + self.bias)[None]
        return F.linear(latent, self.weight * gain, self.bias)


class StyleConv(nn.Module):
    """Convolution of kernel 3 with its input steered and its output normalised, leaky ReLU; `up` doubles the size."""

    def __init__(self, inputs: int, outputs: int, *, up: bool = False, latent: int = LATENT) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.style = Style(inputs, latent)
        self.up = up

    def forward(self, x: Tensor, latent: Tensor | None = None) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W), or twice that size; `latent` (N, L), None for ones."""
        style = self.style(latent)
        x = x * style[:, :, None, None]
        if self.up:
            x = low_pass(F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2), (1, 1))
        else:
            x = F.conv2d(x, self.weight, padding=1)
        x = x * self.demodulation(style)[:, :, None, None] + self.bias[:, None, None]
        return F.leaky_relu(x, SLOPE) * GAIN

    def demodulation(self, style: Tensor) -> Tensor:
        """(N, O): what brings the O = `outputs` filters, steered by `style` (N, I), I = `inputs`, back to length 1."""
        squares = F.linear(style.square(), self.weight.square().sum((2, 3)))
        return (squares + SMALLEST).rsqrt()

    def folded_kernel(self) -> tuple[Tensor, Tensor]:
        """Weight (O, I, 3, 3) and bias (O,) for a latent of ones, activation gain included.

        I = `inputs` and O = `outputs`.
        """
        style = self.style()
        weight = self.weight * style[0, :, None, None] * self.demodulation(style)[0, :, None, None, None]
        return weight * GAIN, self.bias * GAIN


class ToRGB(nn.Module):
    """The colours of a feature: 1 x 1, steered, not normalised."""

    def __init__(self, inputs: int, *, latent: int = LATENT) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))
        self.style = Style(inputs, latent)

    def forward(self, x: Tensor, latent: Tensor | None = None) -> Tensor:
        """(N, inputs, H, W) to (N, 3, H, W)."""
        style = self.style(latent) / math.sqrt(x.shape[1])
        return F.conv2d(x * style[:, :, None, None], self.weight, self.bias)

    def folded_kernel(self) -> tuple[Tensor, Tensor]:
        """Weight (3, I, 1, 1), I = `inputs`, and bias (3,) for a latent of ones."""
        style = self.style() / math.sqrt(self.weight.shape[1])
        return self.weight * style[0, :, None, None], self.bias


class SynthesisBlock(nn.Module):
    """Two steered convolutions and their colours, added to those that come in; `up` doubles the size of both."""

    def __init__(self, inputs: int, outputs: int, *, up: bool = True, latent: int = LATENT) -> None:
        super().__init__()
        self.first = StyleConv(inputs, outputs, up=up, latent=latent)
        self.second = StyleConv(outputs, outputs, latent=latent)
        self.to_rgb = ToRGB(outputs, latent=latent)

    def forward(self, x: Tensor, rgb: Tensor, latent: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Feature (N, inputs, H, W) and colours (N, 3, H, W) to (N, outputs, H', W') and (N, 3, H', W')."""
        x = self.second(self.first(x, latent), latent)
        if self.first.up:
            rgb = doubled(rgb)
        return x, rgb + cast(Tensor, self.to_rgb(x, latent))


def low_pass(x: Tensor, padding: tuple[int, int]) -> Tensor:
    """`x` (N, C, H, W), with so many zeros before and after each side, filtered; the gain is 4, for zeros between."""
    line = x.new_tensor(BINOMIAL) / 4
    kernel = torch.outer(line, line).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(F.pad(x, padding * 2), kernel, groups=x.shape[1])


def doubled(rgb: Tensor) -> Tensor:
    """Colours (N, 3, H, W) at twice the size: zeros between the pixels, then the filter."""
    apart = rgb.new_zeros(*rgb.shape[:2], 2 * rgb.shape[2], 2 * rgb.shape[3])
    apart[:, :, ::2, ::2] = rgb
    return low_pass(apart, (2, 1))
