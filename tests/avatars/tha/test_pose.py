"""The order of the 45 parameters, against the published one."""

from __future__ import annotations

import numpy as np
import pytest

from vivant.avatars.tha.pose import EYEBROW, FACE, HIGH, INDEX, LOW, PARAMETERS, ROTATION, pose_of
from vivant.errors import SettingsError

PUBLISHED = {
    0: "eyebrow_troubled_left",
    9: "eyebrow_happy_right",
    11: "eyebrow_serious_right",
    12: "eye_wink_left",
    21: "eye_unimpressed_right",
    25: "iris_small_right",
    26: "mouth_aaa",
    31: "mouth_delta",
    33: "mouth_lowered_corner_right",
    34: "mouth_raised_corner_left",
    36: "mouth_smirk",
    37: "iris_rotation_x",
    41: "neck_z",
    43: "body_z",
    44: "breathing",
}
"""Specification, section 1."""


def test_published_order() -> None:
    assert len(PARAMETERS) == len(INDEX) == 45
    assert {place: PARAMETERS[place].name for place in PUBLISHED} == PUBLISHED
    assert sum(LOW) == -7
    assert (HIGH == 1).all()
    kinds = [{PARAMETERS[place].category for place in range(45)[part]} for part in (EYEBROW, FACE, ROTATION)]
    assert kinds == [{"eyebrow"}, {"eye", "iris", "mouth", "gaze"}, {"face", "body", "breathing"}]


def test_poses_by_name() -> None:
    pose = pose_of({"head_x": -0.5, "eye_wink": 1})
    assert np.flatnonzero(pose).tolist() == [12, 13, 39]
    assert pose[39] == -0.5


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("head_z", 0, "neck_z|head_x"),
        ("mouth_aaa", -0.1, "0..1"),
        ("head_y", float("nan"), "-1..1"),
        ("", 1, "they are"),
    ],
)
def test_wrong_poses(name: str, value: float, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        pose_of({name: value})
