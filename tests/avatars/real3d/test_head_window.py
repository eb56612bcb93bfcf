"""The window around a head: pixels, points and view coordinates tell of the same places."""

from __future__ import annotations

import numpy as np
import pytest

from vivant.avatars.real3d.head_window import SIDE, HeadWindow, mesh_maps, network_input
from vivant.face.model import load_face_model
from vivant.face.pose import HeadPose, rotation_from_angles


def posed(scale: float) -> tuple[HeadWindow, np.ndarray]:
    """A window in a picture of 600 x 500, and its landmarks."""
    pose = HeadPose(scale, rotation_from_angles(0.2, -0.1, 0.1), np.array([260, -230, 4], np.float32))
    landmarks = pose.picture_from_head(load_face_model().neutral)
    return HeadWindow.of_landmarks(landmarks), landmarks


@pytest.mark.parametrize("scale", [5.0, 14.0])
def test_what_is_cut_lies_where_points_do(scale: float) -> None:
    window, landmarks = posed(scale)
    for place in landmarks[[10, 152, 454]]:
        picture = np.zeros((500, 600), np.uint8)
        rows, columns = np.indices(picture.shape) + 0.5
        near = np.exp(-((columns - place[0]) ** 2 + (rows - place[1]) ** 2) / (2 * (0.5 * scale) ** 2))
        seen = window.cut((255 * near).astype(np.uint8)).astype(float)
        rows, columns = np.indices(seen.shape) + 0.5
        middle = np.array([(columns * seen).sum(), (rows * seen).sum()]) / seen.sum()
        np.testing.assert_allclose(middle, window.to_window(place[None])[0, :2], atol=0.2)


def test_the_window_is_the_view_from_edge_to_edge() -> None:
    window, landmarks = posed(9.0)
    pixels, view = window.to_window(landmarks), window.view_of(landmarks)
    np.testing.assert_allclose(view[:, 0], pixels[:, 0] / (SIDE / 2) - 1, atol=1e-4)
    np.testing.assert_allclose(view[:, 1], 1 - pixels[:, 1] / (SIDE / 2), atol=1e-4)
    nose, ears = view[1, 2], view[[234, 454], 2]
    assert nose > ears.max(), "what is nearer to the camera has the larger depth"


def test_the_network_is_told_of_face_and_mask() -> None:
    window, landmarks = posed(9.0)
    maps = mesh_maps(window.to_window(landmarks))
    picture, half = np.full((SIDE, SIDE, 3), 255, np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    half[:, : SIDE // 2] = 255
    layers = network_input(picture, half, np.full_like(half, 255), maps)
    assert layers.shape == (10, SIDE, SIDE)
    assert (layers[:3, :, : SIDE // 2] == 1).all()
    assert (layers[:4, :, SIDE // 2 :] == 0).all()
    assert (layers[4] == 1).all()
    nose, model = window.to_window(landmarks)[1].astype(int), load_face_model().neutral[1] / 10
    assert layers[9, nose[1], nose[0]] == 1
    np.testing.assert_allclose(layers[5:8, nose[1], nose[0]], model, atol=0.1)
    assert layers[9, 0, 0] == 0
