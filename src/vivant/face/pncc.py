"""Code images: a face drawn in the colours of its mean shape's coordinates, seen by the camera of `face.bfm_pose`.

Each vertex carries its place in the mean face as a colour (projected normalised coordinate code, PNCC; Zhu et al. 2016,
"Face alignment across large poses", section 3.1), so the picture says where which part of the face is.

    vertices    (N, 3) float32 decimetres; x to the viewer's right, y up, z toward the viewer
    colours     (N, 3) float32, 0..1
    triangles   (M, 3) int32, either winding; both sides are drawn

Pixel centres lie at whole numbers; a centre on a shared edge belongs to both triangles, so a closed surface has no
cracks; the nearest triangle is seen; colours are interpolated in perspective. No smoothing of edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.face.bfm_pose import CENTRE, DISTANCE, FOCAL

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

SIZE = 512
BACKGROUND = np.float32(-1.0)


@dataclass(frozen=True)
class CodeMesh:
    """The surface that is drawn and its colours."""

    colours: Floats
    """(N, 3) 0..1"""
    triangles: Ints
    """(M, 3) vertex numbers; the openings of the eyes are left out, so that eyes are holes."""


@dataclass(frozen=True)
class CodeImage:
    """What `draw_code` draws."""

    colours: Floats
    """(3, rows, columns) -1..1; -1 where there is no face."""
    nearness: Floats
    """(rows, columns) 1 / distance from the camera's plane in decimetres; 0 where there is no face."""

    @property
    def covered(self) -> NDArray[np.bool_]:
        """(rows, columns) True where the face is."""
        return np.asarray(self.nearness > 0)


def coordinate_colours(mean: Floats) -> Floats:
    """Colours (N, 3) of the vertices of a mean shape (N, 3): each axis from its least, 0, to its greatest, 1."""
    low = mean.min(0)
    return np.asarray((mean - low) / (mean.max(0) - low), np.float32)


def code_image(vertices: Floats, mesh: CodeMesh, size: int = SIZE) -> Floats:
    """The code image (3, size, size) in -1..1 of posed `vertices` (N, 3); see the top of this file."""
    return draw_code(vertices, mesh, size).colours


def draw_code(vertices: Floats, mesh: CodeMesh, size: int = SIZE) -> CodeImage:
    """The code image of posed `vertices` (N, 3) with its depth; some 5 ms on one core for 35 709 vertices at 512.

    A triangle with a vertex behind the camera, or with one that is not finite, is left out.
    """
    image = CodeImage(np.full((3, size, size), BACKGROUND, np.float32), np.zeros((size, size), np.float32))
    _kernel()(
        np.ascontiguousarray(vertices, np.float32),
        np.ascontiguousarray(mesh.triangles, np.int32),
        np.ascontiguousarray(mesh.colours, np.float32),
        image.colours,
        image.nearness,
    )
    return image


@cache
def _kernel() -> Any:
    """The compiled loop; numba keeps the machine code on disk between runs."""
    from numba import njit

    return njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")(_draw)


SCALE = np.float32(FOCAL / CENTRE)
CAMERA = np.float32(DISTANCE)
SLACK = np.float32(-1e-5)
"""How far outside a triangle, in its barycentric weights, a centre may lie by rounding."""


def _draw(vertices: Floats, triangles: Ints, colours: Floats, out: Floats, nearness: Floats) -> None:
    """The `triangles` (T, 3) of `vertices` (V, 3) with `colours` (V, 3), into `out` (3, S, S) and `nearness` (S, S)."""
    size = nearness.shape[0]
    half, last = np.float32(0.5 * size), size - 1
    seen = np.empty_like(vertices)  # column, row, nearness
    for n in range(vertices.shape[0]):
        near = np.float32(1) / (CAMERA - vertices[n, 2])
        seen[n, 0] = (np.float32(1) + vertices[n, 0] * SCALE * near) * half - np.float32(0.5)
        seen[n, 1] = (np.float32(1) - vertices[n, 1] * SCALE * near) * half - np.float32(0.5)
        seen[n, 2] = near
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        na, nb, nc = seen[a, 2], seen[b, 2], seen[c, 2]
        ax, ay = seen[a, 0], seen[a, 1]
        abx, aby, acx, acy = seen[b, 0] - ax, seen[b, 1] - ay, seen[c, 0] - ax, seen[c, 1] - ay
        area = abx * acy - acx * aby
        # Written so that numbers that are not finite fail too.
        if not (na > 0 and nb > 0 and nc > 0 and abs(area) > 1e-9 and abs(area) < 1e9):
            continue
        top = int(max(0, np.ceil(ay + min(np.float32(0), aby, acy))))
        bottom = int(min(last, np.floor(ay + max(np.float32(0), aby, acy))))
        left = int(max(0, np.ceil(ax + min(np.float32(0), abx, acx))))
        right = int(min(last, np.floor(ax + max(np.float32(0), abx, acx))))
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                dx, dy = np.float32(column) - ax, np.float32(row) - ay
                wb, wc = (dx * acy - dy * acx) / area, (dy * abx - dx * aby) / area
                wa = np.float32(1) - wb - wc
                if wa < SLACK or wb < SLACK or wc < SLACK:
                    continue
                pa, pb, pc = wa * na, wb * nb, wc * nc
                near = pa + pb + pc
                if near > nearness[row, column]:
                    nearness[row, column] = near
                    for k in range(3):
                        colour = (pa * colours[a, k] + pb * colours[b, k] + pc * colours[c, k]) / near
                        out[k, row, column] = np.float32(2) * colour - np.float32(1)
