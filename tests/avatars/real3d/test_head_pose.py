"""Head poses of states before the Basel face's camera against the project's own scaled orthography."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from basel import own_mesh

from vivant.avatars.real3d.expression import head_in_face
from vivant.avatars.real3d.head_pose import RestPose, pose_of_state, prepare_pose
from vivant.face.bfm_pose import pose_points, project, rotation_from_euler
from vivant.face.fit_3dmm import FaceFit
from vivant.face.model import load_face_model
from vivant.face.pose import CAMERA_DISTANCE, rotation_from_angles
from vivant.motion.edits import at_one_distance
from vivant.motion.state import FaceState

EULER, TRANSLATION = np.array([[0.1, -0.2, 0.05]], np.float32), np.array([[0.1, -0.3, -1.5]], np.float32)


@pytest.fixture(scope="module")
def rest() -> RestPose:
    zeros = np.zeros((1, 80), np.float32), np.zeros((1, 64), np.float32)
    return prepare_pose(FaceFit(*zeros, EULER, TRANSLATION), own_mesh())


def state(
    translation: tuple[float, float, float] = (0, 0, 0), turn: tuple[float, float, float] = (0, 0, 0)
) -> FaceState:
    """`turn` is yaw, pitch and roll."""
    return FaceState(rotation=rotation_from_angles(*turn), translation=np.array(translation, np.float32))


def seen(points: Any, pose: tuple[Any, Any]) -> Any:
    return project(pose_points(np.asarray(points, np.float32), *pose))


def test_the_neutral_state_stands_as_the_portrait(rest: RestPose) -> None:
    euler, translation = pose_of_state(FaceState(), rest)
    np.testing.assert_allclose(euler, EULER[0], atol=1e-5)
    np.testing.assert_allclose(translation, TRANSLATION[0], atol=1e-5)


@pytest.mark.parametrize("turn", [(0.4, 0, 0), (0, 0.3, 0), (0, 0, 0.5), (-0.6, 0.3, -0.2)])
def test_a_turn_is_about_the_axes_of_the_picture(rest: RestPose, turn: tuple[float, float, float]) -> None:
    euler, translation = pose_of_state(state(turn=turn), rest)
    wanted = rotation_from_angles(*turn) @ rotation_from_euler(EULER[0])
    np.testing.assert_allclose(rotation_from_euler(euler), wanted, atol=1e-5)
    # The origin of the head frame, about which the state turns, stays where it was.
    still = seen(rest.pivot[None], (EULER[0], TRANSLATION[0]))
    np.testing.assert_allclose(seen(rest.pivot[None], (euler, translation)), still, atol=1e-2)


def test_yaw_turns_the_nose_to_the_right_and_pitch_lifts_it(rest: RestPose) -> None:
    nose = own_mesh().face.mean[4][None]
    still = seen(nose, pose_of_state(FaceState(), rest))[0]
    assert seen(nose, pose_of_state(state(turn=(0.2, 0, 0)), rest))[0, 0] > still[0] + 3
    assert seen(nose, pose_of_state(state(turn=(0, 0.2, 0)), rest))[0, 1] > still[1] + 3  # y up


@pytest.mark.parametrize("nearer", [-1.0, 0.0, 1.5])
def test_place_and_size_are_those_of_scaled_orthography(rest: RestPose, nearer: float) -> None:
    """A short stroke at the head's origin, across the picture, and where it goes."""
    across, up = 0.3, -0.2
    stroke = rest.pivot + np.outer([-0.01, 0.01], rest.rotation.T @ np.array([1, 0, 0], np.float32))
    before = seen(stroke, pose_of_state(FaceState(), rest))
    after = seen(stroke, pose_of_state(state((across, up, nearer)), rest))
    growth = np.diff(after[:, 0]) / np.diff(before[:, 0])
    assert growth == pytest.approx(CAMERA_DISTANCE / (CAMERA_DISTANCE - nearer), rel=1e-3)
    unit = rest.inter_ocular * np.diff(before[:, 0])[0] / 0.02  # pixels of an inter-ocular distance there
    np.testing.assert_allclose(after.mean(0) - before.mean(0), unit * np.array([across, up]), rtol=1e-3)
    (kept_state,) = at_one_distance([state((across, up, nearer))])
    kept = seen(stroke, pose_of_state(kept_state, rest))
    assert np.diff(kept[:, 0]) == pytest.approx(np.diff(before[:, 0]), rel=1e-3)
    np.testing.assert_allclose(kept.mean(0) - before.mean(0), unit * np.array([across, up]), rtol=1e-3)


def test_the_pivot_is_the_origin_of_the_head_frame(rest: RestPose) -> None:
    np.testing.assert_allclose(rest.pivot, head_in_face(own_mesh(), load_face_model()).translation)
    assert rest.inter_ocular == pytest.approx(0.1 * load_face_model().inter_ocular, rel=1e-4)
