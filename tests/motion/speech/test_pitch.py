"""Pitch against sounds of known frequency, numbers recorded from Praat, and another method on real voices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vivant.media.audio import read_audio
from vivant.motion.speech.pitch import HOP, pitch_track
from vivant.motion.speech.sound import RATE

Floats = NDArray[np.float32]

PRAAT = (
    *(124.14, 130.41, 136.97, 153.16, 154.74, 173.16, 181.88, 191.03, 0, 0, 241.52, 253.68, 266.43),
    *(297.96, 301.02, 336.85, 0, 0, 0, 419.84, 469.74, 493.49, 518.31, 579.6, 585.58),
)
"""Every fourth row of `song()` in Praat 6.1.38: autocorrelation, 20 ms, voicing threshold 0.6, 80 to 750 Hz."""

PRAAT_IN_NOISE = {
    4: (129.8, 131.9, 131.0, 131.0, 137.3, 140.9, 146.9, 150.5, 153.0, 155.2, 155.9),
    15: (155.1, 154.9, 159.5, 163.7, 164.9, 173.3, 177.6, 179.4, 184.7, 180.4, 182.2),
    78: (441.2, 452.9, 464.9, 479.0, 492.3, 493.9, 491.8, 494.4, 496.7, 505.5, 516.9),
    91: (286.2, 291.6, 290.6, 291.3, 289.8, 292.3),  # an octave too low, and so should we be
}
"""The voiced rows of `song()` in noise, from each number on: where costs decide what is a voice."""


def voice(hertz: NDArray[np.float64]) -> Floats:
    """A buzz whose frequency at each sample is `hertz` (n,)."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    return (0.2 * sum(np.sin(h * phase) / h * (h * hertz < 7500) for h in range(1, 20))).astype(np.float32)


def song() -> Floats:
    """A rising voice with vibrato, a pause and a hiss in it."""
    time = np.arange(2 * RATE) / RATE
    sound = voice(120 * 2 ** (1.2 * time) * (1 + 0.03 * np.sin(10 * np.pi * time)))
    sound[9600:12800] = 0
    sound[20000:24000] = 0.1 * np.random.default_rng(3).standard_normal(4000)
    return sound


def vowel(hertz: float, formants: tuple[float, ...], seconds: float = 0.6) -> Floats:
    """A buzz through resonators, as a throat makes a vowel."""
    from scipy.signal import lfilter

    sound = voice(np.full(int(seconds * RATE), hertz))
    for formant in formants:
        radius = np.exp(-np.pi * 80 / RATE)
        sound = lfilter([1.0], [1, -2 * radius * np.cos(2 * np.pi * formant / RATE), radius**2], sound)
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def test_numbers_are_those_of_praat() -> None:
    found = pitch_track(song())
    assert found.shape == (100,)
    np.testing.assert_allclose(found[::4], PRAAT, rtol=2e-4)


def test_in_doubt_it_decides_as_praat() -> None:
    noise = 0.14 * np.random.default_rng(1).standard_normal(2 * RATE)
    wanted = np.zeros(100)
    for first, values in PRAAT_IN_NOISE.items():
        wanted[first : first + len(values)] = values
    found = pitch_track((song() + noise).astype(np.float32))
    assert (np.abs(found - wanted) <= 0.01 * wanted).sum() >= 97


@pytest.mark.parametrize("hertz", [85.0, 110.0, 147.3, 220.0, 311.0, 440.0, 640.0])
@pytest.mark.parametrize("formants", [(730.0, 1090.0, 2440.0), (270.0, 2290.0, 3010.0), (300.0, 870.0, 2240.0)])
def test_vowels_have_their_frequency_and_no_octave_errors(hertz: float, formants: tuple[float, ...]) -> None:
    inner = pitch_track(vowel(hertz, formants))[3:-4]
    assert np.abs(inner / hertz - 1).max() < 0.01


@pytest.mark.parametrize(("first", "last"), [(90.0, 400.0), (600.0, 120.0)])
def test_a_glide_is_followed(first: float, last: float) -> None:
    hertz = first * (last / first) ** np.linspace(0, 1, 2 * RATE)
    rows = np.arange(2, 97)
    wanted = hertz[HOP * (rows + 1)]
    assert np.abs(pitch_track(voice(hertz))[rows] / wanted - 1).max() < 0.01


@pytest.mark.parametrize("seed", range(3))
def test_hiss_silence_and_a_constant_have_no_pitch(seed: int) -> None:
    random = np.random.default_rng(seed)
    assert (pitch_track(random.normal(0, 0.1, RATE).astype(np.float32)) > 0).mean() <= 0.06
    assert not pitch_track(np.zeros(RATE, np.float32)).any()
    assert not pitch_track(np.full(RATE, 0.5, np.float32)).any()


def test_what_is_faint_beside_the_loudest_is_silence() -> None:
    faint = voice(np.full(RATE, 200.0)) / 1000
    assert (pitch_track(faint)[3:-3] > 0).all()
    assert not pitch_track(faint, loudest=0.5).any()


@given(st.integers(0, 5000), st.floats(0.01, 3))
@settings(max_examples=20, deadline=None)
def test_there_is_one_row_for_each_320_samples_at_any_level(samples: int, gain: float) -> None:
    found = pitch_track(song()[:samples])
    assert found.shape == (-(-samples // HOP),)
    assert ((found == 0) | ((found > 79) & (found < 751))).all()
    np.testing.assert_allclose(pitch_track(np.float32(gain) * song()[:samples]), found, rtol=1e-4)


def test_a_window_with_a_second_to_either_side_agrees_with_the_whole() -> None:
    sound = np.concatenate([song(), song()[::-1], song()])
    whole = pitch_track(sound)
    part = pitch_track(sound[100 * HOP : 250 * HOP], float(np.abs(sound).max()))
    np.testing.assert_allclose(part[50:100], whole[150:200], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a02_en_44k_stereo.flac", "a03_fr_48k_stereo.flac", "a04_zh_24k_mono.wav"])
def test_real_voices_agree_with_another_method(samples: Path, name: str) -> None:
    """Probabilistic YIN (Mauch and Dixon 2014) as librosa has it."""
    import librosa

    sound = np.concatenate(list(read_audio(samples / "audio" / name)))
    found = pitch_track(sound)
    other, _, _ = librosa.pyin(sound, fmin=80, fmax=750, sr=RATE, frame_length=1024, hop_length=HOP)
    other = other[1 : len(found) + 1]  # its row k stands for 20 k ms
    both = (found[: len(other)] > 0) & np.isfinite(other)
    ratio = np.log2(found[: len(other)][both] / other[both])
    assert both.sum() > 100
    assert np.median(np.abs(ratio)) < 0.02  # a quarter of a semitone; theirs has steps of a tenth
    assert (np.abs(ratio) > 0.5).mean() < 0.02
    assert ((found[: len(other)] > 0) == np.isfinite(other)).mean() > 0.8
