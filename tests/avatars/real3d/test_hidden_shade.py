"""Shade on shapes whose light is known."""

from __future__ import annotations

import numpy as np

from vivant.avatars.real3d.hidden_shade import skylight, with_shade
from vivant.avatars.real3d.solid_head import SolidHead
from vivant.avatars.real3d.surface_net import surface_net
from vivant.face.normals import vertex_normals

SIDE = 96
LINE = np.linspace(-12, 12, SIDE, dtype=np.float32)
Z, Y, X = np.meshgrid(LINE, LINE, LINE, indexing="ij")


def solid(field):
    """A grey head, in centimetres, around what is positive in `field` (S, S, S)."""
    steps, triangles = surface_net(field.astype(np.float32))
    points = (steps * (24 / (SIDE - 1)) - 12).astype(np.float32)
    return SolidHead(points, triangles, np.full_like(points, 120), np.zeros_like(points))


BALL = solid(9 - np.sqrt(X**2 + Y**2 + Z**2))
HAT = solid(np.maximum(9 - np.hypot(np.sqrt(X**2 + Z**2), 3 * (Y - 6)), np.minimum(4 - np.hypot(X, Z), 11 - abs(Y))))
"""A column of 8 cm under a flat hat of 18 cm."""


def test_a_ball_has_the_light_of_an_open_sky():
    light = skylight(BALL.points, BALL.triangles)
    expected = 1 + 2 / 3 * vertex_normals(BALL.points, BALL.triangles)[:, 1]
    assert np.abs(light - expected).max() < 0.25
    assert np.abs(light - expected).mean() < 0.06


def test_a_ball_keeps_its_colours():
    assert np.abs(with_shade(BALL).colour / BALL.colour - 1).mean() < 0.05


def test_under_a_hat_there_is_shade():
    x, y, z = HAT.points.T
    upright, brim = np.hypot(x, z) < 5, np.hypot(x, z) > 7
    light, colour = skylight(HAT.points, HAT.triangles), with_shade(HAT).colour[:, 0]
    near, far, below, above = (
        upright & (y > 1.5) & (y < 3),
        upright & (y < -6) & (y > -9),
        brim & (y < 5.5),
        brim & (y > 6.5),
    )
    assert light[near].mean() < 0.75 * light[far].mean()
    assert colour[below].mean() < 0.8 * colour[above].mean()
    assert 60 <= colour.min() < colour.max() <= 180
