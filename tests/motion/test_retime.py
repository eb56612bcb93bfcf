"""Irregular time stamps to a constant rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivant.face.pose import angles_from_rotation, rotation_from_angles
from vivant.motion.retime import at_rate, blend_states
from vivant.motion.state import FaceState


def at(time: float) -> FaceState:
    """A state in which everything grows in proportion to time."""
    return FaceState(
        np.full(52, time / 100, np.float32),
        rotation_from_angles(0.1 * time, 0, 0),
        np.full(3, time, np.float32),
        np.full(2, -time, np.float32),
        np.full((468, 3), 2 * time, np.float32),
    )


@given(
    st.lists(st.floats(0.001, 0.4), min_size=1, max_size=30),
    st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(10), Fraction(60)]),
)
@settings(max_examples=50, deadline=None)
def test_linear_motion_stays_linear_whatever_the_stamps(gaps: list[float], rate: Fraction) -> None:
    times = np.concatenate([[0.0], np.cumsum(gaps)])
    out = list(at_rate(((float(time), at(float(time))) for time in times), rate))
    assert abs(len(out) - (1 + times[-1] * float(rate))) <= 1.1
    for index, state in enumerate(out):
        time = min(float(index / rate), float(times[-1]))
        assert state.translation[0] == pytest.approx(time, abs=1e-4)
        assert angles_from_rotation(state.rotation)[0] == pytest.approx(0.1 * time, abs=1e-3)
        assert state.dense is not None
        assert state.dense[0, 0] == pytest.approx(2 * time, abs=1e-3)


def test_equal_rates_change_nothing() -> None:
    rate = Fraction(30000, 1001)
    timed = [(round(float(index / rate), 3), at(index)) for index in range(50)]
    out = list(at_rate(timed, rate))
    assert len(out) == 50
    np.testing.assert_allclose([state.translation[0] for state in out], range(50), atol=0.03)


def test_seconds_decide_the_length_and_ends_are_held() -> None:
    timed = [(0.5, at(0.5)), (1.0, at(1.0))]
    out = list(at_rate(timed, Fraction(10), 2.0))
    assert len(out) == 20
    assert [round(float(state.translation[0]), 2) for state in out[:6]] == [0.5] * 6
    assert out[-1] is timed[-1][1]
    assert len(list(at_rate([(0.0, at(0)), (9.0, at(9))], Fraction(10), 0.31))) == 3


def test_one_frame_and_none() -> None:
    assert len(list(at_rate([(0.0, at(1))], Fraction(25)))) == 1
    assert len(list(at_rate([(0.0, at(1))], Fraction(25), 0.2))) == 5
    assert list(at_rate([], Fraction(25), 1.0)) == []


def test_reads_no_further_than_needed() -> None:
    read: list[int] = []

    def source() -> Iterator[tuple[float, FaceState]]:
        for index in range(100):
            read.append(index)
            yield index / 10, at(index)

    out = at_rate(source(), Fraction(10))
    for _ in range(5):
        next(out)
    assert len(read) <= 6


def test_blend_turns_on_the_short_way_and_never_halves_a_mesh() -> None:
    one, two = at(0), replace(at(10), dense=None, present=False)
    half = blend_states(one, two, 0.5)
    assert angles_from_rotation(half.rotation)[0] == pytest.approx(0.5, abs=1e-5)
    assert blend_states(one, two, 0.4).dense is one.dense
    assert blend_states(one, two, 0.4).present
    assert half.dense is None
    assert not half.present
    assert blend_states(one, two, 0.0) is one
    assert blend_states(one, two, 1.0) is two
