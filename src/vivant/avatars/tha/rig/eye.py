"""An eye of a drawing in a pose: iris moved, lids over it.

The eye is put together from three pictures: what is between the lids, the lower lid with what is below it, and the
upper lid. An upper lid that comes far down is not stretched, which would drag creases and the rims of glasses along:
the new skin is filled in, and the lash is a new stroke of the drawing's own ink.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vivant.avatars.tha.rig.canvas import Canvas, Floats, canvas, cover, heights, luma, rise
from vivant.avatars.tha.rig.lines import OPEN, iris_move, move_lids
from vivant.avatars.tha.rig.measure import Eye

STRETCHED, FILLED = 0.1, 0.4
"""Shares of the eye's height that the upper lid comes down, up to which it is stretched, and from which it is new."""
PLAIN = (0.06, 0.16)
"""How far a colour may be from the skin's, up to which it is shade, and from which on it is hair or glasses."""
RING = 1.6
"""How far around the iris the white gives way, in radii."""
OUTLINE = 1.1
"""How much larger than found an iris is taken, for its contour."""
REACH = 0.4
"""How far beyond its corners an eye moves, in its half widths."""


@dataclass(frozen=True)
class Ink:
    """The upper lash as it is drawn."""

    colour: Floats
    """(3,)"""
    above: float
    """Pixels of its thickness above the lid's line."""
    below: float


@dataclass(frozen=True)
class EyePainter:
    """Draws one eye."""

    drawing: Floats
    """(512, 512, 4) premultiplied, 0..1."""
    eye: Eye
    side: int
    unit: float
    """Half the width of the face."""
    skin: Floats
    """(3,) of the cheeks, where the colour around the eye is not to be trusted."""

    def paint(self, picture: Floats, pose: Floats) -> None:
        """Draw the eye in the `pose` (45,) into `picture` (512, 512, 4)."""
        upper, lower = move_lids(self.eye.upper, self.eye.lower, pose, self.side)
        move = iris_move(pose, self.side)
        place = self._place
        inside = rise(np.abs(place.x - self._middle), (1 + REACH) * self.eye.width, self.eye.width)
        fall, lift = (
            inside * (heights(now, place.x) - heights(then, place.x))
            for now, then in ((upper, self.eye.upper), (lower, self.eye.lower))
        )
        if move == (0.0, 0.0, 1.0) and not fall.any() and not lift.any():
            return
        between = self._between(fall, lift, move)
        edge = heights(self.eye.lower, place.x) + lift
        below = cover(place.y - edge)[..., None]
        whole = between + below * (self._below(lift) - between)
        picture[place.rows, place.columns] = self._lid(whole, fall, inside)

    def _between(self, fall: Floats, lift: Floats, move: tuple[float, float, float]) -> Floats:
        """White and iris (rows, columns, 4); where the eye opens wider they are stretched."""
        place, eye = self._place, self.eye
        top, bottom = heights(eye.upper, place.x) + fall, heights(eye.lower, place.x) + lift
        share = np.clip((place.y - top) / np.maximum(bottom - top, 1), 0, 1)
        y = place.y - np.minimum(fall, 0) * (1 - share) - np.maximum(lift, 0) * share
        right, down, size = move
        shift = np.array([right * eye.width, down * eye.height / OPEN], np.float32)
        goal = eye.iris + shift
        radii = OUTLINE * eye.radii
        dx, dy = (place.x - goal[0]) / radii[0], (y - goal[1]) / radii[1]
        far = np.maximum(np.hypot(dx, dy), 1e-6)
        ring = np.clip((far - size) / (RING - size), 0, 1)
        grown = np.where(far < size, 1 / size, (1 + ring * (RING - 1)) / far)
        grown = np.where(far > RING, 1, grown)
        source = [goal[axis] - (1 - ring) * shift[axis] + grown * d * radii[axis] for axis, d in ((0, dx), (1, dy))]
        return place.sample(source[0], source[1])

    def _below(self, lift: Floats) -> Floats:
        """The lower lid and what is under it (rows, columns, 4), up to where nothing moves any more."""
        place, edge = self._place, heights(self.eye.lower, self._place.x)
        end = edge + 0.7 * self.eye.height + 0.1 * self.unit
        return place.sample(place.x, place.y - lift * rise(place.y, end, edge + np.minimum(lift, 0)))

    def _lid(self, picture: Floats, fall: Floats, inside: Floats) -> Floats:
        """`picture` (rows, columns, 4) with the upper lid over it."""
        place, ink = self._place, self._ink
        line = heights(self.eye.upper, place.x)
        top = line - ink.above - 0.5 * self.eye.height
        y = place.y - fall * rise(place.y, top, line + np.maximum(fall, 0) - ink.above)
        covered = cover(line + fall + ink.below - place.y)[..., None]
        moved = picture + covered * (place.sample(place.x, y) - picture)
        closing = float(fall.max()) / self.eye.height
        new = float(rise(closing, STRETCHED, FILLED))
        return moved if new == 0 else moved + new * (self._drawn(picture, line, fall, inside) - moved)

    def _drawn(self, picture: Floats, line: Floats, fall: Floats, inside: Floats) -> Floats:
        """`picture` (rows, columns, 4) with a new upper lid: skin from the old lash to the new one, a stroke."""
        place, ink = self._place, self._ink
        start, end = line - ink.above - 0.5, line + fall
        filled = cover(place.y - start) * cover(end - place.y) * rise(inside, 0.5, 1)
        above, below = self._skin
        way = np.clip((place.y - start) / np.maximum(end - start, 1), 0, 1)[..., None]
        skin = above + way * (below - above)
        kept = place.sample(place.x, place.y)
        covered = cover(end - place.y)[..., None]
        lid = picture + covered * (kept - picture)
        lid += filled[..., None] * (np.concatenate([skin, np.ones_like(skin[..., :1])], 2) - lid)
        thick = (ink.above + ink.below) / 2 * (0.35 + 0.65 * np.sqrt(np.clip(inside, 0, 1)))
        stroke = cover(np.maximum(thick, 0.6) - np.abs(place.y - end)) * rise(inside, 0.2, 0.8)
        lid[..., :3] += stroke[..., None] * (ink.colour - lid[..., :3])
        lid[..., 3] += stroke * (1 - lid[..., 3])
        result: Floats = lid
        return result

    @cached_property
    def _place(self) -> Canvas:
        eye, reach = self.eye, (1 + REACH) * self.eye.width + 1
        low = float(eye.lower[:, 1].max()) + 0.8 * eye.height + 0.1 * self.unit
        return canvas(
            self.drawing, self._middle - reach, float(eye.upper[:, 1].min()) - eye.height, self._middle + reach, low
        )

    @cached_property
    def _middle(self) -> float:
        return float(self.eye.upper[[0, -1], 0].mean())

    @cached_property
    def _skin(self) -> tuple[Floats, Floats]:
        """Colours (1, columns, 3) above and (3,) below the eye."""
        place, eye = self._place, self.eye
        step = np.linspace(0.15, 0.3, 5)[:, None] * self.unit
        x = np.linspace(eye.lower[4, 0], eye.lower[12, 0], 9)[None]
        under = self._patch(x, heights(eye.lower, x) + step)
        seen = np.median(under[..., :3].reshape(-1, 3), axis=0)
        below = (seen + rise(np.abs(seen - self.skin).max(), *PLAIN) * (self.skin - seen)).astype(np.float32)
        line = heights(eye.upper, place.x) - self._ink.above - np.linspace(1.0, 2.5, 4)[:, None]
        over = np.median(self._patch(np.broadcast_to(place.x, line.shape), line)[..., :3], axis=0)
        far = np.abs(over - below).max(axis=1, keepdims=True)
        plain = over + rise(far, *PLAIN) * (below - over)
        wide = np.ones(9) / 9
        soft = np.stack([np.convolve(np.pad(one, 4, mode="edge"), wide, "valid") for one in plain.T], axis=1)
        return soft[None].astype(np.float32), below

    @cached_property
    def _ink(self) -> Ink:
        """What the lash looks like, from the pixels across it."""
        eye = self.eye
        away = np.arange(-0.14, 0.15, 0.02)[:, None] * self.unit
        x = np.linspace(eye.upper[4, 0], eye.upper[13, 0], 12)[None]
        seen = self._patch(x, heights(eye.upper, x) + away)
        bright = luma(seen)
        dark, light = np.quantile(bright, 0.05), np.quantile(bright[:4], 0.6)
        inked = bright < dark + 0.45 * max(light - dark, 0.05)
        middle = len(away) // 2
        above, below = (float(np.median(_run(part))) * 0.02 * self.unit for part in (inked[middle::-1], inked[middle:]))
        colour = np.median(seen[bright <= np.quantile(bright, 0.12)][:, :3], axis=0).astype(np.float32)
        least, most = 0.012 * self.unit, 0.045 * self.unit
        return Ink(colour, float(np.clip(above, least, most)), float(np.clip(below, least, most)))

    def _patch(self, x: Floats, y: Floats) -> Floats:
        """The drawing at `x` and `y` (rows, columns)."""
        return canvas(self.drawing, 0, 0, x.shape[1] - 1, len(y) - 1).sample(x.astype(np.float32), y.astype(np.float32))


def _run(marked: Floats) -> Floats:
    """How many of the first rows of `marked` (n, m) are True without a gap, for each column."""
    run: Floats = np.cumprod(marked, axis=0).sum(axis=0)
    return run
