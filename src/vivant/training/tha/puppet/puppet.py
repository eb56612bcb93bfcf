"""A drawn character of random style that takes every pose exactly: what a teacher for drawings can be trained on."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.tha.pose import PARAMETERS, ROTATION
from vivant.avatars.tha.rig.lines import jaw_drop
from vivant.avatars.tha.rig.turn import Place, Turn, sitting
from vivant.training.tha.puppet.body import body_parts
from vivant.training.tha.puppet.eyes import brow_knots, brow_parts, eye_parts, iris_place, lid_lines
from vivant.training.tha.puppet.face import build_mouth, face_outline, face_parts, lip_lines
from vivant.training.tha.puppet.hair import back_hair, ears, front_hair, worn
from vivant.training.tha.puppet.paint import SIDE, WHOLE, Box, paint_parts
from vivant.training.tha.puppet.shapes import Floats, Part, vector
from vivant.training.tha.puppet.style import Style, random_style

Bytes = NDArray[np.uint8]
REST = np.zeros(len(PARAMETERS), np.float32)


@dataclass(frozen=True)
class Puppet:
    """One character."""

    style: Style

    @property
    def knows(self) -> Floats:
        """(45,) ones: a puppet knows every parameter."""
        return np.ones(len(PARAMETERS), np.float32)

    def draw(self, pose: Floats = REST, size: int = SIDE, box: Box = WHOLE) -> Bytes:
        """The `box` of the picture in the `pose` (45,) as (size, size, 4) RGBA, sRGB, straight alpha, anti-aliased."""
        return paint_parts(self.parts(pose), size, box)

    def bare(self) -> Bytes:
        """The whole picture (512, 512, 4) at rest without brows."""
        return paint_parts([part for part in self.parts(REST) if not part.name.startswith("brow")])

    def draw_faces(self, faces: Sequence[list[Part]], size: int = SIDE, box: Box = WHOLE) -> list[Bytes]:
        """As `draw`, (S, S, 4) for many `faces` of `face`, while the rest is still: that is drawn once."""
        under, over = (paint_parts(self._in_place(parts), size, box) for parts in self._still)
        return [paint_parts(parts, size, box, under, over) for parts in faces]

    def face(self, pose: Floats) -> list[Part]:
        """What the face moves, in the `pose` (45,) but for head and body, which rest; points in pixels of 512."""
        return self._in_place(self._face(pose))

    def parts(self, pose: Floats) -> list[Part]:
        """All parts from back to front in the `pose` (45,), their points in pixels of 512."""
        build, parts = self.style.build, self.upright(pose) if pose[: ROTATION.start].any() else self.calm
        outlines = [outline for part in parts for outline in (part.points, *part.holes)]
        counts = [len(outline) for outline in outlines]
        sits = sitting([part.place for part in parts for _ in range(1 + len(part.holes))], counts)
        moved = Turn(pose, build.chin, build.shoulders).move(np.concatenate(outlines), sits)
        pieces = iter(np.split(self._placed(moved), np.cumsum(counts)[:-1]))
        return [replace(part, points=next(pieces), holes=tuple(next(pieces) for _ in part.holes)) for part in parts]

    def upright(self, pose: Floats) -> list[Part]:
        """All parts in `pose` (45,) before head and body turn, from back to front, in half widths of the face."""
        behind, before = self._still
        return [*behind, *self._face(pose), *before]

    def landmarks(self, pose: Floats = REST) -> Floats:
        """The points of `vivant.avatars.tha.networks.finder.NAMES` in the `pose` (45,): (36, 2) in pixels of 512."""
        style, build = self.style, self.style.build
        found = []
        for side in (-1, 1):
            upper, lower = lid_lines(style.eyes, pose, side)
            middle, radii = iris_place(style.eyes, pose, side)
            iris = (middle, middle + radii * vector(side, 0), middle + radii * vector(0, 1))
            found += [upper[[0, 16, 4, 8, 12]], lower[[4, 8, 12]], *iris, brow_knots(style.eyes, pose, side)]
        lips = lip_lines(style, pose)
        outline = face_outline(build, jaw_drop(lips))
        level = 0.5 * build_mouth(build, style.mouth.height)
        right, left = (outline[:28], outline[28:])
        cheeks = [half[np.abs(half[:, 1] - level).argmin()] for half in (left, right)]
        chin = outline[outline[:, 1].argmax()]
        nose = vector(0, 0.42 * build.chin)
        found += [lips[0][[0, 16]], lips[0][8], lips[1][8], nose, chin, *cheeks]
        flat = np.concatenate([np.atleast_2d(one) for one in found]).astype(np.float32)
        return self._placed(Turn(pose, build.chin, build.shoulders).move(flat, sitting([Place()], [len(flat)])))

    @functools.cached_property
    def calm(self) -> list[Part]:
        """`upright` with the face at rest."""
        return self.upright(REST)

    def before(self, pose: Floats = REST) -> list[Part]:
        """The parts before the face in the `pose` (45,), in pixels of 512: hair and glasses, but not their lenses."""
        count = len(self._still[1])
        return [part for part in self.parts(pose)[-count:] if part.name != "lens"]

    @functools.cached_property
    def _still(self) -> tuple[list[Part], list[Part]]:
        """What no face moves: behind the face, and before it."""
        style = self.style
        return [*back_hair(style), *body_parts(style), *ears(style)], [*front_hair(style)[1:], *worn(style)]

    @functools.cached_property
    def _shadow(self) -> Part:
        """Of the fringe on the face."""
        return front_hair(self.style)[0]

    def _face(self, pose: Floats) -> list[Part]:
        """What a face moves, in `pose` (45,)."""
        style = self.style
        eyes = [part for side in (-1, 1) for part in eye_parts(style, pose, side)]
        brows = [part for side in (-1, 1) for part in brow_parts(style, pose, side)]
        parts = [*face_parts(style, pose), *eyes, *brows]
        place = next(place for place, part in enumerate(parts) if part.name == "mouth")
        return [*parts[:place], self._shadow, *parts[place:]]

    def _in_place(self, parts: list[Part]) -> list[Part]:
        """`parts` at rest, in pixels of 512."""
        return [
            replace(part, points=self._placed(part.points), holes=tuple(self._placed(hole) for hole in part.holes))
            for part in parts
        ]

    def _placed(self, points: Floats) -> Floats:
        """`points` (N, 2) of the face on the canvas."""
        build = self.style.build
        result: Floats = points * np.float32(build.scale) + vector(*build.middle)
        return result


@dataclass(frozen=True)
class Puppets:
    """All puppets by number, a `vivant.training.tha.pairs.Source`."""

    seed: int = 0

    def character(self, number: int) -> Puppet:
        """The puppet `number`, always the same one."""
        return Puppet(random_style(np.random.default_rng([self.seed, number])))
