"""AudioToLandmarks: GeneFace's generic audio-to-motion network, with and without pitch.

    sound    (B, 2T, 1024)  HuBERT-large features, 50 per second
    pitch    (B, 2T)        fundamental frequency in Hz, 0 where unvoiced; only with pitch
    noise    (B, T/4, 16)   N(0, 1) times a temperature of 0..1
    result   (B, T, 204)    68 landmarks x, y, z as offsets from the mean face, ten times their size, 25 per second

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
class AudioToLandmarksConfig:
    """Sizes of the network; the defaults are those of the released weights without pitch."""

    sound: int = 1024
    """Numbers of one frame of sound."""
    width: int = 64
    """Channels of the encoded sound, and of the pitch embedding."""
    pitch: int = 0
    """Channels of the encoded pitch; 0: without pitch, 32: the released weights with it."""
    motion: int = 204
    """Numbers of one frame of motion."""


class AudioToLandmarks(nn.Module):
    """Sound to the landmarks of a generic speaking face."""

    def __init__(self, config: AudioToLandmarksConfig = AudioToLandmarksConfig()) -> None:
        super().__init__()
        self.config = config
        self.sound = FeatureEncoder(config.sound, config.width, config.width)
        if config.pitch:
            self.pitch_table = nn.Embedding(BINS, config.width)
            self.pitch = FeatureEncoder(config.width, config.width, config.pitch)
        self.vae = FlowVAE(FlowVAEConfig(motion=config.motion, condition=config.width + config.pitch))

    def forward(self, sound: Tensor, noise: Tensor, *, pitch: Tensor | None = None) -> Tensor:
        """Landmarks (B, T, 204) for `sound` (B, 2T, 1024)."""
        return self.vae.generate(self.condition(sound, pitch), noise)

    def reconstruct(
        self, motion: Tensor, sound: Tensor, noise: Tensor, *, pitch: Tensor | None = None, mask: Tensor | None = None
    ) -> Reconstruction:
        """Encode and decode `motion` (B, T, 204); `mask` (B, T) is 0 where a batch is padded."""
        return self.vae.reconstruct(motion, self.condition(sound, pitch), noise, mask)

    def condition(self, sound: Tensor, pitch: Tensor | None = None) -> Tensor:
        """The encoded sound, with the encoded pitch behind it, (B, T, C)."""
        parts = [self.sound(sound[:, ::2].mT)]
        if self.config.pitch:
            if pitch is None:
                raise ValueError("these weights want the pitch of the sound; give pitch (B, 2T) in Hz")
            parts.append(self.pitch(self.pitch_table(pitch_bins(pitch[:, ::2])).mT))
        return torch.cat(parts, dim=1).mT
