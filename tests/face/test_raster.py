"""The rasteriser against closed forms and against an independent point-in-triangle test."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.spatial import ConvexHull

from vivant.face.raster import FAR, Raster, draw_into, rasterise

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


def ball(steps: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """A ball of 20 pixels around (32, 32): points (V, 3), and triangles (T, 3) counter-clockwise seen from outside."""
    points = np.random.default_rng(1).normal(size=(steps**2, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    hull = ConvexHull(points)
    outward = (np.cross(*np.moveaxis(points[hull.simplices[:, 1:]] - points[hull.simplices[:, :1]], 1, 0))
               * points[hull.simplices[:, 0]]).sum(1)  # fmt: skip
    triangles = np.where(outward[:, None] > 0, hull.simplices, hull.simplices[:, ::-1]).astype(np.int32)
    # y goes down in pictures.
    return (32 + 20 * points * [1, -1, 1]).astype(np.float32), triangles


def test_the_far_side_of_a_closed_mesh_is_never_seen():
    points, triangles = ball()
    whole = rasterise(points, triangles, points, 64, 64)
    near = Raster(np.zeros((64, 64, 3), np.float32), np.full((64, 64), FAR, np.float32))
    draw_into(near, points, triangles, points, closed=True)
    assert whole.covered.sum() > 1000
    np.testing.assert_array_equal(near.values[whole.depth > 33], whole.values[whole.depth > 33])
    inside_out = Raster(np.zeros((64, 64, 3), np.float32), np.full((64, 64), FAR, np.float32))
    draw_into(inside_out, points, triangles[:, ::-1].copy(), points, closed=True)
    assert inside_out.depth[32, 32] < 20 < 44 < near.depth[32, 32]


def test_bands_of_rows_are_the_whole():
    points, triangles = ball()
    whole = rasterise(points, triangles, points, 64, 64)
    parts = Raster(np.zeros((64, 64, 3), np.float32), np.full((64, 64), FAR, np.float32))
    for band in (slice(0, 21), slice(21, 47), slice(47, 64)):
        draw_into(Raster(parts.values[band], parts.depth[band]), points, triangles, points, first=band.start)
    np.testing.assert_array_equal(parts.values, whole.values)
    np.testing.assert_array_equal(parts.depth, whole.depth)
