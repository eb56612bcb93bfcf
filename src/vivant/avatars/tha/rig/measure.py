"""A found face, measured: its lines at rest, in pixels of the aligned drawing (512, 512)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.tha.networks.finder import NAMES
from vivant.avatars.tha.rig.canvas import rise
from vivant.avatars.tha.rig.lines import COUNT, VOWELS, Lips

Floats = NDArray[np.float32]

OPEN_FROM = 0.055
"""Distance of the lips in half widths of the face from which on a mouth counts as open: lines have a thickness too."""
VAGUE = (7.5, 3.5)
"""Spread in pixels from which on a brow is not believed at all, and up to which it is wholly."""
LEAST = 12.0
"""Half the width of a face in pixels that is still believed."""
_LID_KNOTS = np.array([0, 4, 8, 12, 16]) / (COUNT - 1)


@dataclass(frozen=True)
class Eye:
    """One eye at rest."""

    upper: Floats
    """(17, 2) from the inner corner outwards."""
    lower: Floats
    iris: Floats
    """(2,) its middle."""
    radii: Floats
    """(2,)"""
    brow: Floats
    """(3, 2) inner end, middle and outer end."""
    brow_sure: float = 1.0
    """How much the brow's place is believed, 0..1; so far it moves."""

    @cached_property
    def width(self) -> float:
        """Half the distance of the corners."""
        return max(1.0, float(np.abs(self.upper[-1, 0] - self.upper[0, 0]) / 2))

    @cached_property
    def height(self) -> float:
        """Of the open eye."""
        return float(max((self.lower - self.upper)[:, 1].max(), 1.0))


@dataclass(frozen=True)
class Face:
    """A face at rest."""

    eyes: dict[int, Eye]
    """By side: 1 is the character's left, on the viewer's right, -1 the other."""
    lips: Lips
    nose: Floats
    """(2,)"""
    chin: Floats
    """(2,)"""
    middle: Floats
    """(2,) between the eyes."""
    unit: float
    """Half the width of the face."""


def measure(points: Floats, spread: Floats | None = None) -> Face:
    """The face whose `points` (36, 2) the finder found, in pixels, with the `spread` (36,) of each if it is known."""
    at = dict(zip(NAMES, points.astype(np.float32), strict=True))
    blur = dict(zip(NAMES, np.zeros(len(NAMES), np.float32) if spread is None else spread, strict=True))
    eyes = {side: _eye(at, name, _sure(blur, name)) for side, name in ((1, "left"), (-1, "right"))}
    middle = (eyes[1].upper[[0, -1]].mean(0) + eyes[-1].upper[[0, -1]].mean(0)) / 2
    unit = max(LEAST, float(at["cheek_left"][0] - at["cheek_right"][0]) / 2)
    return Face(eyes, _lips(at, unit), at["nose"], at["chin"], middle.astype(np.float32), unit)


def _sure(blur: dict[str, float], name: str) -> float:
    mean = sum(blur[f"{name}_brow_{part}"] for part in ("inner", "middle", "outer")) / 3
    return float(rise(mean, *VAGUE))


def _eye(at: dict[str, Floats], name: str, sure: float) -> Eye:
    """One eye of points (2,) by name."""
    ends = [at[f"{name}_inner"], at[f"{name}_outer"]]
    upper, lower = (
        _lid([ends[0], *(at[f"{name}_{lid}{knot}"] for knot in (4, 8, 12)), ends[1]]) for lid in ("upper", "lower")
    )
    iris = at[f"{name}_iris"]
    radii = np.abs([at[f"{name}_iris_side"][0] - iris[0], at[f"{name}_iris_bottom"][1] - iris[1]])
    brow = np.stack([at[f"{name}_brow_{part}"] for part in ("inner", "middle", "outer")])
    return Eye(upper, np.maximum(lower, upper), iris, np.maximum(radii, 1).astype(np.float32), brow, sure)


def _lid(knots: list[Floats]) -> Floats:
    """(17, 2) through five knots; its x goes evenly from end to end."""
    x = np.linspace(knots[0][0], knots[-1][0], COUNT)
    known, heights = np.array([knot[0] for knot in knots]), np.array([knot[1] for knot in knots])
    sign = 1 if x[-1] > x[0] else -1
    order = np.maximum.accumulate(sign * known)
    y = _smooth(sign * x, order + np.arange(5) * 1e-4, heights)
    line: Floats = np.stack([x, y], axis=1).astype(np.float32)
    return line


def _smooth(x: Floats, known: Floats, heights: Floats) -> Floats:
    """The heights at `x` (N,) of a smooth curve through `heights` (K,) at `known` (K,)."""
    from scipy.interpolate import PchipInterpolator

    result: Floats = PchipInterpolator(known, heights)(x)
    return result


def _lips(at: dict[str, Floats], unit: float) -> Lips:
    """The lips of points (2,) by name."""
    right, left, upper, lower = (at[name] for name in ("mouth_right", "mouth_left", "lip_upper", "lip_lower"))
    full, raised = VOWELS["mouth_aaa"][3], VOWELS["mouth_aaa"][2]
    gap = float(lower[1] - upper[1]) / unit
    share = min(1.0, max(0.0, (gap - OPEN_FROM) / (full + raised)))
    line = float(upper[1]) + share * raised * unit
    corners = float(right[1] + left[1]) / 2
    bend = float(np.clip((line - corners) / 1.3, -0.06 * unit, 0.06 * unit))
    half = float(left[0] - right[0]) / 2
    wide, added = VOWELS["mouth_aaa"][:2]
    width = max(0.06 * unit, (half - share * added * unit) / (1 + share * (wide - 1)))
    return Lips((float(right[0] + left[0]) / 2, line - 0.7 * bend), width, bend, share, unit)
