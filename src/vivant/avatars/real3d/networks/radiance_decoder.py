"""Features of the tri-plane at a point to its colour and density (EG3D, Chan et al., 2022, section 4.2)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRETCH = 0.001
"""How far a colour may leave 0..1, so that the sigmoid is not asked for the impossible."""


class Radiance(NamedTuple):
    """What the field is at points."""

    colour: Tensor
    """(..., colours), -0.001..1.001; the first three are red, green and blue."""
    density: Tensor
    """(..., 1) before softplus."""


class EqualisedLinear(nn.Module):
    """A linear layer whose weights, of variance 1, are divided by the root of their number when used.

    So all layers learn at one rate (Karras et al., 2018, section 4.1).
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def effective(self) -> Tensor:
        """Weights (O, I) as they are used."""
        weight: Tensor = self.weight * self.weight.shape[1] ** -0.5
        return weight

    def forward(self, x: Tensor) -> Tensor:
        """(..., I) to (..., O), I = `inputs` and O = `outputs`."""
        return F.linear(x, self.effective(), self.bias)


class RadianceDecoder(nn.Module):
    """Two layers; the direction of view is not asked for."""

    def __init__(self, features: int = 32, width: int = 64, colours: int = 32) -> None:
        super().__init__()
        self.hidden = EqualisedLinear(features, width)
        self.out = EqualisedLinear(width, 1 + colours)

    def forward(self, features: Tensor) -> Radiance:
        """Mean features of the planes (..., C), C = `features`, to colour (..., colours) and density (..., 1)."""
        result = self.out(F.softplus(self.hidden(features)))
        return Radiance(torch.sigmoid(result[..., 1:]) * (1 + 2 * STRETCH) - STRETCH, result[..., :1])
