"""LPIPS, version 0.1 (Zhang et al. 2018): how different two pictures look to a network trained on photographs.

The weights are the user's: the backbone as torchvision publishes it (`alexnet` or `vgg16`, .pth or .safetensors), and
the linear heads of the authors' package (`weights/v0.1/alex.pth` or `vgg.pth`). Neither is contained here. Papers give
the figure of AlexNet unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from vivant.errors import WeightsError
from vivant.nn.vgg import VGG16, WIDTHS, Vgg, fill
from vivant.weights.checkpoint import read_checkpoint

Bytes = NDArray[np.uint8]

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Of channels in -1..1."""
EPSILON = 1e-10
LEAST = 32
"""Pixels of a side, below which nothing is left at the deepest layer."""


class AlexNet(nn.Module):
    """The five convolutions of AlexNet, each with a ReLU, as torchvision has them."""

    PLACES = (0, 3, 6, 8, 10)
    """Their numbers among torchvision's features."""
    WIDTHS = (64, 192, 384, 256, 256)

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(3, 64, 11, stride=4, padding=2),
                nn.Conv2d(64, 192, 5, padding=2),
                nn.Conv2d(192, 384, 3, padding=1),
                nn.Conv2d(384, 256, 3, padding=1),
                nn.Conv2d(256, 256, 3, padding=1),
            ]
        )

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        """The five activations (N, C, h, w) of pictures (N, 3, H, W), each a group by itself, as `Vgg` gives them."""
        found = []
        for place, conv in enumerate(self.convs):
            x = F.max_pool2d(x, 3, 2) if place in (1, 2) else x
            x = F.relu(conv(x))
            found.append([x])
        return found


class Lpips(nn.Module):
    """Backbone and heads; open it by `open_lpips`."""

    def __init__(self, backbone: AlexNet | Vgg, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.backbone, self.widths = backbone, widths
        self.heads = nn.ModuleList(nn.Conv2d(width, 1, 1, bias=False) for width in widths)

    def features(self, picture: Tensor) -> list[Tensor]:
        """What is compared of a `picture` (N, 3, H, W) in sRGB, -1..1: (N, C, h, w) each, of length 1 everywhere."""
        shift, scale = (picture.new_tensor(numbers)[:, None, None] for numbers in (SHIFT, SCALE))
        groups = self.backbone((picture - shift) / scale)
        return [group[-1] / (group[-1].square().sum(1, keepdim=True).sqrt() + EPSILON) for group in groups]

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Distances (N,) of pictures (N, 3, H, W) in sRGB, -1..1; 0 for equal ones."""
        pairs = zip(self.heads, self.features(one), self.features(other), strict=True)
        return torch.stack([head((a - b).square()).mean((1, 2, 3)) for head, a, b in pairs]).sum(0)

    @torch.no_grad()
    def between(self, one: Bytes, other: Bytes) -> float:
        """Distance of two pictures (H, W, 3) in sRGB of the same size, at least 32 pixels; smaller is better."""
        if one.shape != other.shape or min(one.shape[:2]) < LEAST:
            raise ValueError(
                f"LPIPS compares pictures of one size from {LEAST} pixels on, not {one.shape}, {other.shape}"
            )
        both = torch.from_numpy(np.stack([one, other])).permute(0, 3, 1, 2).float() / 127.5 - 1
        return float(self(both[:1], both[1:]))


def open_lpips(backbone: Path, heads: Path) -> Lpips:
    """LPIPS by the user's two files; raises WeightsError where one is missing, refused, or something else.

    Which backbone it is, is seen from its first convolution.
    """
    with read_checkpoint(backbone) as found:
        network = _with_backbone(found, backbone)
    with read_checkpoint(heads) as found:
        for place, head in enumerate(network.heads):
            shape = (1, network.widths[place], 1, 1)
            head.load_state_dict({"weight": _taken(found, f"lin{place}.model.1.weight", shape, heads)})
    return network.eval().requires_grad_(False)


def _with_backbone(found: Mapping[str, Tensor], path: Path) -> Lpips:
    """LPIPS of the network that `found` are the tensors of; its heads are to come."""
    first = "features.0.weight"
    kernel = found[first].shape[2:] if first in found and found[first].shape[:2] == (64, 3) else None
    if kernel == (3, 3):
        vgg = Vgg(VGG16)
        fill(vgg, found, VGG16, f"{path}: not the weights of torchvision's vgg16")
        return Lpips(vgg, WIDTHS)
    if kernel != (11, 11):
        raise WeightsError(f"{path}: neither torchvision's alexnet nor its vgg16")
    alexnet = AlexNet()
    for place, conv in zip(AlexNet.PLACES, alexnet.convs, strict=True):
        state = {
            name: _taken(found, f"features.{place}.{name}", now.shape, path) for name, now in conv.named_parameters()
        }
        conv.load_state_dict(state)
    return Lpips(alexnet, AlexNet.WIDTHS)


def _taken(found: Mapping[str, Tensor], key: str, shape: tuple[int, ...], path: Path) -> Tensor:
    if key not in found:
        raise WeightsError(f"{path}: no {key} in it; give torchvision's alexnet or vgg16, and the heads of LPIPS 0.1")
    if found[key].shape != shape:
        raise WeightsError(f"{path}: {key} is {list(found[key].shape)}, not {list(shape)}; it does not fit")
    return found[key].float().clone()
