"""An eye of a drawing in a pose: iris moved, lids over it.

The eye is put together from three pictures: what is between the lids, the lower lid with what is below it, and the
upper lid. A lid that moves far is not stretched, which would drag creases and the rims of glasses along: the new skin
is filled in, and the upper lash is a new stroke of the drawing's own ink. What an eye has beyond the found lines, such
as the wing of its lash, goes with them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vivant.avatars.tha.rig.canvas import Floats, cover, heights, rise
from vivant.avatars.tha.rig.eye_look import REACH, EyeLook
from vivant.avatars.tha.rig.lines import OPEN, iris_move, move_lids

STRETCHED, FILLED = 0.1, 0.4
"""Shares of the eye's height that a lid moves into the eye, up to which it is stretched, and from which it is new."""
RING = 1.6
"""How far around the iris the white gives way, in radii."""
OUTLINE = 1.1
"""How much larger than found an iris is taken, for its contour."""
SMALLER = (0.15, 0.4)
"""How much an iris shrinks, of its size, up to which the white around it is stretched, and from which on it is new."""
SHUT = (0.35, 0.1)
"""How far an eye is open, of its height, from which on nothing of it shows any more below a lid that is shut."""
CLEAR = 1.5
"""Pixels above the lash at rest from which on a new lid is plain."""


@dataclass(frozen=True)
class EyePainter:
    """Draws one eye."""

    look: EyeLook
    side: int
    """1 is the character's left, on the viewer's right, -1 the other."""

    def paint(self, picture: Floats, pose: Floats) -> None:
        """Draw the eye in the `pose` (45,) into `picture` (512, 512, 4)."""
        upper, lower = move_lids(self.look.eye.upper, self.look.eye.lower, pose, self.side)
        move = iris_move(pose, self.side)
        place = self.look.place
        inside = rise(np.abs(place.x - self.look.middle), (1 + REACH) * self.look.eye.width, self.look.eye.width)
        fall, lift = (
            inside * (heights(now, place.x) - heights(then, place.x))
            for now, then in ((upper, self.look.eye.upper), (lower, self.look.eye.lower))
        )
        if move == (0.0, 0.0, 1.0) and not fall.any() and not lift.any():
            return
        between = self._between(fall, lift, move)
        edge = heights(self.look.eye.lower, place.x) + lift
        below = cover(place.y - edge)[..., None]
        opened = float((lower - upper)[:, 1].max()) / self.look.eye.height
        whole = between + below * (self._below(lift, opened, move[2]) - between)
        picture[place.rows, place.columns] = self._lid(whole, fall, inside)

    def _between(self, fall: Floats, lift: Floats, move: tuple[float, float, float]) -> Floats:
        """White and iris (rows, columns, 4); where the eye opens wider they are stretched."""
        place, eye = self.look.place, self.look.eye
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
        moved, new = place.sample(source[0], source[1]), float(rise(1 - size, *SMALLER))
        if new == 0 or self.look.iris is None:
            return moved
        x, up = (eye.iris[axis] + (at - goal[axis]) / size for axis, at in ((0, place.x), (1, y)))
        small = self._own(self.look.iris[0], x, up)
        shown = small + (1 - small[..., 3:]) * self._own(self.look.iris[1], place.x, y)
        return moved + new * (shown - moved)

    def _own(self, picture: Floats, x: Floats, y: Floats) -> Floats:
        """A `picture` of the eye's place (rows, columns, 4) at `x` and `y` of the drawing."""
        place = self.look.place
        return replace(place, drawing=picture).sample(x - place.columns.start, y - place.rows.start)

    def _below(self, lift: Floats, opened: float, size: float) -> Floats:
        """The lower lid and what is under it (rows, columns, 4), up to where nothing moves any more.

        `opened` is 0 where the eye is shut, 1 as at rest; `size` is the iris's.
        """
        place, edge = self.look.place, heights(self.look.eye.lower, self.look.place.x)
        end = edge + 0.7 * self.look.eye.height + 0.1 * self.look.unit
        y = place.y - lift * rise(place.y, end, edge + np.minimum(lift, 0))
        stretched = place.sample(place.x, y)
        if (smaller := float(rise(1 - size, *SMALLER))) > 0 and self.look.iris is not None:
            stretched += smaller * (self._own(self.look.iris[1], place.x, y) - stretched)
        new = float(max(rise(-float(lift.min()) / self.look.eye.height, STRETCHED, FILLED), rise(opened, *SHUT)))
        return stretched if new == 0 else stretched + new * (self.look.bare_below - stretched)

    def _lid(self, picture: Floats, fall: Floats, inside: Floats) -> Floats:
        """`picture` (rows, columns, 4) with the upper lid over it."""
        place, ink = self.look.place, self.look.ink
        line = heights(self.look.eye.upper, place.x)
        top = line - ink.above - 0.5 * self.look.eye.height
        y = place.y - fall * rise(place.y, top, line + np.maximum(fall, 0) - ink.above)
        covered = cover(line + fall + ink.below - place.y)[..., None]
        moved = picture + covered * (place.sample(place.x, y) - picture)
        closing = float(fall.max()) / self.look.eye.height
        new = float(rise(closing, STRETCHED, FILLED))
        return moved if new == 0 else moved + new * (self._drawn(picture, line, fall, inside) - moved)

    def _drawn(self, picture: Floats, line: Floats, fall: Floats, inside: Floats) -> Floats:
        """`picture` (rows, columns, 4) with a new upper lid: skin from the old lash to the new one, a stroke."""
        place, ink = self.look.place, self.look.ink
        start, end = line - ink.above - CLEAR, line + fall
        filled = cover(place.y - start) * cover(end - place.y) * rise(inside, 0.5, 1)
        above, below = self.look.lids
        way = np.clip((place.y - start) / np.maximum(end - start, 1), 0, 1)[..., None]
        skin = above + way * (below - above)
        covered = cover(end - place.y)[..., None]
        lid = picture + covered * (self.look.wingless - picture)
        lid += filled[..., None] * (np.concatenate([skin, np.ones_like(skin[..., :1])], 2) - lid)
        thick = (ink.above + ink.below) / 2 * (0.35 + 0.65 * np.sqrt(np.clip(inside, 0, 1)))
        stroke = cover(np.maximum(thick, 0.6) - np.abs(place.y - end)) * rise(inside, 0.2, 0.8)
        lid[..., :3] += stroke[..., None] * (ink.colour - lid[..., :3])
        lid[..., 3] += stroke * (1 - lid[..., 3])
        result: Floats = lid
        return result
