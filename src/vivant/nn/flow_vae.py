"""FlowVAE: a conditional variational auto-encoder of motion whose prior is sharpened by a normalising flow.

    motion      (B, T, M)    any scale
    condition   (B, T, C)    features of the sound, one row per frame of motion
    mask        (B, T)       1 where there is motion, 0 where the batch is padded
    latent      (B, T/4, Z)  z, one row for four frames; noise is drawn in the same shape

T is a multiple of `stride` (4). Inside, tensors are (B, channels, time), and S stands for T / stride.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class FlowVAEConfig:
    """Sizes of the network; the defaults are those of the released weights that share it."""

    motion: int
    """M: numbers of one frame of motion."""
    condition: int
    """C: numbers of one frame of the condition."""
    hidden: int = 256
    """Channels of encoder and decoder."""
    latent: int = 16
    """Z: channels of the latent, even."""
    stride: int = 4
    """Frames of motion for one of the latent, even."""
    kernel: int = 5
    """Reach of the gated convolutions, odd."""
    encoder_layers: int = 8
    decoder_layers: int = 4
    couplings: int = 4
    """Steps of the flow."""
    coupling_hidden: int = 64
    coupling_kernel: int = 3
    coupling_layers: int = 4

    def __post_init__(self) -> None:
        if self.latent % 2 or self.stride % 2:
            raise ValueError(f"latent and stride must be even, but they are {self.latent} and {self.stride}")
        if not (self.kernel % 2 and self.coupling_kernel % 2):
            raise ValueError(f"kernels must be odd, but they are {self.kernel} and {self.coupling_kernel}")


@dataclass(frozen=True)
class Reconstruction:
    """What training needs of one pass through encoder, flow and decoder."""

    motion: Tensor  # (B, T, M) what came out
    mean: Tensor  # (B, S, Z) of the posterior
    log_scale: Tensor  # (B, S, Z) logarithm of the posterior's standard deviation
    latent: Tensor  # (B, S, Z) drawn from the posterior
    prior_latent: Tensor  # (B, S, Z) the same, seen through the flow, where the prior is N(0, 1)
    mask: Tensor  # (B, S)


class FlowVAE(nn.Module):
    """Draws motion for a condition; in training also encodes it."""

    def __init__(self, config: FlowVAEConfig) -> None:
        super().__init__()
        self.config = config
        width, half = config.condition, config.stride // 2
        self.squeeze = nn.Conv1d(width, width, 2 * config.stride, config.stride, padding=half)
        self.encoder = MotionEncoder(config)
        self.flow = Flow(config)
        self.decoder = MotionDecoder(config)

    def generate(self, condition: Tensor, noise: Tensor, mask: Tensor | None = None) -> Tensor:
        """Motion (B, T, M) for `condition` (B, T, C) from `noise` (B, S, Z), N(0, 1) times a temperature."""
        given, full, coarse = self._ready(condition, mask)
        latent = self.flow.inverse(noise.mT, coarse, self.squeeze(given))
        motion: Tensor = self.decoder(latent, full, given)
        return motion.mT

    def reconstruct(
        self, motion: Tensor, condition: Tensor, noise: Tensor, mask: Tensor | None = None
    ) -> Reconstruction:
        """Encode `motion` (B, T, M), draw a latent with `noise` (B, S, Z) ~ N(0, 1), decode it."""
        given, full, coarse = self._ready(condition, mask)
        squeezed = self.squeeze(given)
        mean, log_scale = self.encoder(motion.mT, coarse, squeezed)
        latent = mean + noise.mT * log_scale.exp()
        through = self.flow(latent, coarse, squeezed)
        decoded: Tensor = self.decoder(latent, full, given)
        return Reconstruction(decoded.mT, mean.mT, log_scale.mT, latent.mT, through.mT, coarse[:, 0])

    def _ready(self, condition: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Condition (B, C, T), mask (B, 1, T), mask of the latent (B, 1, S)."""
        frames, stride = condition.shape[1], self.config.stride
        if frames % stride:
            raise ValueError(f"{frames} frames, but the number must be a multiple of {stride}; pad the sound")
        full = condition.new_ones(len(condition), 1, frames) if mask is None else mask[:, None]
        return condition.mT, full, full[..., ::stride]


class MotionEncoder(nn.Module):
    """Motion to mean and log scale of the posterior."""

    def __init__(self, config: FlowVAEConfig) -> None:
        super().__init__()
        half = config.stride // 2
        self.enter = nn.Conv1d(config.motion, config.hidden, 2 * config.stride, config.stride, padding=half)
        self.stack = GatedStack(config.hidden, config.kernel, config.encoder_layers, config.condition)
        self.leave = nn.Conv1d(config.hidden, 2 * config.latent, 1)

    def forward(self, motion: Tensor, mask: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """`motion` (B, M, T), `mask` (B, 1, S), `condition` (B, C, S) to two (B, Z, S)."""
        mean, log_scale = self.leave(self.stack(self.enter(motion) * mask, mask, condition)).chunk(2, dim=1)
        return mean, log_scale


class MotionDecoder(nn.Module):
    """Latent to motion."""

    def __init__(self, config: FlowVAEConfig) -> None:
        super().__init__()
        self.enter = nn.ConvTranspose1d(config.latent, config.hidden, config.stride, config.stride)
        self.stack = GatedStack(config.hidden, config.kernel, config.decoder_layers, config.condition)
        self.leave = nn.Conv1d(config.hidden, config.motion, 1)

    def forward(self, latent: Tensor, mask: Tensor, condition: Tensor) -> Tensor:
        """`latent` (B, Z, S), `mask` (B, 1, T), `condition` (B, C, T) to (B, M, T)."""
        motion: Tensor = self.leave(self.stack(self.enter(latent) * mask, mask, condition)) * mask
        return motion


class Flow(nn.Module):
    """Volume-preserving: shifts one half of the channels by what the other half says, swaps their order, repeats."""

    def __init__(self, config: FlowVAEConfig) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(Coupling(config) for _ in range(config.couplings))

    def forward(self, latent: Tensor, mask: Tensor, condition: Tensor) -> Tensor:
        """Latent (B, Z, S) of the posterior to where the prior is N(0, 1)."""
        for coupling in self.couplings:
            kept, moved = latent.chunk(2, dim=1)
            moved = coupling(kept, mask, condition) + moved * mask
            latent = torch.cat([kept, moved], dim=1).flip(1)
        return latent

    def inverse(self, noise: Tensor, mask: Tensor, condition: Tensor) -> Tensor:
        """`noise` (B, Z, S) from N(0, 1) to a latent that the decoder knows."""
        for coupling in reversed(self.couplings):
            kept, moved = noise.flip(1).chunk(2, dim=1)
            moved = (moved - coupling(kept, mask, condition)) * mask
            noise = torch.cat([kept, moved], dim=1)
        return noise


class Coupling(nn.Module):
    """The shift of one half of the channels from the other half; none before training."""

    def __init__(self, config: FlowVAEConfig) -> None:
        super().__init__()
        half, hidden = config.latent // 2, config.coupling_hidden
        self.enter = nn.Conv1d(half, hidden, 1)
        self.stack = GatedStack(hidden, config.coupling_kernel, config.coupling_layers, config.condition)
        self.leave = nn.Conv1d(hidden, half, 1)
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def forward(self, kept: Tensor, mask: Tensor, condition: Tensor) -> Tensor:
        """`kept` (B, Z/2, S), `mask` (B, 1, S), `condition` (B, C, S) to the shift (B, Z/2, S)."""
        shift: Tensor = self.leave(self.stack(self.enter(kept) * mask, mask, condition)) * mask
        return shift


class GatedStack(nn.Module):
    """Residual layers of gated convolutions; each gets its own slice of the condition, and adds to the result."""

    def __init__(self, hidden: int, kernel: int, layers: int, condition: int) -> None:
        super().__init__()
        self.condition = NormedConv(condition, 2 * hidden * layers, 1)
        self.gates = nn.ModuleList(NormedConv(hidden, 2 * hidden, kernel) for _ in range(layers))
        self.exits = nn.ModuleList(NormedConv(hidden, 2 * hidden, 1) for _ in range(layers - 1))
        self.exits.append(NormedConv(hidden, hidden, 1))

    def forward(self, x: Tensor, mask: Tensor, condition: Tensor) -> Tensor:
        """`x` (B, hidden, T), `mask` (B, 1, T), `condition` (B, C, T) to (B, hidden, T)."""
        result = torch.zeros_like(x)
        slices = self.condition(condition).chunk(len(self.gates), dim=1)
        for gate, leave, piece in zip(self.gates, self.exits, slices, strict=True):
            signal, opening = (gate(x) + piece).chunk(2, dim=1)
            *step, skipped = leave(torch.tanh(signal) * torch.sigmoid(opening)).split(x.shape[1], dim=1)
            if step:  # not after the last layer
                x = (x + step[0]) * mask
            result = result + skipped
        return result * mask


class NormedConv(nn.Module):
    """A "same" convolution whose kernels are direction times gain: W = g v / |v|, one gain for each output."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        plain = nn.Conv1d(inputs, outputs, kernel)
        direction = plain.weight.detach()
        self.direction = nn.Parameter(direction)
        self.gain = nn.Parameter(direction.norm(dim=(1, 2), keepdim=True))
        self.bias = plain.bias

    def forward(self, x: Tensor) -> Tensor:
        """(B, I, T) to (B, O, T), I = `inputs` and O = `outputs`."""
        return F.conv1d(x, self.weight(), self.bias, padding=self.direction.shape[2] // 2)

    def weight(self) -> Tensor:
        """The kernels (O, I, K), I = `inputs` and O = `outputs`."""
        weight: Tensor = self.direction * (self.gain / self.direction.norm(dim=(1, 2), keepdim=True))
        return weight

    def folded(self) -> nn.Conv1d:
        """The same convolution with its kernels worked out, for drawing only."""
        outputs, inputs, size = self.direction.shape
        conv = nn.Conv1d(inputs, outputs, size, padding=size // 2)
        with torch.no_grad():
            conv.weight.copy_(self.weight())
        conv.bias = self.bias
        return conv


def fold(network: nn.Module) -> None:
    """Replace every NormedConv in `network` by a plain convolution: a tenth less work in small windows, no training."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, NormedConv):
                setattr(module, name, child.folded())


def divergence(result: Reconstruction) -> Tensor:
    """Mean over unmasked latent numbers (B, S, Z) of log posterior - log prior at the drawn; the flow keeps volume."""
    drawn = (result.latent - result.mean) / result.log_scale.exp()
    posterior = -0.5 * (drawn**2 + math.log(2 * math.pi)) - result.log_scale
    prior = -0.5 * (result.prior_latent**2 + math.log(2 * math.pi))
    mask = result.mask[..., None]
    return ((posterior - prior) * mask).sum() / mask.sum() / result.latent.shape[-1]
