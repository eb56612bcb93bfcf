"""Transparent pictures where nothing knows transparency."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vivant.media.image import read_image, write_image
from vivant.media.opaque import Opaque, backdrop, over
from vivant.media.video import open_video
from vivant.media.writer import open_writer

HALF = np.zeros((40, 60, 4), np.uint8)
HALF[:, :30] = (200, 100, 50, 255)
GHOST = np.full((40, 60, 4), (200, 100, 50, 51), np.uint8)


def test_transparent_parts_show_the_colour_or_the_checker() -> None:
    shown = Opaque((0, 177, 64))(HALF)
    assert shown[5, 5].tolist() == [200, 100, 50]
    assert shown[5, 50].tolist() == [0, 177, 64]
    fields = Opaque()(HALF)
    assert {tuple(pixel) for pixel in fields[:, 30:].reshape(-1, 3).tolist()} == {(204,) * 3, (153,) * 3}
    half = HALF.copy()
    half[..., 3] = 128
    assert over(half, backdrop(40, 60, (0, 0, 0)))[5, 5].tolist() == pytest.approx([100, 50, 25], abs=1)


def test_an_opaque_picture_stays_as_it_is() -> None:
    solid = HALF.copy()
    solid[..., 3] = 255
    assert (Opaque()(solid) == solid[..., :3]).all()


@pytest.mark.parametrize("name", ["a.jpg", "a.bmp"])
def test_pictures_without_transparency_have_white_behind_them(tmp_path: Path, name: str) -> None:
    for picture, expected in ((GHOST, [244, 224, 214]), (HALF[:, 40:], [255, 255, 255])):
        write_image(tmp_path / name, picture)
        assert read_image(tmp_path / name).pixels[9, 9, :3].tolist() == pytest.approx(expected, abs=2)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "frames"])
def test_films_without_transparency_have_white_behind_them(tmp_path: Path, name: str) -> None:
    with open_writer(tmp_path / name, (60, 40), Fraction(5)) as film:
        film.write(GHOST)
    if name == "frames":
        seen = read_image(next((tmp_path / name).glob("*.png"))).pixels[..., :3]
    else:
        with open_video(tmp_path / name) as video:
            seen = next(iter(video)).pixels
    assert seen[9, 9].tolist() == pytest.approx([244, 224, 214], abs=6)
