"""The dual discriminator: does a picture, together with its raw rendering, look real from this camera?

Input is the picture (N, 3, 512, 512) and the raw picture (N, 3, 128, 128), RGB -1..1, and the camera (N, 25). After
EG3D (arXiv 2112.07945, section 4.3), whose discriminator is StyleGAN2's; spec real3d 14.6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.errors import SettingsError
from vivant.training.real3d.equalised import EqualisedConv, EqualisedLinear, leaky, unit_size

CAMERA = 25
ROOT_HALF = math.sqrt(0.5)
SMALLEST = 4
"""Side of the feature map that the last layers see."""


@dataclass(frozen=True)
class DualDiscriminatorConfig:
    """Sizes; the defaults are the published ones."""

    picture: int = 512
    """Side of the picture, a power of 2."""
    base: int = 32768
    """Channels times side of a level, up to `most`."""
    most: int = 512
    mapping: int = 8
    """Layers between camera and its code."""
    group: int = 2
    """Pictures of a batch that are compared with each other."""
    clamp: float = 256.0
    """Largest activation."""

    def __post_init__(self) -> None:
        if self.picture < 2 * SMALLEST or self.picture & (self.picture - 1):
            raise SettingsError(f"a discriminator of {self.picture} pixels; give a power of 2, 8 or more")

    def channels(self, side: int) -> int:
        """Of the level of this side."""
        return min(self.base // side, self.most)


class DualDiscriminator(nn.Module):
    """Residual blocks that halve the pictures down to 4 pixels, then one number that the camera's code weighs."""

    def __init__(self, config: DualDiscriminatorConfig = DualDiscriminatorConfig()) -> None:
        super().__init__()
        self.config = config
        sides = [config.picture >> level for level in range(int(math.log2(config.picture // SMALLEST)))]
        self.enter = EqualisedConv(6, config.channels(sides[0]), 1)
        self.blocks = nn.ModuleList(
            Block(config.channels(side), config.channels(side // 2), config.clamp) for side in sides
        )
        width = config.channels(SMALLEST)
        self.camera_code = CameraCode(width, config.mapping)
        self.compare = EqualisedConv(width + 1, width, 3)
        self.join = EqualisedLinear(width * SMALLEST**2, width)
        self.leave = EqualisedLinear(width, width)

    def forward(self, picture: Tensor, raw: Tensor, camera: Tensor, noise: Tensor | None = None) -> Tensor:
        """Realness (N, 1) of `picture` (N, 3, S, S) with `raw` (N, 3, s, s), RGB -1..1, from `camera` (N, 25).

        `noise` (N, 25), normal numbers, blurs what is known of the camera by its spread over the batch. Without it
        noise is drawn in training mode, and there is none in evaluation mode.
        """
        x = leaky(self.enter(pair(picture, raw)), self.config.clamp)
        for block in self.blocks:
            x = block(x)
        x = torch.cat([x, variety(x, self.config.group)], 1)
        x = leaky(self.compare(x), self.config.clamp)
        x = self.leave(leaky(self.join(x.flatten(1))))
        code: Tensor = self.camera_code(self._blurred(camera, noise))
        realness: Tensor = (x * code).sum(1, keepdim=True) / math.sqrt(x.shape[1])
        return realness

    def _blurred(self, camera: Tensor, noise: Tensor | None) -> Tensor:
        """`camera` (N, 25) with noise as wide as the cameras of the batch."""
        if noise is None and self.training:
            noise = torch.randn_like(camera)
        if noise is None:
            return camera
        spread = camera.std(0) if len(camera) > 1 else camera.new_tensor(SPREAD)
        return camera + noise * spread


SPREAD = (
    *(0.071, 0.068, 0.382, 1.22),
    *(0.0, 0.014, 0.176, 0.562),
    *(0.388, 0.162, 0.071, 0.405),
    *[0.0] * 13,
)
"""Standard deviation of each number of `cameras.SEEN`, for a batch of one camera."""


class Block(nn.Module):
    """Two convolutions beside a short cut; halves the size."""

    def __init__(self, inputs: int, outputs: int, clamp: float) -> None:
        super().__init__()
        self.first = EqualisedConv(inputs, inputs, 3)
        self.second = EqualisedConv(inputs, outputs, 3, shrink=True)
        self.skip = EqualisedConv(inputs, outputs, 1, bias=False, shrink=True)
        self.clamp = clamp

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) to (N, O, H / 2, W / 2), I = `inputs` and O = `outputs`."""
        short: Tensor = self.skip(x) * ROOT_HALF
        deep: Tensor = leaky(self.second(leaky(self.first(x), self.clamp)), self.clamp, ROOT_HALF)
        return short + deep


class CameraCode(nn.Module):
    """Camera to a code of unit size, then slowly learning layers."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.embed = EqualisedLinear(CAMERA, width)
        self.layers = nn.ModuleList(EqualisedLinear(width, width, rate=0.01) for _ in range(layers))

    def forward(self, camera: Tensor) -> Tensor:
        """(N, 25) to (N, width)."""
        x: Tensor = unit_size(self.embed(camera))
        for layer in self.layers:
            x = leaky(layer(x))
        return x


def pair(picture: Tensor, raw: Tensor) -> Tensor:
    """Both pictures (N, 3, ., .) at the size of the first, as (N, 6, S, S) within -1..1."""
    enlarged = F.interpolate(raw, picture.shape[-2:], mode="bilinear", antialias=True)
    return torch.cat([picture, enlarged], 1).clamp(-1, 1)


def variety(x: Tensor, group: int) -> Tensor:
    """How much the pictures of a group differ, (N, 1, H, W), for features `x` (N, C, H, W).

    Where groups do not divide the batch, every picture is its own group.
    """
    count, channels, height, width = x.shape
    size = group if count % group == 0 else 1
    groups = x.view(size, count // size, channels, height, width)
    spread = (groups.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    return spread.repeat(size).view(count, 1, 1, 1).expand(-1, 1, height, width)
