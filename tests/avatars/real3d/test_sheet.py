"""What the sheet behind a head goes on to show when the head turns: what is broader than an outline, and hair."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vivant.avatars.real3d.sheet import OVERLAP, rim_of
from vivant.portrait.classes import FACE_SKIN, HAIR

SIDE = 120
ROWS, COLUMNS = np.indices((SIDE, SIDE))
AWAY = np.hypot(ROWS - 60, COLUMNS - 60)
ALL = np.full((SIDE, SIDE), 255, np.uint8)


def layers(person: np.ndarray, classes: np.ndarray) -> Any:
    """What is asked of `Layers`."""
    return SimpleNamespace(cut=SimpleNamespace(alpha=person.astype(np.float32)), classes=classes.astype(np.uint8))


@pytest.mark.parametrize("more", ["nothing", "an arm", "a lock"])
def test_an_outline_is_a_rim_but_not_by_an_arm_or_by_hair(more: str) -> None:
    """The mesh is a disc, the person two pixels wider; no rim has an edge of its own."""
    person, classes = AWAY < 42, np.where(AWAY < 42, FACE_SKIN, 0)
    if more == "an arm":
        person = person | (COLUMNS > 60) & (abs(ROWS - 60) < 5)
    if more == "a lock":
        classes = np.where((COLUMNS > 90) & (AWAY < 42) & (abs(ROWS - 60) < 5), HAIR, classes)
    rim = rim_of(ALL, AWAY < 40, layers(person, classes))
    right, left = rim[60, 104 - OVERLAP : 104], rim[60, 16 : 16 + OVERLAP]
    assert (left == 255).all()
    assert (right == (255 if more == "nothing" else 0)).all()
    steps = [np.abs(np.diff(rim.astype(np.int32), axis=axis)).max() for axis in (0, 1)]
    assert max(steps) <= 1 + 255 / OVERLAP * np.sqrt(2)
