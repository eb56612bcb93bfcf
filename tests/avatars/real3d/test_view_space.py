"""The straightened frustum: a homography that agrees with the picture it was made for."""

from __future__ import annotations

import numpy as np
import torch

from vivant.avatars.real3d.compact import pixels_of
from vivant.avatars.real3d.head_window import SIDE, HeadWindow, mesh_maps
from vivant.avatars.real3d.view_space import DEEP, HALF_DEEP, camera_from_view, mirrored, view_from_camera
from vivant.face.model import load_face_model
from vivant.face.pose import HeadPose, rotation_from_angles

POSE = HeadPose(7.5, rotation_from_angles(0.4, -0.2, 0.1), np.array([260.0, -240.0, 3.0], np.float32))


def some_points(count: int = 50) -> torch.Tensor:
    return torch.rand(1, count, 3, generator=torch.Generator().manual_seed(1)) * 20 - 10


def rotation() -> torch.Tensor:
    return torch.from_numpy(POSE.rotation)[None]


def test_there_and_back() -> None:
    points = some_points()
    again = camera_from_view(view_from_camera(points, rotation()), rotation())
    assert torch.allclose(again, points, atol=1e-4)


def test_straight_lines_stay_straight() -> None:
    start, end = some_points(20), some_points(40)[:, 20:]
    line = [view_from_camera(start + share * (end - start), rotation()) for share in (0.0, 0.3, 1.0)]
    first, second = line[1] - line[0], line[2] - line[0]
    assert torch.linalg.cross(first, second).abs().max() < 1e-5


def test_rays_of_the_picture_are_parallel() -> None:
    """What one pixel sees near and far has the same u and v."""
    point = torch.tensor([[[6.0, -4.0, 8.0]]])
    far = 20.0
    away = point.clone()
    away[..., 2] -= far
    away[..., :2] *= (115 - away[..., 2]) / (115 - point[..., 2])
    near, deep = view_from_camera(point, rotation()), view_from_camera(away, rotation())
    assert torch.allclose(near[..., :2], deep[..., :2], atol=1e-6)
    assert near[..., 2] > deep[..., 2]


def test_partners_are_symmetric_in_the_head() -> None:
    head = torch.tensor([[[3.0, -2.0, 4.0], [0.0, 5.0, -6.0]]])
    view = view_from_camera(head @ rotation().mT, rotation())
    partner = camera_from_view(mirrored(view, rotation()), rotation()) @ rotation()
    assert torch.allclose(partner, head * torch.tensor([-1.0, 1.0, 1.0]), atol=1e-4)
    assert torch.allclose(mirrored(mirrored(view, rotation()), rotation()), view, atol=1e-5)


def test_pixels_of_points_have_their_view_coordinates() -> None:
    """Picture, window and field agree on where a point is."""
    points = some_points()
    view = view_from_camera(points, rotation())[0].numpy()
    window = HeadWindow(POSE)
    place = pixels_of(POSE, points[0].numpy())
    assert np.allclose((place[:, 0] - window.centre[0]) / window.half, view[:, 0], atol=1e-4)
    assert np.allclose((window.centre[1] - place[:, 1]) / window.half, view[:, 1], atol=1e-4)
    depth = 115 * (place[:, 2] - 1)  # straight depth in centimetres
    assert np.allclose((depth - DEEP) / HALF_DEEP, view[:, 2], atol=1e-4)


def test_window_cuts_what_it_says() -> None:
    picture = np.zeros((512, 512, 3), np.uint8)
    window = HeadWindow(POSE)
    column, row = 300, 200
    picture[row - 2 : row + 3, column - 2 : column + 3] = 255
    cut = window.cut(picture)[..., 0].astype(np.float64)
    rows, columns = np.indices(cut.shape) + 0.5
    found = np.array([(cut * columns).sum(), (cut * rows).sum()]) / cut.sum()
    expected = window.to_window(np.array([[column + 0.5, row + 0.5, 0]], np.float32))[0, :2]
    assert np.abs(found - expected).max() < 0.1
    assert cut[0, 0] == 0


def test_mesh_maps_tell_place_and_depth() -> None:
    """The tip of the nose is where the model has it, and the nearest of all."""
    landmarks = HeadWindow(POSE).to_window(POSE.picture_from_head(load_face_model().neutral))
    maps = mesh_maps(landmarks)
    column, row = landmarks[4, :2].astype(int)
    assert np.allclose(maps[row, column, :3] * 10, load_face_model().neutral[4], atol=0.5)
    there = maps[..., 4] > 0
    assert 0.05 < there.mean() < 0.4
    assert maps[row, column, 3] > np.quantile(maps[there][:, 3], 0.97)
    assert maps.shape == (SIDE, SIDE, 5)
