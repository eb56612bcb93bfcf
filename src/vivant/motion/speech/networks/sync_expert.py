"""SyncExpert: whether a fifth of a second of sound belongs to a mouth; GeneFace's and Real3D-Portrait's.

sound     (B, 10, 1024)  HuBERT-large features, 50 per second
mouth     (B, 5, M)      landmark offsets, ten times their size, 25 per second
results   (B, E)         embeddings of length 1 without negative numbers, so that cosines lie in 0..1
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from vivant.nn.conv_block import ConvBlock, ResidualBlock

SOUND_FRAMES, MOUTH_FRAMES = 10, 5


@dataclass(frozen=True, kw_only=True)
class SyncExpertConfig:
    """Sizes of the network; the defaults are those of GeneFace's released weights."""

    sound: int = 1024
    """Numbers of one frame of sound."""
    mouth: int = 60
    """M: 20 mouth landmarks (GeneFace), or 1404: the 468 of the mesh (Real3D-Portrait)."""
    widen: int = 0
    """E: width of one more layer at the end of each tower; 0: none, and E is 512 (Real3D-Portrait: 1024)."""


class SyncExpert(nn.Module):
    """Two towers of convolutions over time, one for sound, one for mouths."""

    def __init__(self, config: SyncExpertConfig = SyncExpertConfig()) -> None:
        super().__init__()
        self.config = config
        self.sound = tower(config.sound, 128, stride=2, widen=config.widen)
        self.mouth = tower(config.mouth, 96, stride=1, widen=config.widen)

    def forward(self, sound: Tensor, mouth: Tensor) -> Tensor:
        """Cosine (B,) of each pair of `sound` (B, 10, 1024) and `mouth` (B, 5, M), 0..1; 1 is in time."""
        return (self.embed_sound(sound) * self.embed_mouth(mouth)).sum(1)

    def embed_sound(self, sound: Tensor) -> Tensor:
        """(B, 10, 1024) to (B, E)."""
        return F.normalize(self.sound(sound.mT).flatten(1))

    def embed_mouth(self, mouth: Tensor) -> Tensor:
        """(B, 5, M) to (B, E)."""
        return F.normalize(self.mouth(mouth.mT).flatten(1))


def tower(inputs: int, first: int, *, stride: int, widen: int) -> nn.Sequential:
    """Layers that shrink 10 frames (last `stride` 2) or 5 frames (1) to one of 512 or `widen` channels."""
    layers = [
        ConvBlock(inputs, first),
        ConvBlock(first, 128),
        *(ResidualBlock(128) for _ in range(2)),
        ConvBlock(128, 256, stride=2),
        *(ResidualBlock(256) for _ in range(2)),
        ConvBlock(256, 512, stride=stride),
        *(ResidualBlock(512) for _ in range(2)),
        ConvBlock(512, 512),
        ConvBlock(512, 512, pad=False),  # three frames to one
        ConvBlock(512, 512, 1),
    ]
    if widen:
        layers.append(ConvBlock(512, widen, 1))
    return nn.Sequential(*layers)


def sync_loss(cosine: Tensor, in_time: Tensor) -> Tensor:
    """Binary cross entropy of `cosine` (B,) in 0..1 and `in_time` (B,), 1 where the pair belongs together."""
    return F.binary_cross_entropy(cosine.clamp(0.0, 1.0), in_time)  # rounding can lift a cosine above 1
