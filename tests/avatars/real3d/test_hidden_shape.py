"""Stumps at the back of a head go, ridges on its far side are made even; what is round, and what is seen, stays."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vivant.avatars.real3d.hidden_shape import with_even_far_side, without_stumps
from vivant.avatars.real3d.surface_net import neighbour_means, surface_net
from vivant.avatars.real3d.view_space import camera_from_view
from vivant.face.pose import rotation_from_angles

STEPS = 128
UPRIGHT = torch.eye(3)[None]
LINE = torch.linspace(-1, 1, STEPS)
VIEW = torch.stack(torch.meshgrid(LINE, LINE, LINE, indexing="ij")[::-1], -1)
X, Y, Z = camera_from_view(VIEW.reshape(1, -1, 3), UPRIGHT)[0].T.reshape(3, STEPS, STEPS, STEPS).numpy()
BALL = 9 - np.sqrt(X**2 + (Y - 3) ** 2 + (Z + 4) ** 2)
"""Above 0 in a ball about the middle of a head, centimetres."""


def plate(y: float, z: float) -> np.ndarray:
    """Above 0 in a plate of 6 x 1.6 x 5 cm, so high and so far ahead."""
    return np.minimum.reduce([3 - abs(X), 0.8 - abs(Y - y), 2.5 - abs(Z - z)]).astype(np.float32)


def test_a_round_head_stays() -> None:
    rounded = without_stumps(BALL, UPRIGHT)
    assert (rounded <= BALL).all()
    surface = abs(BALL) < 0.3  # about a step
    assert ((rounded > 0) != (BALL > 0))[~surface].sum() == 0


@pytest.mark.parametrize(
    ("y", "z", "goes"), [(6.0, -13.5, True), (8.0, 3.5, False), (-5.0, -11.0, False)], ids=["behind", "ahead", "below"]
)
def test_a_plate_goes_where_nothing_is_seen(y: float, z: float, goes: bool) -> None:
    stump = plate(y, z)
    rounded = without_stumps(np.maximum(BALL, stump), UPRIGHT)
    out = (stump > 0) & (BALL < -0.6)
    assert out.sum() > 500
    assert (rounded[out] > 0).mean() < 0.2 if goes else (rounded[out] > 0).all()


def test_what_is_narrower_than_the_ball_everywhere_stays() -> None:
    thin = plate(6.0, -13.5)
    assert np.array_equal(without_stumps(thin, UPRIGHT), thin)


@pytest.mark.parametrize("yaw", [-30.0, 30.0, 4.0])
def test_ridges_of_a_hidden_far_side_become_even(yaw: float) -> None:
    steps, triangles = surface_net(BALL + 0.4 * np.sin(3 * Y))
    view = torch.from_numpy(steps.astype(np.float32)) * (2 / (STEPS - 1)) - 1
    points = camera_from_view(view[None], UPRIGHT)[0].numpy()
    rotation = rotation_from_angles(np.deg2rad(yaw), 0, 0).astype(np.float32)
    hidden = (points[:, 2] < -4).astype(np.float32)
    even = with_even_far_side(points, neighbour_means(triangles, len(points)), hidden, rotation)
    beside = (points @ rotation)[:, 0] * np.sign(yaw)
    hidden_far, other = (hidden > 0) & (beside > 5), (points[:, 2] > -2) | (beside < -1.5)
    assert np.array_equal(even[other], points[other])
    rough, smooth = (ridges(at[hidden_far], points[hidden_far]) for at in (points, even))
    assert smooth < 0.4 * rough if abs(yaw) > 8 else smooth == rough


def ridges(points: np.ndarray, first: np.ndarray) -> float:
    """How far `points` (V, 3) go in and out with the height of where they were `first`, in centimetres."""
    distance = np.linalg.norm(points - [0, 3, -4], axis=1)
    return abs(np.polyfit(np.sin(3 * first[:, 1]), distance, 1)[0])
