"""The live student engine: the pictures of `student` to more than 42 dB, many times a second on two cores.

It leaves out what cannot be seen. A rough motion of 64 x 64 tells which tiles show anything; only there the networks
run. Within, the last level runs at half resolution and is interpolated, but for the cells where its flow bends across
contrasts or new pixels appear. Where the processor multiplies bfloat16 fast, all layers but the last two are computed
in it: those give the flow, which needs more digits. Every frame is drawn afresh, so none depends on an earlier one.
"""

from __future__ import annotations

import time
from functools import partial
from threading import Lock
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from vivant.avatars.tha import kernels
from vivant.avatars.tha.character import Character
from vivant.avatars.tha.networks.body_student import SIZES, WIDTHS
from vivant.avatars.tha.siren import Crew, features, flat, fold_last, fold_level, motion, paint_face, pixels, sweep
from vivant.avatars.tha.student import SIZE, Show, light_of, light_table

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Mask = NDArray[np.bool_]

COARSE = 64
"""Pixels of a side of the motion that finds the tiles."""
TILES = 128
"""Tiles of a side that are drawn or left out as a whole, and for which the drawing's contrast is known."""
FACE_TILES = slice(19, 53), slice(47, 81)
"""Those that the face reaches, with one more on each side."""
HALF = SIZE // 2
ERROR = 2.0
"""Half resolution is too little where the motion bends more, see `kernels.sort`; colours reach from -1 to 1."""
STEP = 8192


class LiveStudent:
    """Draws one character by the 45 numbers of `vivant.avatars.tha.pose`, fast."""

    def __init__(
        self, character: Character, *, cores: int | None = None, official: bool = False, half: bool | None = None
    ) -> None:
        """See `student.StudentPoser`; `half`: bfloat16 where that suffices, by default if it is faster here."""
        face, body = character.networks()
        smooth = torch.bfloat16 if (half_pays() if half is None else half) else torch.float32
        self._straight = not official
        self._crew = Crew(cores)
        # The face in it is drawn anew for every frame.
        self._picture = light_of(character)
        self._detail = detail_of(self._picture)
        self._face = fold_level(face.layers, 0, [*[smooth] * 7, torch.float32])
        self._face_last = fold_last(face.last)
        types = ([smooth] * 3, [smooth] * 3, [smooth, torch.float32, torch.float32])
        coarser = (0, *(widths[-1] for widths in WIDTHS[:-1]))
        self._levels = [fold_level(*parts, smooth) for parts in zip(body.levels, coarser, types, strict=True)]
        self._last = fold_last(body.last)
        self._lock = Lock()
        self._buffers: dict[tuple[int, int], Floats] = {}

    def draw(self, pose: Floats) -> Bytes:
        """The character in `pose` (45,): (512, 512, 4) RGBA, sRGB, straight alpha. One frame at a time is drawn."""
        with self._lock:
            return self._draw(np.asarray(pose, np.float32))

    def _draw(self, pose: Floats) -> Bytes:
        image = self._picture
        paint_face(self._crew, self._face, self._face_last, pose, image)
        detail = self._detail_with_face(image)
        coarse = self._motion(pose, self._grid(pose, None, (COARSE, COARSE)), pixels(COARSE), COARSE)
        tiles = shown(detail > 0, coarse)
        grid = self._grid(pose, grown(tiles), SIZES[:2])
        rough = self._motion(pose, grid, pixels_of(tiles, HALF), HALF)
        kinds = self._judged(rough, tiles, detail)
        smooth, points = (pixels_of(kinds, SIZE, kind) for kind in (1, 2))
        out = np.zeros((SIZE, SIZE, 4), np.uint8)
        show = Show(image, points, self._last, light_table(), self._straight, out)
        blocks = (smooth[at : at + STEP] for at in range(0, len(smooth), STEP))
        finest = self._levels[-1]
        fine = sweep(finest, grid, points, SIZE, finest.axes(pose), show)
        self._crew.run([*fine, *(partial(show.interpolated, rough, block) for block in blocks)])
        return out

    def _grid(self, pose: Floats, mask: Mask | None, sizes: tuple[int, ...]) -> Floats:
        """What the last level takes from the others, computed at `sizes` where `mask` lies or everywhere."""
        grid = flat(self._levels[0].axes(pose))
        for level, finer, size in zip(self._levels, self._levels[1:], sizes, strict=False):
            points = pixels(size) if mask is None else pixels_of(mask, size)
            out = self._buffer(size, len(finer.bias))
            features(self._crew, level, finer, grid, points, pose, out)
            grid = out
        return grid

    def _motion(self, pose: Floats, grid: Floats, points: Ints, size: int) -> Floats:
        out = self._buffer(size, 8)
        out[:] = 0  # cells at the rim of what is drawn look at their neighbours
        motion(self._crew, self._levels[-1], self._last, grid, points, pose, out)
        return out

    def _judged(self, rough: Floats, tiles: Mask, detail: Floats) -> Bytes:
        """How each cell is to be drawn, see `kernels.judge`, or as its most demanding neighbour."""
        kinds = np.empty((HALF, HALF), np.uint8)
        step = HALF // 8
        bands = [(at, at + step) for at in range(0, HALF, step)]
        self._crew.run([partial(kernels.judge, rough, tiles, detail, ERROR, band, kinds) for band in bands])
        return np.asarray(grown(kinds) * tiles.repeat(HALF // TILES, 0).repeat(HALF // TILES, 1))

    def _buffer(self, size: int, channels: int) -> Floats:
        """Memory that is the same for every frame; what is not drawn there is left over from others, and not read."""
        if (size, channels) not in self._buffers:
            self._buffers[size, channels] = np.zeros((size, size, channels), np.float32)
        return self._buffers[size, channels]

    def _detail_with_face(self, image: Floats) -> Floats:
        detail = self._detail.copy()
        side = SIZE // TILES
        rows, columns = FACE_TILES
        # One cell more on each side, because a cell's contrast reaches its neighbours.
        part = image[
            (rows.start - 1) * side : (rows.stop + 1) * side, (columns.start - 1) * side : (columns.stop + 1) * side
        ]
        detail[FACE_TILES] = detail_of(part)[1:-1, 1:-1]
        return detail


def detail_of(image: Floats) -> Floats:
    """The greatest step from pixel to pixel in and around each cell of `image` (H, W, 4); 0 where it is transparent."""
    side = SIZE // TILES
    step = np.zeros(image.shape[:2], np.float32)
    for channel in np.ascontiguousarray(image.transpose(2, 0, 1)):
        step[:, 1:] = np.maximum(step[:, 1:], np.abs(channel[:, 1:] - channel[:, :-1]))
        step[1:] = np.maximum(step[1:], np.abs(channel[1:] - channel[:-1]))
    # A flat colour is little detail, yet it must be drawn.
    step = np.where(image[..., 3] > kernels.FAINT / 2 - 1, np.maximum(step, np.float32(1e-3)), np.float32(0))
    rows, columns = (length // side for length in step.shape)
    return grown(step.reshape(rows, side, columns, side).max((1, 3)))


def shown(solid: Mask, coarse: Floats) -> Mask:
    """(TILES, TILES) whether a tile may show something; `coarse` (COARSE, COARSE, 8) is the motion."""
    motion = np.empty((TILES * TILES, 8), np.float32)
    kernels.widen(coarse, pixels(TILES), motion)
    places = (pixels(TILES) + np.float32(0.5)) + motion[:, 1::-1] * np.float32(TILES / 2)
    source = np.clip(places, 0, TILES - 1).astype(int)
    drawn = grown(solid)[source[:, 0], source[:, 1]] | (np.abs(motion[:, 2]) > kernels.FAINT)
    return grown(drawn.reshape(TILES, TILES))


T = TypeVar("T", bound=np.generic)


def grown(values: NDArray[T]) -> NDArray[T]:
    """The greatest of each of `values` (H, W) and its eight neighbours."""
    padded = np.pad(values, 1)
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])


def pixels_of(mask: Mask | Bytes, size: int, kind: int = 1) -> Ints:
    """Row and column of the pixels of a picture of `size` in the cells of `mask` (H, W) that are `kind`: (N, 2)."""
    side = size // len(mask)
    out = np.empty((np.count_nonzero(mask == kind) * side * side, 2), np.int32)
    kernels.list_pixels(mask, kind, side, out)
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
