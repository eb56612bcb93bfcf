"""GestureNet: the built-in audio-to-motion network, small enough to ship: features of sound to gestures of the mouth.

    features    (B, 2 T, 66)  of the front end, 100 per second
    gestures    (B, T, 7)     50 per second, 0..1 each but for small overshoots
    latent      (B, T/2, 8)   one row for two frames; noise is drawn in the same shape

T is even. A listener of dilated convolutions turns the features into a condition; a VAE with a flow prior
(`nn.flow_vae`, the design of GeneFace) draws gestures for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from vivant.motion.speech.front_end import WIDTH
from vivant.motion.speech.gestures import GESTURES
from vivant.nn.flow_vae import FlowVAE, FlowVAEConfig, Reconstruction

FRAMES_PER_SECOND = 50


@dataclass(frozen=True)
class GestureNetConfig:
    """Sizes of the network."""

    listener: int = 192
    """Channels of the listener."""
    dilations: tuple[int, ...] = (1, 2, 4, 1, 2, 4, 8, 1)
    """Of its layers; together with the first layer it hears 0.5 s to either side."""
    condition: int = 96
    """Channels of what it tells the VAE."""
    hidden: int = 96
    latent: int = 8


class GestureNet(nn.Module):
    """Draws gestures for features."""

    def __init__(self, config: GestureNetConfig = GestureNetConfig()) -> None:
        super().__init__()
        self.config = config
        self.listener = Listener(config)
        self.vae = FlowVAE(
            FlowVAEConfig(
                motion=len(GESTURES),
                condition=config.condition,
                hidden=config.hidden,
                latent=config.latent,
                stride=2,
                encoder_layers=4,
                decoder_layers=3,
                coupling_hidden=48,
                coupling_layers=2,
            )
        )

    def listen(self, features: Tensor) -> Tensor:
        """Features (B, 2 T, 66) to the condition (B, T, C)."""
        heard: Tensor = self.listener(features)
        return heard

    def generate(self, condition: Tensor, noise: Tensor) -> Tensor:
        """Gestures (B, T, 7) for `condition` (B, T, C) from `noise` (B, T/2, 8): N(0, 1) times a temperature."""
        return self.vae.generate(condition, noise)

    def reconstruct(self, gestures: Tensor, condition: Tensor, noise: Tensor) -> Reconstruction:
        """Encode `gestures` (B, T, 7), draw a latent with `noise` (B, T/2, 8) ~ N(0, 1), decode it."""
        return self.vae.reconstruct(gestures, condition, noise)


class Listener(nn.Module):
    """Features to a condition: a strided convolution, then residual layers of dilated ones."""

    def __init__(self, config: GestureNetConfig) -> None:
        super().__init__()
        self.enter = nn.Conv1d(WIDTH, config.listener, 6, stride=2, padding=2)
        self.layers = nn.ModuleList(ListenerLayer(config.listener, dilation) for dilation in config.dilations)
        self.leave = nn.Conv1d(config.listener, config.condition, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, 2 T, 66) to (B, T, C)."""
        x = self.enter(features.mT)
        for layer in self.layers:
            x = layer(x)
        heard: Tensor = self.leave(F.gelu(x))
        return heard.mT


class ListenerLayer(nn.Module):
    """x + a dilated convolution of normalised x."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.near = nn.Conv1d(width, width, 3, dilation=dilation, padding=dilation)
        self.mix = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, W, T) to the same shape."""
        y: Tensor = self.mix(F.gelu(self.near(F.gelu(self.norm(x.mT).mT))))
        return x + y
