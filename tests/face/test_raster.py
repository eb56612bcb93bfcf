"""The rasteriser against closed forms and against an independent point-in-triangle test."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vivant.face.raster import FAR, draw_into, rasterise

SQUARE = np.array([[0, 0, 0], [8, 0, 0], [8, 6, 0], [0, 6, 0]], np.float32)
HALVES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def test_linear_values_are_reproduced_exactly_over_two_triangles():
    raster = rasterise(SQUARE, HALVES, SQUARE[:, :2].copy(), 6, 8)
    y, x = np.mgrid[0:6, 0:8] + 0.5
    np.testing.assert_allclose(raster.values[..., 0], x, atol=1e-5)
    np.testing.assert_allclose(raster.values[..., 1], y, atol=1e-5)
    assert raster.covered.all()


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_nearer_triangle_wins_in_any_order(order):
    points = np.concatenate([SQUARE, SQUARE + np.array([0, 0, 1])]).astype(np.float32)
    triangles = np.concatenate([[HALVES, HALVES + 4][k] for k in order])
    values = np.repeat([[1.0], [2.0]], 4, axis=0).astype(np.float32)
    assert (rasterise(points, triangles, values, 6, 8).values == 2).all()


def test_a_second_call_adds_to_the_first():
    raster = rasterise(SQUARE, HALVES[:1], np.ones((4, 1), np.float32), 6, 8)
    assert not raster.covered.all()
    draw_into(raster, SQUARE, HALVES[1:], np.ones((4, 1), np.float32))
    assert raster.covered.all()


def test_coverage_agrees_with_a_signed_distance_to_the_triangle():
    rng = np.random.default_rng(3)
    for _ in range(40):
        corners = rng.uniform(-10, 50, (3, 2)).astype(np.float32)
        points = np.column_stack([corners, np.zeros(3)]).astype(np.float32)
        drawn = rasterise(points, np.array([[0, 1, 2]], np.int32), np.ones((3, 1), np.float32), 40, 40).covered
        for row, column in rng.integers(0, 40, (30, 2)):
            distance = cv2.pointPolygonTest(corners[:, None], (float(column) + 0.5, float(row) + 0.5), True)
            if abs(distance) > 1e-3:
                assert drawn[row, column] == (distance > 0)


def test_a_fan_of_triangles_has_no_cracks():
    rng = np.random.default_rng(5)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 60))
    rim = np.column_stack([32 + 60 * np.cos(angles), 32 + 60 * np.sin(angles), np.zeros(60)])
    points = np.concatenate([[[32.3, 31.7, 0]], rim]).astype(np.float32)
    fan = np.array([[0, 1 + k, 1 + (k + 1) % 60] for k in range(60)], np.int32)
    assert rasterise(points, fan, np.ones((61, 1), np.float32), 64, 64).covered[8:-8, 8:-8].all()


def test_degenerate_and_outside_triangles_draw_nothing():
    points = np.array([[1, 1, 0], [5, 5, 0], [3, 3, 0], [-9, -9, 0], [np.nan, 0, 0]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 0, 1], [3, 3, 3], [0, 1, 4]], np.int32)
    raster = rasterise(points, triangles, np.ones((5, 1), np.float32), 8, 8)
    assert (raster.depth == FAR).all()
