"""Heads of drawn characters: where they are known to be, however they are found."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from drawings import CHARACTERS, HOME, character, drawn_figure, overlap

from vivant.media.image import read_image
from vivant.portrait.head import (
    DRAWN,
    PHOTOGRAPHED,
    HeadBox,
    _around_skin,
    _largest,
    evenness,
    find_head,
    head_of_face,
    outlined_head,
)


@pytest.mark.parametrize("name", CHARACTERS)
@pytest.mark.parametrize("change", ["as it is", "grey", "large", "aside", "mirrored"])
def test_published_characters_are_found_where_they_should_be(samples: Path, name: str, change: str) -> None:
    picture, wanted = character(samples, name), HOME
    if change == "grey":
        picture = picture.copy()
        picture[..., :3] = cv2.cvtColor(picture[..., :3], cv2.COLOR_RGB2GRAY)[..., None]
    elif change == "large":
        picture = np.asarray(cv2.resize(picture, None, fx=2.5, fy=2.5, interpolation=cv2.INTER_CUBIC), np.uint8)
        wanted = HeadBox(480, 160, 320)
    elif change == "aside":
        picture = np.pad(picture, ((300, 0), (0, 400), (0, 0)))
        wanted = HeadBox(192, 364, 128)
    elif change == "mirrored":
        picture = np.ascontiguousarray(picture[:, ::-1])
    found = find_head(picture)
    assert found is not None
    assert found.how == "face"
    assert overlap(found, wanted) > 0.75


@pytest.mark.parametrize("name", CHARACTERS)
def test_outline_and_skin_find_published_characters_without_the_finder(samples: Path, name: str) -> None:
    picture = character(samples, name)
    found = outlined_head(picture)
    assert found is not None
    assert found.how == "outline"
    assert overlap(found, HOME) > 0.75
    half = np.asarray(cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA), np.uint8)
    by_skin = _around_skin(half, _largest(half[..., 3] > 127))
    assert by_skin is not None
    assert overlap(by_skin, HeadBox(96, 32, 64)) > 0.65


@pytest.mark.parametrize("size", [(300, 400), (1500, 2000)])
def test_a_simple_figure_is_measured_by_its_outline(size: tuple[int, int]) -> None:
    picture = np.asarray(cv2.resize(drawn_figure(), size, interpolation=cv2.INTER_NEAREST), np.uint8)
    found = outlined_head(picture)
    assert found is not None
    assert found.how == "outline"
    scale = size[0] / 300
    assert overlap(found, HeadBox(90 * scale, 40 * scale, 120 * scale)) > 0.7


def test_hair_over_the_neck_leaves_the_skin(samples: Path) -> None:
    picture = drawn_figure(hair=66)
    cv2.rectangle(picture, (60, 90), (240, 330), (90, 50, 110, 255), -1)  # hair down to the hips
    cv2.ellipse(picture, (150, 112), (42, 48), 0, 0, 360, (250, 222, 205, 255), -1)
    found = outlined_head(picture)
    assert found is not None
    assert found.how == "skin"
    assert overlap(found, HeadBox(84, 30, 130)) > 0.6


@pytest.mark.parametrize("shade", [0, 255])
def test_what_is_no_figure_has_no_head(shade: int) -> None:
    picture = np.full((200, 200, 4), shade, np.uint8)
    picture[:50, :, 3] = 0
    assert outlined_head(picture) is None
    assert find_head(np.full((200, 200, 4), 255, np.uint8)) is None


def test_the_box_of_a_face_ends_at_its_chin() -> None:
    head = head_of_face((100, 100, 180, 180))
    assert head.y + head.size == 180
    assert head.x + head.size / 2 == 140


@pytest.mark.parametrize("name", CHARACTERS)
def test_drawings_are_even(samples: Path, name: str) -> None:
    assert evenness(character(samples, name), HOME) > DRAWN


@pytest.mark.slow
def test_photographs_and_paintings_are_not(samples: Path) -> None:
    seen = {}
    for path in sorted((samples / "portraits").iterdir()):
        picture = read_image(path).pixels
        head = find_head(picture)
        if head is not None:
            seen[path.name] = evenness(picture, head)
    assert len(seen) >= 12
    drawn = [name for name, even in seen.items() if even >= PHOTOGRAPHED]
    assert drawn in ([], ["p11_cartoon3d.jpg"])
    assert max(seen.values()) < DRAWN
