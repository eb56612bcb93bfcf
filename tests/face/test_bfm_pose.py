"""Pose and perspective of the Basel face against the original, and against a library of rotations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from basel import synthetic_mesh
from originals import original
from scipy.spatial.transform import Rotation

from vivant.face.bfm_pose import DISTANCE, SIZE, euler_from_rotation, pose_points, project, rotation_from_euler

GEOMETRY = 1e-4


def test_parity_real3d_face_geometry(parity: Path) -> None:
    fixture, mesh = original(parity, "real3d", "face_model_secc"), synthetic_mesh(parity)
    given, wanted = ({k[3 + i :]: v for k, v in fixture.tensors.items()} for i in (0, 1))
    assert f"geometry abs {GEOMETRY:g}".replace("0.0001", "1e-4") in fixture.metadata["tolerance"]
    np.testing.assert_allclose(np.swapaxes(rotation_from_euler(given["euler"]), 1, 2), wanted["rotation"], atol=1e-6)
    vertices = mesh.face.mean + mesh.face.offsets(np.arange(441), given["exp"], given["id"])
    posed = pose_points(vertices, given["euler"], given["trans"])
    before_camera = posed * [1, 1, -1] + [0, 0, DISTANCE]
    np.testing.assert_allclose(before_camera, wanted["face_vertex"], atol=GEOMETRY)
    seen = project(posed)
    table = np.maximum(mesh.landmarks, 0)
    np.testing.assert_allclose(seen[:, table][:, ::4], wanted["fit_projection_mp468[:,::4]"], atol=GEOMETRY)
    upright = seen / SIZE * [1, -1] + [0, 1]
    np.testing.assert_allclose(upright[:, table][:, ::4], wanted["lm2d_mp468[:,::4]"], atol=GEOMETRY)
    np.testing.assert_allclose(upright[:, mesh.shifted_keypoints], wanted["lm2d_68"], atol=GEOMETRY)


def test_rotations_are_about_x_then_y_then_z() -> None:
    random = np.random.default_rng(0)
    euler = random.uniform(-1.4, 1.4, (50, 3)).astype(np.float32)
    rotation = rotation_from_euler(euler)
    np.testing.assert_allclose(rotation, Rotation.from_euler("xyz", euler).as_matrix(), atol=1e-6)
    np.testing.assert_allclose(euler_from_rotation(rotation), euler, atol=1e-5)
    np.testing.assert_allclose(euler_from_rotation(rotation[0]), euler[0], atol=1e-5)


def test_signs_of_the_picture() -> None:
    nose = np.array([[0.0, 0.0, 1.0]], np.float32)
    still = np.zeros(3, np.float32)
    for euler, side, sign in (((0, 0.3, 0), 0, 1), ((0.3, 0, 0), 1, -1)):  # y: to the viewer's right; x: down
        (seen,) = project(pose_points(nose, np.array(euler, np.float32), still))
        assert sign * (seen[side] - SIZE / 2) > 10
        assert abs(seen[1 - side] - SIZE / 2) < 1e-3
