"""The expression presets of VRM 0 and 1 (A I U E O, Blink, Joy ...) as sums of the 52 curves, and back.

Many VMC programs know only these; models with "perfect sync" have the 52 themselves.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vivant.face.arkit import CURVES, INDEX
from vivant.motion.state import Floats

Amounts = Mapping[str, float]

_BOTH = ("Left", "Right")
PRESETS: Mapping[str, Amounts] = {
    "A": {"jawOpen": 0.6, "mouthLowerDown": 0.4},
    "I": {"jawOpen": 0.12, "mouthLowerDown": 0.45, "mouthStretch": 0.4, "mouthUpperUp": 0.15},
    "U": {"jawOpen": 0.2, "mouthFunnel": 0.25, "mouthPucker": 0.75},
    "E": {"jawOpen": 0.3, "mouthLowerDown": 0.35, "mouthStretch": 0.3, "mouthUpperUp": 0.2},
    "O": {"jawOpen": 0.4, "mouthFunnel": 0.6, "mouthPucker": 0.35},
    "Blink_L": {"eyeBlinkLeft": 1.0},
    "Blink_R": {"eyeBlinkRight": 1.0},
    "Joy": {"mouthSmile": 0.8, "cheekSquint": 0.5, "eyeSquint": 0.4},
    "Angry": {"browDown": 0.9, "noseSneer": 0.3, "mouthPress": 0.3},
    "Sorrow": {"browInnerUp": 0.8, "mouthFrown": 0.6},
    "Fun": {"mouthSmile": 0.6, "browOuterUp": 0.2},
    "Surprised": {"eyeWide": 0.8, "browInnerUp": 0.6, "browOuterUp": 0.6},
    "LookUp": {"eyeLookUp": 1.0},
    "LookDown": {"eyeLookDown": 1.0},
    "LookLeft": {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0},
    "LookRight": {"eyeLookInLeft": 1.0, "eyeLookOutRight": 1.0},
}
"""Names of VRM 0 (Surprised is VRM 1's alone); a name without its side means both. Left is the character's."""
_OTHER_NAMES = {
    **{"aa": "A", "ih": "I", "ou": "U", "ee": "E", "oh": "O", "blinkleft": "Blink_L", "blinkright": "Blink_R"},
    **{"happy": "Joy", "sad": "Sorrow", "relaxed": "Fun"},
}
"""Names of VRM 1, in small letters."""


def _vector(amounts: Amounts) -> NDArray[np.float64]:
    """`amounts` by name as curves (52,)."""
    vector = np.zeros(len(CURVES))
    for name, amount in amounts.items():
        for one in (name,) if name in INDEX else tuple(name + side for side in _BOTH):
            vector[INDEX[one]] += amount
    return vector


@functools.cache
def _table() -> Mapping[str, NDArray[np.float64]]:
    """What each known name, in small letters, adds to the curves (52,)."""
    table = {name.lower(): _vector(amounts) for name, amounts in PRESETS.items()}
    table |= {name: table[preset.lower()] for name, preset in _OTHER_NAMES.items()}
    table["blink"] = table["blink_l"] + table["blink_r"]
    return table


_CURVES_BY_SMALL_NAME = {name.lower(): index for name, index in INDEX.items()}


def knows(name: str) -> bool:
    """Whether `name` is one of the 52 or a preset; capitals do not matter."""
    return name.lower() in _CURVES_BY_SMALL_NAME or name.lower() in _table()


def curves_of_blends(blends: Amounts) -> Floats:
    """Curves (52,) 0..1 of weights by name, those of the 52 and presets mixed: the larger of both counts.

    Unknown names are left out. A model with the 52 gets its presets too, so they must not be added.
    """
    direct, presets = np.zeros(len(CURVES)), np.zeros(len(CURVES))
    for name, value in blends.items():
        small, amount = name.lower(), min(max(value, 0.0), 1.0)
        if small in _CURVES_BY_SMALL_NAME:
            direct[_CURVES_BY_SMALL_NAME[small]] = amount
        elif small in _table():
            presets += amount * _table()[small]
    return np.clip(np.maximum(direct, presets), 0, 1).astype(np.float32)


def presets_of_curves(curves: Floats) -> dict[str, float]:
    """Weights 0..1 of VRM 0's presets that come nearest to `curves` (52,), by least squares."""
    from scipy.optimize import nnls

    weights, _ = nnls(np.stack([_vector(amounts) for amounts in PRESETS.values()], 1), curves.astype(np.float64))
    return dict(zip(PRESETS, np.clip(weights, 0, 1).tolist(), strict=True))
