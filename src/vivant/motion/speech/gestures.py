"""What a talking mouth does, in seven gestures, and the 27 curves of jaw and mouth that show them.

Articulatory phonology (Browman and Goldstein 1992) describes speech by gestures of few organs rather than by shapes; so
do the coarticulation model, which writes them, and the mouth network, which hears them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.face.arkit import CURVES, INDEX

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

GESTURES = ("jaw", "lips", "shut", "wide", "round", "tuck", "teeth")
"""0..1 each: jaw lowered; lips apart beyond that; lips pressed together; corners drawn out; lips rounded and forward;
lower lip against the upper teeth; teeth shown, as for s."""
JAW, LIPS, SHUT, WIDE, ROUND, TUCK, TEETH = range(len(GESTURES))

SHAPES: dict[str, dict[str, float]] = {
    "jaw": {"jawOpen": 0.46},
    "lips": {"mouthLowerDown": 0.36, "mouthUpperUp": 0.20},
    "shut": {"mouthPress": 0.22, "mouthRollLower": 0.16, "mouthRollUpper": 0.12, "mouthShrugUpper": 0.05},
    "wide": {"mouthStretch": 0.22, "mouthSmile": 0.14, "mouthDimple": 0.05},
    "round": {"mouthFunnel": 0.16, "mouthPucker": 0.75},
    "tuck": {"mouthRollLower": 0.30, "mouthUpperUp": 0.12, "mouthShrugLower": 0.10},
    "teeth": {"mouthStretch": 0.08, "mouthLowerDown": 0.14, "mouthUpperUp": 0.10},
}
"""Amount of each curve at full gesture; names without a side move both."""


@dataclass(frozen=True)
class Build:
    """How one speaker's mouth shows the gestures."""

    gain: float = 1.0
    """Of all curves, 0..3."""
    uneven: float = 0.0
    """Excess of the left side, -0.2..0.2."""


def mouth_matrix(build: Build = Build()) -> Doubles:
    """(7, 52): the curves of each gesture at 1."""
    matrix = np.zeros((len(GESTURES), len(CURVES)))
    for row, gesture in enumerate(GESTURES):
        for name, amount in SHAPES[gesture].items():
            if name in INDEX:
                matrix[row, INDEX[name]] += amount
            else:
                matrix[row, INDEX[name + "Left"]] += amount * (1 + build.uneven)
                matrix[row, INDEX[name + "Right"]] += amount * (1 - build.uneven)
    return matrix * build.gain


def curves_of_gestures(gestures: Doubles, matrix: Doubles) -> Floats:
    """Curves (..., 52) of `gestures` (..., 7) by `mouth_matrix`; lips that are shut, or a lip at the teeth, bridge
    what the jaw opens."""
    shown = np.clip(gestures, 0.0, 1.0)
    apart = 1.0 - np.minimum(1.0, 1.15 * shown[..., SHUT])
    tucked = np.minimum(1.0, 1.1 * shown[..., TUCK]) * apart
    shown = shown.copy()
    shown[..., JAW] *= 1 - 0.5 * (1 - apart) - 0.8 * tucked
    for gesture in (LIPS, TEETH):
        shown[..., gesture] *= apart * (1 - 0.6 * tucked)
    shown[..., TUCK] = tucked
    curves = shown @ matrix
    curves[..., INDEX["mouthClose"]] = curves[..., INDEX["jawOpen"]] * (1 - apart)
    return np.asarray(np.clip(curves, 0, 1), np.float32)
