"""Perceptual distance of pictures by VGG16 (section 6 of the published recipe of Talking Head Anime 4).

The network's weights are the user's: torchvision's `vgg16` as a .pth or .safetensors file.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from vivant.avatars.tha.picture import srgb_of_linear
from vivant.nn.vgg import MEAN, SPREAD, VGG16, Vgg, fill
from vivant.weights.checkpoint import read_checkpoint

LAYERS = VGG16[:3]
"""Convolutions of each group up to relu3_3, the last of the three that are compared."""
COLOUR_SHARE = 0.75
"""How often the colours are compared; otherwise it is alpha."""


class Perceptual(nn.Module):
    """VGG16 up to relu3_3; `distance` compares two pictures by what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.vgg = Vgg(LAYERS)

    def features(self, picture: Tensor) -> list[Tensor]:
        """relu1_2, relu2_2 and relu3_3 of a `picture` (N, 3, H, W) in sRGB, 0..1."""
        # The recipe does not say whether it used these numbers; VGG16 needs them.
        mean, spread = (picture.new_tensor(numbers)[:, None, None] for numbers in (MEAN, SPREAD))
        return [group[-1] for group in self.vgg((picture - mean) / spread)]

    def distance(self, drawn: Tensor, wanted: Tensor, *, colours: bool) -> Tensor:
        """Mean differences of the features, summed, of pictures (N, 4, H, W) as networks draw them (-1..1, linear).

        Of their `colours`, or of their alpha thrice; times how seldom that is asked for.
        """
        both = torch.cat([drawn, wanted])
        seen = srgb_of_linear((both[:, :3] * 0.5 + 0.5).clamp(0, 1) + 1e-6) if colours else _thrice(both[:, 3:])
        pairs = (feature.chunk(2) for feature in self.features(seen))
        sum_of = torch.stack([(first - second).abs().mean() for first, second in pairs]).sum()
        return sum_of / (COLOUR_SHARE if colours else 1 - COLOUR_SHARE)


def open_perceptual(path: Path) -> Perceptual:
    """VGG16 of the user's file; raises WeightsError where it is missing, refused, or something else."""
    network = Perceptual()
    with read_checkpoint(path) as tensors:
        fill(network.vgg, tensors, LAYERS, f"{path}: not the weights of torchvision's vgg16")
    return network.eval().requires_grad_(False)


def _thrice(alpha: Tensor) -> Tensor:
    """`alpha` (N, 1, H, W) of -1..1 as a grey picture (N, 3, H, W) of 0..1."""
    return (alpha * 0.5 + 0.5).clamp(0, 1).expand(-1, 3, -1, -1)
