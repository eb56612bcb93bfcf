"""Retargeting: what a state does to one portrait's head."""

from __future__ import annotations

import numpy as np
import pytest

from vivant.avatars.retarget import HeadLimits, expression, pose_head, read_source
from vivant.face.arkit import INDEX
from vivant.face.landmarks import LIP_PAIRS
from vivant.face.model import displacement_from_curves, load_face_model
from vivant.face.pose import angles_from_rotation, fit_head_pose
from vivant.motion.state import FaceState

from .relief.conftest import state

MODEL = load_face_model()


def source_of(shape):
    """A source seen from the front at 20 px/cm with the face `shape` (478, 3) cm."""
    landmarks = (shape * 20.0 * (1, -1, -1) + (256, 256, 0)).astype(np.float32)
    pose = fit_head_pose(landmarks, MODEL.neutral[:468], np.ones(468, np.float32))
    return read_source(MODEL, pose, landmarks, None)


@pytest.fixture(scope="module")
def neutral():
    return source_of(MODEL.neutral)


def gap(shape):
    return float(np.mean([shape[a, 1] - shape[b, 1] for a, b in LIP_PAIRS[2:7]]))


def test_the_neutral_state_moves_nothing(neutral):
    assert np.abs(expression(MODEL, neutral, FaceState())).max() == 0
    pose = pose_head(neutral, FaceState(), HeadLimits())
    assert pose.scale == neutral.pose.scale
    assert (pose.rotation == neutral.pose.rotation).all()
    assert (pose.translation == neutral.pose.translation).all()


@pytest.mark.parametrize(("yaw", "pitch"), [(10, 0), (-15, 5), (0, -12), (12, 12)])
def test_moderate_turns_pass_unchanged(neutral, yaw, pitch):
    angles = angles_from_rotation(pose_head(neutral, state(yaw=yaw, pitch=pitch), HeadLimits()).rotation)
    rest = angles_from_rotation(neutral.pose.rotation)
    np.testing.assert_allclose(np.rad2deg(angles)[:2] - np.rad2deg(rest)[:2], (yaw, pitch), atol=0.6)


def test_large_turns_bend_back_monotonically(neutral):
    yaws = [
        np.rad2deg(angles_from_rotation(pose_head(neutral, state(yaw=y), HeadLimits()).rotation)[0])
        for y in range(0, 90, 5)
    ]
    assert (np.diff(yaws) > 0).all()
    assert yaws[-1] < 39


def test_translation_is_in_inter_ocular_distances(neutral):
    moved = pose_head(neutral, FaceState(translation=np.array([0.4, 0, 0], np.float32)), HeadLimits())
    corners = neutral.pose.picture_from_head(neutral.shape)[[33, 263], 0]
    assert moved.translation[0] - neutral.pose.translation[0] == pytest.approx(
        0.4 * (corners[1] - corners[0]), rel=1e-3
    )
    nearer = pose_head(neutral, FaceState(translation=np.array([0, 0, 0.4], np.float32)), HeadLimits())
    assert nearer.scale / neutral.pose.scale == pytest.approx(6.5 / 6.1, rel=1e-5)


def test_the_head_never_leaves_its_neck(neutral):
    far = pose_head(neutral, FaceState(translation=np.array([9, -9, 9], np.float32)), HeadLimits())
    assert (np.abs(far.translation - neutral.pose.translation)[:2] <= neutral.inter_ocular * 20.5).all()
    assert far.scale < 1.25 * neutral.pose.scale


def test_jaw_open_opens_and_pressing_closes_a_mouth_that_shows_teeth():
    curves = np.zeros(52, np.float32)
    curves[INDEX["jawOpen"]] = 0.3
    open_source = source_of(MODEL.neutral + displacement_from_curves(MODEL, curves))
    rest = gap(open_source.shape)
    assert rest > 0.4
    pressed = expression(MODEL, open_source, state(mouthPress=1, mouthRollLower=1, mouthRollUpper=1))
    assert gap(open_source.shape + pressed) < 0.1 * rest
    opened = expression(MODEL, open_source, state(jawOpen=0.4))
    assert gap(open_source.shape + opened) > rest + 0.1


def test_lips_never_pass_through_each_other(neutral):
    rng = np.random.default_rng(0)
    floor = min(0.0, *(neutral.shape[a, 1] - neutral.shape[b, 1] for a, b in LIP_PAIRS))
    for _ in range(50):
        curves = (rng.random(52) * (rng.random(52) < 0.3)).astype(np.float32)
        shape = neutral.shape + expression(MODEL, neutral, FaceState(curves=curves))
        assert min(shape[a, 1] - shape[b, 1] for a, b in LIP_PAIRS) >= floor - 1e-4


def test_a_smiling_portrait_does_not_smile_twice():
    curves = np.zeros(52, np.float32)
    curves[[INDEX["mouthSmileLeft"], INDEX["mouthSmileRight"]]] = 0.9
    smiling = source_of(MODEL.neutral + displacement_from_curves(MODEL, curves))
    again = np.abs(expression(MODEL, smiling, state(mouthSmile=1.0))[[61, 291]]).max()
    first = np.abs(expression(MODEL, source_of(MODEL.neutral), state(mouthSmile=1.0))[[61, 291]]).max()
    assert again < 0.6 * first


def test_a_shout_saturates(neutral):
    dense = displacement_from_curves(MODEL, state(jawOpen=1.0).curves)[:468]
    gaps = [gap(neutral.shape + expression(MODEL, neutral, FaceState(dense=dense * k))) for k in (0.5, 1, 1.5, 2, 3)]
    assert (np.diff(gaps) > 0).all()
    assert gaps[-1] < 3.2
