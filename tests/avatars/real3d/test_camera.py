"""Cameras against the original's, and what must hold of any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from originals import Original, original

from vivant.avatars.real3d import camera
from vivant.avatars.real3d.volume import cross_cube


@pytest.fixture
def fixture(parity: Path) -> Original:
    return original(parity, "real3d", "camera_and_smoothing")


def test_parity_real3d_camera_of_a_pose(fixture: Original) -> None:
    cameras = camera.camera_of_pose(fixture.given("euler").numpy(), fixture.given("trans").numpy())
    fixture.compare("c2w", cameras[:, :16].reshape(-1, 4, 4))
    fixture.compare("intrinsics", cameras[:, 16:].reshape(-1, 3, 3))


def test_parity_real3d_smoothing(fixture: Original) -> None:
    cameras = camera.camera_of_pose(fixture.given("euler").numpy(), fixture.given("trans").numpy())
    fixture.compare("camera_smoothed7", camera.smooth_cameras(cameras))
    fixture.compare("features_smoothed7", camera.smooth_rows(fixture.given("features").numpy()))


def test_parity_real3d_mirrored_play(fixture: Original) -> None:
    fixture.compare("mirror_index_len5", camera.mirrored(23, 5))


def test_parity_real3d_camera_on_sphere(fixture: Original) -> None:
    pitch, yaw, distance = fixture.given("pitch_yaw_distance").numpy().T
    fixture.compare("sampled_camera", camera.camera_on_sphere(pitch, yaw, distance))


def test_parity_real3d_pose_from_the_pictures(fixture: Original) -> None:
    given = {"euler": fixture.given("euler").numpy(), "trans": camera.level_depth(fixture.given("trans").numpy())}
    for part, values in given.items():
        fixture.compare(f"mapped_{part}", camera.from_initial(values, fixture.given(f"source_{part}").numpy()))


def test_parity_real3d_rays(parity: Path) -> None:
    fixture = original(parity, "real3d", "ray_sampler")
    origins, directions = camera.rays(fixture.given("camera"), 128)
    fixture.compare("origins", origins)
    fixture.compare("directions", directions)
    for name, distance in zip(("near", "far"), cross_cube(origins, directions, 1.0), strict=True):
        fixture.compare(name, distance)


def test_short_motions_smooth_as_far_as_they_go() -> None:
    cameras = camera.camera_of_pose(np.array([[0.1, 0.2, 0.0], [0.3, 0.0, 0.1]]), np.zeros((2, 3)))
    smooth = camera.smooth_cameras(cameras)
    np.testing.assert_array_equal(smooth[0], smooth[1])
    rotation = smooth[0, :16].reshape(4, 4)[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert camera.smooth_rows(cameras[:1]).shape == (1, 25)


def test_turned_cameras_see_the_centre_at_the_same_place() -> None:
    centre = np.array([0.03, -0.05, 0.1])
    cameras = camera.camera_of_pose(np.array([[0.1, 0.2, 0.05]]), np.array([[0.1, 0.0, 0.2]]))
    for yaw, pitch in ((0.5, 0.0), (0.0, 0.4), (-0.7, 0.3)):
        found = camera.turned(cameras, yaw, pitch, centre)
        np.testing.assert_allclose(_seen(found, centre), _seen(cameras, centre), atol=1e-5)
    np.testing.assert_allclose(camera.turned(cameras, 0, 0, centre), cameras, atol=1e-6)


def test_turned_goes_to_the_right_and_up() -> None:
    front = camera.camera_on_sphere(np.zeros(1), np.zeros(1), np.full(1, 2.7))
    assert camera.turned(front, 0.3, 0.0)[0, 3] > 0.5
    assert camera.turned(front, 0.0, 0.3)[0, 7] > 0.5


def test_turns_from_the_first_frame_on_are_carried_over_exactly() -> None:
    random = np.random.default_rng(0)
    rotations = camera.rotation_of_euler(random.normal(0, 0.6, (5, 3)))
    initial = camera.rotation_of_euler(np.array([0.4, -0.3, 0.2]))
    moved = camera.rotation_from_initial(rotations, initial)
    np.testing.assert_allclose(moved[0], initial, atol=1e-12)
    np.testing.assert_allclose(moved[0].T @ moved[3], rotations[0].T @ rotations[3], atol=1e-12)


def test_small_turns_agree_with_added_angles() -> None:
    euler = np.array([[0.01, 0.02, -0.01], [0.02, 0.01, 0.01]])
    added = camera.rotation_of_euler(camera.from_initial(euler, np.zeros(3)))
    rotated = camera.rotation_from_initial(camera.rotation_of_euler(euler), np.eye(3))
    np.testing.assert_allclose(rotated, added, atol=1e-3)


def test_level_depth_keeps_the_first_distance() -> None:
    moved = camera.level_depth(np.arange(9, dtype=np.float32).reshape(3, 3))
    np.testing.assert_array_equal(moved, [[0, 1, 2], [3, 4, 2], [6, 7, 2]])


def test_the_middle_of_the_picture_looks_along_the_camera() -> None:
    cameras = torch.from_numpy(camera.camera_on_sphere(np.full(1, 0.2), np.full(1, 0.4), np.full(1, 3.0)))
    origins, directions = camera.rays(cameras, 5)
    np.testing.assert_allclose(directions[0, 12], cameras[0, [2, 6, 10]], atol=1e-6)
    torch.testing.assert_close(directions.norm(dim=-1), torch.ones(1, 25))
    torch.testing.assert_close(origins[0, 7], cameras[0, [3, 7, 11]])


def _seen(cameras: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Where `point` (3,) lies in the first picture."""
    world, lens = cameras[0, :16].reshape(4, 4), cameras[0, 16:].reshape(3, 3)
    place = lens @ (world[:3, :3].T @ (point - world[:3, 3]))
    return place[:2] / place[2]
