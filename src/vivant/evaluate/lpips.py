"""LPIPS, version 0.1 (Zhang et al. 2018): how different two pictures look to a network trained on photographs.

The weights are the user's: the backbone as torchvision publishes it (`alexnet` or `vgg16`, .pth or .safetensors), and
the linear heads of the authors' package (`weights/v0.1/alex.pth` or `vgg.pth`). Neither is contained here. Papers give
the figure of AlexNet unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from vivant.errors import WeightsError
from vivant.weights.checkpoint import read_checkpoint

Bytes = NDArray[np.uint8]

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Of channels in -1..1."""
EPSILON = 1e-10
LEAST = 32
"""Pixels of a side, below which nothing is left at the deepest layer."""


@dataclass(frozen=True)
class Stage:
    """Convolutions, each with a ReLU, after which the features are compared."""

    places: tuple[int, ...]
    """Their numbers among torchvision's features."""
    widths: tuple[int, ...]
    """(inputs, then outputs of each)."""
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    pool: int = 0
    """Side of the max pooling before them, of stride 2; 0: none."""


ALEXNET = (
    Stage((0,), (3, 64), 11, 4, 2),
    Stage((3,), (64, 192), 5, 1, 2, pool=3),
    Stage((6,), (192, 384), pool=3),
    Stage((8,), (384, 256)),
    Stage((10,), (256, 256)),
)
VGG16 = (
    Stage((0, 2), (3, 64, 64)),
    Stage((5, 7), (64, 128, 128), pool=2),
    Stage((10, 12, 14), (128, 256, 256, 256), pool=2),
    Stage((17, 19, 21), (256, 512, 512, 512), pool=2),
    Stage((24, 26, 28), (512, 512, 512, 512), pool=2),
)


class Lpips(nn.Module):
    """Backbone and heads; open it by `open_lpips`."""

    def __init__(self, stages: tuple[Stage, ...]) -> None:
        super().__init__()
        self.stages = stages
        pairs = [(stage, list(zip(stage.widths[:-1], stage.widths[1:], strict=True))) for stage in stages]
        self.convs = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(a, b, one.kernel, one.stride, one.padding) for a, b in widths)
            for one, widths in pairs
        )
        self.heads = nn.ModuleList(nn.Conv2d(stage.widths[-1], 1, 1, bias=False) for stage in stages)

    def features(self, picture: Tensor) -> list[Tensor]:
        """What is compared of a `picture` (N, 3, H, W) in sRGB, -1..1: (N, C, h, w) each, of length 1 everywhere."""
        shift, scale = (picture.new_tensor(numbers)[:, None, None] for numbers in (SHIFT, SCALE))
        x = (picture - shift) / scale
        found = []
        for stage, convs in zip(self.stages, self.convs, strict=True):
            x = F.max_pool2d(x, stage.pool, 2) if stage.pool else x
            for conv in convs:  # type: ignore[attr-defined]
                x = F.relu(conv(x))
            found.append(x / (x.square().sum(1, keepdim=True).sqrt() + EPSILON))
        return found

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
        network = Lpips(_stages(found, backbone))
        state = {}
        for at, stage in enumerate(network.stages):
            for number, place in enumerate(stage.places):
                for part in ("weight", "bias"):
                    state[f"convs.{at}.{number}.{part}"] = _taken(found, f"features.{place}.{part}", backbone)
    with read_checkpoint(heads) as found:
        for at in range(len(network.stages)):
            state[f"heads.{at}.weight"] = _taken(found, f"lin{at}.model.1.weight", heads)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(
            f"{backbone}, {heads}: they do not fit each other ({str(error).split(chr(10))[-1]})"
        ) from error
    return network.eval().requires_grad_(False)


def _stages(found: Mapping[str, Tensor], path: Path) -> tuple[Stage, ...]:
    first = tuple(_taken(found, "features.0.weight", path).shape)
    for stages in (ALEXNET, VGG16):
        if first == (64, 3, stages[0].kernel, stages[0].kernel):
            return stages
    raise WeightsError(f"{path}: neither torchvision's alexnet nor its vgg16")


def _taken(found: Mapping[str, Tensor], key: str, path: Path) -> Tensor:
    if key not in found:
        raise WeightsError(f"{path}: no {key} in it; give torchvision's alexnet or vgg16, and the heads of LPIPS 0.1")
    return found[key].float().clone()
