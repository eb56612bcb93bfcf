"""Curves and head to the 45 numbers: the published puppeteers' own results, and real faces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivant.avatars.tha.angles import angles_of
from vivant.avatars.tha.constants import Constants
from vivant.avatars.tha.currency import breathe, pose_of_curves, pose_of_state
from vivant.avatars.tha.pose import HIGH, INDEX, LOW
from vivant.avatars.tha.profile import Profile
from vivant.errors import SettingsError
from vivant.face import arkit
from vivant.face.pose import rotation_from_angles
from vivant.motion.idle import idle
from vivant.motion.state import FaceState

MOUTH = [INDEX[f"mouth_{vowel}"] for vowel in ("aaa", "iii", "uuu", "ooo")]
CONVERTERS = ("ifacialmocap_25_tha4", "ifacialmocap_25_tha3", "mediapipe_00")


def cases(parity: Path) -> Iterator[dict[str, Any]]:
    path = parity / "tha" / "mocap.json"
    if not path.is_file():
        pytest.skip(f"no fixture {path}")
    fixture = json.loads(path.read_text(encoding="utf-8"))
    assert tuple(fixture["pose_order"]) == tuple(INDEX)
    yield from fixture["cases"]


def state(**curves: float) -> FaceState:
    values = np.zeros(52, np.float32)
    for name, value in curves.items():
        values[arkit.INDEX[name]] = value
    return FaceState(values)


def turned(yaw: float = 0, pitch: float = 0, roll: float = 0) -> FaceState:
    return FaceState(rotation=rotation_from_angles(*np.radians([yaw, pitch, roll])))


def value(posed: np.ndarray, name: str) -> float:
    return float(posed[INDEX[name]])


@pytest.mark.parametrize("converter", CONVERTERS)
def test_parity_tha_puppeteers(parity: Path, converter: str) -> None:
    for case in cases(parity):
        args = case["args"]
        constants = Constants(
            eyebrow_down_mode=args["eyebrow_down_mode"].lower(),
            wink_mode=args["wink_mode"].lower(),
            iris_small=(args["iris_small_left"], args["iris_small_right"]),
            frown=converter != "ifacialmocap_25_tha4",
        )
        curves = np.array([case["blendshapes"].get(name, 0.0) for name in arkit.CURVES])
        angles = np.radians(case["head_degrees_xyz"])
        if converter == "mediapipe_00":
            seen = angles_of(np.array(case["mediapipe_xform_matrix"])[:3, :3])
            angles = np.array(seen) - case["mediapipe_calibration_offset_radians_xyz"]
        posed = pose_of_curves(curves, angles, constants)
        error = np.abs(posed - np.array(case[converter]))
        assert error[MOUTH].max() < 1e-3
        error[MOUTH] = 0
        assert error.max() < 1e-6


def test_thresholds_that_do_not_grow_give_nothing() -> None:
    flat = Constants(smile=(0.5, 0.5), cheek_squint=(0.7, 0.1), jaw_open=(0.2, 0.2), eye_blink_max=0.0)
    posed = pose_of_curves(np.ones(52, np.float32), (0, 0, 0), flat)
    assert np.isfinite(posed).all()
    for name in ("eye_happy_wink_left", "eye_wink_left", "eye_raised_lower_eyelid_left", "mouth_aaa"):
        assert value(posed, name) == 0


def test_the_head_turns_as_the_published_directions_say() -> None:
    profile = Profile()
    right, up, leaning = (pose_of_state(turned(**{name: 8}), profile) for name in ("yaw", "pitch", "roll"))
    assert value(right, "head_y") == value(right, "body_y") < -0.5  # +1 turns to the viewer's left
    assert value(up, "head_x") > 0.4  # +1 tilts up
    assert value(leaning, "neck_z") == value(leaning, "body_z") > 0.4  # +1 leans to the viewer's left
    far = pose_of_state(turned(yaw=-60), profile)
    assert 0.99 < value(far, "head_y") <= 1


def test_eyes_follow_the_gaze_of_the_state() -> None:
    posed = pose_of_state(replace(FaceState(), gaze=np.array([0.2, 0.1], np.float32)), Profile())
    assert value(posed, "iris_rotation_y") == pytest.approx(
        -0.2 / 0.55 / 0.75, abs=1e-5
    )  # +1 looks to the viewer's left
    assert value(posed, "iris_rotation_x") == pytest.approx(0.1 / 0.55 / 0.75, abs=1e-5)
    looks = {"eyeLookOutLeft": 0.3, "eyeLookInRight": 0.3, "eyeLookUpLeft": 0.2, "eyeLookUpRight": 0.2}
    published = pose_of_curves(state(**looks).curves, (0, 0, 0))  # the left eye is on the viewer's right
    assert value(published, "iris_rotation_y") < 0 < value(published, "iris_rotation_x")


def test_sides_are_the_persons() -> None:
    posed = pose_of_state(state(eyeBlinkLeft=0.9, browOuterUpRight=0.5), Profile())
    assert value(posed, "eye_wink_left") == 1
    assert value(posed, "eye_wink_right") == 0
    assert value(posed, "eyebrow_raised_right") == 0.5


def test_closed_lips_close_the_mouth_and_nothing_jumps() -> None:
    hanging = pose_of_state(state(jawOpen=0.4, mouthClose=0.4), Profile())
    assert hanging[MOUTH].max() < 0.05
    assert pose_of_state(state(mouthPucker=0.6), Profile())[MOUTH].max() == 0
    wide = pose_of_state(state(jawOpen=0.5), Profile())
    assert value(wide, "mouth_aaa") > 0.8
    opening = np.linspace(0, 0.5, 400)
    posed = np.stack([pose_of_state(state(jawOpen=o, mouthPucker=0.5, mouthFrownLeft=0.5), Profile()) for o in opening])
    assert np.abs(np.diff(posed, axis=0)).max() < 0.03


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 3))
def test_every_pose_stays_in_its_range(seed: int, size: float) -> None:
    random = np.random.default_rng(seed)
    wild = FaceState(
        random.uniform(0, 1, 52).astype(np.float32),
        rotation_from_angles(*random.normal(0, size, 3)),
        random.normal(0, size, 3).astype(np.float32),
        random.normal(0, size, 2).astype(np.float32),
    )
    posed = pose_of_state(wild, Profile(gains={"mouth": 3.0, "head_x": 5.0}))
    assert posed.dtype == np.float32
    assert (posed >= LOW).all()
    assert (posed <= HIGH).all()
    np.testing.assert_array_equal(posed, pose_of_state(wild, Profile(gains={"mouth": 3.0, "head_x": 5.0})))


def test_a_real_face_moves_the_character_its_own_way(samples: Path) -> None:
    """Curves and head of another tracker, against what its landmarks show of the picture."""
    track = np.load(samples / "tracks" / "v03_expressions_turns_30fps.npz")
    names = track["blendshape_names"].tolist()
    order = [names.index(name) if name in names else -1 for name in arkit.CURVES]
    curves = np.column_stack([track["blendshapes"], np.zeros(len(track["blendshapes"]))])[:, order]
    states = [
        FaceState(c.astype(np.float32), m[:3, :3] / np.cbrt(np.linalg.det(m[:3, :3])))
        for c, m in zip(curves, track["matrix"], strict=True)
    ]
    posed = np.stack([pose_of_state(one, Profile()) for one in states])
    points = track["landmarks"][..., :2]
    corners, nose = points[:, [33, 263]], points[:, 1]
    across = (nose[:, 0] - corners[..., 0].mean(1)) / np.ptp(corners[..., 0], axis=1)
    tilt = np.arctan2(corners[:, 0, 1] - corners[:, 1, 1], corners[:, 1, 0] - corners[:, 0, 0])
    lips = np.linalg.norm(points[:, 13] - points[:, 14], axis=1)
    lid = np.linalg.norm(points[:, 386] - points[:, 374], axis=1)  # the person's left eye
    vowels = posed[:, MOUTH].sum(1) + posed[:, INDEX["mouth_eee"]]
    assert np.corrcoef(posed[:, INDEX["head_y"]], across)[0, 1] < -0.95
    assert np.corrcoef(posed[:, INDEX["neck_z"]], tilt)[0, 1] > 0.8
    assert np.corrcoef(vowels, lips)[0, 1] > 0.8
    closed = posed[:, INDEX["eye_wink_left"]] + posed[:, INDEX["eye_happy_wink_left"]]
    assert np.corrcoef(closed, lid)[0, 1] < -0.7


def test_idle_faces_breathe_and_video_faces_are_made_to() -> None:
    resting = np.array([pose_of_state(one, Profile())[INDEX["breathing"]] for one in islice(idle(), 250)])
    assert resting.min() == 0
    assert resting.max() > 0.7
    jumping = [
        replace(one, dense=np.zeros((468, 3), np.float32), translation=np.float32([0, i % 7, 0]))
        for i, one in enumerate(islice(idle(), 250))
    ]
    assert max(float(pose_of_state(one, Profile())[INDEX["breathing"]]) for one in jumping) == 0
    calm = np.array([pose_of_state(one, Profile())[INDEX["breathing"]] for one in breathe(jumping, Fraction(25))])
    assert np.ptp(calm) > 0.7
    assert np.abs(np.diff(calm)).max() < 0.1
    breaths = np.sum((calm[1:] > 0.4) & (calm[:-1] <= 0.4))
    assert 2 <= breaths <= 3  # in ten seconds
    still = list(breathe(jumping, Fraction(25), per_minute=0))
    assert max(float(pose_of_state(one, Profile())[INDEX["breathing"]]) for one in still) < 1e-4


def test_a_head_that_moves_aside_leans_the_body() -> None:
    aside = pose_of_state(replace(FaceState(), translation=np.float32([0.3, 0, 0])), Profile())
    assert value(aside, "body_z") == pytest.approx(-0.375, abs=1e-5)
    assert value(aside, "neck_z") == 0


@pytest.mark.parametrize("broken", [{"eyebrow_down_mode": "cross"}, {"wink_mode": "both"}])
def test_unknown_modes_are_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="is unknown; use"):
        Constants(**broken)


def test_breath_rates_are_bounded() -> None:
    with pytest.raises(SettingsError, match="breaths per minute"):
        next(breathe(iter([FaceState()]), Fraction(25), per_minute=400))
