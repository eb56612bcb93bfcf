"""Sine networks of the students, folded for fast drawing: what both engines share.

A network runs over blocks of points that stay in a core's cache, each layer one matrix product and one compiled loop.
The first layer of a level needs no product: position and pose enter by `kernels.lift`, and the features of the coarser
level are multiplied before they are enlarged, which is the same as after and a quarter of the work.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache, partial
from math import pi
from typing import Any, NamedTuple

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
Memory = NDArray[Any]
"""Numbers as kernels take them: float32, or pairs of bfloat16, see `kernels`."""
Sink = Callable[[slice, "Block"], object]
"""Takes the activations (n, C) of the points in a slice."""
Task = Callable[[], Any]

LANES = 32
"""Widths are filled up to a multiple of this, so that no loop has a remainder."""
BLOCK_BYTES = 2**21
"""What the activations of one block may take in float32: half of a core's cache. Smaller blocks wait for each other."""
ROWS = 256
"""Points of a block are a multiple of this."""


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

    def grid(self, size: int) -> Memory:
        """Room (S, S, C) for what the coarser level gives, as `kernels.lift` reads it."""
        return _memory(torch.zeros(size * size, len(self.bias), dtype=self.types[0])).reshape(size, size, -1)

    def deepen(self, x: Block) -> Block:
        """The last activations (n, C) of the first ones, which may be overwritten."""
        for weight, bias, following in zip(self.weights, self.biases, self.types[1:], strict=True):
            x = _waved(x.times(weight), bias, following)
        return x

    def axes(self, pose: Floats) -> Floats:
        """(3, C): the weights of x and y, and what is the same at every point for `pose` (45,)."""
        # A product by @ would wake the threads of BLAS, which then keep a core busy for as long as a frame takes.
        return np.vstack([self.position, self.bias + np.einsum("p,pc->c", pose[: len(self.pose)], self.pose)])


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

    def __call__(self, x: Block, part: slice) -> Floats:
        """Values (n, 8) of as many of the activations `x` as there are points in `part`."""
        out = np.empty((part.stop - part.start, 8), np.float32)
        kernels.mix(x.memory, self.weight, self.bias, out)
        return out


def fold_last(layer: nn.Conv2d) -> Last:
    """The last layer of a network."""
    weight = layer.weight.detach()[:, :, 0, 0]
    bias = layer.bias.detach() if layer.bias is not None else torch.zeros(len(weight))
    return Last(nn.functional.pad(weight, (0, _up(weight.shape[1]) - weight.shape[1])).numpy(), bias.numpy())


def _folded(layer: SineLayer) -> tuple[Tensor, Tensor]:
    """Weight (I, O) and bias (O,) whose product is in turns, a quarter behind."""
    weight, bias = layer.linear.weight, layer.linear.bias
    assert bias is not None
    scale = OMEGA / (2 * pi)
    return (weight.detach()[:, :, 0, 0].double() * scale).T, bias.detach().double() * scale - 0.25


def _filled(weight: Tensor, dtype: torch.dtype, rows: int | None = None) -> Tensor:
    """`weight` (I, O) with zeros up to sizes that are quick."""
    inputs, outputs = weight.shape
    filled = torch.zeros(_up(inputs) if rows is None else rows, _up(outputs), dtype=torch.float64)
    filled[:inputs, :outputs] = weight
    return filled.to(dtype)


def _filled_bias(bias: Tensor) -> Floats:
    """`bias` (O,) for the filled channels."""
    # A channel that only fills up stays at sin = 0.
    filled = nn.functional.pad(bias, (0, _up(len(bias)) - len(bias)), value=-0.25)
    return np.asarray(filled.float().numpy())


def _up(count: int) -> int:
    return -(-count // LANES) * LANES


def features(finer: Level, points: Ints, out: Memory) -> Sink:
    """Puts what a level gives the `finer` one, through its first weights, to `points` (N, 2) of `out` (S, S, C)."""
    return lambda part, x: kernels.place(x.times(_entry(finer)).memory, points[part], out)


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
    axes: Sequence[Floats]
    """Of each level, see `Level.axes`."""
    scratch: Scratch
    keep: Memory | None = None
    """See `Level.grid`: where the first level's features go, if a later sweep reads them."""

    def tasks(self, grid: Memory | None, points: Ints, sink: Sink) -> Iterator[Task]:
        """A task for each block of `points` (N, 2) that gives its activations to `sink`.

        `grid`: what the level before the first one gives, see `kernels.lift`; none where that is the coarsest.
        """
        grid = self.levels[0].grid(1) if grid is None else grid
        longest = BLOCK_BYTES // (4 * max(self.levels[0].widths))
        # Two equal blocks are better than a whole one and a bit for the second core.
        count = 2 * -(-len(points) // (2 * longest))
        length = -(-len(points) // max(1, count * ROWS)) * ROWS
        for start in range(0, len(points), length or 1):
            yield partial(self._draw, grid, points[start : start + length], start, sink)

    def _draw(self, grid: Memory, points: Ints, start: int, sink: Sink) -> None:
        """Draw `points` (N, 2) from what the coarser level gives, `grid` (h, w, C); `start` is the first's number."""
        level = self.levels[0]
        # A product of a new size costs the time of preparing it: only some sizes are used; the excess is not read.
        rows = -(-len(points) // ROWS) * ROWS
        x = self.scratch.block(0, rows, level.widths[0], level.types[0])
        lift = kernels.lift if x.x.dtype == torch.float32 else kernels.lift_half
        lift(grid, points, self.size, self.axes[0], x.memory)
        for finer, more in zip(self.levels[1:], self.axes[1:], strict=True):
            x = level.deepen(x).times(_entry(finer))
            if self.keep is not None and finer is self.levels[1]:
                kernels.place(x.memory, points, self.keep)
            wave = kernels.wave_at if x.x.dtype == torch.float32 else kernels.wave_at_half
            wave(x.memory, points, self.size, more)
            level = finer
        sink(slice(start, start + len(points)), level.deepen(x))


def _waved(z: Block, bias: Floats, kind: torch.dtype) -> Block:
    """Sine of `z` (n, C) plus `bias` (C,) as `kind`, in place where it is of that already."""
    if z.x.dtype != kind:
        out = z.other(len(bias), kind)
        kernels.wave_out(z.memory, bias, out.memory)
        return out
    (kernels.wave if kind == torch.float32 else kernels.wave_half)(z.memory, bias)
    return z


def _entry(finer: Level) -> Tensor:
    """The weights (I, O) by which a finer level reads a coarser one."""
    assert finer.feature is not None
    return finer.feature


def _memory(x: Tensor) -> Memory:
    """The numbers of `x` (N, C), in pairs (N, C / 2) where they are bfloat16."""
    return np.asarray(x.view(torch.uint32).numpy() if x.dtype == torch.bfloat16 else x.numpy())


class Crew:
    """Threads that share the blocks of a frame, one for each core; torch's own threads rest meanwhile."""

    def __init__(self, cores: int | None = None) -> None:
        self.cores = cores or available_cores()
        # Each thread has its own limit, that `one_thread` sets for the caller alone.
        self._pool = ThreadPoolExecutor(max(1, self.cores - 1), initializer=torch.set_num_threads, initargs=(1,))

    def run(self, tasks: Iterable[Task]) -> list[Any]:
        """What each of `tasks` gives; raises what the first failing one raises."""
        whole = list(enumerate(tasks))
        left, given = iter(whole), [None] * len(whole)

        def work() -> None:
            for at, task in left:
                given[at] = task()

        with one_thread():
            # The caller works too: waking a thread takes longer than a small task.
            others = [self._pool.submit(work) for _ in range(self.cores - 1)]
            try:
                work()
            finally:
                wait(others)
            for other in others:
                other.result()
        return given


def available_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
