"""Surface nets on bodies whose volume is known."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from vivant.avatars.real3d.surface_net import large_parts, smoothed, surface_net

Floats = NDArray[np.float32]
SIDE = 40


def ball(radius: float = 0.7, squeeze: float = 0.6) -> Floats:
    """An ellipsoid in a box from -1 to 1, off the middle."""
    line = np.linspace(-1, 1, SIDE, dtype=np.float32)
    z, y, x = np.meshgrid(line, line, line, indexing="ij")
    return np.asarray(radius - np.sqrt((x - 0.1) ** 2 + (y / squeeze) ** 2 + z**2), np.float32)


@pytest.fixture(scope="module")
def mesh() -> tuple[Floats, NDArray[np.int32]]:
    points, triangles = surface_net(ball())
    return np.asarray(points * (2 / (SIDE - 1)) - 1, np.float32), triangles


def test_every_edge_joins_two_triangles(mesh: tuple[Floats, NDArray[np.int32]]) -> None:
    _, triangles = mesh
    edges = np.sort(np.concatenate([triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))]), 1)
    assert set(Counter(map(tuple, edges.tolist())).values()) == {2}


def test_volume_and_direction(mesh: tuple[Floats, NDArray[np.int32]]) -> None:
    points, triangles = mesh
    a, b, c = (points[triangles[:, k]] for k in range(3))
    volume = np.einsum("ij,ij->", a, np.cross(b, c)) / 6
    assert volume == pytest.approx(4 / 3 * np.pi * 0.7**3 * 0.6, rel=0.02)  # positive: triangles look outwards


def test_points_lie_on_the_surface(mesh: tuple[Floats, NDArray[np.int32]]) -> None:
    points, triangles = mesh
    for found in (points, smoothed(points, triangles, 3)):
        radius = np.sqrt((found[:, 0] - 0.1) ** 2 + (found[:, 1] / 0.6) ** 2 + found[:, 2] ** 2)
        assert np.abs(radius - 0.7).max() < 0.02


def test_nothing_inside_gives_no_mesh() -> None:
    points, triangles = surface_net(np.full((8, 8, 8), -1, np.float32))
    assert len(points) == len(triangles) == 0


def test_small_parts_are_left_out() -> None:
    z, y, x = np.indices((32, 32, 32)).astype(np.float32)
    large = 9 - np.sqrt((x - 12) ** 2 + (y - 14) ** 2 + (z - 15) ** 2)
    small = 2 - np.sqrt((x - 27) ** 2 + (y - 27) ** 2 + (z - 15) ** 2)
    both, alone = surface_net(np.maximum(large, small)), surface_net(large)
    assert len(both[0]) > len(alone[0])
    points, triangles = large_parts(*both, 0.1)
    np.testing.assert_array_equal(points, alone[0])
    np.testing.assert_array_equal(points[triangles], alone[0][alone[1]])
    assert len(large_parts(*both, 0.01)[0]) == len(both[0])
