"""The fast cover of triangles against the plain rasteriser, and light that is shut out."""

from __future__ import annotations

import numpy as np

from vivant.face.raster import FAR, rasterise
from vivant.training.real3d.heads.cover import SHADOW_SPAN, along, bake, cover

SIZE = 48


def triangles(seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    points = random.uniform(-8, SIZE + 8, (3 * count, 3)).astype(np.float32)
    points[:, 2] = random.uniform(1, 9, 3 * count)
    return points, np.arange(3 * count, dtype=np.int32).reshape(-1, 3)


def test_the_nearest_triangle_is_the_plain_rasterisers() -> None:
    points, corners = triangles(1)
    depth, ids = np.zeros((SIZE, SIZE), np.float32), np.full((SIZE, SIZE), -1, np.int32)
    cover(points, corners, depth, ids)
    numbers = np.repeat(np.arange(len(corners), dtype=np.float32), 3)[:, None]
    plain = rasterise(points, corners, numbers, SIZE, SIZE)
    here, there = np.where(ids < 0, 0, depth), np.where(plain.covered, plain.depth, 0)
    differing = (np.abs(here - there) > 1e-2) | (ids != np.where(plain.covered, plain.values[..., 0], -1))
    assert differing.mean() < 0.01  # centres on an edge may go either way
    assert (ids >= 0).mean() > 0.9


def test_a_closed_sheet_has_no_cracks() -> None:
    random = np.random.default_rng(2)
    grid = np.stack(np.meshgrid(np.arange(9), np.arange(9)), -1).reshape(-1, 2) * 6.0
    inner = ((grid > 0) & (grid < 48)).all(1)
    grid[inner] += random.uniform(-2, 2, (inner.sum(), 2))
    points = np.concatenate([grid, np.ones((81, 1))], 1).astype(np.float32)
    a = (np.arange(8)[:, None] * 9 + np.arange(8)).ravel()
    corners = np.concatenate([np.stack([a, a + 1, a + 9], 1), np.stack([a + 1, a + 10, a + 9], 1)]).astype(np.int32)
    depth = np.full((SIZE, SIZE), FAR, np.float32)
    cover(points, corners, depth, np.empty((0, 0), np.int32))
    np.testing.assert_allclose(depth, 1.0, atol=1e-5)


def test_light_from_above_does_not_reach_what_lies_under_a_roof() -> None:
    up = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32)
    roof = np.array([[-9, 5, -9], [9, 5, -9], [9, 5, 9], [-9, 5, 9]], np.float32)
    seen, depth = np.empty_like(roof), np.full((64, 64), FAR, np.float32)
    along(roof, up, np.float32(64 / (2 * SHADOW_SPAN)), seen)
    cover(seen, np.array([[0, 1, 2], [0, 2, 3]], np.int32), depth, np.empty((0, 0), np.int32))
    points = np.array([[0, 0, 0], [20, 0, 0], [0, 5, 0], [0, 0, 0]], np.float32)
    normals = np.array([[0, 1, 0], [0, 1, 0], [0, 1, 0], [0, -1, 0]], np.float32)
    light = np.zeros((4, 4), np.float32)
    bake(points, normals, depth, up, np.array([1.0, 0.5, 0.25], np.float32), light)
    np.testing.assert_allclose(light[:, 3], [0, 1, 1, 0], atol=1e-5)
    np.testing.assert_allclose(light[1], [1, 0.5, 0.25, 1], atol=1e-5)
