"""Hearing the music of speech: made-up voices with known pitch, pauses and accents, and real ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vivant.media.audio import read_audio
from vivant.motion.speech.prosody import BLOCK, HOPS, Prosody, prosody

RATE = 16000


def voice(hertz: np.ndarray, gain: np.ndarray, seed: int = 0) -> np.ndarray:
    """Syllables of 0.2 s with the pitch `hertz` and the amplitude `gain`, one value per sample."""
    phase = np.cumsum(hertz) / RATE
    gain = gain * np.clip(8 * np.sin(np.pi * np.arange(len(hertz)) / (0.2 * RATE)) ** 2, 0, 1)
    harmonics = sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 12))
    noise = np.random.default_rng(seed).standard_normal(len(hertz))
    return (0.1 * gain * harmonics + 1e-4 * noise).astype(np.float32)


def heard(sound: np.ndarray) -> list[Prosody]:
    return list(prosody([sound]))


def joined(blocks: list[Prosody], name: str) -> np.ndarray:
    return np.concatenate([getattr(block, name) for block in blocks])


@pytest.mark.parametrize("hertz", [75.0, 110.0, 180.0, 260.0, 350.0])
def test_pitch_is_measured_from_the_speakers_own_middle(hertz: float) -> None:
    """Two seconds at one pitch, then 4 semitones up: that is what must be heard, for low and high voices."""
    steps = np.repeat([0.0, 4.0 if hertz < 300 else -4.0], [2 * RATE, RATE // 2])
    blocks = heard(voice(hertz * 2 ** (steps / 12), np.ones(len(steps))))
    pitch = joined(blocks, "pitch")
    assert np.median(np.abs(pitch[100:195])) < 0.7
    assert abs(np.median(pitch[215:245]) - np.median(pitch[100:195]) - steps[-1]) < 1.2
    assert np.mean(joined(blocks, "voiced")[20:240] > 0.4) > 0.7


def test_a_telephone_hears_the_same_melody() -> None:
    time = np.arange(3 * RATE) / RATE
    sound = voice(130 * 2 ** (3 * np.sin(2 * np.pi * time) / 12), np.ones(len(time)))
    spectrum, hertz = np.fft.rfft(sound), np.fft.rfftfreq(len(sound), 1 / RATE)
    narrow = np.fft.irfft(spectrum * ((hertz > 300) & (hertz < 3400))).astype(np.float32)
    full, phone = (joined(heard(one), "pitch")[100:] for one in (sound, narrow))
    assert np.corrcoef(full, phone)[0, 1] > 0.95


@pytest.mark.parametrize("name", ["a06_timed_en", "a07_timed_es"])
@pytest.mark.parametrize("gain", [1.0, 0.02])
def test_pauses_are_pauses(samples: Path, name: str, gain: float) -> None:
    sound = gain * np.concatenate(list(read_audio(samples / "audio" / f"{name}.wav", rate=RATE)))
    segments = json.loads((samples / "audio" / f"{name}.json").read_text())["segments"]
    active = joined(heard(sound), "active")
    times = np.arange(len(active)) / 100
    long_pause = np.any([(times > a + 0.1) & (times < b - 0.05) for a, b, _, k in segments if k == "silence"], axis=0)
    vowel = np.any([(times > a + 0.02) & (times < b) for a, b, _, k in segments if k == "open_vowel"], axis=0)
    assert active[long_pause].mean() < 0.02
    assert active[vowel].mean() > 0.88


def test_accents_fall_on_loud_and_high_syllables() -> None:
    time = np.arange(8 * RATE) / RATE
    stressed = (time % 1.0) < 0.2
    blocks = heard(voice(np.where(stressed, 140.0, 110.0), np.where(stressed, 1.0, 0.18)))
    times = np.flatnonzero(joined(blocks, "accent")) / 100
    assert len(times) >= 6
    assert np.mean(times % 1.0 < 0.2) > 0.9
    even = joined(heard(voice(np.full(8 * RATE, 110.0), np.ones(8 * RATE))), "accent")[100:]
    assert np.count_nonzero(even) == 0


def test_questions_rise() -> None:
    """The same phrase with a pitch that falls or rises by 5 semitones in its last third."""

    def ends(semitones: float) -> list[bool]:
        time = np.arange(int(1.2 * RATE)) / RATE
        phrase = voice(120 * 2 ** (semitones * np.clip(time / 0.4 - 2, 0, 1) / 12), np.ones(len(time)))
        return [b.rises for b in heard(np.tile(np.concatenate([phrase, np.zeros(RATE)]), 3)) if b.ends]

    assert ends(5.0) == [True] * 3
    assert ends(-5.0) == [False] * 3


def test_cuts_do_not_matter() -> None:
    sound = np.random.default_rng(1).standard_normal(30000).astype(np.float32) * np.linspace(0, 0.3, 30000, dtype="f4")
    whole, cut = heard(sound), list(prosody(np.array_split(sound, 171)))
    for one, other in zip(whole, cut, strict=True):
        np.testing.assert_array_equal(one.active, other.active)
        np.testing.assert_array_equal(one.pitch, other.pitch)
    assert sum(block.samples for block in whole) == 30000
    assert all(len(block.pause) == HOPS for block in whole)
    assert [block.samples for block in whole[:-1]] == [BLOCK] * (30000 // BLOCK)


@pytest.mark.parametrize("kind", ["silence", "noise", "constant", "nan", "huge"])
def test_what_is_no_speech_is_not_heard_as_speech(kind: str) -> None:
    sounds = {
        "silence": np.zeros(5 * RATE),
        "noise": 0.1 * np.random.default_rng(0).standard_normal(5 * RATE),
        "constant": np.full(5 * RATE, 0.7),
        "nan": np.full(5 * RATE, np.nan),
        "huge": 1e30 * np.random.default_rng(0).standard_normal(5 * RATE),
    }
    blocks = heard(sounds[kind].astype(np.float32))
    for name in ("active", "loudness", "pitch", "voiced", "pause", "accent"):
        assert np.isfinite(joined(blocks, name)).all()
    assert joined(blocks, "active").mean() < 0.05
    assert np.count_nonzero(joined(blocks, "accent")) <= 2
