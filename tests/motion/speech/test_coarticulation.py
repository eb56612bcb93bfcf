"""Gestures of phonemes: what phonetics says a mouth does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivant.face.model import displacement_from_curves, load_face_model
from vivant.motion.speech.coarticulation import (
    CONSONANTS,
    OPENING,
    SHORT_PAUSE,
    VOWELS,
    Manner,
    demand,
    gestures_of_phones,
)
from vivant.motion.speech.gestures import JAW, LIPS, ROUND, SHUT, TUCK, Build, curves_of_gestures, mouth_matrix

SYMBOLS = sorted({*VOWELS, *(letter for letters in CONSONANTS for letter in letters.split())})


def spoken(text: str, pace: float = 0.09, pause: float = 1.0) -> np.ndarray:
    """Gestures of the letters of `text`, each `pace` seconds, in silence."""
    phones = [(0.0, pause, "")]
    for letter in text:
        phones.append((phones[-1][1], phones[-1][1] + pace, letter))
    phones.append((phones[-1][1], phones[-1][1] + pause, ""))
    return gestures_of_phones(phones, phones[-1][1], Manner(lead=0.0))


def during(found: np.ndarray, place: int, pace: float = 0.09, pause: float = 1.0) -> np.ndarray:
    """The rows (N, 7) of the phone at `place`."""
    start = pause + place * pace
    return found[round(100 * start) : round(100 * (start + pace))]


def gap(found: np.ndarray) -> np.ndarray:
    """Distance of the inner lips (N,) in cm."""
    model, curves = load_face_model(), curves_of_gestures(found, mouth_matrix())
    moved = np.stack([displacement_from_curves(model, one)[[13, 14]] for one in curves])
    return np.asarray(moved[:, 0, 1] - moved[:, 1, 1])


@pytest.mark.parametrize("letter", "pbm")
def test_bilabials_close_the_lips_between_the_widest_vowels(letter: str) -> None:
    found = spoken(f"a{letter}a", pace=0.07)
    assert gap(during(found, 1, 0.07)).min() < 0.02
    assert gap(during(found, 0, 0.07)).max() > 0.6


def test_labiodentals_bite_and_do_not_close() -> None:
    found = spoken("afa")
    middle = during(found, 1)[4]
    assert middle[TUCK] > 0.8
    assert middle[SHUT] < 0.1


def test_rounding_spreads_to_the_neighbours_and_narrows_the_mouth() -> None:
    plain, rounded = spoken("tita"), spoken("tuta")
    assert during(rounded, 0)[:, ROUND].max() > 0.25 > during(plain, 0)[:, ROUND].max() + 0.2
    model = load_face_model()

    def width(row: np.ndarray) -> float:
        moved = model.neutral + displacement_from_curves(model, curves_of_gestures(row, mouth_matrix()))
        return float(np.linalg.norm(moved[61] - moved[291]))

    assert width(during(rounded, 1)[4]) < 0.9 * width(during(plain, 1)[4])


def test_vowels_open_by_their_height() -> None:
    openings = [gap(during(spoken(f"t{vowel}t", pace=0.15), 1, 0.15)).max() for vowel in ("i", "e", "ɛ", "a")]
    assert openings == sorted(openings)
    assert openings[-1] > 1.8 * openings[0]


def test_h_takes_the_shape_of_its_neighbours() -> None:
    wide, narrow = during(spoken("aha"), 1)[4], during(spoken("uhu"), 1)[4]
    assert wide[JAW] > 2 * narrow[JAW]
    assert narrow[ROUND] > 0.6 > wide[ROUND] + 0.5


def test_long_pauses_rest_and_short_ones_do_not() -> None:
    assert np.abs(gap(spoken("ata"))[:60]).max() < 0.1
    phones = [(0.0, 0.2, "a"), (0.2, 0.2 + 0.8 * SHORT_PAUSE, ""), (0.2 + 0.8 * SHORT_PAUSE, 1.0, "a")]
    assert gap(gestures_of_phones(phones, 1.0))[20:60].min() > 0.3


def test_hurry_undershoots() -> None:
    slow, quick = (during(spoken("tat", pace), 1, pace)[:, JAW].max() for pace in (0.2, 0.05))
    assert quick < 0.75 * slow


@given(st.lists(st.tuples(st.sampled_from(["", *SYMBOLS, "aɪ", "tʃ", "?", "ɑː"]), st.floats(0.01, 0.4)), max_size=30))
@settings(max_examples=40, deadline=None)
def test_any_phones_give_smooth_gestures_between_0_and_1(pairs: list[tuple[str, float]]) -> None:
    ends = np.cumsum([0.0, *(seconds for _, seconds in pairs)])
    phones = [(start, end, symbol) for (symbol, _), start, end in zip(pairs, ends, ends[1:], strict=False)]
    found = gestures_of_phones(phones, float(ends[-1]))
    assert found.shape == (max(round(ends[-1] * 100), 3), 7)
    assert found.min() >= 0
    assert found.max() <= 1
    if ends[-1] >= OPENING:  # else there is no room to be smooth
        assert np.abs(np.diff(found, axis=0)).max(initial=0) < 0.25  # per 10 ms


def test_a_demand_for_each_part_of_a_symbol() -> None:
    assert [len(demand(symbol)) for symbol in ("", "a", "aɪ", "tʃ", "?", "ɑː", "ã")] == [1, 1, 2, 2, 1, 1, 1]
    assert demand("?")[0].weight.max() <= 2.0
    for symbol in SYMBOLS:
        for part in demand(symbol):
            assert np.all((part.target >= 0) & (part.target <= 1) & (part.weight > 0))


def test_gain_and_the_uneven_side_of_a_mouth() -> None:
    row = np.zeros(7)
    row[LIPS] = 1.0
    plain = curves_of_gestures(row, mouth_matrix())
    half = curves_of_gestures(row, mouth_matrix(Build(gain=0.5)))
    np.testing.assert_allclose(half, 0.5 * plain, atol=1e-6)
    uneven = curves_of_gestures(row, mouth_matrix(Build(uneven=0.1)))
    assert uneven.sum() == pytest.approx(plain.sum())
    assert np.abs(uneven - plain).max() > 0.01
