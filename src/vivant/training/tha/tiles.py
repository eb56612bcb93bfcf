"""The body student at small squares of its picture: what learning needs, for a part of the work.

Every level is evaluated only at the pixels that the square needs of it, and the features of a coarser level are
multiplied before they are enlarged; the results are those of `BodyStudent` up to rounding.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.tha.networks.body_student import SIZES, WIDTHS, BodyStudent
from vivant.avatars.tha.networks.face_student import FACE_COLUMNS, FACE_ROWS, FACE_SIZE, OMEGA, FaceStudent, SineLayer
from vivant.training.tha.pool import decoded

HALO = 1
"""Pixels of a coarser level that are needed around a square, for the interpolation."""
COARSER = (0, *(widths[-1] for widths in WIDTHS[:-1]))
"""Features that each level takes from the coarser one."""


def body_at(student: BodyStudent, corners: Tensor, side: int, pose: Tensor) -> Tensor:
    """Flow, alpha and colour (T, side, side, 7) of squares of `side` pixels, for the `pose` (T, 45) of each.

    `corners` (T, 2) are row and column of their upper left pixels; both and `side` are multiples of 4.
    """
    grids = _grids(corners, side)
    feature: Tensor | None = None
    for level, size, finer, grid in zip(student.levels, SIZES, COARSER, grids, strict=True):
        (weight, bias), *deeper = phases(level)
        phase = _given(weight[:, finer:], bias, (grid.clamp(0, size - 1) * 2 + 1) / size - 1, pose)
        if feature is not None:
            phase = phase + _enlarged(F.linear(feature, weight[:, :finer]), phase.shape[1])
        feature = _through(deeper, torch.sin(phase))
    assert feature is not None
    return _last(student.last, feature)


def face_at(student: FaceStudent, pixels: Tensor, pose: Tensor) -> Tensor:
    """Colours (T, n, 4) of `pixels` (T, n, 2), row and column of the face's own 128 x 128, for `pose` (T, 39)."""
    (weight, bias), *deeper = phases(student.layers)
    places = (pixels.flip(-1) * 2 + 1) / FACE_SIZE - 1
    given = F.linear(pose, weight[:, 2:], bias)
    feature = _through(deeper, torch.sin(F.linear(places, weight[:, :2]) + given[:, None]))
    return _last(student.last, feature)


def linears(layers: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """Weight (O, I) and bias (O,) of each of a level's sine layers, as views of its parameters."""
    found = [layer.linear for layer in layers.children() if isinstance(layer, SineLayer)]
    return [(one.weight[:, :, 0, 0], one.bias) for one in found if one.bias is not None]


def phases(layers: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """Weights (O, I) and biases (O,) of their phases: the sines are of these times what comes in."""
    return [(weight * OMEGA, bias * OMEGA) for weight, bias in linears(layers)]


def _grids(corners: Tensor, side: int) -> list[Tensor]:
    """Rows and columns (T, n, 2) that each level is needed at, coarsest first; they may lie over the edge by one."""
    grids = [corners[:, None] + torch.arange(side, device=corners.device)[:, None]]
    first, count = corners, side
    for finer, coarser in pairwise(reversed(SIZES)):
        ratio = finer // coarser
        # The halo of the finer level needs no more of the coarser one than the square itself does.
        first = (first + HALO * (len(grids) > 1)) // ratio - HALO
        count = (count - 2 * HALO * (len(grids) > 1)) // ratio + 2 * HALO
        grids.append(first[:, None] + torch.arange(count, device=corners.device)[:, None])
    return grids[::-1]


def _given(weight: Tensor, bias: Tensor, places: Tensor, pose: Tensor) -> Tensor:
    """What position and pose add to the phases of a level's first layer: (T, n, n, C)."""
    rows, columns = (places[..., axis, None] * weight[:, 1 - axis] for axis in (0, 1))
    posed = pose @ weight[:, 2:].T + bias
    return rows[:, :, None] + (columns + posed[:, None])[:, None]


def _enlarged(feature: Tensor, count: int) -> Tensor:
    """Twice as large in both directions (T, count, count, C), without what lies outside the square."""
    larger = _between(_between(feature, 1), 2)
    edge = (larger.shape[1] - count) // 2
    return larger[:, edge : edge + count, edge : edge + count]


def _between(feature: Tensor, axis: int) -> Tensor:
    """The 2 N - 2 bilinear values within (B, N, N, C) along `axis` 1 or 2; its gradient is always the same."""
    count = feature.shape[axis] - 1
    first, second = feature.narrow(axis, 0, count), feature.narrow(axis, 1, count)
    quarter = (second - first) * 0.25
    return torch.stack([first + quarter, second - quarter], axis + 1).flatten(axis, axis + 1)


def _through(layers: list[tuple[Tensor, Tensor]], feature: Tensor) -> Tensor:
    """`feature` (..., I) through sine layers."""
    for weight, bias in layers:
        feature = torch.sin(F.linear(feature, weight, bias))
    return feature


def _last(layer: nn.Conv2d, feature: Tensor) -> Tensor:
    """`feature` (..., I) through a convolution of kernel 1: (..., O)."""
    return F.linear(feature, layer.weight[:, :, 0, 0], layer.bias)


def taken(drawing: Tensor, faces: Tensor, which: Tensor, corners: Tensor, flow: Tensor) -> Tensor:
    """The drawing with each square's face in it, warped: (T, side, side, 4), as `vivant.nn.warp.warp` would.

    drawing   (512, 512, 4) colours
    faces     (E, 128, 128, 4) bytes of a pool
    which     (T,) the face of each square
    corners   (T, 2) row and column of the squares' upper left pixels
    flow      (T, side, side, 2) x and y, 2 is a whole side
    """
    size = drawing.shape[0]
    steps = torch.arange(flow.shape[1], device=flow.device)
    base = [corners[:, 1, None, None] + steps, corners[:, 0, None, None] + steps[:, None]]
    x, y = ((start + flow[..., axis] * (size / 2)).clamp(0, size - 1) for axis, start in enumerate(base))
    left, top = (place.detach().floor().long().clamp(max=size - 2) for place in (x, y))
    across, down = (x - left)[..., None], (y - top)[..., None]
    first = (which * FACE_SIZE**2)[:, None, None]
    looked = [
        [_looked_up(drawing, faces.view(-1, 4), first, top + below, left + right) for right in (0, 1)]
        for below in (0, 1)
    ]
    upper, lower = (one + (other - one) * across for one, other in looked)
    return upper + (lower - upper) * down


def _looked_up(drawing: Tensor, faces: Tensor, first: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Pixels (T, n, n, 4) of the drawings with faces; `first` (T, 1, 1) is the first pixel of each in `faces`."""
    in_face = (row >= FACE_ROWS.start) & (row < FACE_ROWS.stop)
    in_face &= (column >= FACE_COLUMNS.start) & (column < FACE_COLUMNS.stop)
    place = first + (row - FACE_ROWS.start) * FACE_SIZE + column - FACE_COLUMNS.start
    of_face = decoded(faces[torch.where(in_face, place, first)])
    return torch.where(in_face[..., None], of_face, drawing[row, column])
