"""Profiles: what a user's own neutral face and gains do, and files that are none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vivant.avatars.tha.angles import angles_of, rotation_of
from vivant.avatars.tha.constants import Constants
from vivant.avatars.tha.currency import pose_of_state
from vivant.avatars.tha.pose import INDEX
from vivant.avatars.tha.profile import Profile, calibrate, load_profile, save_profile
from vivant.avatars.tha.smoother import Smoothing
from vivant.errors import SettingsError
from vivant.face import arkit
from vivant.face.pose import rotation_from_angles
from vivant.motion.state import FaceState


def looking(yaw: float = 0.0, pitch: float = 0.0, jaw: float = 0.0, blink: float = 0.0) -> FaceState:
    curves = np.zeros(52, np.float32)
    curves[arkit.INDEX["jawOpen"]], curves[arkit.INDEX["eyeBlinkLeft"]] = jaw, blink
    gaze = np.array([0.1, -0.05], np.float32)
    return FaceState(curves, rotation_from_angles(yaw, pitch, 0.02), np.float32([0.2, -0.1, 0.3]), gaze)


def test_calibration_makes_the_users_rest_the_characters() -> None:
    random = np.random.default_rng(1)
    rest = [looking(0.1 + random.normal(0, 0.01), -0.2, jaw=0.15, blink=float(i == 4)) for i in range(30)]
    profile = calibrate(rest, Profile(gains={"mouth": 2.0}))
    assert profile.gains == {"mouth": 2.0}
    posed = pose_of_state(looking(0.1, -0.2, jaw=0.15), profile)
    assert np.abs(np.delete(posed, INDEX["breathing"])).max() < 0.1
    before = pose_of_state(looking(0.1, -0.2, jaw=0.15), Profile(gains={"mouth": 2.0}))
    assert np.abs(before).max() > 0.5


def test_turning_against_a_tilted_rest_stays_a_plain_turn() -> None:
    """A camera below the screen sees every head tilted; a turn must not become a lean."""
    tilted = rotation_from_angles(0, 0.35, 0)
    profile = replace(Profile(), neutral=FaceState(rotation=tilted))
    seen = FaceState(rotation=tilted @ rotation_from_angles(0.1, 0, 0))
    x, y, z = angles_of(profile.relative(seen).rotation)
    assert (x, z) == (pytest.approx(0, abs=1e-5), pytest.approx(0, abs=1e-5))
    assert y == pytest.approx(0.1, abs=1e-5)


def test_curves_keep_their_whole_range() -> None:
    neutral = FaceState(np.full(52, 0.3, np.float32))
    shifted = replace(Profile(), neutral=neutral).relative(FaceState(np.array([0.1, 0.3, 0.65, 1.0] * 13, np.float32)))
    np.testing.assert_allclose(shifted.curves[:4], [0, 0, 0.5, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        ([], "0 states"),
        ([replace(FaceState(), present=False)] * 30, "0 states"),
        ([looking(yaw) for yaw in np.linspace(-0.6, 0.6, 30)], "keep still"),
    ],
)
def test_calibration_by_too_little_or_too_much_motion_is_refused(states: list[FaceState], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        calibrate(states)


def test_the_most_particular_gain_counts() -> None:
    profile = Profile(gains={"eye": 0.5, "eye_wink": 0.25, "eye_wink_left": 2.0})
    assert profile.gain[INDEX["eye_wink_left"]] == 2
    assert profile.gain[INDEX["eye_wink_right"]] == 0.25
    assert profile.gain[INDEX["eye_relaxed_left"]] == 0.5
    assert profile.gain[INDEX["head_x"]] == 1


def test_a_saved_profile_comes_back(tmp_path: Path) -> None:
    profile = Profile(
        calibrate([looking(0.1, -0.2, jaw=0.15)] * 9).neutral,
        {"mouth_aaa": 1.5, "face": 0.75},
        Constants(eyebrow_down_mode="serious", frown=False, iris_small=(0.25, 0.5)),
        Smoothing(amount=2.5),
    )
    save_profile(tmp_path / "me.toml", profile)
    back = load_profile(tmp_path / "me.toml")
    assert (back.gains, back.constants, back.smoothing) == (profile.gains, profile.constants, profile.smoothing)
    for name in ("curves", "rotation", "translation", "gaze"):
        np.testing.assert_allclose(getattr(back.neutral, name), getattr(profile.neutral, name), atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["me.toml"]


def test_a_hand_written_profile_may_be_short(tmp_path: Path) -> None:
    path = tmp_path / "short.toml"
    path.write_text('[gains]\nmouth = 2\n[constants]\nwink_mode = "relaxed"\n')
    profile = load_profile(path)
    assert profile.gain[INDEX["mouth_ooo"]] == 2
    assert profile.constants.wink_mode == "relaxed"
    path.write_text("")
    assert load_profile(path).gains == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("gains = 3", "must be a table"),
        ("[gains]\nnose = 1", "no such parameter"),
        ("[gains]\nmouth = 99", "give 0 to 10"),
        ("[gains]\nmouth = nan", "must be a number"),
        ('[gains]\nmouth = "much"', "must be a number"),
        ("[constants]\nsmile = [1, 2, 3]", "2 numbers"),
        ("[constants]\nfrown = 1", "true or false"),
        ('[constants]\nwink_mode = "never"', "is unknown"),
        ("[smoothing]\namount = 11", "give 0 to 10"),
        ("[smoothing]\nhaste = 1", "no entry 'haste'"),
        ("[neutral]\nhead_degrees = [1]", "3 numbers"),
        ("[neutral.curves]\nsmile = 1", "no curve 'smile'"),
        ("[feelings]", "no table 'feelings'"),
        ("[", "not a profile in TOML"),
        ("\xff\xfe", "not a profile in TOML"),
        ("#" * 70000, "too large"),
    ],
)
def test_what_is_no_profile_is_one_line(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(SettingsError, match=reason) as caught:
        load_profile(path)
    assert "bad.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rotations_and_angles_are_inverse() -> None:
    angles = np.array([0.3, -0.5, 0.7])
    np.testing.assert_allclose(angles_of(rotation_of(angles)), angles, atol=1e-6)
