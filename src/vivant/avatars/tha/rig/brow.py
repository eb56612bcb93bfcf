"""A brow of a drawing in a pose: its stroke lifted off the face, the ground under it filled, and drawn again elsewhere.

The pixels around a brow are not moved along, for beside it there is hair. Each column is looked at by itself: the
stroke is a short run of another colour between two places of the ground's. Where the run is long it is hair over the
brow, and stays; a brow that hardly shows does not move at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.tha.rig.canvas import Canvas, Floats, canvas, heights
from vivant.avatars.tha.rig.lines import brow_fall
from vivant.avatars.tha.rig.measure import Eye

BESIDE, AROUND = 0.12, 0.4
"""How far beside its ends and above and below a brow the drawing is looked at, in half widths of the face."""
OFF, THICK = 0.05, 0.2
"""How far a stroke may be from where it was found, and how thick, in half widths of the face."""
FAINT = 0.1
"""Difference of colour to the ground from which on something is a stroke."""
EDGE, TIP = 0.4, 0.1
"""Shares of the stroke's difference from which on a pixel belongs to its run, and a column to its faint ends."""
SHOWN = 0.3
"""Share of a brow's columns that must show it."""
ROOM = 0.85
"""Share of the way to the eye that a brow may fall."""


@dataclass(frozen=True)
class Stroke:
    """What was lifted off."""

    ground: Floats
    """(rows, columns, 4) the drawing without it."""
    ink: Floats
    """(rows, columns, 4) premultiplied."""


@dataclass(frozen=True)
class BrowPainter:
    """Draws one brow."""

    drawing: Floats
    """(512, 512, 4) premultiplied, 0..1."""
    eye: Eye
    side: int
    unit: float
    """Half the width of the face."""

    def paint(self, picture: Floats, pose: Floats) -> None:
        """Draw the brow in the `pose` (45,) into `picture` (512, 512, 4)."""
        fall = self.eye.brow_sure * self.unit * brow_fall(pose, self.side)
        if not fall.any() or self._stroke is None:
            return
        place, eye = self._place, self.eye
        room = np.maximum(heights(eye.upper, eye.brow[:, 0][None])[0] - eye.brow[:, 1], 1)
        down = through(np.minimum(fall, ROOM * room), self._share)
        rows = place.y - place.rows.start - down
        columns = np.broadcast_to(place.x - place.columns.start, rows.shape)
        ink = cv2.remap(self._stroke.ink, np.ascontiguousarray(columns), rows.astype(np.float32), cv2.INTER_LINEAR)
        picture[place.rows, place.columns] = self._stroke.ground * (1 - ink[..., 3:]) + ink

    @cached_property
    def _place(self) -> Canvas:
        (left, right), (top, bottom) = (np.sort(self.eye.brow[:, axis])[[0, -1]] for axis in (0, 1))
        beside, around = BESIDE * self.unit, AROUND * self.unit
        return canvas(self.drawing, left - beside, top - around, right + beside, bottom + around)

    @cached_property
    def _share(self) -> Floats:
        """(1, columns) where on the way from the inner to the outer end, 0..1."""
        inner, outer = self.eye.brow[[0, 2], 0]
        span = outer - inner if abs(outer - inner) > 1 else 1.0
        share: Floats = np.clip((self._place.x - inner) / span, 0, 1)
        return share

    @cached_property
    def _stroke(self) -> Stroke | None:
        """The brow, or None where none shows. The ground is what lies below it, or above where that shows more."""
        place = self._place
        line = through(self.eye.brow[:, 1], self._share)
        room = float(np.median(heights(self.eye.upper, place.x) - line))
        aside = float(np.clip(0.5 * room, 2, 0.75 * THICK * self.unit))
        found = [self._against(place.sample(place.x, line + way)[0], line) for way in (aside, -aside)]
        share, best = max(found, key=lambda one: one[0])
        return best if share >= SHOWN else None

    def _against(self, ground: Floats, line: Floats) -> tuple[float, Stroke | None]:
        """The stroke along `line` (1, columns) on a `ground` (columns, 4), and the share of columns that show it."""
        place = self._place
        patch = self.drawing[place.rows, place.columns]
        differs = np.abs(patch - np.median(ground, axis=0)).max(axis=2)
        off = np.abs(place.y - line)
        start = np.where(off <= max(OFF * self.unit, 1.5), differs - 1e-3 * off, -1).argmax(axis=0)
        deepest = np.take_along_axis(differs, start[None], axis=0)[0]
        strong = float(np.quantile(deepest, 0.7))
        if strong < FAINT:
            return 0.0, None
        thickest = round(THICK * self.unit) + 1
        up, down = (_run(differs > EDGE * np.minimum(deepest, strong), start, way, thickest) for way in (-1, 1))
        shows = (deepest > TIP * strong) & (up + down < thickest)
        share = differs / np.maximum(deepest, 1e-3)
        return float((shows & (deepest > EDGE * strong)).mean()), _lifted(
            patch, share, start - up, start + down, start, shows
        )


def _run(marked: NDArray[np.bool_], start: NDArray[np.intp], way: int, longest: int) -> NDArray[np.intp]:
    """How many places (columns,) after `start` are `marked` (rows, columns) in a `way`, at most `longest`."""
    columns, alive = np.arange(marked.shape[1]), np.ones(marked.shape[1], bool)
    length = np.zeros(marked.shape[1], np.intp)
    for step in range(1, longest + 1):
        alive &= marked[np.clip(start + way * step, 0, len(marked) - 1), columns]
        length += alive
    return length


def _lifted(
    patch: Floats,
    share: Floats,
    top: NDArray[np.intp],
    bottom: NDArray[np.intp],
    start: NDArray[np.intp],
    shows: NDArray[np.bool_],
) -> Stroke:
    """The stroke between rows `top` and `bottom` (columns,) of `patch` (rows, columns, 4), as each pixel's `share`."""
    last, columns = len(patch) - 1, np.arange(patch.shape[1])
    row = np.arange(last + 1)[:, None]
    first, end = np.clip(top - 2, 0, last), np.clip(bottom + 2, 0, last)
    way = np.clip((row - first) / np.maximum(end - first, 1), 0, 1).astype(np.float32)[..., None]
    filled = patch[first, columns] * (1 - way) + patch[end, columns] * way
    inside = (shows & (row > first) & (row < end))[..., None]
    cover = np.where(inside, np.clip(share, 0, 1)[..., None], 0).astype(np.float32)
    ink = patch[start, columns]
    return Stroke(np.where(inside, filled, patch).astype(np.float32), cover * ink)


def through(knots: Floats, share: Floats) -> Floats:
    """The parabola through three `knots` (3,) at the places 0, 0.6 and 1 of `share` (...)."""
    a, b, c = (float(knot) for knot in knots)
    bow = (b - (0.4 * a + 0.6 * c)) / (0.6 * 0.4)
    line: Floats = a + share * (c - a) + bow * share * (1 - share)
    return line
