"""Sine networks of the students, folded for fast drawing: what both engines share.

A network runs over blocks of points that stay in a core's cache, each layer one matrix product and one compiled loop.
The first layer of a level needs no product: position and pose enter by `kernels.lift`, and the features of the coarser
level are multiplied before they are enlarged, which is the same as after and a quarter of the work.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from math import pi
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vivant.avatars.tha import kernels
from vivant.avatars.tha.networks.face_student import (
    FACE_COLUMNS,
    FACE_ROWS,
    FACE_SIZE,
    OMEGA,
    SineLayer,
)
from vivant.nn.threads import one_thread

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Sink = Callable[[slice, Tensor], object]
"""Takes the activations (n, C) of the points in a slice."""
Task = Callable[[], Any]

LANES = 32
"""Widths are filled up to a multiple of this, so that no loop has a remainder."""
BLOCK_BYTES = 2**20
"""What the activations of one block may take: half of a core's cache."""
ROWS = 256
"""Points of a block are a multiple of this."""


@dataclass(frozen=True)
class Level:
    """Sine layers at one resolution; phases in turns, a quarter behind, see `kernels`."""

    position: Floats
    """(2, C): weights of x and y."""
    pose: Floats
    """(P, C): weights of the first P values of a pose, all that this level reads."""
    bias: Floats
    """(C,): of the first layer."""
    feature: Tensor | None
    """(coarser C, C): weights of the coarser level's features."""
    weights: tuple[Tensor, ...]
    """(C, next C): of the other layers."""
    biases: tuple[Floats, ...]
    """(next C,) each."""
    end: torch.dtype
    """Type of the last activations."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Outputs of each layer."""
        return (len(self.bias), *(len(bias) for bias in self.biases))

    @property
    def types(self) -> tuple[torch.dtype, ...]:
        """Of the activations after each layer."""
        return (*(weight.dtype for weight in self.weights), self.end)

    def deepen(self, x: Tensor) -> Tensor:
        """The last activations (n, C) of the first ones, which may be overwritten."""
        for weight, bias, following in zip(self.weights, self.biases, self.types[1:], strict=True):
            x = _waved(torch.mm(x, weight), bias, following)
        return x

    def axes(self, pose: Floats) -> Floats:
        """(3, C): the weights of x and y, and what is the same at every point for `pose` (45,)."""
        return np.vstack([self.position, self.bias + pose[: len(self.pose)] @ self.pose])


def fold_level(
    layers: nn.Module,
    features: int,
    types: Sequence[torch.dtype] | None = None,
    feature_type: torch.dtype = torch.float32,
) -> Level:
    """The sine `layers` of one level whose first one reads `features` channels of the coarser level first.

    `types`: bfloat16 or float32 for the inputs of each other layer and for the last activations, by default float32,
    none bfloat16 after a float32 one; `feature_type`: the last of the coarser level's.
    """
    first, *others = (_folded(layer) for layer in layers.children() if isinstance(layer, SineLayer))
    weight, bias = first
    *kinds, last = types or [torch.float32] * (len(others) + 1)
    feature = _filled(weight[:features], feature_type) if features else None
    end = features + 2
    return Level(
        _filled(weight[features:end], torch.float32, rows=2).numpy(),
        _filled(weight[end:], torch.float32, rows=max(0, len(weight) - end)).numpy(),
        _filled_bias(bias),
        feature,
        tuple(_filled(weight, kind) for (weight, _), kind in zip(others, kinds, strict=True)),
        tuple(_filled_bias(bias) for _, bias in others),
        last,
    )


@dataclass(frozen=True)
class Last:
    """The last layer, which has no sine."""

    weight: Floats
    """(values, C)"""
    bias: Floats
    """(values,)"""

    def __call__(self, x: Tensor, part: slice) -> Floats:
        """Values (n, 8) of as many of the activations `x` as there are points in `part`."""
        out = np.empty((part.stop - part.start, 8), np.float32)
        kernels.mix(x.numpy(), self.weight, self.bias, out)
        return out


def fold_last(layer: nn.Conv2d) -> Last:
    """The last layer of a network."""
    weight = layer.weight.detach()[:, :, 0, 0]
    bias = layer.bias.detach() if layer.bias is not None else torch.zeros(len(weight))
    return Last(nn.functional.pad(weight, (0, _up(weight.shape[1]) - weight.shape[1])).numpy(), bias.numpy())


def _folded(layer: SineLayer) -> tuple[Tensor, Tensor]:
    weight, bias = layer.linear.weight, layer.linear.bias
    assert bias is not None
    scale = OMEGA / (2 * pi)
    return (weight.detach()[:, :, 0, 0].double() * scale).T, bias.detach().double() * scale - 0.25


def _filled(weight: Tensor, dtype: torch.dtype, rows: int | None = None) -> Tensor:
    inputs, outputs = weight.shape
    filled = torch.zeros(_up(inputs) if rows is None else rows, _up(outputs), dtype=torch.float64)
    filled[:inputs, :outputs] = weight
    return filled.to(dtype)


def _filled_bias(bias: Tensor) -> Floats:
    # A channel that only fills up stays at sin = 0.
    filled = nn.functional.pad(bias, (0, _up(len(bias)) - len(bias)), value=-0.25)
    return np.asarray(filled.float().numpy())


def _up(count: int) -> int:
    return -(-count // LANES) * LANES


def features(finer: Level, points: Ints, out: Floats) -> Sink:
    """Puts what a level gives the `finer` one, through its first weights, to `points` (N, 2) of `out` (S, S, C)."""
    return lambda part, x: _keep(torch.mm(x, _entry(finer)), points[part], out)


def colours(last: Last, points: Ints, out: Floats) -> Sink:
    """Puts what the `last` layer gives to `points` (N, 2) of `out` (S, S, C)."""
    return lambda part, x: kernels.place(last(x, part), points[part], out)


def face_points() -> Ints:
    """Row and column in the drawing of every pixel of the face, in the order of `pixels`: (N, 2)."""
    return pixels(FACE_SIZE) + np.array([FACE_ROWS.start, FACE_COLUMNS.start], np.int32)


@cache
def pixels(size: int) -> Ints:
    """Row and column of every pixel of a picture of `size`: (N, 2)."""
    grid = np.mgrid[0:size, 0:size].reshape(2, -1).T
    return np.ascontiguousarray(grid, np.int32)


@dataclass(frozen=True)
class Sweep:
    """Levels that run over the same points, one after the other."""

    levels: Sequence[Level]
    size: int
    """Pixels of a side of the picture that the points are in."""
    pose: Floats
    """(45,)"""
    keep: Floats | None = None
    """(S, S, C): where the first level's features go, if a later sweep reads them."""

    def tasks(self, grid: Floats | None, points: Ints, sink: Sink) -> Iterator[Task]:
        """A task for each block of `points` (N, 2) that gives its activations to `sink`.

        `grid`: what the level before the first one gives, see `kernels.lift`; none where that is the coarsest.
        """
        axes = [level.axes(self.pose) for level in self.levels]
        grid = np.zeros((1, 1, axes[0].shape[1]), np.float32) if grid is None else grid
        longest = BLOCK_BYTES // (4 * max(self.levels[0].widths))
        # Two equal blocks are better than a whole one and a bit for the second core.
        count = 2 * -(-len(points) // (2 * longest))
        length = -(-len(points) // max(1, count * ROWS)) * ROWS
        for start in range(0, len(points), length or 1):
            yield partial(self._draw, grid, axes, points[start : start + length], start, sink)

    def _draw(self, grid: Floats, axes: list[Floats], points: Ints, start: int, sink: Sink) -> None:
        level = self.levels[0]
        # A product of a new size costs the time of preparing it: only some sizes are used; the excess is not read.
        x = torch.empty(-(-len(points) // ROWS) * ROWS, level.widths[0], dtype=level.types[0])
        (kernels.lift if x.dtype == torch.float32 else kernels.lift_half)(grid, points, self.size, axes[0], _memory(x))
        for finer, more in zip(self.levels[1:], axes[1:], strict=True):
            x = torch.mm(level.deepen(x), _entry(finer))
            if self.keep is not None and finer is self.levels[1]:
                _keep(x, points, self.keep)
            wave = kernels.wave_at if x.dtype == torch.float32 else kernels.wave_at_half
            wave(_memory(x), points, self.size, more)
            level = finer
        sink(slice(start, start + len(points)), level.deepen(x))


def _waved(z: Tensor, bias: Floats, kind: torch.dtype) -> Tensor:
    """Sine of `z` (n, C) plus `bias` (C,) as `kind`, in place where it is of that already."""
    if z.dtype != kind:
        out = torch.empty(z.shape)
        kernels.wave_out(_memory(z), bias, out.numpy())
        return out
    (kernels.wave if kind == torch.float32 else kernels.wave_half)(_memory(z), bias)
    return z


def _entry(finer: Level) -> Tensor:
    assert finer.feature is not None
    return finer.feature


def _keep(values: Tensor, points: Ints, out: Floats) -> None:
    (kernels.place if values.dtype == torch.float32 else kernels.place_half)(_memory(values), points, out)


def _memory(x: Tensor) -> NDArray[Any]:
    """The numbers of `x` for a kernel; bfloat16 as its bits."""
    return np.asarray(x.view(torch.uint16).numpy() if x.dtype == torch.bfloat16 else x.numpy())


class Crew:
    """Threads that share the blocks of a frame, one for each core; torch's own threads rest meanwhile."""

    def __init__(self, cores: int | None = None) -> None:
        self.cores = cores or available_cores()
        # Each thread has its own limit, that `one_thread` sets for the caller alone.
        self._pool = ThreadPoolExecutor(self.cores, initializer=torch.set_num_threads, initargs=(1,))

    def run(self, tasks: Iterable[Task]) -> list[Any]:
        """What each of `tasks` gives; raises what the first failing one raises."""
        with one_thread():
            return list(self._pool.map(lambda task: task(), tasks))


def available_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
