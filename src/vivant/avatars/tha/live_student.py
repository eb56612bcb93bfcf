"""The live student engine: the pictures of `student` to more than 42 dB, many times a second on two cores.

It leaves out what cannot be seen. A rough motion of 32 x 32 tells which tiles show anything; only there the networks
run. They run at a quarter of the resolution first, all levels over the same points; where the motion bends across
contrasts or new pixels appear, the two finer levels run again at half of it, and at last the finest one in full. The
rest is interpolated. The first half of the face's layers run at half its resolution. Where the processor multiplies
bfloat16 fast, all layers but the last two are computed in it: those give the flow, which needs more digits. Every
frame is drawn afresh, so none depends on an earlier one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial
from threading import Lock
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from vivant.avatars.tha import kernels
from vivant.avatars.tha.character import Character
from vivant.avatars.tha.networks.body_student import WIDTHS
from vivant.avatars.tha.networks.face_student import FACE_COLUMNS, FACE_ROWS, FACE_SIZE
from vivant.avatars.tha.pose import pose_of
from vivant.avatars.tha.siren import (
    Crew,
    Scratch,
    Sweep,
    Task,
    colours,
    face_points,
    features,
    fold_last,
    fold_level,
    pixels,
)
from vivant.avatars.tha.student import SIZE, Show, light_of, light_table

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Mask = NDArray[np.bool_]

COARSE = 32
"""Pixels of a side of the motion that finds the tiles."""
TILES = 128
"""Tiles of a side that are drawn or left out as a whole, and for which the drawing's contrast is known."""
SIDE = SIZE // TILES
"""Pixels of a side of a tile."""
ERRORS = {SIZE // 4: 1.4, SIZE // 2: 1.0}
"""A motion of that size is too coarse where it bends more, see `kernels.judge`; colours reach from -1 to 1."""
FACE_HALF = 4
"""Layers of the face that run at half its resolution."""
FACES: tuple[dict[str, float], ...] = (
    {},
    {"eye_wink": 1, "mouth_aaa": 1},
    {"eye_surprised": 1, "mouth_iii": 1},
    {"eye_happy_wink": 1, "mouth_ooo": 1},
)
"""Expressions that show where the face may have contrasts."""
FACE_DETAIL = np.float32(0.25)
"""The least contrast that is expected anywhere in the face: others may put it where none of FACES has any."""
BANDS = 8
"""Parts of a picture that threads share where no network runs."""


class LiveStudent:
    """Draws one character by the 45 numbers of `vivant.avatars.tha.pose`, fast."""

    def __init__(
        self, character: Character, *, cores: int | None = None, official: bool = False, half: bool | None = None
    ) -> None:
        """See `student.StudentPoser`; `half`: bfloat16 where that suffices, by default if it is faster here."""
        face, body = character.networks()
        smooth = torch.bfloat16 if (half_pays() if half is None else half) else torch.float32
        self._straight = not official
        self._crew, self._scratch = Crew(cores), Scratch()
        kinds = [*[smooth] * (len(face.layers) - FACE_HALF - 1), torch.float32]
        self._face = (
            fold_level(face.layers[:FACE_HALF], 0, [smooth] * FACE_HALF),
            fold_level(face.layers[FACE_HALF:], face.last.in_channels, kinds, smooth),
        )
        self._face_last = fold_last(face.last)
        types = ([smooth] * 3, [smooth] * 3, [smooth, torch.float32, torch.float32])
        coarser = (0, *(widths[-1] for widths in WIDTHS[:-1]))
        self._levels = [fold_level(*parts, smooth) for parts in zip(body.levels, coarser, types, strict=True)]
        self._last = fold_last(body.last)
        self._lock = Lock()
        # Memory that is the same for every frame; what is not drawn there is left over from others, and not read.
        self._face_grid = self._face[1].grid(FACE_SIZE // 2)
        self._grids = {size: level.grid(size) for size, level in zip(ERRORS, self._levels[1:], strict=True)}
        self._motions = {size: np.empty((size, size, 8), np.float32) for size in (COARSE, *ERRORS)}
        # The face in it is drawn anew for every frame.
        self._picture = light_of(character)
        self._detail = self._greatest_detail()
        self._solid = grown(self._detail > 0)

    def draw(self, pose: Floats) -> Bytes:
        """The character in `pose` (45,): (512, 512, 4) RGBA, sRGB, straight alpha. One frame at a time is drawn."""
        with self._lock:
            return self._draw(np.asarray(pose, np.float32))

    def _draw(self, pose: Floats) -> Bytes:
        """The picture (512, 512, 4) of a `pose` (45,)."""
        axes, (face, beside) = [level.axes(pose) for level in self._levels], self._face_tasks(pose)
        out = np.zeros((SIZE, SIZE, 4), np.uint8)
        show = Show(self._picture, self._last, light_table(), self._straight, out)
        mask, grid = self._shown(axes, face), None
        smooth: list[Task] = []
        for first, size in enumerate(ERRORS):
            kept = self._grids[size]
            rough, around = self._motion(size), pixels_of(grown(mask), size)
            sweep = Sweep(self._levels[first:], size, axes[first:], self._scratch, kept)
            self._crew.run([*sweep.tasks(grid, around, colours(self._last, around, rough)), *beside])
            kinds, beside = self._judged(rough, mask), iter(())
            smooth += (partial(show.interpolated, rough, kinds, band) for band in bands(size))
            mask, grid = (kinds == 2).repeat(2, 0).repeat(2, 1), kept
        points = pixels_of(mask, SIZE)
        sweep = Sweep(self._levels[-1:], SIZE, axes[-1:], self._scratch)
        self._crew.run([*sweep.tasks(grid, points, show.sink(points)), *smooth])
        return out

    def _shown(self, axes: list[Floats], others: Iterable[Task]) -> Mask:
        """Which tiles (T, T) may show something; does `others` as well."""
        rough, points = self._motion(COARSE), pixels(COARSE)
        sweep = Sweep(self._levels, COARSE, axes, self._scratch)
        self._crew.run([*others, *sweep.tasks(None, points, colours(self._last, points, rough))])
        return shown(self._solid, rough)

    def _face_tasks(self, pose: Floats) -> tuple[Iterator[Task], Iterator[Task]]:
        """What draws the face of a `pose` (45,): the second ones need all of the first ones."""
        coarse, fine = self._face
        first = Sweep([coarse], FACE_SIZE // 2, [coarse.axes(pose)], self._scratch)
        then = Sweep([fine], FACE_SIZE, [fine.axes(pose)], self._scratch)
        points, grid = pixels(FACE_SIZE // 2), self._face_grid
        return (
            first.tasks(None, points, features(fine, points, grid)),
            then.tasks(grid, pixels(FACE_SIZE), colours(self._face_last, face_points(), self._picture)),
        )

    def _greatest_detail(self) -> Floats:
        """`detail_of` the drawing (T, T), the greatest of some expressions."""
        found = np.zeros((TILES, TILES), np.float32)
        for expression in FACES:
            for tasks in self._face_tasks(pose_of(expression)):
                self._crew.run(tasks)
            found = np.maximum(found, detail_of(self._picture))
        rows, columns = (slice(box.start // SIDE - 1, box.stop // SIDE + 1) for box in (FACE_ROWS, FACE_COLUMNS))
        found[rows, columns] = np.maximum(found[rows, columns], FACE_DETAIL)
        return found

    def _motion(self, size: int) -> Floats:
        """An empty `rough` (S, S, 8) for a level of `size` S."""
        out = self._motions[size]
        out[:] = 0  # cells at the rim of what is drawn look at their neighbours
        return out

    def _judged(self, rough: Floats, mask: Mask) -> Bytes:
        """How each cell (S, S) is to be drawn, see `kernels.judge`; of the coarser ones, as the worst neighbour."""
        size = len(rough)
        kinds = np.empty((size, size), np.uint8)
        error = ERRORS[size]
        self._crew.run([partial(kernels.judge, rough, mask, self._detail, error, band, kinds) for band in bands(size)])
        return grown(kinds) * mask if size == min(ERRORS) else kinds


def detail_of(image: Floats) -> Floats:
    """(T, T): the greatest step from pixel to pixel in and around each tile; 0 where it is transparent."""
    step = np.zeros(image.shape[:2], np.float32)
    for channel in np.ascontiguousarray(image.transpose(2, 0, 1)):
        step[:, 1:] = np.maximum(step[:, 1:], np.abs(channel[:, 1:] - channel[:, :-1]))
        step[1:] = np.maximum(step[1:], np.abs(channel[1:] - channel[:-1]))
    # A flat colour is little detail, yet it must be drawn.
    step = np.where(image[..., 3] > kernels.FAINT / 2 - 1, np.maximum(step, np.float32(1e-3)), np.float32(0))
    return grown(step.reshape(TILES, SIDE, TILES, SIDE).max((1, 3)))


def shown(solid: Mask, coarse: Floats) -> Mask:
    """(TILES, TILES) whether a tile may show something; `coarse` (COARSE, COARSE, 8) is the motion.

    `solid` (TILES, TILES): where the drawing and the tiles around it are not transparent.
    """
    found = np.empty((TILES, TILES), np.bool_)
    kernels.find_shown(coarse, solid, found)
    return found


def bands(size: int) -> list[tuple[int, int]]:
    """Rows of a picture of `size` from and up to, shared out among threads."""
    return [(at, at + size // BANDS) for at in range(0, size, size // BANDS)]


T = TypeVar("T", bound=np.generic)


def grown(values: NDArray[T]) -> NDArray[T]:
    """The greatest of each of `values` (H, W) and its eight neighbours."""
    out = values.copy()
    for here, given in ((out, values), (out.T, None)):
        given = here.copy() if given is None else given
        np.maximum(here[1:], given[:-1], out=here[1:])
        np.maximum(here[:-1], given[1:], out=here[:-1])
    return out


def pixels_of(mask: Mask | Bytes, size: int, kind: int = 1) -> Ints:
    """Row and column of the pixels of a picture of `size` in the cells of `mask` (H, W) that are `kind`: (N, 2)."""
    side = size // len(mask)
    out = np.empty((np.count_nonzero(mask == kind) * side * side, 2), np.int32)
    kernels.list_pixels(mask.view(np.uint8), kind, side, out)
    return out


def half_pays() -> bool:
    """Whether this processor multiplies bfloat16 at least twice as fast as float32."""
    seconds = []
    for kind in (torch.float32, torch.bfloat16):
        a, b = torch.ones(2048, 128, dtype=kind), torch.ones(128, 128, dtype=kind)
        tries = []
        for _ in range(5):
            start = time.thread_time()
            torch.mm(a, b)
            tries.append(time.thread_time() - start)
        seconds.append(min(tries))
    return seconds[1] * 2 < seconds[0]
