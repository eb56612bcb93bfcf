"""States let out as time passes."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np

from vivant.motion.live.clocked import played, stamped, ticks
from vivant.motion.state import FaceState


def numbered(count: int) -> list[FaceState]:
    return [FaceState(translation=np.array([index, 0, 0], np.float32)) for index in range(count)]


def test_a_motion_is_played_at_its_rate() -> None:
    started = time.perf_counter()
    heard = list(played(numbered(25), Fraction(100)))
    assert heard[-1].time - started > 0.2
    assert heard[-1].state.translation[0] == 24


def test_who_is_late_leaves_states_out_instead_of_lagging() -> None:
    shown = []
    for heard in played(numbered(60), Fraction(100)):
        time.sleep(0.035)
        shown.append(int(heard.state.translation[0]))
    assert len(shown) < 30
    assert shown == sorted(shown)


def test_ticks_leave_out_what_has_passed() -> None:
    clock = ticks(Fraction(100))
    assert next(clock) == 0
    time.sleep(0.1)
    assert next(clock) >= 8


def test_states_that_come_by_themselves_get_their_time() -> None:
    before = time.perf_counter()
    (heard,) = list(stamped(numbered(1)))
    assert before <= heard.time <= time.perf_counter()
