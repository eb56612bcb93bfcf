"""The surface where a field on a grid changes its sign, as a mesh: surface nets (Gibson, 1998).

Each cell that the surface crosses has one point, in the middle of where its edges are crossed; each edge that is
crossed joins the points of the four cells around it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


def surface_net(field: Floats) -> tuple[Floats, Ints]:
    """Points (V, 3), x y z in steps of the grid, and triangles (T, 3) around what is positive in `field` (Z, Y, X).

    Triangles run counter-clockwise seen from where the field is negative, with x right, y up and z to the viewer.
    """
    inside = field > 0
    total = np.zeros((*(n - 1 for n in field.shape), 4), np.float32)
    for axis in range(3):
        _add_crossings(field, inside, axis, total)
    crossed = total[..., 3] > 0
    numbers = np.full(crossed.shape, -1, np.int32)
    numbers[crossed] = np.arange(np.count_nonzero(crossed), dtype=np.int32)
    quads = np.concatenate([_quads(inside, numbers, axis) for axis in range(3)])
    points = total[crossed]
    return points[:, :3] / points[:, 3:], np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])


def smoothed(points: Floats, triangles: Ints, rounds: int) -> Floats:
    """Points (V, 3) without the steps of the grid: each moves half way to the mean of its neighbours, then back a bit.

    Taubin's smoothing (1995), which keeps the volume.
    """
    mean = neighbour_means(triangles, len(points))
    for _ in range(rounds):
        for step in (np.float32(0.5), np.float32(-0.53)):
            points = points + step * (mean @ points - points)
    return points


def neighbour_means(triangles: Ints, count: int) -> Any:
    """A sparse matrix (count, count) that takes the mean over the points joined to each by `triangles` (T, 3)."""
    from scipy.sparse import diags

    near = neighbours(triangles, count)
    return diags(np.float32(1) / np.maximum(np.asarray(near.sum(1), np.float32).ravel(), 1)) @ near


def evened(values: Floats, mean: Any, rounds: int) -> Floats:
    """`values` (V, ...) of a mesh after `rounds` in which each becomes the `mean` (V, V) of its neighbours."""
    for _ in range(rounds):
        values = mean @ values
    return np.asarray(values, np.float32)


def neighbours(triangles: Ints, count: int) -> Any:
    """A sparse matrix (count, count), 1 where points are joined by `triangles` (T, 3)."""
    from scipy.sparse import coo_matrix

    ends = np.concatenate([triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    ends = np.concatenate([ends, ends[:, ::-1]])
    near = coo_matrix((np.ones(len(ends), np.float32), (ends[:, 0], ends[:, 1])), (count, count)).tocsr()
    near.data[:] = 1  # an edge of two triangles counts once
    return near


def large_parts(points: Floats, triangles: Ints, least: float) -> tuple[Floats, Ints]:
    """The parts of a mesh (V, 3), (T, 3) that have at least the share `least` of the largest one's points."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ends = np.concatenate([triangles[:, :2], triangles[:, 1:]])
    joined = coo_matrix((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), (len(points), len(points)))
    part = connected_components(joined, directed=False)[1]
    sizes = np.bincount(part)
    kept = sizes[part] >= least * sizes.max()
    numbers = np.cumsum(kept, dtype=np.int32) - 1
    return points[kept], numbers[triangles[kept[triangles[:, 0]]]]


def _add_crossings(field: Floats, inside: NDArray[np.bool_], axis: int, total: Floats) -> None:
    """Add where the edges of (D, H, W) along `axis` are crossed, and 1, to the cells around, `total` (D, H, W, 4)."""
    first, second = _ends(field.shape, axis)
    at = np.argwhere(inside[first] != inside[second])
    low, high = field[first][tuple(at.T)], field[second][tuple(at.T)]
    places = at.astype(np.float32)
    places[:, axis] += low / (low - high)
    values = np.concatenate([places[:, ::-1], np.ones((len(at), 1), np.float32)], 1)
    for cells in _around(at, axis):
        valid = ((cells >= 0) & (cells < total.shape[:3])).all(1)
        np.add.at(total, tuple(cells[valid].T), values[valid])


def _quads(inside: NDArray[np.bool_], numbers: Ints, axis: int) -> Ints:
    """Four points each (Q, 4), outward, for the edges along `axis` that are crossed."""
    first, second = _ends(inside.shape, axis)
    at = np.argwhere(inside[first] != inside[second])
    corners = _around(at, axis)
    whole = np.all([((cells >= 0) & (cells < numbers.shape)).all(1) for cells in corners], 0)
    joined = np.stack([numbers[tuple(cells[whole].T)] for cells in corners], 1)
    outward = inside[first][tuple(at[whole].T)]
    return np.where(outward[:, None], joined, joined[:, ::-1])


def _around(at: NDArray[np.int64], axis: int) -> list[NDArray[np.int64]]:
    """The four cells around each edge (E, 3), counter-clockwise seen from the end of `axis`."""
    one, other = ((1, 2), (2, 0), (0, 1))[axis]  # axes 0 1 2 are z y x
    steps = []
    for a, b in ((0, 0), (0, -1), (-1, -1), (-1, 0)):
        step = np.zeros(3, np.int64)
        step[one], step[other] = a, b
        steps.append(at + step)
    return steps


def _ends(shape: tuple[int, ...], axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    low, high = [slice(None)] * 3, [slice(None)] * 3
    low[axis], high[axis] = slice(0, shape[axis] - 1), slice(1, shape[axis])
    return tuple(low), tuple(high)
