"""Blocks over time that several speech networks are made of; all tensors are (B, C, T) float32."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class ConvBlock(nn.Module):
    """Convolution, batch norm, optionally the input added, leaky ReLU of slope `leak` (0: ReLU).

    A kernel of 3 is padded by 1 unless `pad` is False; a residual block keeps width and length.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1, pad: bool = True, leak: float = 0.0
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, stride, padding=kernel // 2 if pad else 0)
        self.norm = nn.BatchNorm1d(outputs)
        self.leak = leak

    def forward(self, x: Tensor) -> Tensor:
        """(B, I, T) to (B, O, T / stride), I = `inputs` and O = `outputs`."""
        return F.leaky_relu(self.normed(x), self.leak)

    def normed(self, x: Tensor) -> Tensor:
        """What comes before the non-linearity: (B, C, T) to (B, O, T)."""
        result: Tensor = self.norm(self.conv(x))
        return result


class ResidualBlock(ConvBlock):
    """A `ConvBlock` of equal width whose input is added before the non-linearity."""

    def __init__(self, width: int, *, leak: float = 0.0) -> None:
        super().__init__(width, width, leak=leak)

    def normed(self, x: Tensor) -> Tensor:
        """What comes before the non-linearity: (B, C, T) to the same shape."""
        return super().normed(x) + x


class FeatureEncoder(nn.Module):
    """Two convolutions of kernel 3 without bias, batch norm and GELU between them."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.enter = nn.Conv1d(inputs, hidden, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm1d(hidden)
        self.leave = nn.Conv1d(hidden, outputs, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, I, T) to (B, O, T), I = `inputs` and O = `outputs`."""
        result: Tensor = self.leave(F.gelu(self.norm(self.enter(x))))
        return result
