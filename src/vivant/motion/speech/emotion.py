"""Emotions on a speaking face: which muscles act, and what manner head, brows and lids take on.

Action units follow Ekman and Friesen's Facial Action Coding System (EMFACS prototypes): happy 6+12, sad 1+4+15, angry
4+5+7+23, surprised 1+2+5+26. While speaking, an emotion lives in brows, lids, cheeks and the corners of the mouth; lips
that must close or round are left to speech.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vivant.face.arkit import CURVES, INDEX, group

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

EmotionName = Literal["neutral", "happy", "sad", "angry", "surprised"]


@dataclass(frozen=True)
class Emotion:
    """One emotion at strength 1."""

    wears: dict[str, float] = field(default_factory=dict)
    """Curves, or pairs of them without Left and Right, that it always wears."""
    flares: dict[str, float] = field(default_factory=dict)
    """What is added at its height, such as at the start of a phrase."""
    flare_at_start: float = 0.0
    """How strongly it flares up where a phrase starts, 0..1."""
    flare_at_accent: float = 0.0
    """The same on accents."""
    head: float = 1.0
    """Gain of the head's motion."""
    brows: float = 1.0
    """Gain of the brows' motion."""
    pace: float = 1.0
    """Speed of the head's and the brows' motion."""
    pitch: float = 0.0
    """Degrees by which the head is lifted."""
    blinks: float = 1.0
    """Gain of the rate of blinks."""
    averts: float = 1.0
    """Gain of how often the eyes leave the viewer."""


EMOTIONS: dict[str, Emotion] = {
    "neutral": Emotion(),
    "happy": Emotion(
        wears={"mouthSmile": 0.42, "cheekSquint": 0.38, "eyeSquint": 0.16, "mouthDimple": 0.08, "browOuterUp": 0.06},
        flares={"mouthSmile": 0.14, "cheekSquint": 0.14, "browInnerUp": 0.08, "browOuterUp": 0.12},
        flare_at_start=0.5,
        flare_at_accent=0.4,
        head=1.2,
        brows=1.25,
        pace=1.1,
        pitch=0.8,
        averts=0.8,
    ),
    "sad": Emotion(
        wears={
            **{"browInnerUp": 0.52, "browDown": 0.10, "mouthFrown": 0.42, "mouthShrugLower": 0.10},
            **{"eyeBlink": 0.10, "eyeSquint": 0.06, "eyeLookDown": 0.06},
        },
        flares={"browInnerUp": 0.18},
        flare_at_accent=0.5,
        head=0.6,
        brows=0.6,
        pace=0.65,
        pitch=-3.5,
        blinks=0.9,
        averts=1.6,
    ),
    "angry": Emotion(
        wears={
            **{
                "browDown": 0.62,
                "eyeWide": 0.22,
                "eyeSquint": 0.24,
                "mouthPress": 0.14,
                "noseSneer": 0.16,
                "mouthFrown": 0.14,
            },
        },
        flares={"browDown": 0.25, "noseSneer": 0.12, "eyeWide": 0.10},
        flare_at_start=0.4,
        flare_at_accent=0.6,
        head=1.1,
        brows=0.6,
        pace=1.15,
        pitch=-1.8,
        blinks=0.8,
        averts=0.4,
    ),
    "surprised": Emotion(
        wears={"browInnerUp": 0.42, "browOuterUp": 0.46, "eyeWide": 0.34, "jawOpen": 0.05},
        flares={"browInnerUp": 0.34, "browOuterUp": 0.34, "eyeWide": 0.42},
        flare_at_start=1.0,
        flare_at_accent=0.3,
        head=1.1,
        brows=1.1,
        pitch=1.5,
        blinks=0.8,
        averts=0.6,
    ),
}

CORNERS = ("mouthSmile", "mouthFrown", "mouthDimple")
"""Curves of the mouth that an emotion keeps while lips close; rounding takes part of them."""
_CORNERS = [INDEX[name + side] for name in CORNERS for side in ("Left", "Right")]
_MOUTH = [*group("mouth"), *group("jaw")]
_LIPS = [index for index in _MOUTH if index not in _CORNERS]
_OPENERS = [*group("jawOpen"), *group("mouthUpperUp"), *group("mouthLowerDown"), *group("noseSneer")]
"""Curves that part the lips."""


def shape(curves: dict[str, float], uneven: float) -> Doubles:
    """(52,) of named curves or pairs; `uneven` is the excess of the left side, as no face is symmetrical."""
    result = np.zeros(len(CURVES))
    for name, amount in curves.items():
        if name in INDEX:
            result[INDEX[name]] = amount
        else:
            result[INDEX[name + "Left"]] = amount * (1 + uneven)
            result[INDEX[name + "Right"]] = amount * (1 - uneven)
    return result


def speak_with(face: Floats, mouth: Floats) -> Floats:
    """Curves (52,) 0..1 of a `face` whose own mouth may show an emotion, and of a `mouth` that speaks.

    Speech comes first: the emotion's lips and jaw give way as the mouth works, its corners as it rounds or closes.
    """
    worn = face[_MOUTH]
    if not worn.any():
        return np.clip(face + mouth, 0, 1)
    jaw, close = float(mouth[INDEX["jawOpen"]]), float(mouth[INDEX["mouthClose"]])
    press = float(mouth[INDEX["mouthPressLeft"]] + mouth[INDEX["mouthRollLower"]] + mouth[INDEX["mouthRollUpper"]])
    closing = min(1.0, close / (jaw + 0.02) + 2.5 * press)
    rounding = min(1.0, float(mouth[INDEX["mouthPucker"]]) + float(mouth[INDEX["mouthFunnel"]]))
    working = min(1.0, 4.0 * float(mouth[_MOUTH].max()))
    result = face.copy()
    result[_CORNERS] *= (1 - 0.6 * rounding) * (1 - 0.25 * closing)
    result[_LIPS] *= 1 - 0.7 * working
    result[_OPENERS] *= 1 - closing
    return np.clip(result + mouth, 0, 1)
