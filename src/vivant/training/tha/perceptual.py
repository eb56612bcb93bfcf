"""Perceptual distance of pictures by VGG16 (section 6 of the published recipe of Talking Head Anime 4).

The network's weights are the user's: torchvision's `vgg16` as a .pth or .safetensors file.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.tha.picture import srgb_of_linear
from vivant.errors import WeightsError
from vivant.weights.checkpoint import read_checkpoint

LAYERS = ((64, 64), (128, 128), (256, 256, 256))
"""Channels of the convolutions up to relu3_3; each group but the last ends with a max pooling."""
PLACES = ((0, 2), (5, 7), (10, 12, 14))
"""Their numbers among torchvision's features."""
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the pictures that VGG16 was trained on; the recipe does not say whether it used them, VGG16 needs them."""
COLOUR_SHARE = 0.75
"""How often the colours are compared; otherwise it is alpha."""


class Perceptual(nn.Module):
    """VGG16 up to relu3_3; `distance` compares two pictures by what it sees."""

    def __init__(self) -> None:
        super().__init__()
        inputs = 3
        groups = []
        for widths in LAYERS:
            convs = []
            for width in widths:
                convs.append(nn.Conv2d(inputs, width, 3, padding=1))
                inputs = width
            groups.append(nn.ModuleList(convs))
        self.groups = nn.ModuleList(groups)

    def features(self, picture: Tensor) -> list[Tensor]:
        """relu1_2, relu2_2 and relu3_3 of a `picture` (N, 3, H, W) in sRGB, 0..1."""
        mean, spread = (picture.new_tensor(numbers)[:, None, None] for numbers in (MEAN, SPREAD))
        x = (picture - mean) / spread
        found = []
        for group in self.groups:
            for conv in group:  # type: ignore[attr-defined]
                x = F.relu(conv(x))
            found.append(x)
            x = F.max_pool2d(x, 2)
        return found

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
        state = {}
        for group, places in enumerate(PLACES):
            for index, place in enumerate(places):
                for part in ("weight", "bias"):
                    key = f"features.{place}.{part}"
                    if key not in tensors:
                        raise WeightsError(f"{path}: no {key} in it; give the weights of torchvision's vgg16")
                    state[f"groups.{group}.{index}.{part}"] = tensors[key].float().clone()
    try:
        network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise WeightsError(f"{path}: not the shapes of torchvision's vgg16 ({str(error)[:120]})") from error
    return network.eval().requires_grad_(False)


def _thrice(alpha: Tensor) -> Tensor:
    """`alpha` (N, 1, H, W) of -1..1 as a grey picture (N, 3, H, W) of 0..1."""
    return (alpha * 0.5 + 0.5).clamp(0, 1).expand(-1, 3, -1, -1)
