"""PostNet: moves generic landmarks into the range of one person; GeneFace's, with and without pitch.

landmarks  (B, T, 204)  68 landmarks as offsets from the mean face; rows of zeros are padding and stay zero
pitch      (B, T, 64)   rows of the audio-to-motion network's pitch embedding; only with pitch
result     (B, T, 204)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vivant.nn.conv_block import ConvBlock, ResidualBlock

LEAK = 0.2


@dataclass(frozen=True, kw_only=True)
class PostNetConfig:
    """Sizes of the network; the defaults are those of the released weights without pitch."""

    landmarks: int = 204
    """Numbers of one frame."""
    pitch: int = 0
    """Channels of the pitch embedding; 0: without pitch, 64: the released weights with it."""


class PostNet(nn.Module):
    """Convolutions over time that predict a correction of the landmarks."""

    def __init__(self, config: PostNetConfig = PostNetConfig()) -> None:
        super().__init__()
        self.config = config
        self.enter = stage(config.landmarks + config.pitch, 128)
        self.middle = stage(128, 256)
        self.leave = nn.Sequential(ConvBlock(256, 128, leak=LEAK), nn.Conv1d(128, config.landmarks, 1))

    def forward(self, landmarks: Tensor, pitch: Tensor | None = None) -> Tensor:
        """The corrected landmarks (B, T, 204)."""
        if bool(self.config.pitch) != (pitch is not None):
            raise ValueError("give pitch (B, T, 64) to a post-net with pitch, and to no other")
        mask = (landmarks.abs().sum(-1) > 0).to(landmarks)[:, None]  # (B, 1, T)
        x = (landmarks if pitch is None else torch.cat([landmarks, pitch], dim=-1)).mT
        correction: Tensor = self.leave(self.middle(self.enter(x) * mask) * mask) * mask
        return landmarks + correction.mT


def stage(inputs: int, width: int) -> nn.Sequential:
    """One block that changes the width, and two residual ones."""
    return nn.Sequential(
        ConvBlock(inputs, width, leak=LEAK), ResidualBlock(width, leak=LEAK), ResidualBlock(width, leak=LEAK)
    )
