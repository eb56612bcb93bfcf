"""How head and body turn: 2.5-D, each point by its depth.

Points are (n, 2) float32, x right and y down, in half widths of the face from the middle between the eyes.

Sizes follow what the two published characters do in a picture of 512 pixels (specs of the pose, measured): the middle
of the face moves 8 to 9 pixels for head_y, 10 to 12 for head_x, 11 to 13 for neck_z, the chest 4 for body_y.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.tha.pose import INDEX
from vivant.smooth import smoothstep

Floats = NDArray[np.float32]

YAW, PITCH, LEAN = 0.23, 0.27, 0.14
"""Radians of head_y, head_x and neck_z at 1."""
BODY_YAW, BODY_LEAN = 0.14, 0.066
DEPTH, CHEST = 1.05, 0.75
"""How far forward the middle of the face and the chest are."""
WIDE, HIGH = 1.12, 1.95
"""Half axes of the head's ellipsoid."""
SOFT, SOFT_WIDE, SOFT_HIGH = 0.2, 1.3, 2.1
"""How flat the rim is of a head that is drawn in one piece, and its half axes; see `soft_depth`."""
JOINT = 0.55
"""Where the head turns, down from the eyes."""
NECK = 1.1
"""Where it leans from, down from the chin."""
HIPS = 7.0


@dataclass(frozen=True)
class Place:
    """How a part sits on the body: how far forward, and what it moves with.

    The forward distance of a point is `round` times that of the head's (or the chest's) rounded front, plus `forward`.
    It moves with the head wholly above `tight`, and less and less down to `loose_share` at `loose`.
    """

    round: float = 1.0
    forward: float = 0.0
    tight: float = 100.0
    loose: float = 200.0
    loose_share: float = 0.0
    chest: bool = False
    """Rounded like the chest, not like the head."""


@dataclass(frozen=True)
class Turn:
    """The last six numbers of a pose, for one character."""

    pose: Floats
    chin: float
    """How far it is below the eyes."""
    shoulders: float
    """Half their width."""

    def move(self, points: Floats, sits: Floats) -> Floats:
        """Where `points` (n, 2) are that sit as `sits` (n, 6) tells, see `sitting`."""
        return self.move_at(points, _depth(points, sits, self.shoulders), _held(points, sits))

    def move_at(self, points: Floats, forward: Floats, share: Floats) -> Floats:
        """Where `points` (n, 2) are that are `forward` (n,) and move by `share` (n,) with the head."""
        head_x, head_y, neck_z, body_y, body_z, breath = (float(self.pose[INDEX[name]]) for name in NAMES)
        x, y = points[:, 0], points[:, 1] - JOINT
        yaw, pitch = YAW * head_y * share, PITCH * head_x * share
        x, z = x * np.cos(yaw) - forward * np.sin(yaw), forward * np.cos(yaw) + x * np.sin(yaw)
        y, z = y * np.cos(pitch) - z * np.sin(pitch), z * np.cos(pitch) + y * np.sin(pitch)
        base = self.chin + NECK - JOINT
        x, y = _turned(x, y - base, LEAN * neck_z * share)
        y = y + base + JOINT
        lift = np.exp(-(((points[:, 1] - self.chin - 1.6) / 1.3) ** 2)) + 0.35 * (points[:, 1] < self.chin + 1.6)
        y = y - 0.045 * breath * np.minimum(lift, 1)
        upright = np.clip((HIPS - points[:, 1]) / 3.5, 0, 1)
        x = x - z * np.sin(BODY_YAW * body_y * upright)
        x, y = _turned(x, y - HIPS, BODY_LEAN * body_z * upright)
        moved: Floats = np.stack([x, y + HIPS], axis=1).astype(np.float32)
        return moved


NAMES = ("head_x", "head_y", "neck_z", "body_y", "body_z", "breathing")


def sitting(places: Sequence[Place], counts: Sequence[int]) -> Floats:
    """The six numbers (n, 6) of the place of each point, for parts of `counts` points."""
    numbers = [(one.round, one.forward, one.tight, one.loose, one.loose_share, one.chest) for one in places]
    return np.repeat(np.array(numbers, np.float32), counts, axis=0)


def depth(points: Floats, place: Place, shoulders: float) -> Floats:
    """How far forward `points` (n, 2) of one place are."""
    return _depth(points, sitting([place], [len(points)]), shoulders)


def soft_depth(points: Floats) -> Floats:
    """How far forward `points` (n, 2) of a head are that is drawn in one piece with its hair and what is behind it.

    Such a picture tears and folds where depth falls too steeply, as it does at the rim of `depth`. A head and body that
    turn as far as they can together leave this one whole.
    """
    inside = np.maximum(1 - (points[:, 0] / SOFT_WIDE) ** 2 - (points[:, 1] / SOFT_HIGH) ** 2, 0)
    highest, rim = np.sqrt(1 + SOFT), np.sqrt(SOFT)
    result: Floats = (DEPTH / (highest - rim) * (np.sqrt(inside + SOFT) - rim)).astype(np.float32)
    return result


def held(points: Floats, place: Place) -> Floats:
    """How much `points` (n, 2) of one place move with the head, 0..1."""
    return _held(points, sitting([place], [len(points)]))


def _depth(points: Floats, sits: Floats, shoulders: float) -> Floats:
    """How far forward `points` (n, 2) are."""
    x, y = points[:, 0], points[:, 1]
    chest = CHEST * np.sqrt(np.maximum(1 - (x / (1.3 * shoulders)) ** 2, 0))
    head = DEPTH * np.sqrt(np.maximum(1 - (x / WIDE) ** 2 - (y / HIGH) ** 2, 0))
    result: Floats = sits[:, 0] * np.where(sits[:, 5] > 0, chest, head) + sits[:, 1]
    return result


def _held(points: Floats, sits: Floats) -> Floats:
    """How much `points` (n, 2) move with the head, 0..1."""
    way = smoothstep((points[:, 1] - sits[:, 2]) / (sits[:, 3] - sits[:, 2]))
    return np.asarray(1 + way * (sits[:, 4] - 1), np.float32)


def _turned(x: Floats, y: Floats, angle: Floats | float) -> tuple[Floats, Floats]:
    """Points x, y (...) turned; those above the pivot lean to the viewer's left for a positive angle."""
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
