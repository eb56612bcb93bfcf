"""Which morph targets and bones of a character make the 45 parameters; names of several makers of models.

Talking Head Anime was trained on models of MikuMikuDance, whose Japanese names its parameters translate; VRoid's and
ARKit's are the nearest that there are. A character that has none of a parameter's targets does not know it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PAIRED: Mapping[str, tuple[str, ...]] = {
    "eyebrow_troubled": ("困る", "Fcl_BRW_Sorrow", "browInnerUp"),
    "eyebrow_angry": ("怒り", "Fcl_BRW_Angry", "browDown*"),
    "eyebrow_lowered": ("下",),
    "eyebrow_raised": ("上", "Fcl_BRW_Surprised", "browOuterUp*"),
    "eyebrow_happy": ("にこり", "Fcl_BRW_Joy", "Fcl_BRW_Fun"),
    "eyebrow_serious": ("真面目",),
    "eye_wink": ("ウィンク*", "まばたき", "Fcl_EYE_Close_*", "eyeBlink*", "blink_*", "blink*"),
    "eye_happy_wink": ("ウィンク２*", "笑い", "Fcl_EYE_Joy_*", "Fcl_EYE_Joy"),
    "eye_surprised": ("びっくり", "Fcl_EYE_Surprised", "eyeWide*"),
    "eye_relaxed": ("なごみ", "Fcl_EYE_Fun"),
    "eye_unimpressed": ("じと目", "Fcl_EYE_Natural"),
    "eye_raised_lower_eyelid": ("下眼上", "eyeSquint*"),
    "iris_small": ("瞳小",),
    "mouth_lowered_corner": ("口角下げ", "Fcl_MTH_Down", "mouthFrown*"),
    "mouth_raised_corner": ("口角上げ", "Fcl_MTH_Up", "mouthSmile*"),
}
"""Candidates, best first; * stands for a side's name, a target without it moves both sides and is cut in two."""
SINGLE: Mapping[str, tuple[str, ...]] = {
    "mouth_aaa": ("あ", "Fcl_MTH_A", "a", "aa", "jawOpen"),
    "mouth_iii": ("い", "Fcl_MTH_I", "i", "ih"),
    "mouth_uuu": ("う", "Fcl_MTH_U", "u", "ou", "mouthPucker"),
    "mouth_eee": ("え", "Fcl_MTH_E", "e", "ee"),
    "mouth_ooo": ("お", "Fcl_MTH_O", "o", "oh", "mouthFunnel"),
    "mouth_delta": ("▲", "∧"),
    "mouth_smirk": ("にやり",),
}
SIDES: Mapping[str, tuple[str, ...]] = {
    "left": ("左", "Left", "_L", "L", "l", ""),
    "right": ("右", "Right", "_R", "R", "r"),
}
"""How makers call a side; MikuMikuDance's wink without a side is the left one."""
BROWS = ("brow", "mayu", "眉")
"""In the names of the materials that are brows."""


@dataclass(frozen=True)
class Morph:
    """What makes one parameter."""

    names: tuple[str, ...]
    """Targets, all with the same weight."""
    half: int
    """1: only the character's left half moves, -1 only the right one, 0 all of it."""


def find_morph(parameter: str, there: Sequence[str]) -> Morph | None:
    """What makes `parameter` of a character whose targets and expressions are called `there`."""
    if parameter in SINGLE:
        name = next((name for name in SINGLE[parameter] if name in there), None)
        return None if name is None else Morph((name,), 0)
    group, _, side = parameter.rpartition("_")
    if side not in SIDES or group not in PAIRED:
        return None
    for candidate in PAIRED[group]:
        if "*" not in candidate:
            if candidate in there:
                return Morph((candidate,), 1 if side == "left" else -1)
            continue
        for word in SIDES[side]:
            if candidate.replace("*", word) in there:
                return Morph((candidate.replace("*", word),), 0)
    return None
