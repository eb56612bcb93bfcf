"""The lines of a drawn face in a pose: lids, irises, brows, lips and chin.

How each of the 45 parameters moves the lines is our own choice, made to look like the published systems. Lines are
(n, 2) float32, x right and y down. Lids go from the inner corner of the eye outwards, lips from the viewer's left to
the right, in 17 points each; `side` is 1 for the character's left eye, on the viewer's right, and -1 for the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.tha.pose import INDEX

Floats = NDArray[np.float32]

COUNT = 17
WAY = np.linspace(0, 1, COUNT, dtype=np.float32)
ARCH = np.maximum(np.sin(np.pi * WAY), 0)
ACROSS = -np.cos(np.pi * WAY)
"""From corner to corner of the mouth, -1..1, closer together near the corners."""
ROUND = np.sqrt(np.maximum(1 - ACROSS**2, 0))
SIDES = {1: "left", -1: "right"}
OPEN = 1.85
"""Height of an open eye in the unit in which lids move."""
# Of the inner end, the middle and the outer end, downwards, in half widths of a face.
BROWS = {
    "eyebrow_troubled": (-0.118, -0.014, 0.078),
    "eyebrow_angry": (0.14, 0.028, -0.062),
    "eyebrow_lowered": (0.106, 0.106, 0.106),
    "eyebrow_raised": (-0.14, -0.14, -0.14),
    "eyebrow_happy": (-0.062, -0.134, -0.042),
    "eyebrow_serious": (0.1, 0.045, 0.034),
}
# Half width against the rest's, added width, rise of the upper lip, fall of the lower lip, drop of the corners, and how
# pointed both lips are; lengths in half widths of a face.
CLOSED = (1.0, 0.0, 0.004, 0.004, 0.0, 0.0)
VOWELS = {
    "mouth_aaa": (0.85, 0.03, 0.05, 0.34, 0.0, 0.0),
    "mouth_iii": (1.25, 0.0, 0.05, 0.13, 0.0, 0.0),
    "mouth_uuu": (0.1, 0.07, 0.06, 0.1, 0.02, 0.0),
    "mouth_eee": (1.15, 0.0, 0.06, 0.22, 0.0, 0.0),
    "mouth_ooo": (0.25, 0.09, 0.1, 0.24, 0.02, 0.0),
    "mouth_delta": (0.8, 0.0, 0.16, 0.05, 0.07, 1.0),
}
JAW = 0.13
"""Share of the opening between the lips that the chin falls."""


@dataclass(frozen=True)
class Lips:
    """A mouth at rest."""

    middle: tuple[float, float]
    """Between its corners."""
    width: float
    """Half of it, when closed."""
    bend: float
    """How far the closed mouth's middle hangs below the corners, more or less."""
    open: float
    """How far it stands open: 1 is as far as mouth_aaa opens it."""
    unit: float = 1.0
    """Half the width of the face."""

    def lines(self, pose: Floats) -> tuple[Floats, Floats]:
        """Upper and lower lip in the `pose` (45,)."""
        shape = self._shape(pose)
        half = self.width * shape[0] + shape[1] * self.unit
        bend = self.bend * (1 - 0.6 * min(1.0, shape[3] / 0.2))
        right, left = (-0.6 * bend + self.unit * (shape[4] + _corner(pose, side)) for side in (-1, 1))
        smirk = self.unit * float(pose[INDEX["mouth_smirk"]])
        way = (ACROSS + 1) / 2
        line = right * (1 - way) ** 2 + (left - 0.09 * smirk) * way**2 + bend * ROUND**2
        tent = 1 - np.abs(ACROSS)
        up = ROUND**1.3 * (1 - shape[5]) + tent * shape[5]
        low = ROUND * (1 - shape[5]) + np.minimum(1, 4 * tent) * shape[5]
        x = self.middle[0] + ACROSS * half + 0.04 * smirk
        y = self.middle[1] + line
        return _line(x, y - self.unit * shape[2] * up), _line(x, y + self.unit * shape[3] * low)

    def _shape(self, pose: Floats) -> Floats:
        """The numbers that shape the lips, by the vowels of `pose` (45,)."""
        rest = np.array(CLOSED) + self.open * (np.array(VOWELS["mouth_aaa"]) - CLOSED)
        weights = np.array([pose[INDEX[name]] for name in VOWELS])
        weights = weights / max(1.0, float(weights.sum()))
        shape: Floats = rest + weights @ (np.array(list(VOWELS.values())) - rest)
        return shape


def jaw_drop(lips: tuple[Floats, Floats]) -> float:
    """How far the chin falls for the opening between `lips` (N, 2)."""
    return JAW * float((lips[1] - lips[0])[:, 1].max())


def move_lids(upper: Floats, lower: Floats, pose: Floats, side: int) -> tuple[Floats, Floats]:
    """Both lids in the `pose` (45,), from those at rest."""
    base = upper[0, 1] + WAY * (upper[-1, 1] - upper[0, 1])
    high, low = base - upper[:, 1], lower[:, 1] - base
    unit = float((lower - upper)[:, 1].max()) / OPEN
    sag, gentle = base + 0.62 * unit * ARCH, base + 0.4 * unit * ARCH
    bow = base + 0.4 * unit - 0.75 * unit * ARCH
    flat = np.maximum(base - high, base - 0.12 * unit * ARCH**0.4)
    aims = {
        "eye_wink": (sag, sag),
        "eye_happy_wink": (bow, bow),
        "eye_surprised": (base - 1.25 * high, base + 1.2 * low),
        "eye_relaxed": (gentle, gentle),
        "eye_unimpressed": (flat, base + low - 0.08 * unit * ARCH),
        "eye_raised_lower_eyelid": (base - high, base + 0.35 * low),
    }
    weights = np.array([pose[INDEX[f"{name}_{SIDES[side]}"]] for name in aims])
    weights = weights / max(1.0, float(weights.sum()))
    rest = np.stack([base - high, base + low])
    up, down = rest + np.tensordot(weights, np.stack([np.stack(aim) for aim in aims.values()]) - rest, 1)
    return _line(upper[:, 0], np.minimum(up, down)), _line(lower[:, 0], down)


def iris_move(pose: Floats, side: int) -> tuple[float, float, float]:
    """Shift to the right in half widths of the eye, down in its half heights, and size of an iris in `pose` (45,)."""
    name = SIDES[side]
    size = (1 - 0.5 * pose[INDEX[f"iris_small_{name}"]]) * (1 - 0.12 * pose[INDEX[f"eye_surprised_{name}"]])
    return -0.3 * float(pose[INDEX["iris_rotation_y"]]), -0.32 * float(pose[INDEX["iris_rotation_x"]]), float(size)


def brow_fall(pose: Floats, side: int) -> Floats:
    """How far the inner end, the middle and the outer end (3,) of a brow move down, in half widths of the face."""
    weights = np.array([pose[INDEX[f"{name}_{SIDES[side]}"]] for name in BROWS], np.float32)
    fall: Floats = weights @ np.array(list(BROWS.values()), np.float32)
    return fall


def _corner(pose: Floats, side: int) -> float:
    """How far a corner of the mouth moves down in `pose` (45,)."""
    name = SIDES[side]
    return 0.075 * float(pose[INDEX[f"mouth_lowered_corner_{name}"]] - pose[INDEX[f"mouth_raised_corner_{name}"]])


def _line(x: Floats, y: Floats) -> Floats:
    """`x` and `y` (N,) as (N, 2)."""
    line: Floats = np.stack([x, y], axis=1).astype(np.float32)
    return line
