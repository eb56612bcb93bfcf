"""What the networks that make planes share beside transformer blocks; all tensors are (N, C, H, W) float32."""

from __future__ import annotations

import copy
import math
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

PLANES = 3
SPREAD = 0.02
"""Standard deviation of a linear layer's weights before training."""
LEAK = 0.01
"""Slope of leaky ReLU below 0."""

Network = TypeVar("Network", bound=nn.Module)


class Foldable(nn.Module):
    """A block that needs less work where it need not learn any more."""

    def fold(self) -> None:
        """Work out what depends on the weights alone."""


class ConvNorm(Foldable):
    """Convolution without bias that keeps the size but for its stride, then batch norm."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        reach = dilation * (kernel // 2)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, reach, dilation, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) to (N, O, H / stride, W / stride), I = `inputs` and O = `outputs`."""
        result: Tensor = self.norm(self.conv(x))
        return result

    def fold(self) -> None:
        """The norm with its running statistics becomes part of the convolution."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv, self.norm = fuse_conv_bn_eval(self.conv, self.norm), nn.Identity()


def planes_of(features: Tensor) -> Tensor:
    """Three planes (N, 3, C, H, W) of `features` (N, 3 C, H, W), turned to the axes of the volume.

    All are flipped upside down; the third also from left to right.
    """
    count, _, height, width = features.shape
    planes = features.reshape(count, PLANES, -1, height, width)
    return torch.cat((planes[:, :2].flip(3), planes[:, 2:].flip(3, 4)), dim=1)


def folded(network: Network) -> Network:
    """A copy of `network` for inference: batch norms in the convolutions, channels together in memory.

    It gives the same numbers but for rounding, can learn no more, and its state is not to be stored.
    """
    result = copy.deepcopy(network).eval().requires_grad_(False)
    for module in list(result.modules()):
        if isinstance(module, Foldable):
            module.fold()
    result.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return result


@torch.no_grad()
def initialise(network: nn.Module) -> None:
    """Weights before training: linear layers narrow, convolutions by the numbers they send out, biases 0."""
    if any(parameter.is_meta for parameter in network.parameters()):
        return  # only shapes are asked for, and PyTorch would take seconds over numbers that are not there
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=SPREAD)
        elif isinstance(module, nn.Conv2d):
            sent = math.prod(module.kernel_size) * module.out_channels // module.groups
            nn.init.normal_(module.weight, std=math.sqrt(2 / sent))
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
