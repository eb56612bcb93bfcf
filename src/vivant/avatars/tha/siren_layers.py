"""Layers of the students' sine networks in three arithmetics: float32, bfloat16 and 16-bit integers.

Activations lie in memory that every block of points uses again. Phases are in turns, a quarter behind, see `kernels`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vivant.avatars.tha import fixed_point, integer_kernels, kernels

Floats = NDArray[np.float32]
Memory = NDArray[Any]
"""Numbers as kernels take them: float32, int16, or pairs of bfloat16, see `kernels`."""
Weights = tuple[Tensor, Tensor]
"""Weight (I, O) and bias (O,) of a layer, float64."""
End = tuple[Tensor, Tensor | None]
"""The same of a layer without a sine: a network's last one, of up to FEW outputs, has a bias, others have none."""

LANES = {torch.float32: 32, torch.bfloat16: 32, torch.int16: integer_kernels.LARGE}
"""Widths are filled up to a multiple of this, so that no loop has a remainder."""
FEW = 8
"""Up to so many values are few."""
BLOCK_BYTES = 2**21
"""What the activations of one block may take in float32: half of a core's cache. Smaller blocks wait for each other."""


class Scratch(threading.local):
    """Memory for activations, of each thread its own, which every block uses again."""

    def __init__(self) -> None:
        self._bytes = [torch.empty(0, dtype=torch.uint8)] * 2
        self._blocks: dict[tuple[int, int, int, torch.dtype], Block] = {}

    def block(self, half: int, rows: int, width: int, kind: torch.dtype) -> Block:
        """Room for (rows, width) activations in one of the two halves."""
        key = (half, rows, width, kind)
        if key not in self._blocks:
            count = rows * width * kind.itemsize
            if len(self._bytes[half]) < count:
                self._bytes[half], self._blocks = torch.empty(max(count, BLOCK_BYTES), dtype=torch.uint8), {}
            x = self._bytes[half][:count].view(kind).view(rows, width)
            self._blocks[key] = Block(x, _memory(x), self, half)
        return self._blocks[key]


class Block(NamedTuple):
    """Activations (n, C) in a thread's memory."""

    x: Tensor
    memory: Memory
    """The same numbers for a kernel."""
    scratch: Scratch
    half: int

    def times(self, weight: Tensor) -> Block:
        """The product (n, D) with `weight` (C, D), D being the next C."""
        out = self.other(weight.shape[1], weight.dtype)
        torch.mm(self.x, weight, out=out.x)
        return out

    def other(self, width: int, kind: torch.dtype) -> Block:
        """Room for as many points in the half that these activations do not lie in."""
        return self.scratch.block(1 - self.half, len(self.x), width, kind)


def _memory(x: Tensor) -> Memory:
    """The numbers of `x` (N, C), in pairs (N, C / 2) where they are bfloat16."""
    return np.asarray(x.view(torch.uint32).numpy() if x.dtype == torch.bfloat16 else x.numpy())


class Layer(Protocol):
    """A sine layer but the first."""

    def __call__(self, x: Block) -> Block:
        """Sines (n, D) of activations (n, C), which may be overwritten."""


class Linear(Protocol):
    """A layer without a sine."""

    def __call__(self, x: Block) -> Floats:
        """Values (n, D or more) of activations (n, C), which may be overwritten; they last until the next layer."""


@dataclass(frozen=True)
class FloatLayer:
    """See `Layer`."""

    weight: Tensor
    """(C, D), of the type of the activations that it takes."""
    bias: Floats
    """(D,)"""
    end: torch.dtype
    """Type of the activations that it gives."""

    def __call__(self, x: Block) -> Block:
        """See `Layer`."""
        return waved(x.times(self.weight), self.bias, self.end)


@dataclass(frozen=True)
class FloatLinear:
    """Many values, without a bias."""

    weight: Tensor
    """(C, D)"""

    def __call__(self, x: Block) -> Floats:
        """See `Linear`."""
        out = x.times(self.weight)
        if out.x.dtype != torch.float32:
            wide = out.other(out.x.shape[1], torch.float32)
            wide.x.copy_(out.x)
            out = wide
        return out.memory


@dataclass(frozen=True)
class FewLinear:
    """Few values, of float32 or integer activations: integer weights would lose digits that a flow needs."""

    weight: Floats
    """(D, C)"""
    bias: Floats
    """(D,)"""

    def __call__(self, x: Block) -> Floats:
        """See `Linear`."""
        out = x.other(FEW, torch.float32).memory
        kernels.mix(x.memory, self.weight, self.bias, out)
        return out


def waved(z: Block, bias: Floats, kind: torch.dtype) -> Block:
    """Sine of `z` (n, C) plus `bias` (C,) as `kind`, in place where it is of that already."""
    if z.x.dtype == kind:
        (kernels.wave if kind == torch.float32 else kernels.wave_half)(z.memory, bias)
        return z
    out = z.other(len(bias), kind)
    wave = {torch.float32: kernels.wave_out, torch.bfloat16: kernels.wave_in, torch.int16: integer_kernels.begin}[kind]
    wave(z.memory, bias, out.memory)
    return out


@dataclass(frozen=True)
class IntegerLayer:
    """See `Layer`; of 16-bit integers."""

    weight: Memory
    """See `integer_kernels.dense`."""
    shift: int
    bias: Memory
    """(D,)"""

    def __call__(self, x: Block) -> Block:
        """See `Layer`."""
        out = x.other(len(self.bias), torch.int16)
        integer_kernels.dense(x.memory, self.weight, self.bias, self.shift, out.memory)
        return out


@dataclass(frozen=True)
class IntegerLinear:
    """Many values, without a bias; of 16-bit integers."""

    weight: Memory
    """See `integer_kernels.linear`."""
    scale: Floats
    """(D,)"""

    def __call__(self, x: Block) -> Floats:
        """See `Linear`."""
        out = x.other(len(self.scale), torch.float32).memory
        integer_kernels.linear(x.memory, self.weight, self.scale, out)
        return out


def float_layers(others: Sequence[Weights], kinds: Sequence[torch.dtype]) -> tuple[Layer, ...]:
    """Sine layers whose inputs, and the last one's outputs, are of `kinds`."""
    lanes = LANES[torch.float32]
    return tuple(
        FloatLayer(filled(weight, lanes).to(before), filled_bias(bias, lanes), after)
        for (weight, bias), before, after in zip(others, kinds[:-1], kinds[1:], strict=True)
    )


def linear(last: End, kind: torch.dtype) -> Linear:
    """The layer without a sine that takes activations of a `kind`."""
    weight, bias = last
    weights = filled(weight, LANES[kind])
    if bias is not None:
        unit = fixed_point.UNIT if kind == torch.int16 else 1
        few = weights[:, : weight.shape[1]].T.contiguous() * unit
        return FewLinear(few.float().numpy(), bias.float().numpy())
    if kind != torch.int16:
        return FloatLinear(weights.to(kind))
    found = fixed_point.products(weights.numpy())
    return IntegerLinear(_flat(found.weight, integer_kernels.SMALL), found.scale.astype(np.float32))


def integer_layers(others: Sequence[Weights]) -> tuple[Layer, ...]:
    """Sine layers of 16-bit integers."""
    return tuple(_integer_layer(*layer) for layer in others)


def _integer_layer(weight: Tensor, bias: Tensor) -> IntegerLayer:
    lanes = integer_kernels.LARGE
    found = fixed_point.sines(filled(weight, lanes).numpy(), filled_bias(bias, lanes).astype(np.float64))
    return IntegerLayer(_flat(found.weight, lanes), found.shift, found.bias.view(np.int32))


def _flat(weight: NDArray[np.float64], lanes: int) -> Memory:
    return fixed_point.interleaved(weight, lanes).ravel()


def filled(weight: Tensor, lanes: int, *, inputs: int | None = None, outputs: int | None = None) -> Tensor:
    """`weight` (I, O) with zeros up to multiples of `lanes`, or to other numbers."""
    rows, columns = weight.shape
    inputs, outputs = up(rows, lanes) if inputs is None else inputs, up(columns, lanes) if outputs is None else outputs
    return nn.functional.pad(weight, (0, outputs - columns, 0, inputs - rows))


def filled_bias(bias: Tensor, lanes: int) -> Floats:
    """`bias` (O,) for the filled channels."""
    # A channel that only fills up stays at sin = 0.
    more = nn.functional.pad(bias, (0, up(len(bias), lanes) - len(bias)), value=-0.25)
    return np.asarray(more.float().numpy())


def up(count: int, lanes: int) -> int:
    """The next multiple of `lanes`."""
    return -(-count // lanes) * lanes
