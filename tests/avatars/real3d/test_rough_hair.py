"""Outlines of hair: how rough they are, and that hidden hair becomes as rough."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vivant.avatars.real3d.hidden_hair import HiddenHair
from vivant.avatars.real3d.rough_hair import SMOOTH, roughness, with_rough_hair
from vivant.avatars.real3d.solid_head import SolidHead
from vivant.avatars.real3d.surface_net import surface_net
from vivant.portrait.strands import Strands

Floats = NDArray[np.float32]
UNIT = 12.0


def blob(bumps: float, middle: tuple[int, int] = (200, 200)) -> Floats:
    """A disc of 10 cm (400, 400) whose outline goes up and down by so many centimetres, 40 times."""
    y, x = np.mgrid[:400, :400] - np.reshape(middle, (2, 1, 1))
    radius = 10 + bumps * np.sin(40 * np.arctan2(y, x))
    return (np.hypot(x, y) < radius * UNIT).astype(np.float32)


@pytest.mark.parametrize("bumps", [0.1, 0.2, 0.3])
def test_roughness_is_the_mean_distance_from_the_even_outline(bumps: float) -> None:
    hair = np.ones((400, 400), bool)
    assert roughness(blob(0), hair, UNIT) < SMOOTH / 2
    assert roughness(blob(bumps), hair, UNIT) == pytest.approx(bumps * 2 / np.pi, rel=0.25, abs=0.015)


def test_only_outlines_of_hair_count() -> None:
    rough, half = blob(0.3), np.zeros((400, 400), bool)
    rough[200:] = blob(0)[200:]
    half[:180] = True
    assert roughness(rough, half, UNIT) > 4 * roughness(rough, half[::-1], UNIT)
    assert roughness(blob(0, (200, 60)), np.ones((400, 400), bool), UNIT) < SMOOTH, "nor what the border cuts"


@pytest.fixture(scope="module")
def ball() -> tuple[SolidHead, HiddenHair]:
    """A ball of 9 cm all of whose hair is light and dark in turns."""
    line = np.linspace(-1.2, 1.2, 96)
    w, v, u = np.meshgrid(line, line, line, indexing="ij")
    steps, triangles = surface_net((1 - np.sqrt(u * u + v * v + w * w)).astype(np.float32))
    points = ((steps / 95 * 2.4 - 1.2) * 9).astype(np.float32)
    head = SolidHead(points, triangles, np.zeros_like(points), np.zeros_like(points))
    texture = np.full((64, 64, 4), 128, np.uint8)
    texture[::16] = texture[1::16] = texture[2::16] = texture[3::16] = 180
    places = (points[:, :2] + 10) * 3
    return head, HiddenHair(Strands(texture, np.zeros(2, np.float32)), places, np.ones(len(points), np.float32))


def test_hidden_hair_stands_out_behind_and_nowhere_else(ball: tuple[SolidHead, HiddenHair]) -> None:
    head, hair = ball
    moved = np.linalg.norm(with_rough_hair(head, hair, 0.35).points, axis=1) - np.linalg.norm(head.points, axis=1)
    behind = head.points[:, 2] < -4
    assert np.abs(moved[head.points[:, 2] > 0.5]).max() < 1e-3, "what the picture sees stays where it is"
    assert 0.15 < moved[behind].std() < 0.4
    light = hair.texture[:, 0] > 40
    assert moved[behind & light].mean() > moved[behind & ~light].mean() + 0.2


def test_smooth_hair_stays_smooth(ball: tuple[SolidHead, HiddenHair]) -> None:
    head, hair = ball
    assert with_rough_hair(head, hair, SMOOTH) is head
