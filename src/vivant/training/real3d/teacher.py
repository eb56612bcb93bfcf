"""The generator that image-to-plane learns from: from noise and a camera to the planes of a person who does not exist.

StyleGAN2's mapping and synthesis networks with 96 channels instead of RGB, as in EG3D (arXiv 2112.07945, section 4);
spec real3d 14.3. Planes have the order and the orientation that the renderer reads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.real3d.networks.style_layers import Style, StyleConv, doubled, low_pass
from vivant.errors import SettingsError
from vivant.training.real3d.dual_discriminator import CAMERA
from vivant.training.real3d.equalised import EqualisedLinear, leaky, unit_size

SMALLEST = 4
PLANES = 3


@dataclass(frozen=True)
class TeacherConfig:
    """Sizes; the defaults are the published ones."""

    side: int = 256
    """Of the planes; a power of 2."""
    channels: int = 32
    """Of each plane."""
    noise: int = 512
    """Numbers that a person is made from."""
    width: int = 512
    """Of the latents."""
    mapping: int = 2
    """Layers of the mapping network."""
    base: int = 32768
    """Channels times side of a level, up to `most`."""
    most: int = 512

    def __post_init__(self) -> None:
        if self.side < SMALLEST or self.side & (self.side - 1):
            raise SettingsError(f"planes of {self.side} pixels; give a power of 2, 4 or more")

    @property
    def sides(self) -> list[int]:
        """Of the levels, from small to large."""
        return [SMALLEST << level for level in range(int(math.log2(self.side // SMALLEST)) + 1)]

    @property
    def latents(self) -> int:
        """How many latents there are: one for each convolution, and one for the last output."""
        return 2 * len(self.sides)

    def level(self, side: int) -> int:
        """Channels of the level of this side."""
        return min(self.base // side, self.most)


class TeacherBackbone(nn.Module):
    """Mapping network and synthesis network."""

    def __init__(self, config: TeacherConfig = TeacherConfig()) -> None:
        super().__init__()
        self.config = config
        self.mapping = Mapping(config)
        self.start = nn.Parameter(torch.randn(config.level(SMALLEST), SMALLEST, SMALLEST))
        self.blocks = nn.ModuleList(Block(config, side) for side in config.sides)

    def forward(self, noise: Tensor, camera: Tensor, truncation: float = 0.7) -> Tensor:
        """Planes (N, 3, C, S, S) of people made from `noise` (N, 512), who are used to `camera` (N, 25)."""
        return self.planes(self.latents(noise, camera, truncation))

    def latents(self, noise: Tensor, camera: Tensor, truncation: float = 1.0) -> Tensor:
        """(N, L, 512) from normal numbers (N, 512); below 1 `truncation` draws them toward their middle."""
        found = self.mapping.middle.lerp(self.mapping(noise, camera), truncation)
        return found[:, None].expand(-1, self.config.latents, -1)

    def planes(self, latents: Tensor, *, grain: bool = False) -> Tensor:
        """Planes (N, 3, C, S, S) of `latents` (N, L, 512); with the stored noise where `grain` is asked for."""
        x = self.start.expand(len(latents), -1, -1, -1)
        picture = x.new_zeros(len(x), PLANES * self.config.channels, SMALLEST // 2, SMALLEST // 2)
        for place, block in enumerate(self.blocks):
            first = max(2 * place - 1, 0)
            x, picture = block(x, picture, latents[:, first : first + 3], grain)
        return picture.view(len(x), PLANES, self.config.channels, *picture.shape[2:])


class Mapping(nn.Module):
    """Noise and camera to a latent."""

    middle: Tensor
    """(512,) the mean of the latents."""

    def __init__(self, config: TeacherConfig) -> None:
        super().__init__()
        self.embed = EqualisedLinear(CAMERA, config.width)
        widths = [config.noise + config.width, *[config.width] * config.mapping]
        self.layers = nn.ModuleList(EqualisedLinear(a, b, rate=0.01) for a, b in pairwise(widths))
        self.register_buffer("middle", torch.zeros(config.width))

    def forward(self, noise: Tensor, camera: Tensor) -> Tensor:
        """(N, 512) of (N, 512) and (N, 25)."""
        x = torch.cat([unit_size(noise), unit_size(self.embed(camera))], 1)
        for layer in self.layers:
            x = leaky(layer(x))
        return x


class Block(nn.Module):
    """A level: doubles the size (not the first one), and adds to the picture of the levels before."""

    def __init__(self, config: TeacherConfig, side: int) -> None:
        super().__init__()
        width = config.level(side)
        self.first = None if side == SMALLEST else GrainyConv(config, config.level(side // 2), width, side, up=True)
        self.second = GrainyConv(config, width, width, side)
        self.leave = PlaneOutput(config, width)

    def forward(self, x: Tensor, picture: Tensor, latents: Tensor, grain: bool) -> tuple[Tensor, Tensor]:
        """Features and picture at this level of those of the level before, by 2 or 3 `latents` (N, 3, 512)."""
        if self.first is not None:
            x, latents = self.first(x, latents[:, 0], grain=grain), latents[:, 1:]
        x = self.second(x, latents[:, 0], grain=grain)
        added: Tensor = self.leave(x, latents[:, 1])
        return x, doubled(picture) + added


class GrainyConv(StyleConv):
    """Steered convolution with a noise of its own."""

    noise: Tensor

    def __init__(self, config: TeacherConfig, inputs: int, outputs: int, side: int, *, up: bool = False) -> None:
        super().__init__(inputs, outputs, up=up, latent=config.width)
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise", torch.randn(side, side))

    def forward(self, x: Tensor, latent: Tensor | None = None, *, grain: bool = False) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W), or twice H and W, by `latent` (N, 512)."""
        if not grain:
            return super().forward(x, latent)
        style = self.style(latent)
        x = x * style[:, :, None, None]
        if self.up:
            x = low_pass(F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2), (1, 1))
        else:
            x = F.conv2d(x, self.weight, padding=1)
        x = x * self.demodulation(style)[:, :, None, None]
        return leaky(x + self.noise * self.noise_strength + self.bias[:, None, None])


class PlaneOutput(nn.Module):
    """To the channels of the planes: steered, not normalised, no activation."""

    def __init__(self, config: TeacherConfig, inputs: int) -> None:
        super().__init__()
        outputs = PLANES * config.channels
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.style = Style(inputs, config.width)

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W) by `latent` (N, 512)."""
        style = self.style(latent) / math.sqrt(x.shape[1])
        return F.conv2d(x * style[:, :, None, None], self.weight, self.bias)
