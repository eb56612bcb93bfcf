"""What an eye of a drawing looks like: its ink, the skin around it, and what it has beyond the found lines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from vivant.avatars.tha.rig.canvas import Canvas, Flags, Floats, canvas, cover, heights, held_by, luma, rise, wider
from vivant.avatars.tha.rig.measure import Eye

PLAIN = (0.06, 0.16)
"""How far a colour may be from the skin's, up to which it is shade, and from which on it is hair or glasses."""
OWN, FOREIGN, INKED = 0.05, 0.1, 0.2
"""How far a colour may be from those of the eye to be one of them, how far from the skin's it has to be, and how far it
may be from the lash's."""
LOW, HIGH = 0.4, 0.6
"""How far below and above its lines, in its heights, an eye may go on."""
CORNER = 0.6
"""Where the outer corner begins, in half widths from the middle of an eye."""
LEAST, NEAREST = 4, 3
"""Columns of the lash that have to be free to be measured alone, and in how many steps from its line it is sought."""
HALF = 0.5
"""What is before an eye, from which on a pixel is not its own."""
RIM, RIM_BELOW = 1.5, 1.3
"""Radii beyond which nothing is iris, and below the line of the lower lid, where its lash may be."""
PALE, BRIGHTEST = 0.86, 0.9
"""How bright the white of an eye is at least, against the brightest tenth of what is between the lids."""
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
class EyeLook:
    """One eye of a drawing, at rest."""

    drawing: Floats
    """(512, 512, 4) premultiplied, 0..1."""
    eye: Eye
    unit: float
    """Half the width of the face."""
    skin: Floats
    """(3,) of the cheeks, where the colour around the eye is not to be trusted."""
    before: Floats
    """(512, 512, 1) 0..1 where something is before the face."""

    @cached_property
    def place(self) -> Canvas:
        """The pixels that an eye may change."""
        eye, reach = self.eye, (1 + REACH) * self.eye.width + 1
        low = float(eye.lower[:, 1].max()) + 0.8 * eye.height + 0.1 * self.unit
        return canvas(
            self.drawing, self.middle - reach, float(eye.upper[:, 1].min()) - eye.height, self.middle + reach, low
        )

    @cached_property
    def middle(self) -> float:
        """x between the corners."""
        return float(self.eye.upper[[0, -1], 0].mean())

    @cached_property
    def iris(self) -> tuple[Floats, Floats] | None:
        """The iris cut out, and the eye without it, each (rows, columns, 4); None where too little of them shows."""
        iris, white = self._iris_and_white
        rows = np.flatnonzero(white.any(axis=1))
        if len(rows) < 2 or not iris.any():
            return None
        colours = np.stack([np.median(self._seen[row][white[row]], axis=0) for row in rows])
        number = np.arange(len(white))
        filled = np.stack([np.interp(number, rows, colour) for colour in colours.T], axis=1)[:, None]
        bare = self.place.sample(self.place.x, self.place.y)
        bare[..., :3] += cv2.GaussianBlur(wider(iris), (3, 3), 0)[..., None] * (filled - bare[..., :3])
        alone = np.dstack([self._seen, np.ones(iris.shape)]) * iris[..., None]
        return alone.astype(np.float32), bare

    @cached_property
    def _iris_and_white(self) -> tuple[Flags, Flags]:
        """Where (rows, columns) iris and white are seen.

        The network's ellipse is off by a pixel or three: what counts is which colours are no white and no skin.
        """
        place, eye, pale = self.place, self.eye, self._seen.min(axis=2)
        dx, dy = ((at - eye.iris[axis]) / eye.radii[axis] for axis, at in ((0, place.x), (1, place.y)))
        far, bottom = np.hypot(dx, dy), heights(eye.lower, place.x)
        free = (place.y > heights(eye.upper, place.x) + self.ink.below + 0.5) & (self._before[..., 0] < HALF)
        inner = free & (place.y < bottom) & (np.abs(place.x - self.middle) < eye.width)
        if not inner.any():
            return inner, inner
        pales = pale > PALE * np.quantile(pale[inner], BRIGHTEST)
        below = (place.y < bottom + LOW * eye.height) & (np.abs(self._seen - self.lids[1]).max(axis=2) > FOREIGN)
        near = ((far < RIM) & (place.y < bottom)) | ((far < RIM_BELOW) & below)
        found = held_by(free & ~pales & near, far < HALF)
        iris = cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) > 0
        return np.asarray(iris), np.asarray(inner & pales & ~iris)

    def uncover(self, before: Floats) -> None:
        """Take the outer end of the lash out of `before` (512, 512, 1): it lies upon the hair beside a face."""
        before[self.place.rows, self.place.columns] *= 1 - wider(self._wing)[..., None]

    @cached_property
    def bare_below(self) -> Floats:
        """The drawing (rows, columns, 4) with skin where the eye is."""
        place, eye = self.place, self.eye
        bare = place.sample(place.x, place.y)
        inside = rise(np.abs(place.x - self.middle), 1.1 * eye.width, eye.width)
        low = cv2.GaussianBlur(wider(self._low_part), (3, 3), 0)
        filled = np.maximum(cover(heights(eye.lower, place.x) + self.ink.below - place.y) * inside, low)
        skin = np.append(self.lids[1], np.float32(1))
        result: Floats = bare + filled[..., None] * (skin - bare)
        return result

    @cached_property
    def _low_part(self) -> Flags:
        """(rows, columns) of the eye's own colours below the found lower lid, down to where skin begins."""
        place, eye = self.place, self.eye
        seen, bottom = self._seen, heights(eye.lower, place.x)
        free = (self._before[..., 0] < HALF) & (np.abs(place.x - self.middle) < eye.width)
        free &= np.abs(seen - self.lids[1]).max(axis=2) > FOREIGN
        within = free & (place.y > heights(eye.upper, place.x) + self.ink.below) & (place.y < bottom)
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
    def wingless(self) -> Floats:
        """The drawing (rows, columns, 4) with what is around the lash's outer end in its place."""
        place, wing = self.place, wider(self._wing)
        seen = place.sample(place.x, place.y)
        around = cv2.inpaint((seen[..., :3] * 255).astype(np.uint8), wing.astype(np.uint8), 2, cv2.INPAINT_TELEA)
        seen[..., :3] += wing[..., None] * (around / np.float32(255) - seen[..., :3])
        return seen

    @cached_property
    def _wing(self) -> Flags:
        """(rows, columns) of the lash's outer end beyond the corner: a spot of ink that ends before anything else."""
        place, eye = self.place, self.eye
        outward, upper = self._outward, heights(eye.upper, place.x)
        window = (outward > CORNER) & (outward < 1 + REACH) & (np.abs(place.y - upper) < HIGH * eye.height)
        inked = window & (np.abs(self._seen - self.ink.colour).max(axis=2) < INKED)
        lash = inked & (outward < 1) & (np.abs(place.y - upper) < self.ink.above + 1) & (self._before[..., 0] < HALF)
        found = held_by(inked, lash)
        rim = window & (cv2.erode(window.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0) & (outward > 1)
        return np.zeros_like(found) if (found & rim).any() else found

    @cached_property
    def _outward(self) -> Floats:
        """(1, columns) half widths from the middle to the outer corner."""
        outer = np.sign(self.eye.upper[-1, 0] - self.middle)
        outward: Floats = (self.place.x - self.middle) * outer / self.eye.width
        return outward

    @cached_property
    def _seen(self) -> Floats:
        """(rows, columns, 3) the drawing."""
        return self.place.sample(self.place.x, self.place.y)[..., :3]

    @cached_property
    def _before(self) -> Floats:
        """(rows, columns, 1) what is before the eye."""
        return self.before[self.place.rows, self.place.columns]

    @cached_property
    def lids(self) -> tuple[Floats, Floats]:
        """Colours (1, columns, 3) above and (3,) below the eye."""
        place, eye = self.place, self.eye
        step = np.linspace(0.15, 0.3, 5)[:, None] * self.unit
        x = np.linspace(eye.lower[4, 0], eye.lower[12, 0], 9)[None]
        under = self._patch(self.drawing, x, heights(eye.lower, x) + step)
        under = under[..., :3].reshape(-1, 3)
        plain = np.argsort(np.abs(under - self.skin).max(axis=1))[: len(under) // 2]  # no blush, no glasses
        seen = np.median(under[plain], axis=0)
        below = (seen + rise(np.abs(seen - self.skin).max(), *PLAIN) * (self.skin - seen)).astype(np.float32)
        line = heights(eye.upper, place.x) - self.ink.above - np.linspace(1.0, 2.5, 4)[:, None]
        x = np.broadcast_to(place.x, line.shape)
        over = np.median(self._patch(self.drawing, x, line)[..., :3], axis=0)
        hidden = rise(self._patch(self.before, x, line).max(0)[:, None], 0, HALF)
        far = rise(np.abs(over - below).max(axis=1, keepdims=True), *PLAIN)
        plain = over + np.maximum(far, hidden) * (below - over)
        wide = np.ones(9) / 9
        soft = np.stack([np.convolve(np.pad(one, 4, mode="edge"), wide, "valid") for one in plain.T], axis=1)
        return soft[None].astype(np.float32), below

    @cached_property
    def ink(self) -> Ink:
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
