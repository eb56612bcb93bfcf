"""What a person is drawn from: faces, cameras, light, hair, beards, skin, clothes, backgrounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vivant.avatars.real3d.camera import camera_of_pose
from vivant.face.arkit import CURVES, INDEX
from vivant.training.real3d.heads.backdrop import draw_backdrop
from vivant.training.real3d.heads.camera import (
    SCALE,
    cube_from_head,
    draw_poses,
    face_from_head,
    head_from_cube,
    project,
)
from vivant.training.real3d.heads.expressions import draw_curves
from vivant.training.real3d.heads.hair import CUTS, draw_hair, grow_hair, scalp
from vivant.training.real3d.heads.light import directions, draw_light
from vivant.training.real3d.heads.skin import SHEET, draw_skin, tone_of
from vivant.training.real3d.heads.strands import Solid, scatter, solid_of
from vivant.training.real3d.heads.texture import Sheet, blend, linear_of, noise, tint

RANDOM = np.random.default_rng


def ball(radius: float, middle: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """A sphere of latitudes and longitudes."""
    height, turn = np.meshgrid(np.linspace(-np.pi / 2, np.pi / 2, 24), np.linspace(-np.pi, np.pi, 40), indexing="ij")
    points = np.stack([np.cos(height) * np.sin(turn), np.sin(height), np.cos(height) * np.cos(turn)], -1)
    first = (np.arange(23)[:, None] * 40 + np.arange(39)).ravel()
    corners = np.concatenate(
        [np.stack([first, first + 1, first + 40], 1), np.stack([first + 1, first + 41, first + 40], 1)]
    )
    return (points.reshape(-1, 3) * radius + middle).astype(np.float32), corners.astype(np.int32)


def test_faces_are_plausible() -> None:
    faces = np.stack([draw_curves(RANDOM(seed)) for seed in range(400)])
    calm = np.stack([draw_curves(RANDOM(seed), calm=True) for seed in range(200)])
    assert faces.shape == (400, len(CURVES))
    assert faces.min() >= 0
    assert faces.max() <= 1
    at = {name: faces[:, INDEX[name]] for name in CURVES}
    assert (at["eyeLookUpLeft"] * at["eyeLookDownLeft"]).max() == 0
    np.testing.assert_array_equal(at["eyeLookOutLeft"], at["eyeLookInRight"])  # both eyes look the same way
    assert 0.05 < (at["eyeBlinkLeft"] > 0.9).mean() < 0.35
    assert (at["jawOpen"] > 0.3).mean() > 0.1
    assert (at["mouthSmileLeft"] > 0.3).mean() > 0.1
    assert calm[:, INDEX["eyeBlinkLeft"]].max() < 0.5  # a portrait's eyes are open


def test_the_cube_holds_the_basel_faces_five_points(samples: object) -> None:
    from pathlib import Path

    from vivant.face.ict import read_ict

    model = read_ict(Path(str(samples)) / "ict_facekit.npz")
    with np.load(Path(str(samples)) / "bfm_indices.npz") as arrays:
        published = arrays["standard_5_points"]
    marks = model.neutral[model.ibug]
    own = np.stack([marks[36:42].mean(0), marks[42:48].mean(0), marks[30], marks[48], marks[54]])
    assert np.abs(face_from_head(own) - published).max() < 0.035  # dm, between two different mean heads
    np.testing.assert_allclose(cube_from_head(own), face_from_head(own) * 0.27 + [0, 0.006, 0.161], atol=5e-4)
    np.testing.assert_allclose(head_from_cube(cube_from_head(own)), own, atol=1e-4)


def test_cameras_see_a_head_whole_and_near_the_middle() -> None:
    poses = draw_poses(RANDOM(0), 300)
    cameras = camera_of_pose(poses[:, :3], poses[:, 3:])
    face = cube_from_head(np.array([[-7, 0, 4], [7, 0, 4], [0, -7.5, 10], [0, 10, 8]], np.float32))
    seen = np.stack([project(face, camera, 256)[:, :2] for camera in cameras])
    assert ((seen > 0) & (seen < 256)).all((1, 2)).mean() > 0.95
    front = project(face, cameras[0], 256)
    assert 0.3 < (front[1, 0] - front[0, 0]) / 256 < 0.7
    poses = np.rad2deg(draw_poses(RANDOM(2), 500)[:, 1])
    assert abs(poses[0]) < 26
    assert np.abs(poses).max() > 45
    assert SCALE * 37 < 1.0


def test_light_is_even_where_it_should_be() -> None:
    assert np.abs(directions().mean(0)).max() < 0.05
    for seed in range(30):
        light = draw_light(RANDOM(seed))
        assert np.linalg.norm(light.key) == pytest.approx(1, abs=1e-5)
        assert light.radiance(directions()).min() >= 0
        assert 0.2 < light.mean().mean() + light.key_colour.mean() < 4


def test_a_solid_knows_how_far_it_reaches_and_pushes_out() -> None:
    points, corners = ball(5.0, (1, 2, 3))
    solid = solid_of(points, corners, np.array([1, 2, 3], np.float32))
    ways = RANDOM(4).normal(size=(200, 3)).astype(np.float32)
    np.testing.assert_allclose(solid.at(ways), 5, atol=0.15)
    inside = np.array([1, 2, 3]) + 2 * ways / np.linalg.norm(ways, axis=1, keepdims=True)
    far = np.linalg.norm(solid.push(inside.astype(np.float32), np.full(200, 0.5, np.float32)) - [1, 2, 3], axis=1)
    np.testing.assert_allclose(far, 5.5, atol=0.15)


def test_roots_are_where_the_share_is_and_ride_on_the_skin() -> None:
    points, corners = ball(5.0, (0, 0, 0))
    roots = scatter(points, corners, (points[:, 1] > 2).astype(np.float32), 500, RANDOM(5))
    places = roots.on(points)
    assert places[:, 1].min() > 0.5
    np.testing.assert_allclose(roots.on(points + np.float32(3)), places + 3, atol=1e-5)
    nowhere = scatter(points, corners, np.zeros(len(points), np.float32), 9, RANDOM(0))
    assert len(nowhere.corners) == 0


@pytest.mark.parametrize("cut", CUTS)
def test_every_cut_grows_outside_the_head_and_within_reach(cut: str) -> None:
    points, corners = ball(9.0, (0, 4.5, -0.5))
    head = solid_of(points, corners, np.array([0, 4.5, -0.5], np.float32))
    trunk = Solid(np.array([0, -19, -2], np.float32), np.full((96, 192), 6.0, np.float32))
    hair = None
    for seed in range(400):
        hair = draw_hair(RANDOM(seed), 0.5, 0.2)
        if hair.cut == cut:
            break
    assert hair is not None
    hair = replace(hair, cut=cut)
    area = (points[:, 1] > 6).astype(np.float32)
    roots = tuple(scatter(points, corners, area, count, RANDOM(count)) for count in (40, 90))
    grown = grow_hair(hair, (roots[0], roots[1]), points, (head, trunk), RANDOM(1))
    assert (len(grown) == 0) == (cut == "bald")
    for strands in grown:
        away = np.linalg.norm(strands.points[:, 1:] - head.middle, axis=2)
        assert np.isfinite(strands.points).all()
        assert away.min() > 8.0  # curls may dip a little
        assert away.max() < 48
        mesh = strands.mesh(points)
        assert mesh.triangles.max() < len(mesh.points)
        np.testing.assert_allclose(np.linalg.norm(mesh.normal, axis=1), 1, atol=1e-3)


def test_the_hairline_leaves_the_face_free_and_recedes() -> None:
    places = np.array([[0, 6, 10.5], [0, 12.5, 6], [0, 5, -9], [0, -9, -6], [8.5, 3, 0]], np.float32)
    share = scalp(places, 0.0, np.zeros(5, np.float32))
    np.testing.assert_array_equal(share, [0, 1, 1, 0, 0])  # brow, top, back, neck, ear
    assert scalp(places[1:2] - [0, 1.2, 0], 1.0, np.zeros(1, np.float32))[0] < 0.5


def test_tones_run_from_light_to_dark_and_makeup_follows_the_face() -> None:
    tones = np.stack([tone_of(tone) for tone in np.linspace(0, 1, 20)])
    assert (np.diff(tones.mean(1)) < 0).all()
    assert (tones[:, 0] > tones[:, 2]).all()  # skin is warm
    made_up = [sum(draw_skin(RANDOM(seed), soft).lips > 0 for seed in range(80)) for soft in (0.0, 1.0)]
    assert made_up[0] == 0
    assert made_up[1] > 40


def test_painting() -> None:
    sheet = Sheet(64, 10.0, -10.0)
    assert sheet.texels(np.array([[0, 0, 9.0]], np.float32))[0] == pytest.approx([32, 32])
    around = sheet.texels(np.array([[3, 0, 1.0], [-3, 5, 1.0]], np.float32))
    assert around[0, 0] - 32 == pytest.approx(32 - around[1, 0])
    assert around[1, 1] == pytest.approx(16)
    spot = sheet.spot(np.array([0, 4, 9.0]), 2, 2)
    assert np.unravel_index(spot.argmax(), spot.shape)[0] in (18, 19)
    ring = np.array([[-4, -4, 8], [4, -4, 8], [4, 4, 8], [-4, 4, 8]], np.float32)
    inside = sheet.shape(ring, 0.1)
    assert inside[32, 32] == pytest.approx(1, abs=0.01)
    assert inside[5, 32] == 0
    picture = np.full((64, 64, 3), 0.5, np.float32)
    blend(picture, linear_of(255, 0, 0), inside)
    tint(picture, (1, 0.5, 0.5), np.ones((64, 64), np.float32))
    np.testing.assert_allclose(picture[32, 32], [1, 0, 0], atol=0.02)
    np.testing.assert_allclose(picture[5, 32], [0.5, 0.25, 0.25], atol=1e-3)
    rough = noise(RANDOM(0), 128, 8, 2)
    assert 0.5 < rough.std() < 1.5
    assert np.abs(rough[:, 0] - rough[:, -1]).mean() < 0.3 * rough.std()  # the borders meet at the back of the head


def test_backgrounds_differ_and_are_light_not_dark_holes() -> None:
    pictures = np.stack([draw_backdrop(RANDOM(seed), 64) for seed in range(12)])
    assert np.isfinite(pictures).all()
    assert pictures.min() >= 0
    assert pictures.max() <= 1.5
    assert np.ptp(pictures.mean((1, 2, 3))) > 0.1
    assert SHEET.size >= 512
