"""Drawn characters for tests: the published ones, and a simple figure whose head is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vivant.media.image import read_image
from vivant.portrait.head import HeadBox

Bytes = NDArray[np.uint8]
HOME = HeadBox(192, 64, 128)
"""Where the head of a published character's picture is."""
CHARACTERS = ("lambda_00", "lambda_01")


def character(samples: Path, name: str) -> Bytes:
    """The picture (512, 512, 4) of a published character; the test is skipped where it is absent."""
    path = samples / "tha4" / name / "character.png"
    if not path.is_file():
        pytest.skip(f"no character {path}")
    return read_image(path).pixels


def overlap(one: HeadBox, other: HeadBox) -> float:
    """Intersection over union."""
    across = min(one.x + one.size, other.x + other.size) - max(one.x, other.x)
    down = min(one.y + one.size, other.y + other.size) - max(one.y, other.y)
    both = max(across, 0) * max(down, 0)
    return both / (one.size**2 + other.size**2 - both)


def drawn_figure(hair: int = 60, neck: int = 22) -> Bytes:
    """A simple cut-out figure (400, 300, 4): the head in rows 40 to 160 around column 150."""
    picture = np.zeros((400, 300, 4), np.uint8)
    skin, cloth, locks = (250, 222, 205, 255), (60, 80, 150, 255), (90, 50, 110, 255)
    cv2.rectangle(picture, (150 - neck, 140), (150 + neck, 200), skin, -1)
    cv2.ellipse(picture, (150, 320), (100, 135), 0, 180, 360, cloth, -1)
    cv2.rectangle(picture, (50, 318), (250, 399), cloth, -1)
    cv2.ellipse(picture, (150, 98), (hair, 58), 0, 0, 360, locks, -1)
    cv2.ellipse(picture, (150, 112), (42, 48), 0, 0, 360, skin, -1)
    for x in (132, 168):
        cv2.ellipse(picture, (x, 112), (8, 11), 0, 0, 360, (40, 30, 60, 255), -1)
    cv2.line(picture, (143, 142), (157, 142), (170, 80, 80, 255), 2)
    return picture


def laid_on(picture: Bytes, ground: NDArray[np.float64]) -> Bytes:
    """`picture` (H, W, 4) over a `ground` of one colour (3,) or as large as itself: (H, W, 3)."""
    alpha = picture[..., 3:] / 255
    return np.asarray(picture[..., :3] * alpha + ground * (1 - alpha) + 0.5, np.uint8)
