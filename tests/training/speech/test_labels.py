"""Phoneme times against sound made for the purpose."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivant.training.speech.labels import levels, tidied, with_closures

RATE = 16000


def talk(*parts: tuple[float, float]) -> np.ndarray:
    """Hum of (seconds, loudness) one after the other."""
    draw = np.random.default_rng(0)
    return np.concatenate([draw.normal(0, loud, round(length * RATE)) for length, loud in parts]).astype(np.float32)


def test_levels_are_where_the_sound_is() -> None:
    level = levels(talk((0.1, 0.1), (0.1, 0.0), (0.1, 0.1)), RATE)
    assert len(level) == 151
    assert level[10:45] == pytest.approx(-20, abs=2)
    assert (level[55:95] == -100).all()
    assert np.flatnonzero(level < -40)[[0, -1]] == pytest.approx([53.5, 97], abs=1)


def test_a_closure_belongs_to_the_stop_that_follows() -> None:
    sound = talk((0.1, 0.1), (0.06, 1e-4), (0.03, 0.03), (0.1, 0.1))
    told = ((0.0, 0.16, "a"), (0.16, 0.19, "p"), (0.19, 0.29, "a"))
    found = with_closures(told, sound, RATE)
    assert [ipa for _, _, ipa in found] == ["a", "p", "a"]
    assert found[0][1] == found[1][0] == pytest.approx(0.1, abs=0.012)
    assert found[1][1] == 0.19


def test_quiet_before_another_phone_is_silence() -> None:
    sound = talk((0.1, 0.1), (0.06, 1e-4), (0.1, 0.1))
    found = with_closures(((0.0, 0.16, "a"), (0.16, 0.26, "s")), sound, RATE)
    assert [ipa for _, _, ipa in found] == ["a", "", "s"]
    assert found[1][1] == 0.16


def test_a_silence_that_sounds_belongs_to_the_phone_before() -> None:
    sound = talk((0.3, 0.1))
    found = with_closures(((0.0, 0.1, "i"), (0.1, 0.15, ""), (0.15, 0.3, "a")), sound, RATE)
    assert found == ((0.0, 0.15, "i"), (0.15, 0.3, "a"))


@pytest.mark.parametrize("told", [((0.0, 0.2, "a"), (0.2, 0.3, "p")), ((0.0, 0.3, "m"),)])
def test_steady_sound_is_left_as_it_is(told: tuple[tuple[float, float, str], ...]) -> None:
    assert with_closures(told, talk((0.3, 0.1)), RATE) == told


@given(st.lists(st.tuples(st.floats(-1, 3), st.floats(-1, 3), st.sampled_from(["", "a", "p"])), max_size=12))
def test_tidied_phones_fill_the_sound(phones: list[tuple[float, float, str]]) -> None:
    found = tidied(tuple(phones), 2.0)
    assert [start for start, _, _ in found] == [0.0, *(end for _, end, _ in found[:-1])]
    assert found[-1][1] == 2.0
    assert all(end > start for start, end, _ in found)
    names = [ipa for _, _, ipa in found]
    assert all(a or b for a, b in pairwise(names))


def test_short_silences_go_to_the_phone_before() -> None:
    found = tidied(((0.1, 0.3, "a"), (0.32, 0.5, "b"), (0.7, 0.9, "a")), 1.0)
    assert found == (
        (0.0, 0.1, ""),
        (0.1, 0.32, "a"),
        (0.32, 0.5, "b"),
        (0.5, 0.7, ""),
        (0.7, 0.9, "a"),
        (0.9, 1.0, ""),
    )
