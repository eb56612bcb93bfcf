"""HeadPose: the next head pose from those before it and the sound; GeneFace's audio-to-pose network.

    history  (B, T, 12)  three angles (radians), translation less its mean, and the velocities of both, 25 per second
    sound    (B, T, 58)  the two middle rows of each frame's DeepSpeech window
    results  (B, T, 12)  means and log sigmas of the next pose after each frame

A frame sees itself and 14 frames before; the published driver gives 100.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAK = 0.2


@dataclass(frozen=True, kw_only=True)
class HeadPoseConfig:
    """Sizes of the network; the defaults are those of the released weights."""

    pose: int = 12
    """Numbers of one pose with its velocity."""
    sound: int = 58
    """Numbers of one frame of sound."""
    encoded: int = 256
    """Channels of the encoded sound, and of what the layers add up to."""
    width: int = 128
    """Channels between the layers."""
    dilations: tuple[int, ...] = (1, 2, 4, 1, 2, 4)
    """Frames from one tap of each layer to the other."""
    dropout: float = 0.5
    """Share of the history's channels that training drops."""


@dataclass(frozen=True)
class PoseGuess:
    """What comes next."""

    mean: Tensor  # (B, T, 12)
    log_sigma: Tensor  # (B, T, 12)
    raw: Tensor  # (B, T, 25) as it leaves the network: an unused weight, means, negative log sigmas


class HeadPose(nn.Module):
    """A causal WaveNet over poses."""

    def __init__(self, config: HeadPoseConfig = HeadPoseConfig()) -> None:
        super().__init__()
        self.config = config
        outputs = 1 + 2 * config.pose
        self.sound = nn.Sequential(
            nn.Linear(config.sound, config.encoded), nn.LeakyReLU(LEAK), nn.Linear(config.encoded, config.encoded)
        )
        self.drop = nn.Dropout1d(config.dropout)
        self.enter = nn.ModuleList([nn.Conv1d(config.pose, config.width, 1), nn.Conv1d(config.width, config.width, 1)])
        self.layers = nn.ModuleList(CausalLayer(config, dilation) for dilation in config.dilations)
        self.leave = nn.ModuleList([nn.Conv1d(config.encoded, outputs, 1), nn.Conv1d(outputs, outputs, 1)])

    def forward(self, history: Tensor, sound: Tensor) -> PoseGuess:
        """Guess the pose after each frame of `history` (B, T, 12), hearing `sound` (B, T, 58)."""
        heard = self.sound(sound).mT  # (B, 256, T)
        x = self.drop(history.mT)  # (B, 12, T)
        for conv in self.enter:
            x = F.leaky_relu(conv(x), LEAK)
        total = x.new_zeros(())
        for layer in self.layers:
            x, skipped = layer(x, heard)
            total = total + skipped
        for conv in self.leave:
            total = conv(F.leaky_relu(total, LEAK))
        raw = total.mT  # (B, T, 25)
        _, mean, negative = raw.split([1, self.config.pose, self.config.pose], dim=-1)
        return PoseGuess(mean, -negative, raw)


class CausalLayer(nn.Module):
    """A gated convolution of two taps into the past, steered by the sound."""

    def __init__(self, config: HeadPoseConfig, dilation: int) -> None:
        super().__init__()
        width = config.width
        self.dilation = dilation
        self.signal = nn.Conv1d(width, width, 2, dilation=dilation)
        self.gate = nn.Conv1d(width, width, 2, dilation=dilation)
        self.sound_signal = nn.Conv1d(config.encoded, width, 1)
        self.sound_gate = nn.Conv1d(config.encoded, width, 1)
        self.step = nn.Conv1d(width, width, 1)
        self.skip = nn.Conv1d(width, config.encoded, 1)

    def forward(self, x: Tensor, heard: Tensor) -> tuple[Tensor, Tensor]:
        """`x` (B, 128, T), `heard` (B, 256, T) to the next x and a part (B, 256, T) of the result."""
        past = F.pad(x, (self.dilation, 0))
        signal = torch.tanh(self.signal(past) + self.sound_signal(heard))
        mixed = signal * torch.sigmoid(self.gate(past) + self.sound_gate(heard))
        return x + self.step(mixed), self.skip(mixed)
