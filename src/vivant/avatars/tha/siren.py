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
    FACE_POSE,
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
Task = Callable[[], object]

LANES = 32
"""Widths are filled up to a multiple of this, so that no loop has a remainder."""
BLOCK_BYTES = 2**20
"""What the activations of one block may take: half of a core's cache."""


@dataclass(frozen=True)
class Level:
    """Sine layers at one resolution; phases in turns, a quarter behind, see `kernels`."""

    position: Floats
    """(2, C): weights of x and y."""
    pose: Floats
    """(P, C)"""
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

    def axes(self, pose: Floats) -> Floats:
        """(3, C): the weights of x and y, and what is the same at every point for `pose` (P,)."""
        return np.vstack([self.position, self.bias + pose @ self.pose])


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
        _filled(weight[end:], torch.float32, rows=len(weight) - end).numpy(),
        _filled_bias(bias),
        feature,
        tuple(_filled(weight, kind) for (weight, _), kind in zip(others, kinds, strict=True)),
        tuple(_filled_bias(bias) for _, bias in others),
        last,
    )


def fold_last(layer: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Weights (C, 8) and bias (8,) of the last layer, which has no sine."""
    weight = layer.weight.detach()[:, :, 0, 0].T
    bias = layer.bias.detach() if layer.bias is not None else torch.zeros(weight.shape[1])
    filled = torch.zeros(_up(weight.shape[0]), 8)
    filled[: weight.shape[0], : weight.shape[1]] = weight
    return filled, nn.functional.pad(bias, (0, 8 - len(bias)))


def _folded(layer: SineLayer) -> tuple[Tensor, Tensor]:
    weight, bias = layer.linear.weight, layer.linear.bias
    assert bias is not None
    scale = OMEGA / (2 * pi)
    return (weight.detach()[:, :, 0, 0].double() * scale).T, bias.detach().double() * scale - 0.25


def _filled(weight: Tensor, dtype: torch.dtype, rows: int | None = None) -> Tensor:
    inputs, outputs = weight.shape
    filled = torch.zeros(rows or _up(inputs), _up(outputs), dtype=torch.float64)
    filled[:inputs, :outputs] = weight
    return filled.to(dtype)


def _filled_bias(bias: Tensor) -> Floats:
    # A channel that only fills up stays at sin = 0.
    filled = nn.functional.pad(bias, (0, _up(len(bias)) - len(bias)), value=-0.25)
    return np.asarray(filled.float().numpy())


def _up(count: int) -> int:
    return -(-count // LANES) * LANES


def paint_face(crew: Crew, level: Level, last: tuple[Tensor, Tensor], pose: Floats, image: Floats) -> None:
    """Draw the face student, its `level` and `last` layer, for `pose` (45,) into `image` (512, 512, 4)."""
    axes = level.axes(pose[FACE_POSE])
    points, face = pixels(FACE_SIZE), image[FACE_ROWS, FACE_COLUMNS]

    def sink(part: slice, activations: Tensor) -> None:
        kernels.place(torch.addmm(last[1], activations, last[0]).numpy(), points[part], face)

    crew.run(sweep(level, flat(axes), points, FACE_SIZE, axes, sink))


def features(crew: Crew, level: Level, finer: Level, grid: Floats, points: Ints, pose: Floats, out: Floats) -> None:
    """What `level` gives the `finer` one at `points` of `out` (S, S, C), through the finer one's first weights."""
    weight = finer.feature
    assert weight is not None
    place = kernels.place if weight.dtype == torch.float32 else kernels.place_half

    def sink(part: slice, activations: Tensor) -> None:
        place(_memory(torch.mm(activations, weight)), points[part], out)

    crew.run(sweep(level, grid, points, len(out), level.axes(pose), sink))


def motion(
    crew: Crew, level: Level, last: tuple[Tensor, Tensor], grid: Floats, points: Ints, pose: Floats, out: Floats
) -> None:
    """Flow, alpha, colour and one unused at `points` of `out` (S, S, 8)."""

    def sink(part: slice, activations: Tensor) -> None:
        kernels.place(torch.addmm(last[1], activations, last[0]).numpy(), points[part], out)

    crew.run(sweep(level, grid, points, len(out), level.axes(pose), sink))


def flat(axes: Floats) -> Floats:
    """The grid of a level without a coarser one."""
    return np.zeros((1, 1, axes.shape[1]), np.float32)


@cache
def pixels(size: int) -> Ints:
    """Row and column of every pixel of a picture of `size`: (N, 2)."""
    grid = np.mgrid[0:size, 0:size].reshape(2, -1).T
    return np.ascontiguousarray(grid, np.int32)


def sweep(level: Level, grid: Floats, points: Ints, size: int, axes: Floats, sink: Sink) -> Iterator[Task]:
    """A task for each block of `points` that gives its activations to `sink`; see `kernels.lift` for the others."""
    length = max(256, BLOCK_BYTES // (4 * max(level.widths)))
    for start in range(0, len(points), length):
        yield partial(_draw_block, level, grid, points[start : start + length], start, size, axes, sink)


def _draw_block(level: Level, grid: Floats, points: Ints, start: int, size: int, axes: Floats, sink: Sink) -> None:
    types = [*(weight.dtype for weight in level.weights), level.end]
    x = torch.empty(len(points), level.widths[0], dtype=types[0])
    (kernels.lift if types[0] == torch.float32 else kernels.lift_half)(grid, points, size, axes, _memory(x))
    for weight, bias, following in zip(level.weights, level.biases, types[1:], strict=True):
        z = torch.mm(x, weight)
        if z.dtype == torch.float32:
            kernels.wave(z.numpy(), bias)
            x = z
        elif following == z.dtype:
            kernels.wave_half(_memory(z), bias)
            x = z
        else:
            x = torch.empty(z.shape)
            kernels.wave_out(_memory(z), bias, x.numpy())
    sink(slice(start, start + len(points)), x)


def _memory(x: Tensor) -> NDArray[Any]:
    """The numbers of `x` for a kernel; bfloat16 as its bits."""
    return np.asarray(x.view(torch.uint16).numpy() if x.dtype == torch.bfloat16 else x.numpy())


class Crew:
    """Threads that share the blocks of a frame, one for each core; torch's own threads rest meanwhile."""

    def __init__(self, cores: int | None = None) -> None:
        self.cores = cores or available_cores()
        # Each thread has its own limit, that `one_thread` sets for the caller alone.
        self._pool = ThreadPoolExecutor(self.cores, initializer=torch.set_num_threads, initargs=(1,))

    def run(self, tasks: Iterable[Task]) -> None:
        """Do all `tasks`; raises what the first failing one raises."""
        with one_thread():
            list(self._pool.map(lambda task: task(), tasks))


def available_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
