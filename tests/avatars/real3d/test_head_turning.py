"""Points and pixels of a head that turns, against the same by NumPy and OpenCV."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from vivant.avatars import retarget
from vivant.avatars.real3d import compact_kernels as kernels
from vivant.avatars.real3d.head_turning import LIMITS, Points, Turn, mirror_of, pixels_of, soft_outlines
from vivant.face.landmarks import COUNT
from vivant.face.model import load_face_model
from vivant.face.pose import HeadPose, rotation_from_angles
from vivant.motion.state import FaceState

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def source() -> retarget.Source:
    pose = HeadPose(9.0, rotation_from_angles(0.2, -0.1, 0.05), np.array([120, -140, 0], np.float32))
    model = load_face_model()
    return retarget.read_source(model, pose, pose.picture_from_head(model.neutral), None)


def points(count: int = 200) -> Points:
    places = RANDOM.normal(0, 6, (count, 3)).astype(np.float32)
    follows, leans = RANDOM.random((2, count)).astype(np.float32)
    near, weights = RANDOM.integers(0, COUNT, (count, 4)).astype(np.int32), RANDOM.random((count, 4)).astype(np.float32)
    return Points(places, follows, leans, near, weights, np.zeros((0, 3), np.int32), np.zeros((count, 10), np.float32))


def test_points_are_placed_as_by_numpy(source: retarget.Source) -> None:
    given, move = points(), RANDOM.normal(0, 1, (COUNT, 3)).astype(np.float32)
    state = FaceState(rotation=rotation_from_angles(0.5, 0.2, 0.1), translation=np.array([0.2, -0.1, 0.3], np.float32))
    turn = Turn.of(source, state)
    posed, shows = np.empty_like(given.places), given.shows.copy()
    kernels.place(given.places, given.follows, given.leans, given.near, given.weights, move, *turn, shows, posed)
    moved = given.places + np.einsum("vk,vkc->vc", given.weights, move[given.near])
    turned = moved + given.follows[:, None] * (moved @ turn.turn.T - moved)
    wanted = pixels_of(source.pose, turned + given.leans[:, None] * turn.shift * (0, 0, 1))
    across = retarget.pose_head(source, state, LIMITS).translation - source.pose.translation
    wanted[:, :2] += given.leans[:, None] * across[:2] * (1, -1)
    np.testing.assert_allclose(posed, wanted, rtol=1e-4, atol=1e-2)
    seen = pixels_of(source.pose, moved)[:, :2]
    np.testing.assert_allclose(shows[:, :2], seen, rtol=1e-4, atol=1e-2)
    partners = pixels_of(source.pose, moved @ mirror_of(source.pose).T)
    np.testing.assert_allclose(shows[:, 2:4], partners[:, :2], rtol=1e-4, atol=1e-2)


def test_a_head_that_moves_aside_shows_the_same_side(source: retarget.Source) -> None:
    given, still = points(), np.zeros((COUNT, 3), np.float32)
    given = replace(given, follows=np.ones_like(given.follows), leans=np.ones_like(given.leans))
    seen = []
    for aside in (0.0, 0.8):
        there = np.array([aside, aside / 2, 0.2], np.float32)
        turn = Turn.of(source, FaceState(rotation=rotation_from_angles(0.3, 0, 0), translation=there))
        posed, shows = np.empty_like(given.places), given.shows.copy()
        kernels.place(given.places, given.follows, given.leans, given.near, given.weights, still, *turn, shows, posed)
        seen.append(posed)
    moved = seen[1] - seen[0]
    np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), atol=1e-2)
    assert moved[0, 0] > 20


def test_at_rest_nothing_moves_and_all_is_in_view(source: retarget.Source) -> None:
    given, still = points(), np.zeros((COUNT, 3), np.float32)
    turn = Turn.of(source, FaceState())
    posed, shows = np.empty_like(given.places), given.shows.copy()
    kernels.place(given.places, given.follows, given.leans, given.near, given.weights, still, *turn, shows, posed)
    np.testing.assert_allclose(posed[:, :2], shows[:, :2], atol=1e-3)
    assert turn.aside == (0, 0)
    hidden, oblique = Turn.of(source, FaceState(rotation=rotation_from_angles(0.2, 0, 0))).aside
    assert hidden == 1 > oblique > 0
    assert Turn.of(source, FaceState(rotation=rotation_from_angles(0, 0, 0.5))).aside == pytest.approx((0, 0), abs=1e-3)


def test_outlines_are_new_where_head_or_chin_have_left_their_place(source: retarget.Source) -> None:
    still, low = np.zeros((COUNT, 3), np.float32), np.zeros((COUNT, 3), np.float32)
    low[152, 1] = -1.0
    rest, aside = (Turn.of(source, FaceState(translation=np.array([x, 0, 0], np.float32))) for x in (0.0, 0.2))
    assert rest.apart(still) == 0
    assert rest.apart(low) == aside.apart(still) == 1
    assert 0 < rest.apart(0.3 * low) < 0.5


def test_a_partner_is_on_the_other_side_of_the_face(source: retarget.Source) -> None:
    right, left = (source.pose.rotation @ load_face_model().neutral[point] for point in (33, 263))
    np.testing.assert_allclose(mirror_of(source.pose) @ right, left, atol=0.3)
    np.testing.assert_allclose(mirror_of(source.pose) @ mirror_of(source.pose), np.eye(3), atol=1e-6)


def test_pixels_are_read_by_a_cubic_that_keeps_lines_and_pixels() -> None:
    picture = RANDOM.integers(0, 256, (40, 50, 4)).astype(np.uint8)
    found = np.empty(4, np.float32)
    kernels.look(picture, np.float32(20.5), np.float32(11.5), found)
    np.testing.assert_allclose(found, picture[11, 20], atol=1e-3)
    ramp = np.tile((4 * np.arange(50))[None, :, None], (40, 1, 4)).astype(np.uint8)
    kernels.look(ramp, np.float32(20.8), np.float32(11.3), found)
    np.testing.assert_allclose(found, 4 * 20.3, atol=1e-3)
    smooth = cv2.GaussianBlur(picture, (0, 0), 3)
    places = RANDOM.uniform(4, 36, (100, 2)).astype(np.float32)
    wanted = cv2.remap(smooth, places[None, :, 0] - 0.5, places[None, :, 1] - 0.5, cv2.INTER_CUBIC)[0]
    for (x, y), want in zip(places, wanted, strict=True):
        kernels.look(smooth, x, y, found)
        np.testing.assert_allclose(found, want, atol=2)
    kernels.look(picture, np.float32(-30), np.float32(99), found)  # the border goes on
    np.testing.assert_allclose(found, picture[39, 0], atol=1e-3)


@pytest.mark.parametrize(
    ("trust", "hidden", "share"),
    [(1.0, 1.0, 1.0), (0.0, 0.25, 0.75), (0.0, 1.0, 0.0), (-3.0, 0.0, 1.0), (-3.0, 0.25, 0.0)],
)
def test_pixels_of_what_stands_in_front_are_let_go_first(trust: float, hidden: float, share: float) -> None:
    picture = np.full((8, 8, 4), (200, 100, 50, 255), np.uint8)
    values = np.array([[[4.5, 4.5, 2.5, 2.5, trust, 0, 1, 0, 0, 250, 0, 0, 0]]], np.float32)
    layer = np.empty((1, 1, 4), np.float32)
    kernels.colour(values, np.ones((1, 1), np.float32), picture, picture, np.float32(hidden), np.float32(0), layer)
    wanted = share * np.array([200, 100, 50]) + (1 - share) * np.array([0, 0, 250])
    np.testing.assert_allclose(layer[0, 0], [*wanted, 255], atol=0.01)


def test_strands_are_added_where_no_pixel_is_trusted() -> None:
    picture, strands = (
        np.full((8, 8, 4), (200, 100, 50, 255), np.uint8),
        np.full((8, 8, 4), (138, 118, 0, 255), np.uint8),
    )
    for trust, wanted in ((0.0, (55, 45, 0)), (1.0, (200, 100, 50))):
        values = np.array([[[4.5, 4.5, 2.5, 2.5, trust, 0, 1, 50, 50, 50, 3.5, 3.5, 0.5]]], np.float32)
        layer = np.empty((1, 1, 4), np.float32)
        kernels.colour(values, np.ones((1, 1), np.float32), picture, strands, np.float32(1), np.float32(0), layer)
        np.testing.assert_allclose(layer[0, 0], [*wanted, 255], atol=0.01)


def test_outlines_are_soft_where_something_stands_in_front() -> None:
    layer = RANDOM.uniform(0, 100, (20, 30, 4)).astype(np.float32)
    layer[:, 15:] += 100
    near = np.ones((20, 30), np.float32)
    np.testing.assert_array_equal(soft_outlines(layer, near, 0.01), layer)
    near[:, 15:] += 0.02
    drawn = soft_outlines(layer, near, 0.01)
    np.testing.assert_array_equal(np.delete(drawn, (14, 15), 1), np.delete(layer, (14, 15), 1))
    step = np.abs(layer[:, 15] - layer[:, 14]).mean()
    assert np.abs(drawn[:, 15] - drawn[:, 14]).mean() < 0.6 * step
    np.testing.assert_array_equal(soft_outlines(layer, near, 0.03), layer)
