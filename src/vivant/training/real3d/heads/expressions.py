"""Plausible faces as 52 curves: speech, smiles and other moods, blinks, gaze."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vivant.face.arkit import CURVES, INDEX

Floats = NDArray[np.float32]

VISEMES: tuple[Mapping[str, float], ...] = (
    {"jawOpen": 0.55, "mouthLowerDown": 0.25, "mouthUpperUp": 0.12},
    {"jawOpen": 0.28, "mouthStretch": 0.4, "mouthSmile": 0.2, "mouthLowerDown": 0.25},
    {"jawOpen": 0.12, "mouthSmile": 0.35, "mouthStretch": 0.45, "mouthUpperUp": 0.2, "mouthLowerDown": 0.35},
    {"jawOpen": 0.35, "mouthFunnel": 0.55, "mouthPucker": 0.2},
    {"jawOpen": 0.15, "mouthPucker": 0.8, "mouthFunnel": 0.25},
    {"jawOpen": 0.06, "mouthClose": 0.06, "mouthPress": 0.35, "mouthRollLower": 0.3, "mouthRollUpper": 0.25},
    {"jawOpen": 0.08, "mouthRollLower": 0.35, "mouthUpperUp": 0.25, "mouthShrugLower": 0.2},
    {"jawOpen": 0.14, "mouthLowerDown": 0.4, "mouthUpperUp": 0.2, "mouthStretch": 0.15},
    {"jawOpen": 0.12, "mouthFunnel": 0.5, "mouthUpperUp": 0.25, "mouthLowerDown": 0.25},
    {"jawOpen": 0.85, "mouthLowerDown": 0.3, "mouthStretch": 0.2},
)
"""Mouths of speech; a name without a side moves both."""
MOODS: tuple[Mapping[str, float], ...] = (
    {"mouthSmile": 0.75, "cheekSquint": 0.5, "eyeSquint": 0.3, "mouthDimple": 0.2},
    {"mouthSmile": 0.9, "cheekSquint": 0.7, "eyeSquint": 0.5, "jawOpen": 0.22, "mouthUpperUp": 0.35},
    {"mouthFrown": 0.6, "browInnerUp": 0.7, "mouthShrugLower": 0.35},
    {"browDown": 0.8, "eyeSquint": 0.35, "noseSneer": 0.35, "mouthPress": 0.4},
    {"browInnerUp": 0.7, "browOuterUp": 0.7, "eyeWide": 0.6, "jawOpen": 0.35},
    {"noseSneer": 0.7, "mouthUpperUp": 0.35, "browDown": 0.4, "eyeSquint": 0.3},
    {"browInnerUp": 0.5, "mouthStretch": 0.35, "eyeWide": 0.45, "mouthLowerDown": 0.2},
    {"cheekPuff": 0.8, "mouthPucker": 0.25, "mouthPress": 0.2},
    {"mouthPucker": 0.7, "eyeSquint": 0.2},
    {"mouthPress": 0.5, "mouthDimple": 0.35, "mouthRollLower": 0.25},
)
SINGLE = ("mouthLeft", "mouthRight", "jawLeft", "jawRight", "jawForward")


def draw_curves(rng: np.random.Generator, *, calm: bool = False) -> Floats:
    """Random curves (52,) 0..1; `calm` ones are as in portraits: at rest or a light mood, eyes open."""
    curves = np.zeros(len(CURVES), np.float32)
    _add(curves, MOODS[rng.integers(2 if calm else len(MOODS))], rng.beta(1.0, 1.3) * (0.8 if calm else 1.0), rng)
    if not calm:
        if rng.random() < 0.7:
            _add(curves, VISEMES[rng.integers(len(VISEMES))], rng.uniform(0.4, 1.1), rng)
        if rng.random() < 0.25:
            _add(curves, {str(rng.choice(SINGLE)): 1.0}, rng.uniform(0.1, 0.6), rng)
        brows = {"browInnerUp": rng.uniform(0, 1), "browOuterUp": rng.uniform(0, 0.8), "browDown": rng.uniform(0, 0.8)}
        _add(curves, {str(name): brows[name] for name in [rng.choice(list(brows))]}, float(rng.random() < 0.4), rng)
    _look(curves, rng.normal(0, 4 if calm else 11), rng.normal(0, 3 if calm else 7))
    if not calm and rng.random() < 0.3:
        _blink(curves, rng)
    elif rng.random() < 0.4:
        _add(curves, {"eyeBlink": 0.2}, rng.random(), rng)
    return np.clip(curves, 0, 1)


def _add(curves: Floats, faces: Mapping[str, float], strength: float, rng: np.random.Generator) -> None:
    """Add `faces` to `curves` (52,), both sides of a paired curve nearly alike."""
    for name, value in faces.items():
        amount = value * strength * rng.uniform(0.75, 1.15)
        if name in INDEX:
            curves[INDEX[name]] += amount
            continue
        lean = rng.normal(0, 0.15)
        curves[INDEX[name + "Left"]] += amount * (1 + lean)
        curves[INDEX[name + "Right"]] += amount * (1 - lean)


def _look(curves: Floats, right: float, up: float) -> None:
    """Both eyes in `curves` (52,) so many degrees to the viewer's right, which is the person's left, and up."""
    aside, high = np.clip(np.array([right, up]) / 24, -1, 1)
    names = ("OutLeft", "InRight") if aside > 0 else ("InLeft", "OutRight")
    for name in names:
        curves[INDEX[f"eyeLook{name}"]] = abs(aside)
    for side in ("Left", "Right"):
        curves[INDEX[f"eyeLook{'Up' if high > 0 else 'Down'}{side}"]] = abs(high)


def _blink(curves: Floats, rng: np.random.Generator) -> None:
    """Lids in `curves` (52,) that close: fully or half, rarely of one eye only."""
    amount = 1.0 if rng.random() < 0.5 else rng.uniform(0.3, 0.95)
    sides = ("Left", "Right") if rng.random() < 0.9 else (str(rng.choice(["Left", "Right"])),)
    for side in sides:
        curves[INDEX[f"eyeBlink{side}"]] = amount
        curves[INDEX[f"eyeWide{side}"]] = 0
        curves[INDEX[f"eyeSquint{side}"]] *= 1 - amount
