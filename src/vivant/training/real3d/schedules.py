"""Learning rates over the steps of each stage (real3d 14.3 to 14.5).

`step` counts from 0 in the published length; a shorter training asks for the step that it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

Part = Literal["image_to_plane", "motion_adapter", "decoder", "super_resolution", "discriminator"]
StageName = Literal["i2p", "motion", "torso", "sr"]
Rate = Callable[[float], float]

BASE, LAZY = 1e-4, 16 / 17
"""Largest rate of generators; what a penalty every 16th step leaves of a discriminator's rate."""
DISCRIMINATOR = 2e-4 * LAZY
WARM = 4000
DECAY, EVERY = 0.95, 5000.0
LENGTHS: Mapping[StageName, int] = {"i2p": 250_000, "motion": 250_000, "torso": 100_000, "sr": 100_000}
"""Steps; how long the first stage was trained is not published, and the last is ours."""


def warmed(step: float, base: float = BASE) -> float:
    """Rises linearly to `base` over the first 4000 steps."""
    return base * min(step / WARM, 1.0)


def decayed(step: float, base: float = BASE) -> float:
    """`base` times 0.95 for every 5000 steps."""
    return base * float(DECAY ** (step // EVERY))


def halved(step: float, base: float) -> float:
    """`base`, halved every 50 000 steps."""
    return base * float(0.5 ** (step // 50_000))


def pretraining(step: float) -> float:
    """Image-to-plane while it learns from renderings."""
    return max(1e-5, decayed(step, warmed(step)))


def with_motion(step: float) -> float:
    """The motion adapter, and what learns with it once it does."""
    return max(5e-6, decayed(step, warmed(step)))


def slow_start(step: float) -> float:
    """Image-to-plane under the motion adapter: nearly still, then more and more."""
    return max(5e-6, decayed(step, warmed(step)) * min(1.0, step / 270_000)) if step > 6000 else 5e-6


def torso(step: float) -> float:
    """Super-resolution with torso and background."""
    return max(1e-6, halved(step, warmed(step, 1e-5)))


RATES: Mapping[StageName, Mapping[Part, Rate]] = {
    "i2p": {
        "image_to_plane": pretraining,
        "decoder": lambda step: pretraining(step) if step >= 2000 else 0.0,
        "super_resolution": lambda step: pretraining(step) if step >= 30_000 else 0.0,
        "discriminator": lambda _: DISCRIMINATOR,
    },
    "motion": {
        "image_to_plane": slow_start,
        "motion_adapter": with_motion,
        "decoder": lambda step: with_motion(step) if step > 6000 else 0.0,
        "super_resolution": lambda step: with_motion(step) if step > 30_000 else 0.0,
        "discriminator": lambda step: max(5e-6, decayed(step, DISCRIMINATOR)),
    },
    "torso": {"super_resolution": torso, "discriminator": lambda step: halved(step, DISCRIMINATOR)},
    "sr": {
        "super_resolution": with_motion,
        "discriminator": lambda step: max(5e-6, decayed(step, DISCRIMINATOR)),
    },
}
"""The parts that a stage trains, each with its rate."""
