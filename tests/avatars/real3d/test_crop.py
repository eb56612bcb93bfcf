"""The square around a face: size, place, and the way between its pixels and the picture's."""

from __future__ import annotations

import numpy as np
import pytest

from vivant.avatars.real3d.crop import CropSettings, crop_portrait, face_window, from_window, to_window
from vivant.face.landmarks import COUNT, MESH_COUNT
from vivant.face.model import load_face_model
from vivant.face.pose import HeadPose, fit_head_pose
from vivant.portrait.portrait import Portrait


def _portrait(width: int, height: int, x: float, y: float, scale: float) -> Portrait:
    """The neutral face at (x, y) pixels, `scale` pixels per centimetre."""
    pose = HeadPose(scale, np.eye(3, dtype=np.float32), np.array([x, -y, 0], np.float32))
    points = pose.picture_from_head(load_face_model().neutral[:COUNT])
    picture = np.random.default_rng(1).integers(0, 256, (height, width, 4)).astype(np.uint8)
    return Portrait(picture, points, pose, np.ones((height, width), np.float32))


def _share(portrait: Portrait, side: float) -> float:
    flat = portrait.landmarks[:MESH_COUNT, :2]
    return float(np.prod(flat.max(0) - flat.min(0))) / side**2


def test_small_face_covers_a_fifth_of_its_square() -> None:
    portrait = _portrait(900, 700, 450, 350, 8)
    window = face_window(portrait)
    assert _share(portrait, window.width) == pytest.approx(0.2, rel=0.01)
    flat = portrait.landmarks[:MESH_COUNT, :2]
    middle = (flat.min(0) + flat.max(0)) / 2
    assert abs(window.x + window.width / 2 - middle[0]) <= 1
    assert abs(window.y + window.height / 2 - middle[1]) <= 1
    assert (window.columns, window.rows) == (512, 512)


def test_large_face_keeps_the_largest_square() -> None:
    portrait = _portrait(640, 480, 320, 240, 20)
    window = face_window(portrait)
    assert (window.width, window.height, window.y) == (480, 480, 0)
    assert 60 <= window.x <= 100


@pytest.mark.parametrize(("x", "y"), [(70, 350), (450, 80), (840, 620), (5, 5)])
def test_face_at_the_border_moves_off_the_middle_instead_of_filling_the_square(x: float, y: float) -> None:
    portrait = _portrait(900, 700, x, y, 8)
    window = face_window(portrait)
    assert 0.2 <= _share(portrait, window.width) <= 0.2 / 0.85**2 + 0.005
    assert window.x >= 0
    assert window.y >= 0
    assert window.x + window.width <= 900
    assert window.y + window.height <= 700


def test_published_shrinking_is_a_setting() -> None:
    portrait = _portrait(900, 700, 450, 120, 8)
    window = face_window(portrait, CropSettings(most_shrink=1.0))
    flat = portrait.landmarks[:MESH_COUNT, :2]
    middle = float(flat[:, 1].min() + flat[:, 1].max()) / 2
    assert window.height == pytest.approx(2 * middle, abs=1.5)
    assert window.y == pytest.approx(0, abs=1)


def test_points_go_there_and_back() -> None:
    portrait = _portrait(900, 700, 450, 350, 8)
    window = face_window(portrait)
    seen = to_window(portrait.landmarks, window)
    assert from_window(seen, window) == pytest.approx(portrait.landmarks, abs=1e-3)
    corner = np.array([[window.x, window.y], [window.x + window.width, window.y + window.height]], np.float32)
    assert to_window(corner, window) == pytest.approx(np.array([[0, 0], [512, 512]], np.float32), abs=1e-3)


def test_cut_portrait_fits_together() -> None:
    portrait = _portrait(900, 700, 500, 300, 8)
    window = face_window(portrait)
    cut = crop_portrait(portrait, window)
    assert cut.picture.shape == (512, 512, 4)
    assert cut.person.shape == (512, 512)
    assert cut.pose.picture_from_head(load_face_model().neutral[:COUNT]) == pytest.approx(cut.landmarks, abs=1e-2)
    again = fit_head_pose(cut.landmarks, load_face_model().neutral[:MESH_COUNT], np.ones(MESH_COUNT, np.float32))
    assert again.scale == pytest.approx(cut.pose.scale, rel=1e-4)


def test_cut_at_its_own_size_keeps_every_pixel() -> None:
    portrait = _portrait(512, 512, 256, 256, 30)
    assert np.array_equal(crop_portrait(portrait, face_window(portrait)).picture, portrait.picture)
