"""The front end: exact times, any cut, any level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivant.motion.speech.front_end import BANDS, HOP, WIDTH, WINDOW, analyse, front_end

RATE = 16000


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def voice(hertz: float, seconds: float = 1.0) -> np.ndarray:
    """A pulse train with a formant near 600 Hz."""
    pulses = np.diff(np.floor(np.arange(int(seconds * RATE) + 1) * hertz / RATE)) > 0
    formant = np.sin(np.arange(80) * 0.24) * np.exp(-np.arange(80) / 20)
    return (0.3 * np.convolve(pulses, formant)[: len(pulses)]).astype(np.float32)


def features(sound: np.ndarray) -> np.ndarray:
    return np.concatenate(list(front_end([sound], 4)))


def mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


@pytest.mark.parametrize("hertz", [200, 500, 1000, 2500, 5000])
def test_a_tone_is_loudest_in_the_band_of_its_pitch(hertz: float) -> None:
    band = features(tone(hertz))[50, :BANDS].argmax()
    expected = (mel(hertz) - mel(60)) / (mel(7600) - mel(60)) * (BANDS + 1) - 1
    assert abs(band - expected) < 1.0


@pytest.mark.parametrize("hertz", [85, 120, 180, 240, 330])
def test_pitch_and_voicing(hertz: float) -> None:
    found = features(voice(hertz))[20:80]
    assert np.median(found[:, BANDS]) > 0.9
    assert np.median(found[:, BANDS + 1]) == pytest.approx(np.log2(hertz / 120), abs=0.04)
    noise = features((0.1 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32))
    assert np.median(noise[:, BANDS]) < 0.2


def test_a_row_needs_no_sound_after_its_end() -> None:
    sound = voice(120, 0.5)
    changed = sound.copy()
    changed[30 * HOP :] = 0
    np.testing.assert_array_equal(features(sound)[:30], features(changed)[:30])
    assert np.abs(features(sound)[30] - features(changed)[30]).max() > 0.1


def test_a_quiet_recording_looks_like_a_loud_one() -> None:
    sound = np.concatenate([np.zeros(RATE // 2, np.float32), voice(120, 6.0)])
    loud, quiet = features(sound)[450:], features(0.03 * sound)[450:]
    assert np.abs(loud - quiet)[:, 5:40].mean() < 0.1


def test_the_hum_of_a_room_changes_nothing_far_below_the_voice() -> None:
    sound = voice(140, 2.0)
    quiet = sound.copy()
    quiet[len(quiet) // 2 :] = 0
    hum = np.random.default_rng(3).normal(0, 3e-4 * float(np.abs(sound).max()), len(sound)).astype(np.float32)
    silent, humming = features(quiet)[105:, :BANDS], features(quiet + hum)[105:, :BANDS]
    assert len(silent) > 90
    np.testing.assert_array_equal(silent, humming)


@given(st.lists(st.integers(1, 5000), max_size=12))
@settings(max_examples=15, deadline=None)
def test_the_cut_does_not_matter(cuts: list[int]) -> None:
    sound = voice(140, 0.6)
    pieces = np.split(sound, np.cumsum(cuts)[np.cumsum(cuts) < len(sound)])
    np.testing.assert_array_equal(np.concatenate(list(front_end(pieces, 4))), features(sound))


def test_odd_sounds() -> None:
    assert list(front_end([], 4)) == []
    for sound in (np.zeros(999, np.float32), np.full(999, np.nan, np.float32), np.full(999, 9.0, np.float32)):
        found = features(sound)
        assert found.shape == (8, WIDTH)
        assert np.isfinite(found).all()
        assert np.abs(found).max() <= 7.0


def test_analyse_counts_whole_hops() -> None:
    levels, tones = analyse(np.zeros(WINDOW - HOP + 10 * HOP, np.float32))
    assert levels.shape == (10, BANDS)
    assert tones.shape == (10, 2)
