"""Motion: collecting states, giving them back, refusing what is no motion."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from vivant.errors import MotionError
from vivant.face.pose import rotation_from_angles
from vivant.motion.motion import Motion
from vivant.motion.state import FaceState


def states(count: int, dense: bool = True) -> list[FaceState]:
    random = np.random.default_rng(1)
    return [
        FaceState(
            random.random(52).astype(np.float32),
            rotation_from_angles(0.1 * index, -0.05, 0.02),
            random.normal(size=3).astype(np.float32),
            random.normal(size=2).astype(np.float32),
            random.normal(size=(468, 3)).astype(np.float32) if dense else None,
            index != 1,
        )
        for index in range(count)
    ]


def test_states_come_back_as_they_went_in() -> None:
    given = states(5)
    motion = Motion.from_states(Fraction(30000, 1001), iter(given), {"driver": "x.mp4"})
    assert len(motion) == 5
    assert motion.seconds == pytest.approx(5 * 1001 / 30000)
    assert motion.meta == {"driver": "x.mp4"}
    for one, other in zip(given, motion, strict=True):
        for name in ("curves", "rotation", "translation", "gaze", "dense"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert one.present == other.present
    assert motion[-1].present


def test_the_mesh_is_kept_only_where_all_states_have_it() -> None:
    mixed = [*states(2), *states(1, dense=False)]
    assert Motion.from_states(Fraction(25), mixed).dense is None
    assert Motion.from_states(Fraction(25), mixed[:2]).dense is not None


def test_no_states_are_no_motion() -> None:
    with pytest.raises(MotionError, match="no frames"):
        Motion.from_states(Fraction(25), [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("curves", np.zeros((3, 51), np.float32)),
        ("curves", np.full((3, 52), np.nan, np.float32)),
        ("rotation", np.zeros((3, 3, 3), np.float32)),
        ("rotation", np.stack([np.diag([1, 1, -1]).astype(np.float32)] * 3)),
        ("translation", np.full((3, 3), np.inf, np.float32)),
        ("gaze", np.zeros((2, 2), np.float32)),
        ("dense", np.zeros((3, 478, 3), np.float32)),
        ("rate", Fraction(0)),
    ],
)
def test_malformed_arrays_are_named(field: str, value: object) -> None:
    motion = Motion.from_states(Fraction(25), states(3))
    with pytest.raises(MotionError, match=field):
        replace(motion, **{field: value})
