"""Sine networks of the students, folded for fast drawing: what both engines share.

A network runs over blocks of points that stay in a core's cache, each layer one matrix product and one compiled loop.
The first layer of a level needs no product: position and pose enter by `kernels.lift`, and the features of the coarser
level are multiplied before they are enlarged, which is the same as after and a quarter of the work. So a stage is a
level from its first sine to the product that the next level's first sine needs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache, partial
from math import pi
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vivant.avatars.tha import integer_kernels, kernels
from vivant.avatars.tha.networks.face_student import (
    FACE_COLUMNS,
    FACE_ROWS,
    FACE_SIZE,
    OMEGA,
    SineLayer,
)
from vivant.avatars.tha.siren_layers import (
    BLOCK_BYTES,
    LANES,
    Block,
    End,
    Layer,
    Linear,
    Scratch,
    Weights,
    filled,
    filled_bias,
    float_layers,
    integer_layers,
    linear,
    up,
    waved,
)
from vivant.nn.threads import one_thread

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Sink = Callable[[slice, Floats], object]
"""Takes the values (n or more, C) of the points in a slice."""
Task = Callable[[], Any]

ROWS = 256
"""Points of a block are a multiple of this."""


@dataclass(frozen=True)
class Stage:
    """Layers that run over the same points: sines, and a product at the end. Phases: see `kernels`."""

    position: Floats
    """(2, C): weights of x and y."""
    pose: Floats
    """(P, C): weights of the first P values of a pose, all that this stage reads."""
    bias: Floats
    """(C,): of the first layer."""
    kind: torch.dtype
    """Of the first layer's sines: float32, bfloat16 or int16."""
    layers: tuple[Layer, ...]
    """The other sine layers."""
    last: Linear
    width: int
    """Outputs of the widest layer."""

    def axes(self, pose: Floats) -> Floats:
        """(3, C): the weights of x and y, and what is the same at every point for `pose` (45,)."""
        bias = self.bias
        if len(self.pose):
            # A product by @ would wake the threads of BLAS, which then keep a core busy for as long as a frame takes.
            bias = bias + np.einsum("p,pc->c", pose[: len(self.pose)], self.pose)
        return np.vstack([self.position, bias])

    def values(self, phases: Block, bias: Floats) -> Floats:
        """What the last layer gives (n, D or more) where the first one's phases (n, C) are those and a `bias` (C,)."""
        x = waved(phases, bias, self.kind)
        for layer in self.layers:
            x = layer(x)
        return self.last(x)


def fold_stage(
    layers: Sequence[SineLayer], features: int, last: End, kinds: Sequence[torch.dtype] | None = None
) -> Stage:
    """Sine `layers` of which the first reads `features`, then a place and a pose if it reads more.

    `last`: the layer after them; `kinds`: of each sine layer's outputs, by default float32; all int16, or bfloat16 and
    none after a float32 one.
    """
    (weight, bias), *others = (folded(layer) for layer in layers)
    kinds = kinds or [torch.float32] * len(layers)
    lanes, whole = LANES[kinds[0]], kinds[0] == torch.int16
    first = filled(weight, lanes, inputs=max(len(weight), features + 2))
    return Stage(
        np.ascontiguousarray(first[features : features + 2], np.float32),
        np.ascontiguousarray(first[features + 2 :], np.float32),
        filled_bias(bias, lanes),
        kinds[0],
        integer_layers(others) if whole else float_layers(others, kinds),
        linear(last, kinds[-1]),
        max(up(len(bias), lanes) for _, bias in [(weight, bias), *others]),
    )


def sines_of(layers: nn.Module) -> list[SineLayer]:
    """The sine layers among `layers`."""
    return [layer for layer in layers.children() if isinstance(layer, SineLayer)]


def folded(layer: SineLayer) -> Weights:
    """Weight and bias whose product is in turns, a quarter behind."""
    weight, bias = plain(layer.linear)
    scale = OMEGA / (2 * pi)
    return weight * scale, bias * scale - 0.25


def plain(layer: nn.Conv2d) -> Weights:
    """Weight and bias of a layer without a sine."""
    assert layer.bias is not None
    return layer.weight.detach()[:, :, 0, 0].double().T, layer.bias.detach().double()


def entry(layer: SineLayer, features: int) -> End:
    """What a `layer` does with its first `features`: what comes last in the stage before."""
    weight, _ = folded(layer)
    return weight[:features], None


def placed(points: Ints, out: Floats, pad: int = 0) -> Sink:
    """Puts values to `points` (N, 2) of `out` (H, W, C), whose first place is `pad` before them."""
    return lambda part, values: kernels.place(values, points[part], pad, out)


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
    """A stage that runs over points of a picture."""

    stage: Stage
    size: int
    """Pixels of a side of the picture."""
    pose: Floats
    """(45,)"""
    scratch: Scratch

    def tasks(self, grid: Floats | None, points: Ints, sink: Sink, bend: float | None = None) -> Iterator[Task]:
        """A task for each block of `points` (N, 2) that gives its values to `sink`.

        `grid`: what the stage before gives, none where this is the first: see `kernels.lift`, or where there is a
        `bend`, `kernels.lift_smooth`.
        """
        axes = self.stage.axes(self.pose)
        grid = np.zeros((1, 1, axes.shape[1]), np.float32) if grid is None else grid
        lift = partial(kernels.lift, grid) if bend is None else partial(kernels.lift_smooth, grid, np.float32(bend))
        longest = BLOCK_BYTES // (4 * self.stage.width)
        # Two equal blocks are better than a whole one and a bit for the second core.
        count = 2 * -(-len(points) // (2 * longest))
        length = -(-len(points) // max(1, count * ROWS)) * ROWS
        for start in range(0, len(points), length or 1):
            yield partial(self._draw, lift, axes, points[start : start + length], start, sink)

    def _draw(self, lift: Callable[..., None], axes: Floats, points: Ints, start: int, sink: Sink) -> None:
        """Draw `points` (n, 2), of which the first is number `start`."""
        # A product of a new size costs the time of preparing it: only some sizes are used; the excess is not read.
        rows = -(-len(points) // ROWS) * ROWS
        phases = self.scratch.block(0, rows, axes.shape[1], torch.float32)
        lift(points, self.size, axes, phases.memory)
        sink(slice(start, start + len(points)), self.stage.values(phases, axes[2]))


def kinds() -> list[torch.dtype]:
    """What layers can be computed in on this processor."""
    return [torch.float32, torch.bfloat16, *[torch.int16] * integer_kernels.available()]


def fastest(layers: Sequence[SineLayer]) -> torch.dtype:
    """The one of `kinds` that is fastest for sine `layers`, the first of which reads a place and a pose."""
    width = layers[-1].linear.out_channels
    last, scratch = (torch.zeros(width, width), None), Scratch()
    with one_thread():
        return min(kinds(), key=lambda kind: _seconds(fold_stage(layers, 0, last, [kind] * len(layers)), scratch))


def _seconds(stage: Stage, scratch: Scratch) -> float:
    """The least time of five that `stage` takes for a block."""
    taken = []
    for _ in range(5):
        phases = scratch.block(0, 2048, len(stage.bias), torch.float32)
        phases.x.zero_()
        start = time.thread_time()
        stage.values(phases, stage.bias)
        taken.append(time.thread_time() - start)
    return min(taken)


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
