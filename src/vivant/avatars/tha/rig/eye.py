"""An eye of a drawing in a pose: iris moved, lids over it.

The eye is put together from three pictures: what is between the lids, the lower lid with what is below it, and the
upper lid. A lid that moves far is not stretched, which would drag creases and the rims of glasses along: the new skin
is filled in, and the upper lash is a new stroke of the drawing's own ink. What an eye has beyond the found lines, such
as the wing of its lash, goes with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from vivant.avatars.tha.rig.canvas import Canvas, Flags, Floats, canvas, cover, heights, held_by, luma, rise, wider
from vivant.avatars.tha.rig.lines import OPEN, iris_move, move_lids
from vivant.avatars.tha.rig.measure import Eye

STRETCHED, FILLED = 0.1, 0.4
"""Shares of the eye's height that a lid moves into the eye, up to which it is stretched, and from which it is new."""
PLAIN = (0.06, 0.16)
"""How far a colour may be from the skin's, up to which it is shade, and from which on it is hair or glasses."""
RING = 1.6
"""How far around the iris the white gives way, in radii."""
OUTLINE = 1.1
"""How much larger than found an iris is taken, for its contour."""
SHUT = (0.35, 0.1)
"""How far an eye is open, of its height, from which on nothing of it shows any more below a lid that is shut."""
OWN, FOREIGN, INKED = 0.05, 0.1, 0.2
"""How far a colour may be from those of the eye to be one of them, how far from the skin's it has to be, and how far it
may be from the lash's."""
CLEAR = 1.5
"""Pixels above the lash at rest from which on a new lid is plain."""
LOW, HIGH = 0.4, 0.6
"""How far below and above its lines, in its heights, an eye may go on."""
CORNER = 0.6
"""Where the outer corner begins, in half widths from the middle of an eye."""
LEAST, NEAREST = 4, 3
"""Columns of the lash that have to be free to be measured alone, and in how many steps from its line it is sought."""
HALF = 0.5
"""What is before an eye, from which on a pixel is not its own."""
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
    before: Floats
    """(512, 512, 1) 0..1 where something is before the face."""

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
        opened = float((lower - upper)[:, 1].max()) / self.eye.height
        whole = between + below * (self._below(lift, opened) - between)
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

    def _below(self, lift: Floats, opened: float) -> Floats:
        """The lower lid and what is under it (rows, columns, 4), up to where nothing moves any more.

        `opened` is 0 where the eye is shut, 1 as at rest.
        """
        place, edge = self._place, heights(self.eye.lower, self._place.x)
        end = edge + 0.7 * self.eye.height + 0.1 * self.unit
        stretched = place.sample(place.x, place.y - lift * rise(place.y, end, edge + np.minimum(lift, 0)))
        new = float(max(rise(-float(lift.min()) / self.eye.height, STRETCHED, FILLED), rise(opened, *SHUT)))
        return stretched if new == 0 else stretched + new * (self._bare_below - stretched)

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
        start, end = line - ink.above - CLEAR, line + fall
        filled = cover(place.y - start) * cover(end - place.y) * rise(inside, 0.5, 1)
        above, below = self._skin
        way = np.clip((place.y - start) / np.maximum(end - start, 1), 0, 1)[..., None]
        skin = above + way * (below - above)
        covered = cover(end - place.y)[..., None]
        lid = picture + covered * (self._wingless - picture)
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

    def uncover(self, before: Floats) -> None:
        """Take the outer end of the lash out of `before` (512, 512, 1): it lies upon the hair beside a face."""
        before[self._place.rows, self._place.columns] *= 1 - wider(self._wing)[..., None]

    @cached_property
    def _bare_below(self) -> Floats:
        """The drawing (rows, columns, 4) with skin where the eye is."""
        place, eye = self._place, self.eye
        bare = place.sample(place.x, place.y)
        inside = rise(np.abs(place.x - self._middle), 1.1 * eye.width, eye.width)
        low = cv2.GaussianBlur(wider(self._low_part), (3, 3), 0)
        filled = np.maximum(cover(heights(eye.lower, place.x) + self._ink.below - place.y) * inside, low)
        skin = np.append(self._skin[1], np.float32(1))
        result: Floats = bare + filled[..., None] * (skin - bare)
        return result

    @cached_property
    def _low_part(self) -> Flags:
        """(rows, columns) of the eye's own colours below the found lower lid, down to where skin begins."""
        place, eye = self._place, self.eye
        seen, bottom = self._seen, heights(eye.lower, place.x)
        free = (self._before[..., 0] < HALF) & (np.abs(place.x - self._middle) < eye.width)
        free &= np.abs(seen - self._skin[1]).max(axis=2) > FOREIGN
        within = free & (place.y > heights(eye.upper, place.x) + self._ink.below) & (place.y < bottom)
        near = free & (place.y >= bottom) & (place.y < bottom + LOW * eye.height)
        if not within.any() or not near.any():
            return np.zeros_like(free)
        from scipy.spatial import cKDTree  # takes time to load

        far, _ = cKDTree(seen[within]).query(seen[near])
        own = within.copy()
        own[near] = far < OWN
        low: Flags = held_by(own, within) & near
        return low

    @cached_property
    def _wingless(self) -> Floats:
        """The drawing (rows, columns, 4) with what is around the lash's outer end in its place."""
        place, wing = self._place, wider(self._wing)
        seen = place.sample(place.x, place.y)
        around = cv2.inpaint((seen[..., :3] * 255).astype(np.uint8), wing.astype(np.uint8), 2, cv2.INPAINT_TELEA)
        seen[..., :3] += wing[..., None] * (around / np.float32(255) - seen[..., :3])
        return seen

    @cached_property
    def _wing(self) -> Flags:
        """(rows, columns) of the lash's outer end beyond the corner: a spot of ink that ends before anything else."""
        place, eye = self._place, self.eye
        outward, upper = self._outward, heights(eye.upper, place.x)
        window = (outward > CORNER) & (outward < 1 + REACH) & (np.abs(place.y - upper) < HIGH * eye.height)
        inked = window & (np.abs(self._seen - self._ink.colour).max(axis=2) < INKED)
        lash = inked & (outward < 1) & (np.abs(place.y - upper) < self._ink.above + 1) & (self._before[..., 0] < HALF)
        found = held_by(inked, lash)
        rim = window & (cv2.erode(window.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0) & (outward > 1)
        return np.zeros_like(found) if (found & rim).any() else found

    @cached_property
    def _outward(self) -> Floats:
        """(1, columns) half widths from the middle to the outer corner."""
        outer = np.sign(self.eye.upper[-1, 0] - self._middle)
        outward: Floats = (self._place.x - self._middle) * outer / self.eye.width
        return outward

    @cached_property
    def _seen(self) -> Floats:
        """(rows, columns, 3) the drawing."""
        return self._place.sample(self._place.x, self._place.y)[..., :3]

    @cached_property
    def _before(self) -> Floats:
        """(rows, columns, 1) what is before the eye."""
        return self.before[self._place.rows, self._place.columns]

    @cached_property
    def _skin(self) -> tuple[Floats, Floats]:
        """Colours (1, columns, 3) above and (3,) below the eye."""
        place, eye = self._place, self.eye
        step = np.linspace(0.15, 0.3, 5)[:, None] * self.unit
        x = np.linspace(eye.lower[4, 0], eye.lower[12, 0], 9)[None]
        under = self._patch(self.drawing, x, heights(eye.lower, x) + step)
        under = under[..., :3].reshape(-1, 3)
        plain = np.argsort(np.abs(under - self.skin).max(axis=1))[: len(under) // 2]  # no blush, no glasses
        seen = np.median(under[plain], axis=0)
        below = (seen + rise(np.abs(seen - self.skin).max(), *PLAIN) * (self.skin - seen)).astype(np.float32)
        line = heights(eye.upper, place.x) - self._ink.above - np.linspace(1.0, 2.5, 4)[:, None]
        x = np.broadcast_to(place.x, line.shape)
        over = np.median(self._patch(self.drawing, x, line)[..., :3], axis=0)
        hidden = rise(self._patch(self.before, x, line).max(0)[:, None], 0, HALF)
        far = rise(np.abs(over - below).max(axis=1, keepdims=True), *PLAIN)
        plain = over + np.maximum(far, hidden) * (below - over)
        wide = np.ones(9) / 9
        soft = np.stack([np.convolve(np.pad(one, 4, mode="edge"), wide, "valid") for one in plain.T], axis=1)
        return soft[None].astype(np.float32), below

    @cached_property
    def _ink(self) -> Ink:
        """What the lash looks like, from the pixels across it."""
        eye = self.eye
        away = np.arange(-0.14, 0.15, 0.02)[:, None] * self.unit
        x = np.linspace(eye.upper[4, 0], eye.upper[13, 0], 12)[None]
        seen = self._patch(self.drawing, x, heights(eye.upper, x) + away)
        free = self._patch(self.before, x, heights(eye.upper, x) + away).mean(0) < HALF
        seen = seen[:, free] if free.sum() >= LEAST else seen
        bright = luma(seen)
        dark, light = np.quantile(bright, 0.05), np.quantile(bright[:4], 0.6)
        inked = bright < dark + 0.45 * max(light - dark, 0.05)
        middle = len(away) // 2
        above, below = np.median([_around(column, middle) for column in inked.T], axis=0) * 0.02 * self.unit
        colour = np.median(seen[bright <= np.quantile(bright, 0.12)][:, :3], axis=0).astype(np.float32)
        least, most = 0.012 * self.unit, 0.045 * self.unit
        return Ink(colour, float(np.clip(above, least, most)), float(np.clip(below, least, most)))

    def _patch(self, picture: Floats, x: Floats, y: Floats) -> Floats:
        """`picture` (512, 512, C) at `x` and `y` (rows, columns)."""
        return canvas(picture, 0, 0, x.shape[1] - 1, len(y) - 1).sample(x.astype(np.float32), y.astype(np.float32))


def _around(marked: Flags, middle: int) -> tuple[int, int]:
    """How far the run of `marked` (n,) nearest to `middle` reaches before and behind it; 0 where none is near."""
    places = np.flatnonzero(marked)
    if not len(places) or np.abs(places - middle).min() > NEAREST:
        return 0, 0
    nearest = int(places[np.abs(places - middle).argmin()])
    gaps = np.flatnonzero(~marked)
    start, end = gaps[gaps < nearest].max(initial=-1), gaps[gaps > nearest].min(initial=len(marked))
    return max(0, middle - int(start)), max(0, int(end) - middle)
