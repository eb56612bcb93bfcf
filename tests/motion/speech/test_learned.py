"""The built-in mouth: phonemes of known time, streams, seeds."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivant.evaluate.timed import mouths, read_segments, timing
from vivant.face.arkit import INDEX, group
from vivant.media.audio import read_audio
from vivant.motion.speech.learned import LIVE, OFFLINE, Window, learned_mouth
from vivant.motion.speech.signal import signal_mouth
from vivant.motion.speech.speak import SpeechSettings, speak

MOUTH = [*group("jaw"), *group("mouth")]
ROOT = Path(__file__).resolve().parents[3]


def load(path: Path, seconds: float = 60.0) -> np.ndarray:
    return np.concatenate(list(read_audio(path, rate=16000)))[: int(seconds * 16000)]


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Five seconds of a real voice."""
    return load(ROOT / "examples" / "speech.flac", 5.0)


def curves(sound: np.ndarray, window: Window = OFFLINE, rate: Fraction = Fraction(25), **how: float) -> np.ndarray:
    mouth = learned_mouth(window=window, **how)  # type: ignore[arg-type]
    return np.stack(list(mouth([sound], rate)))


@pytest.mark.slow
@pytest.mark.parametrize("voice", ["a06_timed_en", "a07_timed_es"])
def test_lips_keep_to_the_phonemes(samples: Path, voice: str) -> None:
    sound = load(samples / "audio" / f"{voice}.wav")
    segments = read_segments(samples / "audio" / f"{voice}.json")
    found = timing(mouths(list(speak([sound]))), segments, 25.0)
    assert found.closed.share >= 0.88
    assert found.opened.share >= 0.85
    assert found.rested.share >= 0.97
    assert found.wrongly_closed.share <= 0.28


@pytest.mark.slow
def test_it_is_better_than_the_first_version(samples: Path) -> None:
    sound = load(samples / "videos" / "v02_talk_512_mpeg4.mp4")
    with np.load(samples / "tracks" / "v02_talk_512_mpeg4.npz") as track:
        times, truth = track["time"], track["mouth"][:, 0]
    likeness = []
    for mouth in (None, signal_mouth()):
        gap = mouths(list(speak([sound], SpeechSettings(Fraction(50)), mouth))).gap
        place = np.arange(len(gap)) / 50
        lags = np.arange(-0.08, 0.081, 0.02)
        likeness.append(max(np.corrcoef(np.interp(times + lag, place, gap), truth)[0, 1] for lag in lags))
    assert likeness[0] > likeness[1]


@given(st.lists(st.integers(1, 30000), max_size=10))
@settings(max_examples=6, deadline=None)
def test_the_cut_does_not_matter(cuts: list[int]) -> None:
    sound = load(ROOT / "examples" / "speech.flac", 3.0)
    pieces = np.split(sound, np.cumsum(cuts)[np.cumsum(cuts) < len(sound)])
    whole = curves(sound)
    np.testing.assert_array_equal(np.stack(list(learned_mouth()(pieces, Fraction(25)))), whole)


@pytest.mark.parametrize("window", [OFFLINE, LIVE])
@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_one_row_for_each_frame(speech: np.ndarray, rate: Fraction, window: Window) -> None:
    for samples_ in (1, 319, 16000, 36001):
        found = curves(speech[:samples_], window, rate)
        assert found.shape == (-(-samples_ * rate // 16000), 52)
        assert found.min() >= 0
        assert found.max() <= 1
        assert np.delete(found, MOUTH, axis=1).max() == 0


def test_live_agrees_with_offline_where_the_future_is_known(speech: np.ndarray) -> None:
    windows = (LIVE, replace(OFFLINE, late=LIVE.late))
    live, offline = (curves(speech, window)[:, INDEX["jawOpen"]] for window in windows)
    assert np.corrcoef(live, offline)[0, 1] > 0.88


def test_offline_the_mouth_is_shown_a_little_later(speech: np.ndarray) -> None:
    given, early = (curves(speech, window, Fraction(50)) for window in (OFFLINE, replace(OFFLINE, late=0.0)))
    np.testing.assert_allclose(given[1:], early[:-1], atol=1e-6)
    assert LIVE.late == 0


def test_live_needs_no_more_sound_than_it_says(speech: np.ndarray) -> None:
    changed = speech.copy()
    changed[32000:] = 0
    one, other = (curves(sound, LIVE) for sound in (speech, changed))
    known = int((2.0 - 0.02 * (LIVE.hop + LIVE.ahead)) * 25)
    np.testing.assert_array_equal(one[:known], other[:known])
    assert np.abs(one - other)[known:].max() > 0.05


def test_seed_temperature_and_gain(speech: np.ndarray) -> None:
    plain = curves(speech)
    np.testing.assert_array_equal(plain, curves(speech))
    other = curves(speech, seed=1)
    assert np.abs(plain - other).max() > 0.01
    assert np.corrcoef(plain[:, INDEX["jawOpen"]], other[:, INDEX["jawOpen"]])[0, 1] > 0.9
    jaw = INDEX["jawOpen"]
    np.testing.assert_allclose(curves(speech, gain=0.5)[:, jaw], 0.5 * plain[:, jaw], atol=1e-6)
    wild = [np.abs(curves(speech, temperature=t, seed=1) - curves(speech, temperature=t)).mean() for t in (0.1, 1.0)]
    assert wild[1] > wild[0]


@pytest.mark.parametrize("kind", ["silence", "noise", "nan", "clipped", "tone"])
def test_odd_sounds_keep_a_calm_mouth(kind: str, speech: np.ndarray) -> None:
    count, draw = 3 * 16000, np.random.default_rng(0)
    sound = {
        "silence": np.zeros(count),
        "noise": 0.003 * draw.standard_normal(count),
        "nan": np.full(count, np.nan),
        "clipped": np.clip(20 * speech[:count], -1, 1),
        "tone": 0.3 * np.sin(np.arange(count) * 0.2),
    }[kind].astype(np.float32)
    found = curves(sound)
    assert np.isfinite(found).all()
    if kind in ("silence", "nan"):
        assert found[10:-10, INDEX["jawOpen"]].max() < 0.05
    if kind == "clipped":
        assert found[:, INDEX["jawOpen"]].max() > 0.1


def test_no_sound_no_frames() -> None:
    assert list(learned_mouth()([], Fraction(25))) == []
