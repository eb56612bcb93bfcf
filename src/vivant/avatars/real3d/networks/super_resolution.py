"""Head, torso and background joined, at full size (Real3D-Portrait, section 3.3).

features     (N, 32, 128, 128)    volume rendered
rgb          (N, 3, 128, 128)     their first three channels: the raw head -1..1
weights      (N, 1, 128, 128)     how much of each ray the head holds, 0..1
torso        (N, 3, 512, 512)     the torso's picture -1..1, the head painted over
background   (N, 3, 512, 512)     -1..1
classes      (N, 6, 512, 512)     0..1: background, hair, bare skin, face, clothes, other things
source, target (N, 68, 3)         the head's key points in the picture and in the frame, x right, y down, -1..1
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.real3d.networks.head_super_resolution import resized
from vivant.avatars.real3d.networks.style_layers import LATENT, SynthesisBlock
from vivant.avatars.real3d.networks.torso_appearance import TorsoAppearance, TorsoAppearanceConfig
from vivant.avatars.real3d.networks.torso_blocks import damped
from vivant.avatars.real3d.networks.torso_generator import TorsoGenerator, TorsoGeneratorConfig
from vivant.avatars.real3d.networks.torso_motion import Motion, TorsoMotion, TorsoMotionConfig

TORSO = [2, 4]
"""Classes that are torso: bare skin and clothes."""
KEYPOINTS = [0, 8, 16, 27]
"""Of the 68: the ends of the jaw, the chin between them, and the bridge of the nose."""
THRESHOLD = 0.9
"""Weight from which a place is wholly head."""
MASK = 7
"""Side of the square that widens the torso's mask."""
DAMPING = 0.1
"""Share of the gradient that goes back into the motion."""
LEAK = 0.01


@dataclass(frozen=True, kw_only=True)
class SuperResolutionConfig:
    """Sizes; the defaults are those of the release."""

    inputs: int = 32
    width: int = 256
    """Channels at half of the full size."""
    last: int = 128
    """Channels at full size."""
    hidden: int = 64
    """Channels inside of the background's encoder and of the last fusion."""
    latent: int = LATENT
    appearance: TorsoAppearanceConfig = field(default_factory=TorsoAppearanceConfig)
    motion: TorsoMotionConfig = field(default_factory=TorsoMotionConfig)
    generator: TorsoGeneratorConfig = field(default_factory=TorsoGeneratorConfig)


class Still(NamedTuple):
    """What depends on the picture only; S is the side of the features, 128."""

    torso: Tensor
    """(N, 34, D, S / 2, S / 2): the torso's volume where there is torso, and the two classes"""
    background: Tensor
    """(N, 3, 2 S, 2 S)"""
    behind: Tensor
    """(N, width, 2 S, 2 S): features of the background"""


class Torso(NamedTuple):
    """The torso of a frame; S is the side of the features."""

    features: Tensor
    """(N, 64, 2 S, 2 S)"""
    rgb: Tensor
    """(N, 3, 2 S, 2 S)"""
    occupancy: Tensor
    """(N, 1, 2 S, 2 S), 0..1"""
    motion: Motion


class Joined(NamedTuple):
    """A frame; S is the side of the features."""

    frame: Tensor
    """(N, 3, 4 S, 4 S), nearly in -1..1"""
    person: Tensor
    """(N, 1, 2 S, 2 S), 0..1: how much of a pixel is not background"""


class HeadTorsoSuperResolution(nn.Module):
    """The networks of the torso, the background's encoder, and the blocks that join what they make with the head."""

    def __init__(self, config: SuperResolutionConfig = SuperResolutionConfig()) -> None:
        super().__init__()
        width, hidden, latent = config.width, config.hidden, config.latent
        seen = config.generator.width // 4
        self.channels = config.appearance.channels
        self.appearance = TorsoAppearance(config.appearance)
        self.motion = TorsoMotion(config.motion)
        self.generator = TorsoGenerator(config.generator)
        self.occupancy = nn.Sequential(
            *(_conv(seen + 1, 32), nn.ReLU(), _conv(32, 32), nn.ReLU(), _conv(32, 1), nn.Sigmoid())
        )
        self.see_torso = nn.Conv2d(seen, width, 1)
        self.see_background = _chain(_conv(3, hidden), _conv(hidden, width), _conv(width, width))
        self.low = SynthesisBlock(config.inputs, width, latent=latent)
        self.join_torso = _chain(_conv(2 * width, width), _conv(width, width))
        self.body = SynthesisBlock(width, width, up=False, latent=latent)
        self.join_background = _chain(nn.Conv2d(2 * width, hidden, 1), _conv(hidden, width), _conv(width, width))
        self.high = SynthesisBlock(width, config.last, latent=latent)

    def still(self, torso: Tensor, background: Tensor, classes: Tensor) -> Still:
        """What can be kept from frame to frame of pictures (N, 3, H, W) and `classes` (N, 6, H, W)."""
        return seen_still(self.appearance, self.see_background, (torso, background, classes))

    def forward(
        self,
        features: Tensor,
        rgb: Tensor,
        weights: Tensor,
        still: Still,
        source: Tensor,
        target: Tensor,
        threshold: float = THRESHOLD,
    ) -> Joined:
        """The frame of `features`, `rgb` and `weights` of side S.

        `source` and `target` are (N, 68, 3). Where the weight is above `threshold`, no background shines through.
        """
        side = 2 * rgb.shape[2]
        head = resized(weights.detach(), side)
        torso = self.torso(still, source, target, resized(rgb, side), head)
        x, rgb = self.low(features, rgb)
        rgb = torch.lerp(torso.rgb, rgb, head)
        seen = self.see_torso(torso.features)
        x = self.join_torso(torch.cat((x * head, seen * (1 - head)), dim=1))
        x, rgb = self.body(x, rgb)
        person = (torso.occupancy + torch.where(head > threshold, 1.0, head)).clamp(0, 1)
        rgb = torch.lerp(still.background, rgb, person)
        x = self.join_background(torch.cat((x * person, still.behind * (1 - person)), dim=1))
        return Joined(self.high(x, rgb)[1], person)

    def torso(self, still: Still, source: Tensor, target: Tensor, head: Tensor, weights: Tensor) -> Torso:
        """The torso under the `head` (N, 3, 2 S, 2 S) that holds `weights` (N, 1, 2 S, 2 S).

        `source` and `target` are (N, 68, 3).
        """
        motion = self.motion(still.torso, source[:, KEYPOINTS], target[:, KEYPOINTS], head, weights)
        motion = Motion(*(damped(part, DAMPING) for part in motion))
        features, rgb = self.generator(still.torso[:, : self.channels], motion.places)
        occlusion = F.interpolate(motion.occlusion, size=head.shape[2:], mode="bilinear")
        occupancy = self.occupancy(torch.cat((features, occlusion), dim=1))
        return Torso(features, rgb, occupancy, motion)


def seen_still(appearance: nn.Module, see_background: nn.Module, pictures: tuple[Tensor, Tensor, Tensor]) -> Still:
    """`HeadTorsoSuperResolution.still` of the pictures of torso, background and classes by the two networks of it.

    The first two are (N, 3, H, W), classes (N, 6, H, W).
    """
    torso, background, classes = pictures
    side = torso.shape[2] // 2
    picture, behind = resized(torso, side), resized(background, side)
    clothed = classes[:, TORSO]
    large, small = (F.interpolate(clothed, size=(size, size), mode="bilinear") for size in (side, side // 4))
    features = appearance(torch.cat((picture, large), dim=1))
    mask = F.max_pool2d(F.pad(small.sum(1, keepdim=True), (MASK // 2,) * 4, mode="reflect"), MASK, stride=1)
    deep = small[:, :, None].expand(-1, -1, features.shape[2], -1, -1)
    volume = torch.cat((features * mask[:, :, None], deep), dim=1)
    return Still(volume, behind, see_background(behind))


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def _chain(first: nn.Module, *others: nn.Module) -> nn.Sequential:
    """Layers with leaky ReLU between them."""
    steps = [first]
    for other in others:
        steps += [nn.LeakyReLU(LEAK), other]
    return nn.Sequential(*steps)
