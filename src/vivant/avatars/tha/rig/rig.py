"""A drawing as a puppet: its face measured once, then every pose of the 45 parameters drawn by moving pixels.

face    mouth and chin, then brows, then the eyes over them (`mouth`, `brow`, `eye`)
turn    head and body as rounded fronts before a flat rest, each pixel moved by its depth (`turn`)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from vivant.avatars.tha.pose import ROTATION
from vivant.avatars.tha.rig.brow import BrowPainter
from vivant.avatars.tha.rig.canvas import Floats
from vivant.avatars.tha.rig.eye import EyePainter
from vivant.avatars.tha.rig.eye_look import EyeLook
from vivant.avatars.tha.rig.measure import Face
from vivant.avatars.tha.rig.mouth import MouthPainter
from vivant.avatars.tha.rig.turn import Place, Turn, depth, held, soft_depth

COARSE = 128
"""Points of a side at which the turn is worked out; between them it is interpolated."""
STEPS = 6
"""Of the search for where a pixel came from; the error falls about threefold in each."""
SHOULDERS = 1.8
"""Half widths of a face, as average characters have them."""


@dataclass(frozen=True)
class Rig:
    """One drawing."""

    drawing: Floats
    """(512, 512, 4) premultiplied, 0..1."""
    face: Face
    before: Floats
    """(512, 512, 1) where hair or glasses are before the face, 0..1; they do not move with it."""

    def draw_face(self, pose: Floats) -> Floats:
        """(512, 512, 4) premultiplied: the drawing with the face of the `pose` (45,), head and body at rest."""
        picture = self.drawing.copy()
        if pose[: ROTATION.start].any():
            self._mouth.paint(picture, pose)
            for brow in self._brows:
                brow.paint(picture, pose)
            for eye in self._eyes:
                eye.paint(picture, pose)
            picture += self._before * (self.drawing - picture)
        return picture

    def flow(self, pose: Floats) -> Floats:
        """(512, 512, 2): how far from each pixel of the turned drawing it came from, x right and y down, in pixels."""
        if not pose[ROTATION].any():
            return np.zeros((*self.drawing.shape[:2], 2), np.float32)
        turn = Turn(pose, self._chin, SHOULDERS)
        goal = self._grid
        guess = goal.copy()
        for _ in range(STEPS):
            share = held(guess, self._head)
            forward = share * soft_depth(guess) + (1 - share) * depth(guess, self._chest, SHOULDERS)
            guess += goal - turn.move_at(guess, forward, share)
        flow = ((guess - goal) * self.face.unit).reshape(COARSE, COARSE, 2)
        whole = cv2.resize(flow, self.drawing.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return np.asarray(whole, np.float32)

    def draw(self, pose: Floats) -> Floats:
        """(512, 512, 4) premultiplied, in the `pose` (45,)."""
        face = self.draw_face(pose)
        return face if not pose[ROTATION].any() else turned(face, self.flow(pose))

    @cached_property
    def _grid(self) -> Floats:
        """(points, 2) of the coarse grid, in half widths of the face from its middle."""
        side = self.drawing.shape[0]
        line = (np.arange(COARSE, dtype=np.float32) + 0.5) * (side / COARSE) - 0.5
        grid: Floats = np.stack(np.meshgrid(line, line), axis=2).reshape(-1, 2) - self.face.middle
        return grid / np.float32(self.face.unit)

    @cached_property
    def _chin(self) -> float:
        return float(self.face.chin[1] - self.face.middle[1]) / self.face.unit

    @cached_property
    def _head(self) -> Place:
        return Place(tight=0.75 * self._chin, loose=self._chin + 0.9)

    @cached_property
    def _before(self) -> Floats:
        """(512, 512, 1) what stays before the face, but for the lashes upon it."""
        before = self.before.copy()
        for eye in self._eyes:
            eye.look.uncover(before)
        return before

    @cached_property
    def _chest(self) -> Place:
        return Place(chest=True)

    @cached_property
    def _mouth(self) -> MouthPainter:
        return MouthPainter(self.drawing, self.face)

    @cached_property
    def _brows(self) -> list[BrowPainter]:
        return [BrowPainter(self.drawing, eye, side, self.face.unit) for side, eye in self.face.eyes.items()]

    @cached_property
    def _eyes(self) -> list[EyePainter]:
        return [
            EyePainter(EyeLook(self.drawing, eye, self.face.unit, self._mouth.skin[:3], self.before), side)
            for side, eye in self.face.eyes.items()
        ]


def turned(picture: Floats, flow: Floats) -> Floats:
    """`picture` (512, 512, 4) with each pixel taken from where it stands plus its `flow` (512, 512, 2) in pixels."""
    height, width = picture.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    seen = cv2.remap(picture, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32)
