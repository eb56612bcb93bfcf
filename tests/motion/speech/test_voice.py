"""What is heard in sounds whose nature is known because they are made here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivant.motion.speech.sound import blocks
from vivant.motion.speech.voice import PASSAGE, Passage, listen

RATE = 16000


def vowel(seconds: float, formants: tuple[float, ...], pitch: float = 120.0, level: float = 0.2) -> np.ndarray:
    """A buzz of glottal pulses through two-pole resonators at `formants` in Hz: (n,) float32 of the given RMS."""
    count = int(seconds * RATE)
    sound = (np.diff(np.floor(np.arange(count + 1) * pitch / RATE)) > 0).astype(float)
    sound = np.convolve(sound, np.exp(-np.arange(200) / 20))[:count]
    for centre in formants:
        radius = np.exp(-np.pi * 90 / RATE)
        first, second = 2 * radius * np.cos(2 * np.pi * centre / RATE), -(radius**2)
        out = np.zeros(count + 2)
        for n in range(count):
            out[n + 2] = sound[n] + first * out[n + 1] + second * out[n]
        sound = out[2:]
    sound = sound - sound.mean()
    return (level * sound / np.sqrt(np.mean(sound**2))).astype(np.float32)


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE), np.float32)


def heard(sound: np.ndarray, name: str) -> np.ndarray:
    return np.concatenate([getattr(passage, name) for passage in listen([sound])])


AH, EE, OO = (750.0, 1250.0, 2500.0), (290.0, 2300.0, 3000.0), (450.0, 750.0, 2400.0)


@pytest.fixture(scope="module")
def vowels() -> np.ndarray:
    """Half a second each of ah, ee, o, with pauses; twice, so that the voice is known the second time."""
    parts = [part for formants in (AH, EE, OO) * 2 for part in (quiet(0.3), vowel(0.5, formants))]
    return np.concatenate([*parts, quiet(0.3)])


def middle(values: np.ndarray, index: int) -> float:
    """Mean of 0.3 s in the middle of the vowel number `index`."""
    start = int(100 * (0.8 * index + 0.4))
    return float(values[start : start + 30].mean())


def test_open_front_and_rounded_vowels_are_told_apart(vowels: np.ndarray) -> None:
    opening, front, rounding = (heard(vowels, name) for name in ("opening", "front", "rounding"))
    assert middle(opening, 3) > middle(opening, 4) + 0.2
    assert middle(opening, 3) > 0.7
    assert middle(front, 4) > 0.7 > 0.3 > max(middle(front, 3), middle(front, 5))
    assert middle(rounding, 5) > 0.4 > 0.2 > max(middle(rounding, 3), middle(rounding, 4))


def test_voice_and_silence(vowels: np.ndarray) -> None:
    active = heard(vowels, "active")
    assert middle(active, 0) > 0.95
    assert active[:25].max() == 0
    assert active[88:108].max() < 0.05


def test_pitch_is_heard_against_the_usual_one() -> None:
    low, high = vowel(2.0, AH, 110), vowel(0.6, AH, 110 * 2 ** (4 / 12))
    pitch = heard(np.concatenate([quiet(0.5), low, high]), "pitch")
    assert np.median(pitch[150:245]) == pytest.approx(0, abs=0.5)
    assert np.median(pitch[265:300]) == pytest.approx(4, abs=0.8)


def test_closed_lips_are_the_dip_between_two_vowels() -> None:
    say = np.concatenate([quiet(0.4), vowel(0.4, AH), quiet(0.08), vowel(0.4, AH), quiet(0.4)])
    closure = heard(say, "closure")
    assert closure[82:88].max() > 0.9
    assert closure[55:75].max() < 0.1
    assert closure[100:118].max() < 0.1


def test_a_burst_of_hiss_after_the_dip_means_the_tongue() -> None:
    noise = np.random.default_rng(0).standard_normal(int(0.05 * RATE))
    burst = (0.05 * np.diff(np.diff(noise, prepend=0), prepend=0)).astype(np.float32)
    say = np.concatenate([quiet(0.4), vowel(0.4, AH), quiet(0.06), burst, vowel(0.4, AH), quiet(0.4)])
    assert heard(say, "closure")[80:90].max() < 0.4
    assert heard(say, "hiss")[86:92].max() > 0.6


@pytest.mark.parametrize("decibels", [-30, -15, 6])
def test_loudness_does_not_matter(vowels: np.ndarray, decibels: int) -> None:
    plain, scaled = heard(vowels, "opening"), heard(vowels * 10 ** (decibels / 20), "opening")
    assert np.abs(plain - scaled)[250:].mean() < 0.06


def test_steady_noise_is_nobody() -> None:
    noise = 0.1 * np.random.default_rng(1).standard_normal(5 * RATE).astype(np.float32)
    assert heard(noise, "opening")[50:].max() < 0.15
    assert heard(noise, "closure")[50:].max() < 0.15


def test_speech_in_noise_still_pauses(vowels: np.ndarray) -> None:
    noisy = vowels + 0.02 * np.random.default_rng(2).standard_normal(len(vowels)).astype(np.float32)
    active = heard(noisy, "active")
    assert middle(active, 3) > 0.8
    assert active[492:502].mean() < 0.2


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 9000), max_size=8))
def test_cuts_do_not_matter(sizes: list[int]) -> None:
    sound = np.concatenate([quiet(0.1), vowel(0.7, AH), quiet(0.2), vowel(0.6, EE)])
    cuts = np.cumsum(sizes)
    pieces = np.split(sound, cuts[cuts < len(sound)])
    whole, cut = list(listen([sound])), list(listen(pieces))
    assert len(whole) == len(cut)
    for one, other in zip(whole, cut, strict=True):
        for name in Passage.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_no_sample_is_lost_and_nan_is_silence() -> None:
    sound = np.arange(7001, dtype=np.float32) / 7001
    pieces = [sound[:5], sound[5:6000], sound[6000:]]
    np.testing.assert_array_equal(np.concatenate(list(blocks(pieces, PASSAGE))), sound)
    np.testing.assert_array_equal(np.concatenate([p.sound for p in listen([sound])]), sound)
    broken = np.array([np.nan, np.inf, -np.inf, 0.5], np.float32)
    np.testing.assert_array_equal(next(blocks([broken], PASSAGE)), np.array([0, 1, -1, 0.5], np.float32))
    assert list(listen([])) == []
