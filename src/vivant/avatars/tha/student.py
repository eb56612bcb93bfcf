"""The exact student engine: one character of Talking Head Anime 4 at the full 512 x 512, as published up to rounding.

Against the plain loop: position and pose enter each level as constants and one vector, the features of a coarser level
are multiplied before they are enlarged, the factor 30 is folded into the weights, every layer runs over blocks that
stay in the cache, with a sine of our own, and all cores share the blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vivant.avatars.tha import kernels
from vivant.avatars.tha.character import Character
from vivant.avatars.tha.networks.body_student import SIZES, BodyStudent
from vivant.avatars.tha.networks.face_student import FACE_COLUMNS, FACE_ROWS, FACE_SIZE
from vivant.avatars.tha.picture import srgb_of_linear, tensor_of_picture
from vivant.avatars.tha.siren import (
    Crew,
    Sink,
    Stage,
    Sweep,
    entry,
    face_points,
    fold_stage,
    pixels,
    placed,
    plain,
    sines_of,
)
from vivant.avatars.tha.siren_layers import FEW, Scratch

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

SIZE = SIZES[-1]


class Outputs(NamedTuple):
    """Everything that the published student poser gives, in its order; colours linear, premultiplied, -1..1."""

    blended: Floats
    """(4, 512, 512): the result."""
    alpha: Floats
    """(1, 512, 512): how much of `colour`, not bounded."""
    colour: Floats
    """(4, 512, 512)"""
    warped: Floats
    """(4, 512, 512)"""
    flow: Floats
    """(2, 512, 512): 2 is a whole side."""
    face: Floats
    """(4, 128, 128)"""


class StudentPoser:
    """Draws one character by the 45 numbers of `vivant.avatars.tha.pose`."""

    def __init__(self, character: Character, *, cores: int | None = None, official: bool = False) -> None:
        """`cores`: threads, by default all; `official` shows premultiplied colours as if straight, as published.

        Raises WeightsError where the character's weights do not fit.
        """
        face, body = character.networks()
        self._straight = not official
        self._crew, self._scratch = Crew(cores), Scratch()
        self._face = fold_stage(sines_of(face.layers), 0, plain(face.last))
        self._stages = body_stages(body)
        self._lock = Lock()
        # Memory that every frame uses again: asking for 40 MB anew takes time, and threads that ask keep it.
        self._picture = light_of(character)
        widths = (len(stage.bias) for stage in self._stages[1:])
        self._grids = [np.zeros((size, size, width), np.float32) for size, width in zip(SIZES, widths, strict=False)]

    def draw(self, pose: Floats) -> Bytes:
        """The character in `pose` (45,): (512, 512, 4) RGBA, sRGB, straight alpha. One frame at a time is drawn."""
        with self._lock:
            return self._draw(np.asarray(pose, np.float32))

    def outputs(self, pose: Floats) -> Outputs:
        """All that the published poser returns for `pose` (45,)."""
        with self._lock:
            return self._outputs(np.asarray(pose, np.float32))

    def _draw(self, pose: Floats) -> Bytes:
        image, grid = self._image(pose), self._grid(pose)
        out = np.empty((SIZE, SIZE, 4), np.uint8)
        show, points = Show(image, light_table(), self._straight, out), pixels(SIZE)
        self._crew.run(self._last_sweep(pose).tasks(grid, points, show.sink(points)))
        return out

    def _outputs(self, pose: Floats) -> Outputs:
        image, points = self._image(pose), pixels(SIZE)
        out = np.zeros((SIZE, SIZE, FEW), np.float32)  # the last number of each has no use
        self._crew.run(self._last_sweep(pose).tasks(self._grid(pose), points, placed(points, out)))
        values = out.reshape(-1, 8)
        warped, blended = (np.empty((SIZE * SIZE, 4), np.float32) for _ in range(2))
        kernels.blend(image, values, points, blended)
        kernels.blend(image, values[:, :7] * (np.arange(7) != 2).astype(np.float32), points, warped)
        parts = (blended, values[:, 2:3], values[:, 3:7], warped, values[:, :2])
        face = image[FACE_ROWS, FACE_COLUMNS].reshape(-1, 4)
        planes = (_planes(part) for part in (*parts, face))
        return Outputs._make(planes)

    def _last_sweep(self, pose: Floats) -> Sweep:
        """What draws the finest level in a `pose` (45,)."""
        return Sweep(self._stages[-1], SIZE, pose, self._scratch)

    def _image(self, pose: Floats) -> Floats:
        """The drawing (512, 512, 4), linear, with its face in `pose` (45,)."""
        sweep = Sweep(self._face, FACE_SIZE, pose, self._scratch)
        self._crew.run(sweep.tasks(None, pixels(FACE_SIZE), placed(face_points(), self._picture)))
        return self._picture

    def _grid(self, pose: Floats) -> Floats:
        """What the last level takes from the others: (S, S, C) in a `pose` (45,)."""
        grid: Floats | None = None
        for stage, size, out in zip(self._stages, SIZES, self._grids, strict=False):
            sweep = Sweep(stage, size, pose, self._scratch)
            self._crew.run(sweep.tasks(grid, pixels(size), placed(pixels(size), out)))
            grid = out
        assert grid is not None
        return grid


@dataclass(frozen=True)
class Show:
    """The last step of both engines: activations to bytes."""

    image: Floats
    """(512, 512, 4): the drawing with its face."""
    table: Bytes
    straight: bool
    out: Bytes
    """(512, 512, 4)"""

    def sink(self, points: Ints) -> Sink:
        """Draws those of `points` (N, 2) in a slice by their motion, see `siren.Sweep`."""
        return lambda part, motion: self.painted(motion, points[part])

    def interpolated(self, motion: Floats, kinds: Bytes, rows: tuple[int, int]) -> None:
        """Draw the cells of `kinds` (S, S) that are 1 by a smaller `motion` (S, S, 8), from and up to two `rows`."""
        kernels.interpolate(motion, kinds, rows, self.image, self.table, self.straight, self.out)

    def painted(self, motion: Floats, points: Ints) -> None:
        """Draw `points` (n, 2) by their `motion` (n or more, 8)."""
        colours = np.empty((len(points), 4), np.float32)
        kernels.blend(self.image, motion, points, colours)
        kernels.paint(colours, points, self.table, self.straight, self.out)


def body_stages(body: BodyStudent, kinds: Sequence[Sequence[torch.dtype] | None] = (None, None, None)) -> list[Stage]:
    """The three levels of a character's motion; `kinds`: of each, see `siren.fold_stage`."""
    levels = [sines_of(layers) for layers in body.levels]
    widths = [0, *(level[-1].linear.out_channels for level in levels[:-1])]
    ends = [*(entry(level[0], width) for level, width in zip(levels[1:], widths[1:], strict=True)), plain(body.last)]
    return [fold_stage(*parts) for parts in zip(levels, widths, ends, kinds, strict=True)]


def _planes(values: Floats) -> Floats:
    """(C, S, S) of all pixels of a square, (S * S, C)."""
    side = round(len(values) ** 0.5)
    return np.ascontiguousarray(values.T).reshape(-1, side, side)


def light_of(character: Character) -> Floats:
    """The drawing as the networks see it: (512, 512, 4), linear, premultiplied, -1..1."""
    image = tensor_of_picture(character.picture, premultiplied=True)[0].permute(1, 2, 0)
    return np.asarray(image.contiguous().numpy())


@cache
def light_table() -> Bytes:
    """Bytes (L + 1,) of linear light 0..1 in steps of 1 / L, L = `kernels.LEVELS`."""
    light = torch.linspace(0, 1, kernels.LEVELS + 1, dtype=torch.float64)
    return np.asarray((srgb_of_linear(light) * 255).round().byte().numpy())
