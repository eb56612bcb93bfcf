"""Landmarks to states, on faces made from the model in known poses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivant.face.arkit import INDEX
from vivant.face.landmarks import IRIS_LEFT, IRIS_RIGHT
from vivant.face.model import displacement_from_curves, load_face_model
from vivant.face.pose import CAMERA_DISTANCE, HeadPose, angles_from_rotation, rotation_from_angles
from vivant.face.tracker import FaceLandmarks
from vivant.motion.measure import (
    EYEBALL_RADIUS,
    absolute,
    eyes_seen,
    find_neutral,
    measure,
    rest_cost,
    turns_from_median,
)

SCALE = 20.0


def seen(
    angles: tuple[float, float, float] = (0.0, 0.0, 0.0),
    place: tuple[float, float] = (250.0, -250.0),
    scale: float = SCALE,
    look: tuple[float, float] = (0.0, 0.0),
    **curves: float,
) -> FaceLandmarks:
    """The model's face as a perfect tracker would see it."""
    values = np.zeros(52, np.float32)
    for name, value in curves.items():
        values[INDEX[name]] = value
    model = load_face_model()
    points = model.neutral + displacement_from_curves(model, values)
    points[[*IRIS_RIGHT, *IRIS_LEFT], :2] += EYEBALL_RADIUS * np.sin(np.array(look, np.float32))
    pose = HeadPose(scale, rotation_from_angles(*angles), np.array([*place, 0], np.float32))
    return FaceLandmarks(pose.picture_from_head(points))


@given(st.floats(-0.5, 0.5), st.floats(-0.4, 0.4), st.floats(-0.5, 0.5), st.floats(0.7, 1.4))
def test_pose_is_read_back(yaw: float, pitch: float, roll: float, growth: float) -> None:
    neutral = find_neutral([seen()])
    state = measure(seen((yaw, pitch, roll), (350.0, -230.0), SCALE * growth), neutral)
    np.testing.assert_allclose(angles_from_rotation(state.rotation), (yaw, pitch, roll), atol=2e-3)
    unit = SCALE * load_face_model().inter_ocular
    np.testing.assert_allclose(state.translation[:2], [100 / unit, 20 / unit], atol=2e-3)
    assert CAMERA_DISTANCE / (CAMERA_DISTANCE - state.translation[2]) == pytest.approx(growth, rel=2e-3)
    assert state.dense is not None
    assert np.abs(state.dense).max() < 0.02


def test_turns_are_relative_to_the_drivers_own_neutral() -> None:
    neutral = find_neutral([seen((0.2, -0.1, 0.1))])
    state = measure(seen((0.2, -0.1, 0.1)), neutral)
    np.testing.assert_allclose(state.rotation, np.eye(3), atol=2e-3)
    tilted = measure(seen((0.2, 0.3, 0.1)), neutral)
    wanted = rotation_from_angles(0.2, 0.3, 0.1) @ rotation_from_angles(0.2, -0.1, 0.1).T
    np.testing.assert_allclose(tilted.rotation, wanted, atol=3e-3)  # in the axes of the picture
    state = measure(seen((0.2, -0.1, 0.1)), absolute(neutral))
    np.testing.assert_allclose(angles_from_rotation(state.rotation), (0.2, -0.1, 0.1), atol=5e-3)


@pytest.mark.parametrize("name", ["jawOpen", "browInnerUp", "mouthSmileLeft", "noseSneerRight"])
def test_expression_stays_out_of_the_pose(name: str) -> None:
    neutral = find_neutral([seen()])
    state = measure(seen(**{name: 1.0}), neutral)
    assert np.degrees(np.abs(angles_from_rotation(state.rotation))).max() < 0.5
    assert np.abs(state.translation).max() < 0.05
    truth = load_face_model().basis[INDEX[name], :468]
    assert state.dense is not None
    assert np.abs(state.dense - truth).mean() < 0.03
    assert state.curves[INDEX[name]] > 0.6 * state.curves.max()


@given(st.floats(-0.4, 0.4), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_gaze_is_measured_in_the_turned_head(right: float, up: float, yaw: float) -> None:
    neutral = find_neutral([seen()])
    state = measure(seen((yaw, 0, 0), look=(right, up)), neutral)
    np.testing.assert_allclose(state.gaze, [right, up], atol=0.02)
    assert state.curves[INDEX["eyeLookOutLeft"]] == pytest.approx(max(right, 0) / 0.55, abs=0.05)
    assert state.curves[INDEX["eyeLookDownRight"]] == pytest.approx(max(-up, 0) / 0.55, abs=0.05)


def test_neutral_is_chosen_among_blinks_talk_and_turns() -> None:
    faces = [
        seen(jawOpen=0.3),
        seen(eyeBlinkLeft=1.0, eyeBlinkRight=1.0),
        seen((0.6, 0, 0)),
        seen(),
        seen(mouthSmileLeft=0.7, mouthSmileRight=0.7),
        seen(jawOpen=0.6),
        seen((0.02, 0, 0), browInnerUp=0.8),
    ]
    neutral = find_neutral(faces)
    np.testing.assert_allclose(neutral.shape, load_face_model().neutral[:468], atol=0.02)
    np.testing.assert_allclose(neutral.pose.rotation, np.eye(3), atol=1e-3)


def test_rest_cost_and_turns_rank_plainly() -> None:
    model = load_face_model()
    shapes = np.stack([model.neutral[:468]] * 4)
    shapes[2] = shapes[2] + model.basis[INDEX["jawOpen"], :468]
    cost = rest_cost(shapes)
    assert int(cost.argmax()) == 2
    turns = turns_from_median(np.stack([rotation_from_angles(yaw, 0, 0) for yaw in (0.1, 0.1, 0.1, 0.5)]))
    np.testing.assert_allclose(turns, [0, 0, 0, 0.4], atol=1e-3)


def test_absolute_counts_a_resting_smile_as_expression() -> None:
    smiling = {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6}
    neutral = find_neutral([seen(**smiling)])
    relative, whole = measure(seen(**smiling), neutral), measure(seen(**smiling), absolute(neutral))
    assert relative.curves.max() < 0.05
    assert whole.curves[INDEX["mouthSmileLeft"]] > 0.4
    assert relative.dense is not None
    assert whole.dense is not None
    assert np.abs(whole.dense[291] - relative.dense[291]).max() > 0.3


def test_measured_scores_are_calibrated_to_rest() -> None:
    rest, full = np.full(52, 0.2, np.float32), np.full(52, 0.6, np.float32)
    neutral = find_neutral([replace(seen(), scores=rest)])
    assert measure(replace(seen(), scores=rest), neutral).curves.max() < 1e-6
    assert measure(replace(seen(), scores=full), neutral).curves[INDEX["jawOpen"]] == pytest.approx(0.5)


def test_closed_lids_hide_the_iris() -> None:
    assert eyes_seen(seen())
    assert not eyes_seen(seen(eyeBlinkLeft=1.0, eyeBlinkRight=1.0))
    assert eyes_seen(seen(eyeBlinkLeft=1.0))


CLOSED = {
    "v01_talk_512_25fps": (6, 100),
    "v02_talk_512_mpeg4": (11, 35, 57, 81, 129, 151),
    "v03_expressions_turns_30fps": (49, 58),
}
"""Frames of real clips in which both eyes are closed, found by eye."""
LOWERED = {"v03_expressions_turns_30fps": (77, 82, 87, 93)}
"""Those in which they only look down."""


def blinks(samples: Path, clip: str, frames: tuple[int, ...], *, scored: bool) -> list[float]:
    """Mean of both eyes' blinks in `frames` of a recorded track, by MediaPipe's scores or without them."""
    track = np.load(samples / "tracks" / f"{clip}.npz", allow_pickle=False)
    size = np.array([track["width"], track["height"], track["width"]], np.float32)
    names = list(track["blendshape_names"])
    order = [names.index(name) if name in names else 0 for name in INDEX]
    scores = track["blendshapes"][:, order].astype(np.float32)
    faces = [
        FaceLandmarks((points * size).astype(np.float32), score if scored else None)
        for points, score in zip(track["landmarks"], scores, strict=True)
    ]
    neutral = find_neutral(faces[:60])
    both = [INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]
    return [float(measure(faces[frame], neutral).curves[both].mean()) for frame in frames]


@pytest.mark.parametrize("scored", [False, True])
def test_closed_eyes_of_real_people_are_closed(samples: Path, scored: bool) -> None:
    found = {clip: blinks(samples, clip, frames, scored=scored) for clip, frames in CLOSED.items()}
    assert np.mean(np.concatenate(list(found.values()))) > 0.8, found
    assert min(found["v01_talk_512_25fps"]) > 0.85
    assert min(found["v03_expressions_turns_30fps"]) > 0.95


@pytest.mark.parametrize("scored", [False, True])
def test_eyes_that_look_down_are_not_closed(samples: Path, scored: bool) -> None:
    for clip, frames in LOWERED.items():
        assert max(blinks(samples, clip, frames, scored=scored)) < 0.5
