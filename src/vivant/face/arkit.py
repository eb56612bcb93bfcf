"""The 52 facial curves (ARKit blendshape coefficients) that a Motion carries.

Names and order follow ARKit's documentation of `ARFaceAnchor.BlendShapeLocation`; Left and Right are the person's.
Values run from 0 (neutral) to 1 (full).
"""

from __future__ import annotations

CURVES: tuple[str, ...] = (
    *(f"eye{part}Left" for part in ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")),
    *(f"eye{part}Right" for part in ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")),
    *("jawForward", "jawLeft", "jawRight", "jawOpen"),
    *("mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight"),
    *("mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight"),
    *("mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *("mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight"),
    *("mouthUpperUpLeft", "mouthUpperUpRight"),
    *("browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    *("cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight"),
    "tongueOut",
)
"""The 52 names, in the order of every `curves` array."""

INDEX: dict[str, int] = {name: index for index, name in enumerate(CURVES)}
"""Position of each name in a `curves` array."""


def group(prefix: str) -> tuple[int, ...]:
    """Positions of all curves whose name starts with `prefix`, such as "mouth", "brow", "eyeLook"."""
    return tuple(index for index, name in enumerate(CURVES) if name.startswith(prefix))
