"""Stumps at the back of a head go; what is round, and what stands out in front or below, stays."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vivant.avatars.real3d.back_of_head import without_stumps
from vivant.avatars.real3d.view_space import camera_from_view

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
