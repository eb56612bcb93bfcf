"""Half heard closures, and bites, are made in full, and so is what opens between them; nothing else moves."""

from __future__ import annotations

import numpy as np
import pytest

from vivant.face.arkit import INDEX
from vivant.motion.speech.contacts import BESIDE, decided
from vivant.motion.speech.gestures import GESTURES, JAW, SHUT, TUCK, curves_of_gestures, mouth_matrix


def bump(height: float, frames: int = 60, middle: int = 30, width: float = 3.0) -> np.ndarray:
    return height * np.exp(-(((np.arange(frames) - middle) / width) ** 2))


def talk(shut: float, tuck: float = 0.0) -> np.ndarray:
    rows = np.zeros((60, len(GESTURES)))
    rows[:, JAW], rows[:, SHUT], rows[:, TUCK] = 0.5, bump(shut), bump(tuck)
    return rows


@pytest.mark.parametrize("gesture", [SHUT, TUCK])
@pytest.mark.parametrize("height", [0.4, 0.6, 0.9, 1.0])
def test_what_is_half_heard_is_made_in_full_and_in_its_time(gesture: int, height: float) -> None:
    heard = talk(height) if gesture == SHUT else talk(0.0, height)
    made = decided(heard)
    assert made[:, gesture].max() == pytest.approx(1.0)
    np.testing.assert_allclose(made[25:36, gesture], bump(1.0)[25:36], atol=1e-2)


def test_half_a_closure_becomes_closed_lips() -> None:
    matrix = mouth_matrix()
    heard, made = (curves_of_gestures(rows, matrix)[30] for rows in (talk(0.45), decided(talk(0.45))))
    assert made[INDEX["mouthClose"]] == pytest.approx(made[INDEX["jawOpen"]])
    assert heard[INDEX["mouthClose"]] < 0.6 * heard[INDEX["jawOpen"]]


def test_a_mouth_that_opens_a_little_between_two_closures_opens_more() -> None:
    rows = np.zeros((60, len(GESTURES)))
    rows[:, SHUT] = np.minimum(bump(1.0, middle=26, width=4.5) + bump(1.0, middle=34, width=4.5), 1.0)
    assert rows[30, SHUT] > 0.75, "half way between them the lips are nearly closed"
    made = decided(rows)[:, SHUT]
    assert made[30] < 0.6 * rows[30, SHUT]
    assert made[[26, 34]] == pytest.approx(1.0, abs=0.02)


def test_lips_that_are_held_together_stay_so() -> None:
    rows = np.zeros((80, len(GESTURES)))
    rows[20:60, SHUT] = 0.95
    assert decided(rows)[26:54, SHUT].min() > 0.9


def test_what_is_hardly_heard_stays() -> None:
    np.testing.assert_allclose(decided(talk(0.05, 0.04)), talk(0.05, 0.04), atol=2e-3)


def test_flanks_of_sure_closures_and_other_gestures_stay() -> None:
    heard = talk(1.0)
    np.testing.assert_allclose(decided(heard)[25:36], heard[25:36], atol=1e-2)
    np.testing.assert_array_equal(decided(talk(0.5, 0.5))[:, JAW], heard[:, JAW])


def test_more_heard_is_never_less_made() -> None:
    made = [decided(talk(height))[30, SHUT] for height in np.linspace(0, 1, 41)]
    assert np.all(np.diff(made) >= -1e-9)


def test_the_cut_of_a_stream_does_not_matter() -> None:
    rows = np.random.default_rng(3).random((200, len(GESTURES))) ** 3
    whole, part = decided(rows), decided(rows[50:150])
    np.testing.assert_array_equal(part[BESIDE:-BESIDE], whole[50 + BESIDE : 150 - BESIDE])
