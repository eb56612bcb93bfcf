"""Portraits and states that the tests of relief share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vivant.face.arkit import INDEX
from vivant.face.pose import rotation_from_angles
from vivant.face.window import Window
from vivant.motion.state import FaceState
from vivant.portrait.open import open_portrait
from vivant.portrait.portrait import Portrait

PORTRAITS = {
    "astronaut": "p01_astronaut_small_face.png",
    "pearl": "p05_pearl_profile.jpg",
    "lisa": "p16_mona_lisa.jpg",
    "cartoon": "p11_cartoon3d.jpg",
}


@pytest.fixture(scope="session")
def portrait_of(samples: Path) -> Callable[[str], Portrait]:
    """Opens a sample portrait by its short name, once per session."""
    return functools.cache(lambda name: open_portrait(samples / "portraits" / PORTRAITS[name]))


def state(*, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, **parts: float) -> FaceState:
    """A state with angles in degrees and curves by name; a name without side sets both sides."""
    curves = np.zeros(len(INDEX), np.float32)
    for name, value in parts.items():
        for full in [name] if name in INDEX else [f"{name}Left", f"{name}Right"]:
            curves[INDEX[full]] = value
    return FaceState(curves=curves, rotation=rotation_from_angles(*np.deg2rad([yaw, pitch, roll])))


def whole(portrait: Portrait, longest: int | None = None) -> Window:
    """The whole picture as a view, its longer side `longest` pixels."""
    width, height = portrait.size
    scale = (longest or max(width, height)) / max(width, height)
    return Window(0, 0, width, height, round(width * scale), round(height * scale))
