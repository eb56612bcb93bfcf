"""Mouth and jaw of a drawing in a pose: pixels moved, and the inside of the mouth painted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from vivant.avatars.tha.rig.canvas import Canvas, Floats, canvas, cover, heights, held_by, luma, rise, wider
from vivant.avatars.tha.rig.lines import jaw_drop
from vivant.avatars.tha.rig.measure import Face

INSIDE = np.array([0.62, 0.22, 0.25], np.float32)
TONGUE = np.array([0.86, 0.45, 0.46], np.float32)
TEETH = np.array([0.99, 0.98, 0.97], np.float32)
SHADES = ((INSIDE, 0.88), (TONGUE, 1.0))
"""Colours of mouths that the drawing does not show, and how bright their parts are in one that it shows."""
GREY = 0.01
"""How far apart red, green and blue are in the mean of a drawing without colours, at most."""
MOVED = 0.04
"""How far lips move, in half widths of the face, until a mouth that was drawn open is painted anew."""
FOREIGN, AROUND = 0.08, 0.12
"""How far a colour is from the skin's that is of the mouth, and how far around it is looked for, in half widths of the
face."""
SHOWN = (0.04, 0.12)
"""How far a mouth stands open at rest, up to which nothing of its inside is known, and from which on its colour is."""
PAINTED, OWN = 0.25, 0.1
"""How far a mouth stands open at rest, from which on its own inside is stretched, up to which a new one is painted."""


@dataclass(frozen=True)
class MouthPainter:
    """Draws the lower part of a face."""

    drawing: Floats
    """(512, 512, 4) premultiplied, 0..1."""
    face: Face

    def paint(self, picture: Floats, pose: Floats) -> None:
        """Draw mouth and chin in the `pose` (45,) into `picture` (512, 512, 4)."""
        rest, lips = self._rest, self.face.lips.lines(pose)
        if all(np.abs(now - then).max() <= 1e-3 for now, then in zip(lips, rest, strict=True)):
            return
        place, source = self._place, self._mouth_source(lips)
        picture[place.rows, place.columns] = self._with_inside(source, lips)

    def _mouth_source(self, lips: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
        """Where the pixels around the mouth come from: x and y (rows, columns)."""
        place, face, (upper, lower) = self._place, self.face, lips
        unit, room = face.unit, 0.45 * face.unit
        now, then = (np.array([line[0, 0], line[-1, 0]]) for line in (upper, self._rest[0]))
        ends = np.array([min(now[0], then[0]) - room, max(now[1], then[1]) + room])
        wide = np.interp(place.x[0], [ends[0], *now, ends[1]], [ends[0], *then, ends[1]])[None]
        wide = np.where((place.x > ends[0]) & (place.x < ends[1]), wide, place.x)
        beside = rise(np.abs(place.x - now.mean()), (now[1] - now[0]) / 2 + room, (now[1] - now[0]) / 2)
        top, bottom = heights(upper, place.x), heights(lower, place.x)
        old_top, old_bottom = (heights(line, wide) for line in self._rest)
        lift, fall = beside * (top - old_top), beside * (bottom - old_bottom)
        above = rise(place.y, old_top - 0.8 * np.maximum(old_top - face.nose[1], 3), np.minimum(top, old_top))
        drop, chin = jaw_drop(lips) - jaw_drop(self._rest), float(face.chin[1])
        jaw = drop * rise(np.abs(place.x - face.chin[0]), 1.1 * unit, 0.5 * unit)
        way = rise(place.y, bottom, np.maximum(chin + drop, bottom + 1))
        down = (fall * (1 - way) + jaw * way) * rise(place.y, chin + drop + 0.6 * unit, chin + drop)
        share = np.clip((place.y - top) / np.maximum(bottom - top, 1e-3), 0, 1)
        y = np.where(place.y > bottom, place.y - down, np.where(place.y < top, place.y - lift * above, 0))
        y = np.where((place.y >= top) & (place.y <= bottom), old_top + share * (old_bottom - old_top), y)
        near = above * rise(place.y, chin + drop, bottom)
        return place.x + near * (wide - place.x), y.astype(np.float32)

    def _with_inside(self, source: tuple[Floats, Floats], lips: tuple[Floats, Floats]) -> Floats:
        """The drawing at `source` (rows, columns), with the inside of an open mouth and the lips' lines."""
        place, face, (upper, lower) = self._place, self.face, lips
        patch = place.sample(*source)
        top, bottom = heights(upper, place.x), heights(lower, place.x)
        gap = np.where((place.x >= upper[0, 0]) & (place.x <= upper[-1, 0]), bottom - top, 0)
        most = float(gap.max())
        moved = max(float(np.abs(now - then).max()) for now, then in zip(lips, self._rest, strict=True)) / face.unit
        new = float(rise(face.lips.open, PAINTED, OWN)) * float(rise(most, 0.6, 2.0)) * float(rise(moved, 0, MOVED))
        if new == 0:
            return patch
        if self._own[1] > 0:
            patch += new * (replace(place, drawing=self._mouthless).sample(*source) - patch)
        opened = cover(place.y - top) * cover(bottom - place.y) * np.clip(gap, 0, 1)
        inside = self._inside(upper, bottom, most)
        line = 0.5 + 0.012 * face.unit
        for edge in (top, bottom):
            drawn = cover(line - np.abs(place.y - edge)) * np.clip(gap * 2, 0, 1)
            opened, inside = np.maximum(opened, 0.85 * drawn), inside + drawn[..., None] * (self._ink - inside)
        painted = np.concatenate([inside, np.ones_like(inside[..., :1])], axis=2)
        result: Floats = patch + (new * opened)[..., None] * (painted - patch)
        return result

    def _inside(self, upper: Floats, bottom: Floats, most: float) -> Floats:
        """Colours (rows, columns, 3) between the lips: dark, with teeth above and a tongue below."""
        place, unit = self._place, self.face.unit
        dim = 0.45 + 0.55 * float(luma(self.skin))
        half, middle = (upper[-1, 0] - upper[0, 0]) / 2, (upper[-1, 0] + upper[0, 0]) / 2
        low = float(bottom.max())
        across, along = (place.x - middle) / (0.62 * half + 1), (place.y - low) / (0.42 * most + 0.5)
        deep, light = (one * dim + self._own[1] * (self._own[0] * share - one * dim) for one, share in SHADES)
        colour = np.broadcast_to(deep, (place.y.shape[0], place.x.shape[1], 3))
        tongue = rise(np.hypot(across, along), 1.1, 0.85) * float(rise(most / unit, 0.1, 0.2))
        colour = colour + tongue[..., None] * (light - colour)
        edge = np.minimum(heights(upper, place.x), upper[:, 1].min() + 0.05 * unit)
        teeth = cover(edge + min(0.07 * unit, 0.3 * most) - place.y)
        teeth = teeth * float(rise(most / unit, 0.08, 0.16))
        result: Floats = (colour + teeth[..., None] * (TEETH * dim - colour)).astype(np.float32)
        return np.repeat(luma(result)[..., None], 3, axis=2) if self._grey else result

    @cached_property
    def _grey(self) -> bool:
        """Whether the drawing has no colours."""
        return float(np.ptp(self.drawing[..., :3], axis=2).sum() / max(self.drawing[..., 3].sum(), 1)) < GREY

    @cached_property
    def _mouthless(self) -> Floats:
        """The drawing (512, 512, 4) with skin where it shows its open mouth, also beyond the lips that were found."""
        place, (upper, lower), most = self._place, self._rest, AROUND * self.face.unit
        x = np.clip(place.x, upper[0, 0], upper[-1, 0])
        top, bottom, aside = heights(upper, x), heights(lower, x), np.abs(place.x - x)
        inside = (place.y > top) & (place.y < bottom) & (aside == 0)
        seen = place.sample(place.x, place.y)[..., :3]
        near = (place.y > top - most) & (place.y < bottom + most) & (aside < most)
        mouth = inside | (near & (np.abs(seen - self.skin[:3]).max(axis=2) > FOREIGN))
        mouth = wider(held_by(mouth, inside)).astype(np.uint8)
        around = cv2.inpaint((seen * 255).astype(np.uint8), mouth, 3, cv2.INPAINT_TELEA) / np.float32(255)
        bare = self.drawing.copy()
        bare[place.rows, place.columns, :3] = np.where(mouth[..., None] > 0, around, seen)
        return bare

    @cached_property
    def _rest(self) -> tuple[Floats, Floats]:
        """The lips' edges (N, 2) at rest."""
        return self.face.lips.lines(np.zeros(45, np.float32))

    @cached_property
    def _place(self) -> Canvas:
        face, unit = self.face, self.face.unit
        top = min(float(eye.upper[:, 1].min()) for eye in face.eyes.values())
        middle = float(face.middle[0])
        return canvas(self.drawing, middle - 1.3 * unit, top, middle + 1.3 * unit, float(face.chin[1]) + 0.8 * unit)

    @cached_property
    def skin(self) -> Floats:
        """(4,) of the cheeks beside the mouth."""
        seen = self._around(np.array([-1.8, -1.5, 1.5, 1.8]), np.linspace(-0.1, 0.1, 5))
        skin: Floats = np.median(seen.reshape(-1, 4), axis=0).astype(np.float32)
        return skin

    @cached_property
    def _ink(self) -> Floats:
        """(3,) of the darkest there is along the lips."""
        seen = self._around(np.linspace(-0.8, 0.8, 9), np.linspace(-0.08, 0.08, 9)).reshape(-1, 4)
        bright = luma(seen)
        ink = np.median(seen[bright <= np.quantile(bright, 0.1)], axis=0)
        darker = min(1.0, 0.55 * float(luma(self.skin)) / max(float(luma(ink)), 1e-3))
        dark: Floats = (ink[:3] * darker).astype(np.float32)
        return dark

    @cached_property
    def _own(self) -> tuple[Floats, float]:
        """(3,) the colour of the inside that the drawing shows, and how far it is to be believed."""
        upper, lower = self._rest
        share = np.linspace(0.3, 0.8, 8)[:, None]
        x = np.linspace(upper[4, 0], upper[-5, 0], 16)[None]
        top, bottom = heights(upper, x), heights(lower, x)
        place = canvas(self.drawing, 0, 0, x.shape[1] - 1, len(share) - 1)
        seen = place.sample(x.astype(np.float32), (top + share * (bottom - top)).astype(np.float32)).reshape(-1, 4)
        coloured = seen[np.argsort(seen[:, 0] - seen[:, 1])[len(seen) // 2 :], :3]
        return np.median(coloured, axis=0).astype(np.float32), float(rise(self.face.lips.open, *SHOWN))

    def _around(self, x: Floats, y: Floats) -> Floats:
        """Colours (Y, X, 4) around the mouth: `x` (X,) in its half widths, `y` (Y,) in half widths of the face."""
        lips = self.face.lips
        at_x = lips.middle[0] + x.astype(np.float32)[None] * lips.width
        at_y = lips.middle[1] + y.astype(np.float32)[:, None] * self.face.unit
        return canvas(self.drawing, 0, 0, len(x) - 1, len(y) - 1).sample(at_x, at_y)
