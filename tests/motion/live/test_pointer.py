"""The mouse as a driver."""

from __future__ import annotations

import numpy as np
import pytest

from vivant.face.arkit import INDEX
from vivant.face.pose import angles_from_rotation
from vivant.motion.live.pointer import PointedFace, Pointer, pointer_states


def looked(x: float, y: float, steps: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Yaw and pitch, and gaze, in degrees of each step."""
    face = PointedFace()
    states = [face.step((x, y), 0.0).state for _ in range(steps)]
    head = np.degrees([angles_from_rotation(state.rotation)[:2] for state in states])
    return head, np.degrees([state.gaze for state in states])


@pytest.mark.parametrize(("x", "y"), [(1, 0), (-1, 0), (0, 1), (0, -1)])
def test_head_and_eyes_go_where_the_pointer_is(x: int, y: int) -> None:
    head, gaze = looked(x, y)
    for axis, wanted in enumerate((x, y)):
        if wanted:
            assert np.sign(head[-1, axis]) == wanted
            assert abs(head[-1, axis]) > 10
            assert np.sign(gaze[-1, axis]) == wanted
        else:
            assert abs(head[-1, axis]) < 6


def test_the_eyes_go_ahead_of_the_head_and_nothing_jumps() -> None:
    head, gaze = looked(1, 0)
    assert gaze[8, 0] > head[8, 0] > 0
    assert np.abs(np.diff(head[:, 0])).max() < 4


def test_it_blinks() -> None:
    face = PointedFace()
    blinks = [face.step((0.5, 0.5), 0.0).state.curves[INDEX["eyeBlinkLeft"]] for _ in range(60 * 30)]
    assert max(blinks) > 0.9


def test_places_are_bounded() -> None:
    pointer = Pointer()
    pointer.move(9.0, -9.0)
    assert pointer.place == (1.0, -1.0)
    pointer.move(float("nan"), 0.0)
    assert pointer.place == (1.0, -1.0)


def test_states_come_as_time_passes() -> None:
    states = pointer_states(Pointer())
    times = [next(states).time for _ in range(10)]
    assert times[-1] - times[0] > 0.1
