"""Placing: what is drawn in 512 x 512 lies in the view where it belongs, at any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivant.avatars.place import SEAM, Square, fills, over, premultiplied, sample, seam, seen_window, straight
from vivant.face.window import Window


def ramps(side: int) -> np.ndarray:
    """(side, side, 4): x, y, 128, opaque, as shares of 255."""
    across = (np.arange(side, dtype=np.float32) + 0.5) * (255 / side)
    x, y = np.meshgrid(across, across)
    return np.stack([x, y, np.full_like(x, 128), np.full_like(x, 255)], -1)


@pytest.mark.parametrize("size", [128, 512, 900])
def test_a_sample_shows_the_right_places(size: int) -> None:
    square = Square(-40, 30, 600)
    view = Window(0, 0, 500, 500, size, size)
    window = seen_window(square, view)
    assert (window.x, window.width) == (0, 500)
    layer = sample(ramps(512), square, window)
    assert layer.shape == (window.rows, window.columns, 4)
    rows, columns = np.mgrid[: window.rows, : window.columns] + 0.5
    x = (window.x + columns * window.width / window.columns + 40) * 255 / 600
    y = (window.y + rows * window.height / window.rows - 30) * 255 / 600
    inner = slice(8, -8)
    np.testing.assert_allclose(layer[inner, inner, 0], x[inner, inner], atol=0.06)
    np.testing.assert_allclose(layer[inner, inner, 1], y[inner, inner], atol=0.06)


def test_outside_the_layer_there_is_nothing() -> None:
    layer = sample(ramps(64), Square(100, 100, 50), Window(0, 0, 200, 200, 200, 200))
    assert layer[:95].max() == 0
    assert layer[120:130, 120:130, 3].min() > 250


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(-500, 900), st.integers(-500, 900), st.integers(30, 2000)),
    st.tuples(st.floats(0, 300), st.floats(0, 300), st.floats(50, 600), st.integers(64, 700)),
)
def test_windows_stay_in_the_view_and_on_its_grid(
    square: tuple[int, int, int], view: tuple[float, float, float, int]
) -> None:
    x, y, side, pixels = view
    window = seen_window(Square(*square), Window(x, y, side, side, pixels, pixels))
    density = pixels / side
    assert 2 <= window.columns <= pixels
    assert 2 <= window.rows <= pixels
    for edge, start in ((window.x, x), (window.y, y)):
        place = (edge - start) * density
        assert place == pytest.approx(round(place), abs=1e-6)
        assert place > -1e-6


def test_the_plain_case_is_known() -> None:
    square, view = Square(0, 0, 512), Window(0, 0, 512, 512, 512, 512)
    assert fills(seen_window(square, view), square, 512)
    assert not fills(seen_window(square, Window(0, 0, 512, 512, 256, 256)), square, 512)


def test_the_seam_is_only_where_the_picture_goes_on() -> None:
    square, window = Square(-10, 40, 200), Window(0, 0, 190, 300, 190, 300)
    share = seam(square, (190, 300), window)[..., 0]
    assert share[140].min() == 1  # left and right the picture ends before the square
    assert share[30].max() == 0  # above
    assert share[239].max() < 0.1
    assert share[40 + round(SEAM * 200) + 1, 100] == 1
    assert np.abs(np.diff(share, axis=0)).max() < 0.1


def test_straight_and_premultiplied_are_inverse() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 4)).astype(np.uint8)
    back = straight(premultiplied(picture))
    np.testing.assert_array_equal(back[..., 3], picture[..., 3])
    seen = picture[..., 3] > 0
    assert np.abs(back[seen].astype(int) - picture[seen]).max() <= 1
    ground = np.full((40, 40, 3), 60, np.float32)
    laid = over(premultiplied(picture), ground)
    wanted = picture[..., :3] * (picture[..., 3:] / 255) + 60 * (1 - picture[..., 3:] / 255)
    assert np.abs(laid[..., :3] - wanted).max() <= 1
    assert laid[..., 3].min() == 255
