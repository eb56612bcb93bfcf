"""A mouth from signal features: loudness and spectral shape to the 27 curves of jaw and mouth.

The first version of vivant's speech driver; it stays as a yardstick, and for machines that cannot run a network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vivant.face.arkit import CURVES, INDEX
from vivant.motion.idle import Spring
from vivant.motion.speech.clock import at_frames
from vivant.motion.speech.mouth import Mouth
from vivant.motion.speech.sound import RATE
from vivant.motion.speech.voice import HOP, Passage, listen

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

LEAD = 0.04
"""Seconds that the lips are ahead of the sound."""
GESTURES = ("jaw", "lips", "shut", "wide", "round", "teeth", "tuck")
"""What the mouth does, each 0..1: jaw and lips open, lips press, corners out, lips forward, teeth shown, lip tucked."""
RISING = np.array([24.0, 30.0, 75.0, 28.0, 28.0, 45.0, 45.0])
FALLING = np.array([26.0, 40.0, 55.0, 28.0, 28.0, 45.0, 45.0])
"""Springs of the gestures in 1/s: lips are quicker than the jaw and close faster than they open."""
LAG = 0.035
"""Seconds by which the springs lag; made up for together with the lead."""
SHAPES: dict[str, dict[str, float]] = {
    "jaw": {"jawOpen": 0.40},
    "lips": {"mouthLowerDown": 0.26, "mouthUpperUp": 0.16},
    "shut": {"mouthPress": 0.22, "mouthRollLower": 0.16, "mouthRollUpper": 0.12, "mouthShrugUpper": 0.05},
    "wide": {"mouthStretch": 0.20, "mouthSmile": 0.14, "mouthDimple": 0.05},
    "round": {"mouthFunnel": 0.36, "mouthPucker": 0.50},
    "teeth": {"mouthStretch": 0.08, "mouthLowerDown": 0.16, "mouthUpperUp": 0.12, "mouthFunnel": 0.08, "jawOpen": 0.03},
    "tuck": {"mouthRollLower": 0.22, "mouthUpperUp": 0.10, "jawOpen": 0.03},
}
"""Amount of each curve at full gesture; amounts follow tracks of real speakers (peak jawOpen 0.25 to 0.4)."""


def signal_mouth(gain: float = 1.0, seed: int = 0) -> Mouth:
    """A mouth that follows loudness and spectral shape, with `gain` on all of its curves.

    `seed` gives the speaker a slightly uneven mouth.
    """
    uneven = float(np.random.default_rng([seed, 9]).uniform(-0.07, 0.07))
    matrix = _matrix(uneven) * gain

    def mouth(chunks: Iterable[Floats], rate: Fraction) -> Iterator[Floats]:
        for gestures in at_frames(_gestures(listen(chunks)), rate, LEAD + LAG):
            yield _curves(gestures, matrix)

    return mouth


def _gestures(passages: Iterable[Passage]) -> Iterator[tuple[int, Doubles]]:
    """Smooth gestures (15, 7) of each passage, with its number of samples."""
    spring = Spring(RISING, FALLING, HOP / RATE)
    for passage in passages:
        targets = _targets(passage)
        yield len(passage.sound), np.stack([spring.step(target).copy() for target in targets])


def _targets(heard: Passage) -> Doubles:
    """Gestures (15, 7) that the sound of each instant asks for."""
    free = 1 - heard.closure
    narrow = 1 - 0.45 * heard.rounding
    jaw = heard.opening * (0.35 + 0.65 * free) * narrow
    lips = heard.opening * free * narrow
    shut = heard.closure
    teeth = heard.hiss * (1 - 0.5 * heard.rounding)
    return np.stack(
        [jaw, lips, shut, heard.front * free, heard.rounding * free, teeth * free, heard.breath * free], axis=1
    )


def _curves(gestures: Doubles, matrix: Doubles) -> Floats:
    """Curves (52,) of `gestures` (7,): what the jaw opens, shut lips bridge."""
    curves = gestures @ matrix
    shut = min(1.0, 1.15 * gestures[GESTURES.index("shut")])
    curves[INDEX["jawOpen"]] *= 1 - 0.6 * shut
    curves[INDEX["mouthClose"]] = curves[INDEX["jawOpen"]] * shut
    return np.clip(curves, 0, 1).astype(np.float32)


def _matrix(uneven: float) -> Doubles:
    """(7, 52): the curves of each gesture; `uneven` is the excess of the left side."""
    matrix = np.zeros((len(GESTURES), len(CURVES)))
    for row, gesture in enumerate(GESTURES):
        for name, amount in SHAPES[gesture].items():
            if name in INDEX:
                matrix[row, INDEX[name]] += amount
            else:
                matrix[row, INDEX[name + "Left"]] += amount * (1 + uneven)
                matrix[row, INDEX[name + "Right"]] += amount * (1 - uneven)
    return matrix
