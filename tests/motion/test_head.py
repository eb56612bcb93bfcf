"""Heads that are led by another motion: its turns and places, and nothing else of it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from vivant.face.pose import angles_from_rotation, rotation_from_angles
from vivant.motion.head import led_by
from vivant.motion.motion import Motion
from vivant.motion.state import FaceState

RATE = Fraction(25)


def leader(count: int, rate: Fraction = RATE) -> Motion:
    """Frame n is turned by n hundredths, and is n tenths aside; its jaw is open."""
    states = [
        FaceState(
            curves=np.full(52, 0.9, np.float32),
            rotation=rotation_from_angles(0.01 * n, 0, 0),
            translation=np.array([0.1 * n, 0, 0], np.float32),
        )
        for n in range(count)
    ]
    return Motion.from_states(rate, states)


def turns(states: list[FaceState]) -> list[int]:
    return [round(100 * float(angles_from_rotation(state.rotation)[0])) for state in states]


def test_a_shorter_leader_goes_to_and_fro_and_the_face_is_its_own() -> None:
    own = [FaceState(curves=np.full(52, n / 20, np.float32), present=n != 3) for n in range(12)]
    led = list(led_by(own, leader(4), RATE))
    assert turns(led) == [0, 1, 2, 3, 3, 2, 1, 0, 0, 1, 2, 3]
    for one, other, turn in zip(led, own, turns(led), strict=True):
        np.testing.assert_allclose(one.translation, [0.1 * turn, 0, 0], atol=1e-5)
        kept = replace(one, rotation=other.rotation, translation=other.translation)
        assert kept.present == other.present
        np.testing.assert_array_equal(kept.curves, other.curves)


def test_one_frame_holds_and_rates_are_brought_together() -> None:
    states = [FaceState()] * 6
    assert turns(list(led_by(states, leader(1), RATE))) == [0] * 6
    assert turns(list(led_by(states, leader(12, Fraction(50)), RATE))) == [0, 2, 4, 6, 8, 10]
    assert list(led_by([], leader(3), RATE)) == []
