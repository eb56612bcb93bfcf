"""Crops hold the face, keep their shape and stay inside the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivant.errors import SettingsError
from vivant.face.model import load_face_model
from vivant.face.pose import HeadPose
from vivant.face.tracker import FaceLandmarks
from vivant.portrait.layout import bust_view, face_view, view, whole_view
from vivant.portrait.portrait import Portrait


def _portrait(width: int, height: int, centre: tuple[float, float], face: float) -> Portrait:
    pose = HeadPose(face / 18, np.eye(3, dtype=np.float32), np.array([centre[0], -centre[1], 0], np.float32))
    landmarks = pose.picture_from_head(load_face_model().neutral)
    return Portrait(
        picture=np.zeros((height, width, 4), np.uint8),
        landmarks=landmarks,
        pose=pose,
        person=np.zeros((height, width), np.float32),
    )


sizes = st.integers(40, 900)


@given(width=sizes, height=sizes, x=st.floats(0.1, 0.9), y=st.floats(0.1, 0.9), face=st.floats(20, 600))
def test_square_crops(width: int, height: int, x: float, y: float, face: float) -> None:
    portrait = _portrait(width, height, (x * width, y * height), face)
    x0, y0, x1, y1 = FaceLandmarks(portrait.landmarks).box
    tall = max(x1 - x0, y1 - y0)
    for crop, heights in ((face_view(portrait), 2.0), (bust_view(portrait, 300), 3.2)):
        assert crop.width == crop.height
        assert crop.columns == crop.rows
        assert min(heights, 1.3) * tall - 1e-3 <= max(crop.width, 1.3 * tall - 1e-3)
        assert crop.width <= heights * tall + 1e-3
        if crop.width <= min(width, height):
            assert crop.x >= 0
            assert crop.y >= 0
            assert crop.x + crop.width <= width + 1e-3
            assert crop.y + crop.height <= height + 1e-3


@given(width=st.integers(2, 4096), height=st.integers(2, 4096), size=st.none() | st.integers(64, 4096))
def test_whole_view_is_even_and_square_in_its_pixels(width: int, height: int, size: int | None) -> None:
    portrait = _portrait(2, 2, (1, 1), 1)
    portrait = replace(portrait, picture=np.broadcast_to(np.uint8(0), (height, width, 4)))
    whole = whole_view(portrait, size)
    assert whole.columns % 2 == 0
    assert whole.rows % 2 == 0
    assert max(whole.columns, whole.rows) <= 4096
    assert (whole.x, whole.y) == (0, 0)
    assert 0 < whole.width <= width
    assert 0 < whole.height <= height
    if min(width, height) * (size or max(width, height)) / max(width, height) > 4:
        assert whole.columns / whole.width == pytest.approx(whole.rows / whole.height, rel=1e-6)
    if size is None and width % 2 == height % 2 == 0:
        assert (whole.columns, whole.rows) == (width, height)


def test_the_face_sits_in_the_middle_of_its_crop(astronaut: Portrait) -> None:
    crop = face_view(astronaut, 256)
    x0, _, x1, _ = astronaut.faces[0]
    assert (x0 + x1) / 2 == pytest.approx(crop.x + crop.width / 2, abs=0.02 * crop.width)
    eyes = astronaut.landmarks[[33, 263], 1].mean()
    assert 0.3 < (eyes - crop.y) / crop.height < 0.5
    assert (crop.columns, crop.rows) == (256, 256)
    assert view(astronaut, "face", 256) == crop
    assert view(astronaut, "bust").width > crop.width
    assert view(astronaut).width == 512


@pytest.mark.parametrize("size", [0, 63, 5000, -2])
def test_sizes_are_bounded(astronaut: Portrait, size: int) -> None:
    with pytest.raises(SettingsError, match=r"64\.\.4096"):
        view(astronaut, "face", size)
    with pytest.raises(SettingsError, match=r"64\.\.4096"):
        view(astronaut, "whole", size)
