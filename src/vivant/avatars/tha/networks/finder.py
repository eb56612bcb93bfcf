"""Finder: where the parts of a drawn face are.

picture   (N, 4, 192, 192)   the face's part of an aligned drawing, premultiplied sRGB, 0..1
points    (N, 36, 2)         x and y in pixels of that part, in the order of `NAMES`

A U-Net draws one map for each point; the point is the map's mean place.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

Floats = NDArray[np.float32]

SIZE = 192
"""Pixels of a side of what is seen."""
BOX = (slice(32, 224), slice(160, 352))
"""Its rows and columns in the drawing (512, 512)."""
SHARPER = 2.0
"""What maps are multiplied by before their mean is taken, so that stray hints count for less."""
_LIDS = ("inner", "outer", "upper4", "upper8", "upper12", "lower4", "lower8", "lower12")
_IRIS = ("iris", "iris_side", "iris_bottom")
_BROW = ("brow_inner", "brow_middle", "brow_outer")
NAMES = (
    *(f"{side}_{name}" for side in ("right", "left") for name in (*_LIDS, *_IRIS, *_BROW)),
    *("mouth_right", "mouth_left", "lip_upper", "lip_lower", "nose", "chin", "cheek_right", "cheek_left"),
)
"""Right and left are the character's; the numbers of lid points are sixteenths of the way to the outer corner."""


@dataclass(frozen=True)
class FinderConfig:
    """Sizes."""

    widths: tuple[int, ...] = (24, 48, 80, 128, 160)
    """Channels at half the size, a quarter, ..."""
    blocks: int = 3
    """Residual blocks at the smallest size."""


class Found(NamedTuple):
    """Points and how sharply each was seen."""

    points: Tensor
    """(N, P, 2) in pixels."""
    spread: Tensor
    """(N, P) standard deviation of the map in pixels."""
    before: Tensor
    """(N, 96, 96) 0..1: where hair or glasses are before the face."""


class Finder(nn.Module):
    """Sees a face once; small enough for one core."""

    def __init__(self, config: FinderConfig | None = None) -> None:
        super().__init__()
        config = config or FinderConfig()
        widths = config.widths
        self.stem = nn.Conv2d(16, widths[0], 3, padding=1)
        self.down = nn.ModuleList(Conv(small, large, stride=2) for small, large in pairwise(widths))
        self.same = nn.ModuleList(Residual(width) for width in widths[1:])
        self.bottom = nn.Sequential(*(Residual(widths[-1]) for _ in range(config.blocks)))
        self.narrow = nn.ModuleList(nn.Conv2d(large, small, 1) for small, large in pairwise(widths))
        self.up = nn.ModuleList(Residual(width) for width in widths[:-1])
        self.maps = nn.Conv2d(widths[0], len(NAMES) + 1, 1)

    def forward(self, picture: Tensor) -> Found:
        """Points (N, 36, 2) and what is before (N, 96, 96) of `picture` (N, 4, 192, 192)."""
        maps: Tensor = self.draw(picture).float()
        return locate(torch.cat((SHARPER * maps[:, :-1], maps[:, -1:]), dim=1))

    def draw(self, picture: Tensor) -> Tensor:
        """Unscaled maps (N, P + 1, 96, 96) of `picture` (N, 4, 192, 192); the last is of what is before the face."""
        x = F.relu(self.stem(F.pixel_unshuffle(2 * picture - 1, 2)))
        skips = []
        for down, same in zip(self.down, self.same, strict=True):
            skips.append(x)
            x = same(down(x))
        x = self.bottom(x)
        for narrow, up, skip in zip(self.narrow[::-1], self.up[::-1], skips[::-1], strict=True):
            x = up(_doubled(narrow(x)) + skip)
        maps: Tensor = self.maps(x)
        return maps


def locate(maps: Tensor) -> Found:
    """Mean place (N, P, 2) and spread (N, P) of the unscaled `maps` (N, P + 1, S, S), in pixels of the picture."""
    before, maps = torch.sigmoid(maps[:, -1]), maps[:, :-1]
    count, points, size, _ = maps.shape
    shares = maps.flatten(2).softmax(2).view(count, points, size, size)
    line = (torch.arange(size, device=maps.device, dtype=maps.dtype) + 0.5) * (SIZE / size)
    columns, rows = shares.sum(2), shares.sum(3)
    x, y = columns @ line, rows @ line
    variance = columns @ line**2 - x**2 + rows @ line**2 - y**2
    return Found(torch.stack((x, y), dim=2), variance.clamp(min=1e-6).sqrt(), before)


def mirror(points: Floats) -> Floats:
    """The points (..., 36, 2) of a mirrored picture, from those of the picture or the other way round."""
    half = len(NAMES[: NAMES.index("left_inner")])
    order = np.r_[half : 2 * half, 0:half, 29, 28, 30:34, 35, 34]
    flipped: Floats = (points * np.array([-1, 1], np.float32) + np.array([SIZE, 0], np.float32))[..., order, :]
    return flipped


class Conv(nn.Module):
    """Convolution of kernel 3, group norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.norm = nn.GroupNorm(8, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) to (N, O, H / stride, W / stride), I = `inputs` and O = `outputs`."""
        return F.relu(self.norm(self.conv(x)))


class Residual(nn.Module):
    """Adds a convolution of its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = Conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, H, W) to the same."""
        changed: Tensor = self.conv(x)
        return x + changed


def _doubled(x: Tensor) -> Tensor:
    """(N, C, H, W) to (N, C, 2 H, 2 W)."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
