"""The live student engine: the pictures of `student` to more than 42 dB, many times a second on two cores.

It leaves out what cannot be seen. A rough motion of 24 x 24 tells which tiles show anything; only there the networks
run. The two coarser levels, which are smooth, are computed on as few points as the character bears and read cubically.
The finest one runs at a quarter of the resolution first, at half of it where the motion bends across contrasts or new
pixels appear, and at last in full; the rest is interpolated. The face's first layers run on few points, the others at
half its resolution, and in full where colours bend or lines are thin. Layers are computed in what is fastest here:
float32, 16-bit integers, or bfloat16 for all but those that give the flow, which needs more digits. Every frame is
drawn afresh, so none depends on an earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vivant.avatars.tha import kernels
from vivant.avatars.tha.character import Character
from vivant.avatars.tha.networks.body_student import SIZES
from vivant.avatars.tha.networks.face_student import FACE_COLUMNS, FACE_ROWS, FACE_SIZE
from vivant.avatars.tha.pose import pose_of
from vivant.avatars.tha.pruning import pruned
from vivant.avatars.tha.siren import (
    Crew,
    Sink,
    Sweep,
    Task,
    entry,
    fastest,
    fold_stage,
    pixels,
    placed,
    plain,
    sines_of,
)
from vivant.avatars.tha.siren_layers import FEW, Scratch
from vivant.avatars.tha.student import SIZE, Show, body_stages, light_of, light_table

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Mask = NDArray[np.bool_]

COARSE = 24
"""Pixels of a side of the motion that finds the tiles."""
TILES = 128
"""Tiles of a side that are drawn or left out as a whole, and for which the drawing's contrast is known."""
SIDE = SIZE // TILES
"""Pixels of a side of a tile."""
ERRORS = {SIZE // 4: 1.4, SIZE // 2: 1.0}
"""A motion of that size is too coarse where it bends more, see `kernels.judge`; colours reach from -1 to 1."""
DETAILS = (((48, 128), 1.0), ((80, 192), 0.8), ((96, 256), 0.6))
"""Points of a side on which the two coarser levels may be computed, published at 128 and 256; what ERRORS are then.

Characters that need many points have small parts, and lose them where the rest is interpolated too soon.
"""
TURNS: tuple[dict[str, float], ...] = (
    {"head_x": 0.6, "head_y": 0.5, "neck_z": 0.5, "body_y": 0.5, "mouth_aaa": 1},
    {"head_x": -0.6, "head_y": -0.5, "neck_z": -0.5, "body_z": -0.5, "eye_wink": 1},
)
"""Poses that show which of DETAILS a character needs."""
ALIKE = 46.0
"""Of pictures that are so many dB from those of the last, it does not need more."""
BEND = 3 / 32
"""Published, levels are enlarged linearly: where its pixels lie, that adds so much of the second derivative to them."""
REACH = 2
"""Samples around a place that it is interpolated from."""
FACE_EARLY, FACE_SAMPLES = 3, 48
"""The face's first layers, which are smooth, and points of a side on which they are computed."""
FACE_ERROR = np.float32(0.14)
"""The others run at half the face's resolution, and in full where the roots of its colours 0..1 bend more."""
FACES: tuple[dict[str, float], ...] = (
    {},
    {"eye_wink": 1, "mouth_aaa": 1},
    {"eye_surprised": 1, "mouth_iii": 1},
    {"eye_happy_wink": 1, "mouth_ooo": 1},
)
"""Expressions that show where the face may have contrasts."""
FACE_THIN = 0.1
"""Half the resolution misses thin lines: where it is off by more in one of FACES, the face is always drawn in full."""
FACE_DETAIL = np.float32(0.25)
"""The least contrast that is expected anywhere in the face: others may put it where none of FACES has any."""
BANDS = 8
"""Parts of a picture that threads share where no network runs."""


class LiveStudent:
    """Draws one character by the 45 numbers of `vivant.avatars.tha.pose`, fast."""

    def __init__(
        self,
        character: Character,
        *,
        cores: int | None = None,
        official: bool = False,
        kind: torch.dtype | None = None,
    ) -> None:
        """See `student.StudentPoser`; `kind`: what most layers are computed in, by default what is fastest here.

        One of `siren.kinds()`.
        """
        face, body = pruned(character)
        self._straight = not official
        self._crew, self._scratch = Crew(cores), Scratch()
        early, late = sines_of(face.layers)[:FACE_EARLY], sines_of(face.layers)[FACE_EARLY:]
        kind = kind or fastest(early)
        exact = torch.int16 if kind == torch.int16 else torch.float32
        width = late[0].linear.in_channels
        self._early = fold_stage(early, 0, entry(late[0], width), [kind] * len(early))
        self._late = fold_stage(late, width, plain(face.last), [*[kind] * (len(late) - 1), exact])
        self._stages = body_stages(body, ([kind] * 3, [kind] * 3, [kind, exact, exact]))
        self._lock = Lock()
        # Memory that is the same for every frame; what is not drawn there is left over from others, and not read.
        widths = [len(stage.bias) for stage in self._stages[1:]]
        self._rough = [np.zeros((COARSE, COARSE, width), np.float32) for width in (*widths, FEW)]
        self._face_samples = Samples.of(FACE_SAMPLES, len(self._late.bias))
        self._face_half = np.zeros((FACE_SIZE // 2, FACE_SIZE // 2, FEW), np.float32)
        self._motions = {size: np.empty((size, size, FEW), np.float32) for size in ERRORS}
        # The face in it is drawn anew for every frame.
        self._picture = light_of(character)
        self._thin = np.ones((FACE_SIZE // 2, FACE_SIZE // 2), np.bool_)
        self._detail, self._thin = self._greatest_detail()
        self._solid = grown(self._detail > 0)
        self._set_detail(*DETAILS[-1])
        self._use_least_detail()

    @property
    def sides(self) -> tuple[int, int]:
        """Points on a side that the two coarser levels are computed on, as few as the character bears."""
        coarse, fine = self._samples
        return coarse.size, fine.size

    def draw(self, pose: Floats) -> Bytes:
        """The character in `pose` (45,): (512, 512, 4) RGBA, sRGB, straight alpha. One frame at a time is drawn."""
        with self._lock:
            return self._draw(np.asarray(pose, np.float32))

    def _draw(self, pose: Floats) -> Bytes:
        """The picture (512, 512, 4) of a `pose` (45,)."""
        out = np.zeros((SIZE, SIZE, 4), np.uint8)
        show = Show(self._picture, light_table(), self._straight, out)
        mask = self._shown(pose)
        self._lift(pose, grown(mask))
        smooth: list[Task] = []
        for size in self._errors:
            mask = mask.repeat(size // len(mask), 0).repeat(size // len(mask), 1)
            rough, points = self._motion(size), pixels_of(grown(mask), size)
            self._crew.run([*self._finest(pose, size, points, placed(points, rough)), *smooth])
            kinds = self._judged(rough, mask)
            smooth = [partial(show.interpolated, rough, kinds, band) for band in bands(size)]
            mask = kinds == 2
        points = pixels_of(mask, SIZE)
        self._crew.run([*self._finest(pose, SIZE, points, show.sink(points)), *smooth])
        return out

    def _shown(self, pose: Floats) -> Mask:
        """Which tiles (T, T) may show something in a `pose` (45,); draws the face as well."""
        grid, points = None, pixels(COARSE)
        for stage, out, face in zip(self._stages, self._rough, self._face(pose), strict=True):
            sweep = Sweep(stage, COARSE, pose, self._scratch)
            self._crew.run([*face, *sweep.tasks(grid, points, placed(points, out))])
            grid = out
        return shown(self._solid, self._rough[-1])

    def _lift(self, pose: Floats, mask: Mask) -> None:
        """What the finest level needs of the others for a `mask` (T, T) in a `pose` (45,)."""
        coarse, fine = self._samples
        near = fine.around(mask)
        far = coarse.around(near, kernels.PAD)
        grid = bend = None
        for stage, samples, some in zip(self._stages, self._samples, (far, near), strict=False):
            points = samples.points(some)
            sweep = Sweep(stage, samples.size, pose, self._scratch)
            self._crew.run(sweep.tasks(grid, points, samples.sink(points), bend))
            grid, bend = samples.values, samples.bend

    def _finest(self, pose: Floats, size: int, points: Ints, sink: Sink) -> Iterable[Task]:
        """What gives the motion of `points` (N, 2) of a picture of `size` in a `pose` (45,) to `sink`."""
        sweep = Sweep(self._stages[-1], size, pose, self._scratch)
        return sweep.tasks(self._samples[-1].values, points, sink, self._samples[-1].bend)

    def _face(self, pose: Floats) -> Iterator[Iterable[Task]]:
        """What draws the face of a `pose` (45,), in three steps of which each needs all of the one before."""
        samples, half, size = self._face_samples, self._face_half, FACE_SIZE // 2
        points = samples.points(np.ones(samples.values.shape[:2], np.bool_))
        yield Sweep(self._early, samples.size, pose, self._scratch).tasks(None, points, samples.sink(points))
        late = partial(Sweep, self._late, pose=pose, scratch=self._scratch)
        points = pixels(size)
        yield late(size).tasks(samples.values, points, placed(points, half), samples.bend)
        bent = np.empty((size, size), np.uint8)
        kernels.soften(half, FACE_ERROR, self._picture[FACE_ROWS, FACE_COLUMNS], bent)
        points = pixels_of(self._thin | (bent > 0), FACE_SIZE)
        to = placed(points + np.array([FACE_ROWS.start, FACE_COLUMNS.start], np.int32), self._picture)
        yield late(FACE_SIZE).tasks(samples.values, points, to, samples.bend)

    def _greatest_detail(self) -> tuple[Floats, Mask]:
        """`detail_of` the drawing (T, T), the greatest of some expressions, and where the face has thin lines."""
        found, thin = np.zeros((TILES, TILES), np.float32), np.zeros_like(self._thin)
        for expression in FACES:
            for tasks in self._face(pose_of(expression)):
                self._crew.run(tasks)
            found = np.maximum(found, detail_of(self._picture))
            thin |= lost_by_half(self._face_half, self._picture[FACE_ROWS, FACE_COLUMNS]) > FACE_THIN
        rows, columns = (slice(box.start // SIDE - 1, box.stop // SIDE + 1) for box in (FACE_ROWS, FACE_COLUMNS))
        found[rows, columns] = np.maximum(found[rows, columns], FACE_DETAIL)
        return found, thin

    def _set_detail(self, sizes: tuple[int, int], loose: float) -> None:
        """Compute the two coarser levels on `sizes` samples of a side, and let errors be `loose` times as large."""
        given = zip(sizes, SIZES, self._stages[1:], strict=False)
        self._samples = [Samples.of(size, len(stage.bias), BEND * (size / whole) ** 2) for size, whole, stage in given]
        self._errors = {size: loose * error for size, error in ERRORS.items()}

    def _use_least_detail(self) -> None:
        """Take the first of DETAILS that draws as the last, which is set."""
        poses = [pose_of(turn) for turn in TURNS]
        wanted = [self._draw(pose) for pose in poses]
        for detail in DETAILS:
            self._set_detail(*detail)
            if likeness([self._draw(pose) for pose in poses], wanted) > ALIKE:
                return

    def _motion(self, size: int) -> Floats:
        """An empty `rough` (S, S, 8) for a level of `size` S."""
        out = self._motions[size]
        out[:] = 0  # cells at the rim of what is drawn look at their neighbours
        return out

    def _judged(self, rough: Floats, mask: Mask) -> Bytes:
        """How each cell (S, S) is to be drawn, see `kernels.judge`; of the coarser ones, as the worst neighbour."""
        size = len(rough)
        kinds = np.empty((size, size), np.uint8)
        error = self._errors[size]
        self._crew.run([partial(kernels.judge, rough, mask, self._detail, error, band, kinds) for band in bands(size)])
        return grown(kinds) * mask if size == min(ERRORS) else kinds


@dataclass(frozen=True)
class Samples:
    """What a stage gives on a grid that goes on beyond the picture, see `kernels.lift_smooth`."""

    size: int
    """Samples of a side of the picture."""
    values: Floats
    """(size + 2 PAD, size + 2 PAD, C)"""
    bend: float = 0.0
    """See `kernels.taps`."""

    @staticmethod
    def of(size: int, width: int, bend: float = 0.0) -> Samples:
        """Room for `width` values."""
        side = size + 2 * kernels.PAD
        # PyTorch's memory begins at a line of the cache.
        return Samples(size, np.asarray(torch.zeros(side, side, width).numpy()), bend)

    def around(self, mask: Mask, pad: int = 0) -> Mask:
        """The samples (size + 2 PAD,) * 2 that the cells of a `mask` need, which has `pad` beyond each edge."""
        found = np.zeros(self.values.shape[:2], np.bool_)
        kernels.cover(mask, pad, REACH, found)
        return found

    def points(self, mask: Mask) -> Ints:
        """Row and column (N, 2) of the samples in `mask` (size + 2 PAD,) * 2."""
        return pixels_of(mask, len(mask), pad=kernels.PAD)

    def sink(self, points: Ints) -> Sink:
        """What keeps values at `points` (N, 2)."""
        return placed(points, self.values, kernels.PAD)


def detail_of(image: Floats) -> Floats:
    """(T, T): the greatest step from pixel to pixel in and around each tile; 0 where it is transparent."""
    step = np.zeros(image.shape[:2], np.float32)
    for channel in np.ascontiguousarray(image.transpose(2, 0, 1)):
        step[:, 1:] = np.maximum(step[:, 1:], np.abs(channel[:, 1:] - channel[:, :-1]))
        step[1:] = np.maximum(step[1:], np.abs(channel[1:] - channel[:-1]))
    # A flat colour is little detail, yet it must be drawn.
    step = np.where(image[..., 3] > kernels.FAINT / 2 - 1, np.maximum(step, np.float32(1e-3)), np.float32(0))
    return grown(step.reshape(TILES, SIDE, TILES, SIDE).max((1, 3)))


def lost_by_half(half: Floats, face: Floats) -> Floats:
    """How far colours of `half` (S, S, 8), enlarged, are from those of `face` (2 S, 2 S, 4): the most of a cell (S, S).

    Of the roots of the colours 0..1, which are nearer to what is seen.
    """
    enlarged, size = np.empty(face.shape, np.float32), len(half)
    kernels.soften(half, np.float32(np.inf), enlarged, np.empty((size, size), np.uint8))
    one, other = (np.sqrt(np.maximum(0.5 * part + 0.5, 0)) for part in (enlarged, face))
    return np.asarray(np.abs(one - other).reshape(size, 2, size, 2, 4).max((1, 3, 4)))


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


def likeness(some: list[Bytes], others: list[Bytes]) -> float:
    """PSNR in dB between pictures (512, 512, 4), their colours premultiplied."""
    one, other = (np.array(pictures, np.float32) / 255 for pictures in (some, others))
    for pictures in (one, other):
        pictures[..., :3] *= pictures[..., 3:]
    return float(-10 * np.log10(max(np.square(one - other).mean(), 1e-12)))


T = TypeVar("T", bound=np.generic)


def grown(values: NDArray[T]) -> NDArray[T]:
    """The greatest of each of `values` (H, W), float32, bytes or truths, and its eight neighbours."""
    numbers: NDArray[Any] = values.view(np.uint8) if values.dtype == np.bool_ else values
    return np.asarray(cv2.dilate(numbers, np.ones((3, 3), np.uint8))).view(values.dtype)


def pixels_of(mask: Mask | Bytes, size: int, kind: int = 1, pad: int = 0) -> Ints:
    """Row and column of the pixels of a picture of `size` in the cells of `mask` (H, W) that are `kind`: (N, 2).

    They count from `pad` before the first one.
    """
    side = size // len(mask)
    out = np.empty((np.count_nonzero(mask == kind) * side * side, 2), np.int32)
    kernels.list_pixels(mask.view(np.uint8), kind, side, pad, out)
    return out
