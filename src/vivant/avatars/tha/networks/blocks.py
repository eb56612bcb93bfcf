"""Blocks that the networks of Talking Head Anime 3 are made of, standard and separable; all tensors are (N, C, H, W).

In the separable variant a convolution is one kernel for each channel followed by a 1 x 1 mixing of channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.nn.norm import group_norm

EPSILON = 1e-5
LEAK = 0.1
"""Slope of the activations of rotator and editor."""
EVERY = slice(None)
Activation = Callable[[Tensor], Tensor]


class Foldable(nn.Module):
    """A block that can be made faster where it need not learn any more."""

    def fold(self) -> None:
        """Work out what depends on the weights alone."""


class InstanceNorm(nn.Module):
    """Each channel of each picture to mean 0 and variance 1, then gain and shift, then leaky ReLU of slope `leak`."""

    def __init__(self, channels: int, leak: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.leak = leak

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape; outside of training the result may lie where `x` was."""
        return group_norm(x, x.shape[1], self.weight, self.bias, EPSILON, leak=self.leak, reuse=True)


class ConvBlock(Foldable):
    """Convolution without bias that keeps the size (or halves it: kernel 4, `down`), instance norm, leaky ReLU.

    `leak` is the slope below 0; 0 is ReLU, 1 is nothing.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, *, separable: bool, leak: float, down: bool = False
    ) -> None:
        super().__init__()
        self.stride = 2 if down else 1
        self.padding = 1 if down else kernel // 2
        self.depthwise = _convolution(inputs, 1, kernel) if separable else None
        self.conv = _convolution(outputs, inputs, 1 if separable else kernel)
        self.norm = InstanceNorm(outputs, leak)

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) to (N, O, H, W), half of H and W if `down`; I = `inputs` and O = `outputs`."""
        result: Tensor = self.norm(self.mix(x))
        return result

    def mix(self, x: Tensor, channels: slice = EVERY) -> Tensor:
        """The convolution's part (N, O, H, W) from the given `channels` of the input; the parts add up."""
        if self.depthwise is None:
            return F.conv2d(x, self.conv.weight[:, channels], None, self.stride, self.padding)
        return mix_channels(self.spread(x, channels), self.conv.weight[:, channels])

    def spread(self, x: Tensor, channels: slice = EVERY) -> Tensor:
        """A separable convolution's first half, (N, C, H, W) to (N, C, H', W'), which keeps channels apart."""
        assert self.depthwise is not None
        return F.conv2d(x, self.depthwise.weight[channels], None, self.stride, self.padding, groups=x.shape[1])


class DeconvBlock(Foldable):
    """Transposed convolution of kernel 4 without bias that doubles the size, instance norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, separable: bool) -> None:
        super().__init__()
        self.depthwise = _convolution(inputs, 1, 4) if separable else None
        self.conv = _convolution(outputs, inputs, 1) if separable else _convolution(inputs, outputs, 4)
        self.norm = InstanceNorm(outputs, 0)

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) to (N, O, 2 H, 2 W), I = `inputs` and O = `outputs`."""
        if self.depthwise is None:
            mixed = F.conv_transpose2d(x, self.conv.weight, stride=2, padding=1)
        else:
            mixed = mix_channels(self.spread(x), self.conv.weight)
        result: Tensor = self.norm(mixed)
        return result

    def spread(self, x: Tensor) -> Tensor:
        """A separable convolution's first half, (N, C, H, W) to (N, C, 2 H, 2 W), which keeps channels apart."""
        assert self.depthwise is not None
        return F.conv_transpose2d(x, self.depthwise.weight, stride=2, padding=1, groups=x.shape[1])


class Doubling(nn.Module):
    """Each pixel to 2 x 2, then a convolution of kernel 3: as one, once its kernel is folded."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel: Tensor | None
        self.register_buffer("kernel", None, persistent=False)

    @property
    def folded(self) -> Tensor:
        """The folded kernel (I, O, 4, 4)."""
        assert self.kernel is not None, "fold first"
        return self.kernel

    def fold(self, weight: Tensor) -> None:
        """The transposed convolution of kernel 4 and stride 2 that is the same as doubling, then `weight` (O, I, 3, 3).

        It needs 16 instead of 36 multiplications for each pixel that comes in, and no picture of twice the size.
        """
        spread = weight.new_tensor([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
        self.kernel = torch.einsum("yk,xl,oikl->ioyx", spread, spread, weight).contiguous()

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None = None, *, apart: bool = False) -> Tensor:
        """`x` (N, I, H, W) to (N, O, 2 H, 2 W) by `weight` (O, I, 3, 3); (I, 1, 3, 3) with channels `apart`."""
        groups = len(weight) if apart else 1
        if self.kernel is not None:
            kernel = self.kernel.transpose(0, 1) if apart else self.kernel
            return F.conv_transpose2d(x, kernel, bias, stride=2, padding=1, groups=groups)
        return F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), weight, bias, padding=1, groups=groups)


class UpBlock(Foldable):
    """Each pixel to 2 x 2, then a `ConvBlock` of kernel 3 over it and, if there is one, over a skip of that size."""

    def __init__(self, inputs: int, outputs: int, *, skip: int = 0, separable: bool, leak: float) -> None:
        super().__init__()
        self.inputs = inputs
        self.block = ConvBlock(inputs + skip, outputs, separable=separable, leak=leak)
        self.doubling = Doubling()

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """`x` (N, I, H, W), I = `inputs`, and `skip` (N, skip, 2 H, 2 W) to (N, O, 2 H, 2 W), O = `outputs`."""
        if self.block.depthwise is None:
            mixed = self.doubling(x, self.block.conv.weight[:, : self.inputs])
        else:
            mixed = mix_channels(self.spread(x), self.block.conv.weight[:, : self.inputs])
        if skip is not None:
            mixed += self.block.mix(skip, slice(self.inputs, None))
        result: Tensor = self.block.norm(mixed)
        return result

    def spread(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, 2 H, 2 W): a separable convolution's first half of what comes from below."""
        assert self.block.depthwise is not None
        result: Tensor = self.doubling(x, self.block.depthwise.weight[: self.inputs], apart=True)
        return result

    def fold(self) -> None:
        """Doubling and the first convolution in one."""
        if self.block.depthwise is None:
            self.doubling.fold(self.block.conv.weight[:, : self.inputs])
        else:
            self.doubling.fold(self.block.depthwise.weight[: self.inputs])


class ResidualBlock(nn.Module):
    """Two `ConvBlock`s, the second without activation, added to their input."""

    def __init__(self, channels: int, *, separable: bool, leak: float) -> None:
        super().__init__()
        self.first = ConvBlock(channels, channels, separable=separable, leak=leak)
        self.second = ConvBlock(channels, channels, separable=separable, leak=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        result: Tensor = self.second(self.first(x)) + x
        return result


@dataclass(frozen=True, kw_only=True)
class BodyConfig:
    """Sizes of an encoder-decoder."""

    inputs: int
    """Channels of the picture."""
    pose: int = 0
    """Numbers of the pose that steers it."""
    start: int = 64
    """Channels at full size; they double with each halving."""
    most: int = 512
    """Channels at most."""
    halvings: int = 3
    blocks: int = 6
    """Blocks at the smallest size."""
    separable: bool = False


class Body(nn.Module):
    """Encoder-decoder without skips; the pose joins where the picture is smallest (eyebrow and face networks)."""

    def __init__(self, config: BodyConfig) -> None:
        super().__init__()
        widths = channels_by_level(config)
        separable = config.separable
        self.enter = ConvBlock(config.inputs, widths[0], separable=separable, leak=0)
        self.down = nn.ModuleList(
            ConvBlock(wide, wider, 4, down=True, separable=separable, leak=0) for wide, wider in pairwise(widths)
        )
        self.join = ConvBlock(widths[-1] + config.pose, widths[-1], separable=separable, leak=0)
        self.blocks = nn.ModuleList(
            ResidualBlock(widths[-1], separable=separable, leak=0) for _ in range(config.blocks - 1)
        )
        self.up = nn.ModuleList(
            DeconvBlock(wider, wide, separable=separable) for wide, wider in reversed(list(pairwise(widths)))
        )
        self.deepest = widths[-1]

    def encode(self, picture: Tensor) -> Tensor:
        """What comes from the picture (N, I, S, S), I = `inputs`, alone: (N, 512, S / 8, S / 8), for `decode`."""
        x = self.enter(picture)
        for block in self.down:
            x = block(x)
        return self.join.mix(x, slice(0, self.deepest))

    def decode(self, encoded: Tensor, pose: Tensor | None = None) -> Tensor:
        """The feature (N, 64, S, S) of a picture's code for `pose` (N, pose)."""
        if pose is None:
            encoded = encoded.clone()
        else:
            encoded = encoded + self.join.mix(planes(pose, encoded), slice(self.deepest, None))
        x: Tensor = self.join.norm(encoded)
        for block in (*self.blocks, *self.up):
            x = block(x)
        return x


class TurningBody(nn.Module):
    """Encoder-decoder of rotator and editor: the pose comes in as planes; what doubles may see skips (`skips`)."""

    def __init__(self, config: BodyConfig, *, kernel: int, skips: bool) -> None:
        """`kernel` is that of the first convolution."""
        super().__init__()
        widths, separable = channels_by_level(config), config.separable
        pairs = list(pairwise(widths))
        leak_down = LEAK if separable else 0.0  # the released standard variant has ReLU where it halves the picture
        self.skips = skips
        self.enter = ConvBlock(config.inputs, widths[0], kernel, separable=separable, leak=LEAK)
        self.down = nn.ModuleList(
            ConvBlock(wide, wider, 4, down=True, separable=separable, leak=leak_down) for wide, wider in pairs
        )
        self.blocks = nn.ModuleList(
            ResidualBlock(widths[-1], separable=separable, leak=LEAK) for _ in range(config.blocks)
        )
        self.up = nn.ModuleList(
            UpBlock(wider, wide, skip=wide if skips else 0, separable=separable, leak=LEAK)
            for wide, wider in reversed(pairs)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The feature (N, C, S, S), C = `start`, of `x` (N, I, S, S), I = `inputs`."""
        x = self.enter(x)
        passed: list[Tensor | None] = []
        for block in self.down:
            passed.append(x if self.skips else None)
            x = block(x)
        for block in self.blocks:
            x = block(x)
        for block in self.up:
            x = block(x, passed.pop())
        return x


class Heads(nn.Module):
    """Convolutions of kernel 3 that read what to draw from one feature; together they are one convolution."""

    def __init__(self, inputs: int, outputs: Mapping[str, tuple[int, Activation | None]]) -> None:
        """`outputs`: channels and activation by name; one without an activation, a flow, has no bias either."""
        super().__init__()
        self.convs = nn.ModuleDict(
            {
                name: nn.Conv2d(inputs, count, 3, padding=1, bias=act is not None)
                for name, (count, act) in outputs.items()
            }
        )
        self.acts = [act for _, act in outputs.values()]

    def forward(self, feature: Tensor) -> tuple[Tensor, ...]:
        """One tensor (N, channels, H, W), float32 or finer, for each name, in their order."""
        convs: list[nn.Conv2d] = list(self.convs.values())  # type: ignore[arg-type]
        weight = torch.cat([conv.weight for conv in convs])
        bias = torch.cat(
            [conv.weight.new_zeros(conv.out_channels) if conv.bias is None else conv.bias for conv in convs]
        )
        mixed = F.conv2d(feature, weight, bias, padding=1).contiguous()  # activations are three times faster so
        mixed = mixed.to(torch.promote_types(mixed.dtype, torch.float32))
        parts = torch.split(mixed, [conv.out_channels for conv in convs], dim=1)
        return tuple(part if act is None else act(part) for part, act in zip(parts, self.acts, strict=True))


def channels_by_level(config: BodyConfig) -> list[int]:
    """Channels at full size, half, a quarter ..."""
    return [min(config.start * 2**level, config.most) for level in range(config.halvings + 1)]


def planes(pose: Tensor, like: Tensor) -> Tensor:
    """Each number of `pose` (N, P) as a plane (N, P, H, W) as large as the picture `like`."""
    return pose[:, :, None, None].to(like.dtype).expand(-1, -1, *like.shape[2:])


def mix_channels(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolution of kernel 1 by `weight` (O, I, 1, 1): a matrix product where channels lie together in memory."""
    return F.linear(x.permute(0, 2, 3, 1), weight[:, :, 0, 0], bias).permute(0, 3, 1, 2)


def blend(alpha: Tensor, over: Tensor, under: Tensor) -> Tensor:
    """`alpha` (N, 1, H, W) in 0..1 picks `over` instead of `under` (N, C, H, W); shapes broadcast."""
    return torch.lerp(under, over, alpha)


def fold(network: nn.Module) -> None:
    """Work out once what depends on the weights alone; from then on they must not change."""
    for module in network.modules():
        if isinstance(module, Foldable):
            module.fold()


def _convolution(outputs: int, inputs: int, kernel: int) -> nn.Conv2d:
    """A holder of weights (outputs, inputs, kernel, kernel) without bias."""
    return nn.Conv2d(inputs, outputs, kernel, bias=False)
