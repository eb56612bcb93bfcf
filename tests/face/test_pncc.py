"""Code images against the original's rasteriser, and what a closed surface must show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from basel import own_mesh, synthetic_mesh
from originals import original

from vivant.face.bfm_pose import DISTANCE, SIZE, pose_points, project
from vivant.face.pncc import CodeMesh, code_image, coordinate_colours, draw_code

DIFFERENT = 0.005
"""Share of pixels, at silhouettes and edges of triangles, that may differ from the original."""


def places(parity: Path, person: int, *, posed: bool) -> Any:
    """Vertices of the fixture's face of `person` before the camera."""
    given = original(parity, "real3d", "face_model_secc").tensors
    face = synthetic_mesh(parity).face
    vertices = face.mean + face.identity @ given["in.id"][person] + face.expression @ given["in.exp"][person]
    return pose_points(vertices, given["in.euler"][person], given["in.trans"][person]) if posed else vertices


@pytest.mark.parametrize("person", [0, 1])
@pytest.mark.parametrize("kind", ["zero_pose", "posed"])
def test_parity_real3d_code_image(parity: Path, person: int, kind: str) -> None:
    fixture, mesh = original(parity, "real3d", "face_model_secc"), synthetic_mesh(parity)
    assert "secc abs 2e-3" in fixture.metadata["tolerance"]
    image = draw_code(places(parity, person, posed=kind == "posed"), mesh.code_mesh)
    for key, wanted in fixture.tensors.items():
        if not key.startswith(f"out.secc_{kind}["):
            continue
        crop = (slice(150, 214),) * 2 if "150:214" in key else (slice(None, None, 4),) * 2
        error = np.abs(image.colours[:, *crop] - wanted[person]).max(0)
        assert (error > 2e-3).mean() <= DIFFERENT, key
    # The original takes triangle 0 of the first face for background; ours does not.
    covered = image.covered[::4, ::4]
    mask = fixture.tensors[f"out.mask_{kind}[:,:,::4,::4]"][person, 0] > 0
    assert not (mask & ~covered).any()
    assert (covered & ~mask).mean() <= DIFFERENT
    if kind == "posed":
        depth = fixture.tensors["out.depth_posed[:,:,::4,::4]"][person, 0]
        np.testing.assert_allclose(1 / image.nearness[::4, ::4][mask], depth[mask], atol=1e-4)
    # The comparison would see a face that is one pixel further.
    moved = np.abs(
        np.roll(image.colours, 1, axis=2)[:, ::4, ::4] - fixture.tensors[f"out.secc_{kind}[:,:,::4,::4]"][person]
    )
    assert (moved.max(0) > 2e-3).mean() > DIFFERENT


def test_parity_real3d_colours_are_normalised_coordinates(parity: Path) -> None:
    mesh = synthetic_mesh(parity)
    np.testing.assert_allclose(coordinate_colours(mesh.face.mean), mesh.colours, atol=1e-6)


def sheet(corners: Any, cells: int) -> tuple[Any, Any]:
    """Vertices and triangles of a flat sheet z = 0 between two `corners`, in `cells` x `cells` squares."""
    (x0, y0), (x1, y1) = corners
    x, y = np.meshgrid(np.linspace(x0, x1, cells + 1), np.linspace(y0, y1, cells + 1))
    vertices = np.stack([x, y, np.zeros_like(x)], -1).reshape(-1, 3).astype(np.float32)
    index = np.arange((cells + 1) ** 2).reshape(cells + 1, -1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    halves = [np.stack(half, -1).reshape(-1, 3) for half in ((a, b, c), (a, c, d))]
    return vertices, np.concatenate(halves).astype(np.int32)


def test_a_closed_surface_has_no_cracks_and_the_right_colours() -> None:
    # Vertices lie exactly on pixel centres, where every rule about edges is put to the test.
    pixel = 2 / 512 * DISTANCE * 112 / 1015
    edge = 100 * pixel
    vertices, triangles = sheet(((-edge + pixel / 2, -edge + pixel / 2), (edge + pixel / 2, edge + pixel / 2)), 50)
    mesh = CodeMesh(coordinate_colours(vertices + [[0, 0, 1e-3]] * (vertices[:, :1] > 0)), triangles)
    image = draw_code(vertices, mesh)
    rows, columns = np.nonzero(image.covered)
    box = image.covered[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert box.all()
    assert box.shape in {(200, 200), (201, 201), (200, 201), (201, 200)}
    red = image.colours[0, 256, columns.min() : columns.max() + 1]
    np.testing.assert_allclose(np.diff(red), 2 / 200, atol=1e-4)
    np.testing.assert_allclose(image.nearness[256, 256], 1 / DISTANCE)


def test_perspective_of_a_slanted_triangle() -> None:
    """Colours of one large triangle against the ray through each pixel, cut with its plane in double precision."""
    vertices = np.array([[-0.9, -0.8, 2.0], [0.9, -0.7, -3.0], [0.1, 0.8, 0.5]], np.float32)
    colours = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], np.float32)
    image = draw_code(vertices, CodeMesh(colours, np.array([[2, 1, 0]], np.int32)))
    rows, columns = np.nonzero(image.covered)
    assert len(rows) > 10_000
    across, up = ((2 * columns + 1) / 512 - 1) * 112 / 1015, (1 - (2 * rows + 1) / 512) * 112 / 1015
    rays = np.stack([across, up, -np.ones_like(up)], -1)
    eye = np.array([0, 0, DISTANCE])
    # eye + s ray = weights @ vertices, with weights that sum to 1
    system = np.zeros((len(rays), 4, 4))
    system[:, :3, :3], system[:, :3, 3], system[:, 3, :3] = vertices.T, -rays, 1
    solved = np.linalg.solve(system, np.broadcast_to(np.append(eye, 1)[:, None], (len(rays), 4, 1)))[..., 0]
    assert solved[:, :3].min() > -1e-4
    np.testing.assert_allclose(image.colours[:, rows, columns].T, 2 * solved[:, :3] @ colours - 1, atol=1e-4)
    np.testing.assert_allclose(1 / image.nearness[rows, columns], solved[:, 3], rtol=1e-5)


def test_either_winding_is_drawn_and_the_nearest_is_seen() -> None:
    vertices, triangles = sheet(((-0.5, -0.5), (0.5, 0.5)), 1)
    nearer = vertices * 0.5 + np.array([0, 0, 1], np.float32)
    both = np.concatenate([nearer, vertices])
    colours = np.repeat(np.array([[1, 0, 0], [0, 1, 0]], np.float32), 4, axis=0)
    mesh = CodeMesh(colours, np.concatenate([triangles[:, ::-1], triangles + 4]))
    image = code_image(both, mesh, 128)
    assert image[:, 64, 64].tolist() == [1, -1, -1]
    left = round(float(project(both[4:5])[0, 0]) * 128 / SIZE) + 3
    assert image[:, 64, left].tolist() == [-1, 1, -1]
    assert image[:, 2, 2].tolist() == [-1, -1, -1]


def test_broken_and_distant_vertices_are_left_out() -> None:
    vertices, triangles = sheet(((-0.5, -0.5), (0.5, 0.5)), 2)
    mesh = CodeMesh(coordinate_colours(vertices + np.arange(9)[:, None] * 1e-3), triangles)
    whole = draw_code(vertices, mesh, 64)
    for wrong in (np.nan, np.inf, -np.inf, 1e30, 10.0, 20.0):
        broken = vertices.copy()
        broken[8, 2] = wrong  # the last corner; of eight triangles two touch it
        image = draw_code(broken, mesh, 64)
        assert np.isfinite(image.colours).all()
        kept = whole.covered & (np.add.outer(np.arange(64), -np.arange(64)) > 8)
        np.testing.assert_array_equal(image.colours[:, kept], whole.colours[:, kept])
    far = draw_code(vertices + np.array([1e7, 0, 0], np.float32), mesh, 64)
    assert not far.covered.any()


def test_eyes_are_holes() -> None:
    mesh = own_mesh()
    holes = draw_code(mesh.face.mean, mesh.code_mesh).covered
    filled = draw_code(mesh.face.mean, CodeMesh(mesh.colours, mesh.triangles)).covered
    for middle in (159, 145), (386, 374):
        column, up = project(mesh.face.mean[list(middle)].mean(0)) * 512 / SIZE
        assert filled[int(512 - up), int(column)]
        assert not holes[int(512 - up), int(column)]
