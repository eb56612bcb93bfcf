"""AudioToExpression: the audio-to-motion network of GeneFace++ and Real3D-Portrait.

    sound      (B, 2T, 1024)  HuBERT-large features, 50 per second
    pitch      (B, 2T)        fundamental frequency in Hz, 0 where unvoiced
    blink      (B, 2T)        int64, 1 in the middle of a blink; 0 where blinks are made elsewhere
    amplitude  (B, 1)         how wide the mouth opens, 0..1; published defaults 0.4 and 0.45
    noise      (B, T/4, 16)   N(0, 1) times a temperature of 0..1; published default 0.2
    result     (B, T, 64)     expression coefficients of the Basel face model, 25 per second

T is a multiple of 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vivant.nn.conv_block import FeatureEncoder
from vivant.nn.flow_vae import FlowVAE, FlowVAEConfig, Reconstruction
from vivant.nn.pitch import BINS, pitch_bins


@dataclass(frozen=True, kw_only=True)
class AudioToExpressionConfig:
    """Sizes of the network; the defaults are those of the released weights."""

    sound: int = 1024
    """Numbers of one frame of sound."""
    width: int = 128
    """Channels of each of the four inputs once encoded, and of the condition."""
    motion: int = 64
    """Numbers of one frame of motion."""


@dataclass(frozen=True)
class Voice:
    """What is heard, and what is wished beside it; 2T rows, 50 per second."""

    sound: Tensor  # (B, 2T, 1024)
    pitch: Tensor  # (B, 2T) Hz
    blink: Tensor  # (B, 2T) int64, 0 or 1
    amplitude: Tensor  # (B, 1)


class AudioToExpression(nn.Module):
    """Sound to expression, with blinks and the opening of the mouth under control."""

    def __init__(self, config: AudioToExpressionConfig = AudioToExpressionConfig()) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.sound = FeatureEncoder(config.sound, width, width)
        self.pitch_table = nn.Embedding(BINS, width)
        self.pitch = FeatureEncoder(width, width, width)
        self.blink_table = nn.Embedding(2, width)
        self.amplitude = nn.Parameter(torch.randn(width))
        self.join = nn.Linear(4 * width, width)
        self.vae = FlowVAE(FlowVAEConfig(motion=config.motion, condition=width))

    def forward(self, voice: Voice, noise: Tensor) -> Tensor:
        """Expression (B, T, 64) for `voice`."""
        return self.vae.generate(self.condition(voice), noise)

    def reconstruct(self, motion: Tensor, voice: Voice, noise: Tensor, *, mask: Tensor | None = None) -> Reconstruction:
        """Encode and decode `motion` (B, T, 64); `mask` (B, T) is 0 where a batch is padded."""
        return self.vae.reconstruct(motion, self.condition(voice), noise, mask)

    def condition(self, voice: Voice) -> Tensor:
        """What the motion is drawn for, (B, T, 128)."""
        joined: Tensor = self.join(self.features(voice))
        return joined

    def features(self, voice: Voice) -> Tensor:
        """Encoded sound, pitch, blink and amplitude side by side, (B, T, 512)."""
        sound = self.sound(voice.sound[:, ::2].mT).mT
        pitch = self.pitch(self.pitch_table(pitch_bins(voice.pitch[:, ::2])).mT).mT
        blink = self.blink_table(voice.blink[:, ::2])
        amplitude = (voice.amplitude * self.amplitude)[:, None].expand_as(blink)
        return torch.cat([sound, pitch, blink, amplitude], dim=-1)
