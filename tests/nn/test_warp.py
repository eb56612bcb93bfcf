"""Warping against SciPy's interpolation and against what a shift must do."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import map_coordinates

from vivant.nn.warp import pixel_centres, warp


def test_no_flow_changes_nothing() -> None:
    image = torch.rand(2, 3, 7, 9, dtype=torch.float64)
    torch.testing.assert_close(warp(image, torch.zeros(2, 2, 7, 9, dtype=torch.float64)), image)


def test_a_positive_flow_moves_the_picture_left_and_up() -> None:
    image = torch.rand(1, 1, 8, 16)
    flow = torch.zeros(1, 2, 8, 16)
    flow[:, 0], flow[:, 1] = 2 * 3 / 16, 2 * 2 / 8  # three pixels and two
    torch.testing.assert_close(warp(image, flow)[..., :6, :13], image[..., 2:, 3:])


def test_any_flow_is_what_another_interpolation_says() -> None:
    torch.manual_seed(0)
    image, flow = torch.rand(1, 1, 11, 13, dtype=torch.float64), torch.randn(1, 2, 11, 13, dtype=torch.float64)
    rows, columns = np.mgrid[:11, :13]
    place = np.clip(rows + flow[0, 1].numpy() * 11 / 2, 0, 10), np.clip(columns + flow[0, 0].numpy() * 13 / 2, 0, 12)
    wanted = map_coordinates(image[0, 0].numpy(), place, order=1)
    np.testing.assert_allclose(warp(image, flow)[0, 0].numpy(), wanted, atol=1e-12)


def test_centres_lie_half_a_pixel_within() -> None:
    assert pixel_centres(4, torch.zeros(1)).tolist() == [-0.75, -0.25, 0.25, 0.75]
