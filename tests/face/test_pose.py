"""Poses against SciPy's rotations, known similarities and the synthetic sweep's truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vivant.face.model import load_face_model
from vivant.face.pose import (
    FLIP,
    HeadPose,
    angles_from_rotation,
    fit_head_pose,
    fit_similarity,
    rotation_from_angles,
    rotation_from_vector,
    stable_weights,
    vector_from_rotation,
)

RNG = np.random.default_rng(7)


def test_angles_turn_the_nose_as_the_names_say():
    nose = np.array([0, 0, 1], np.float32)
    assert (rotation_from_angles(0.3, 0, 0) @ nose)[0] > 0.2
    assert (rotation_from_angles(0, 0.3, 0) @ nose)[1] > 0.2
    assert (rotation_from_angles(0, 0, 0.3) @ np.array([1, 0, 0]))[1] > 0.2


def test_angles_and_rotation_are_inverse():
    for yaw, pitch, roll in RNG.uniform(-1.3, 1.3, (50, 3)):
        rotation = rotation_from_angles(yaw, pitch, roll)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)
        np.testing.assert_allclose(angles_from_rotation(rotation), (yaw, pitch, roll), atol=1e-5)


def test_vectors_and_rotations_agree_with_scipy_in_any_shape():
    vectors = RNG.normal(size=(4, 5, 3)).astype(np.float32)
    rotations = rotation_from_vector(vectors)
    expected = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(4, 5, 3, 3)
    np.testing.assert_allclose(rotations, expected, atol=1e-6)
    np.testing.assert_allclose(vector_from_rotation(rotations), vectors, atol=1e-5)


def test_a_similarity_is_recovered_and_never_a_reflection():
    source = RNG.normal(size=(40, 3)).astype(np.float32)
    truth = HeadPose(2.5, rotation_from_angles(0.4, -0.2, 0.9), np.array([3, -7, 1], np.float32))
    target = (truth.scale * source @ truth.rotation.T + truth.translation).astype(np.float32)
    found = fit_similarity(source, target, np.ones(40, np.float32))
    assert found.scale == pytest.approx(2.5, rel=1e-5)
    np.testing.assert_allclose(found.rotation, truth.rotation, atol=1e-5)
    np.testing.assert_allclose(found.translation, truth.translation, atol=1e-4)
    mirrored = fit_similarity(source, source * np.array([-1, 1, 1], np.float32), np.ones(40, np.float32))
    assert np.linalg.det(mirrored.rotation) == pytest.approx(1.0, abs=1e-4)


def test_head_and_picture_are_inverse_and_y_points_down_in_pictures():
    pose = HeadPose(20.0, rotation_from_angles(0.2, 0.1, -0.3), np.array([300, -200, 0], np.float32))
    points = RNG.normal(size=(10, 3)).astype(np.float32)
    np.testing.assert_allclose(pose.head_from_picture(pose.picture_from_head(points)), points, atol=1e-4)
    upright = HeadPose(20.0, np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    assert upright.picture_from_head(np.array([0, 1, 0], np.float32))[1] < 0


def test_the_stable_points_ignore_an_open_mouth():
    neutral = load_face_model().neutral[:468]
    spoken = neutral.copy()
    spoken[[14, 17, 152, 175, 200]] -= (0, 2, 0)
    landmarks = (spoken * 15 * FLIP + (200, 200, 0)).astype(np.float32)
    pose = fit_head_pose(landmarks, neutral, stable_weights())
    np.testing.assert_allclose(angles_from_rotation(pose.rotation), 0, atol=1e-4)
    assert fit_head_pose(landmarks, neutral, np.ones(468, np.float32)).scale != pytest.approx(15, rel=1e-4)
