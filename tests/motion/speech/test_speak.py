"""The speech driver against sounds with known times, and its promises: counts, delay, seed, memory, look-ahead."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import pytest

from vivant.errors import SettingsError
from vivant.face.arkit import CURVES, INDEX, group
from vivant.face.pose import angles_from_rotation
from vivant.media.audio import read_audio
from vivant.motion.speech.learned import OFFLINE
from vivant.motion.speech.mouth import Mouth
from vivant.motion.speech.speak import SpeechSettings, speak
from vivant.motion.state import FaceState

MOUTH = list(group("mouth") + group("jaw"))
VOICES = ("a06_timed_en", "a07_timed_es")


def curves(states: Iterable[FaceState]) -> np.ndarray:
    return np.stack([state.curves for state in states])


def load(path: Path) -> np.ndarray:
    return np.concatenate(list(read_audio(path, rate=16000)))


@pytest.fixture(scope="module", params=VOICES)
def timed(request: pytest.FixtureRequest, samples: Path) -> tuple[np.ndarray, list[tuple[float, float, str, str]]]:
    """Sound and phoneme times of a synthetic voice."""
    path = samples / "audio" / request.param
    return load(path.with_suffix(".wav")), json.loads(path.with_suffix(".json").read_text())["segments"]


def lip_gap(states: list[FaceState]) -> np.ndarray:
    """Centimetres between the lips; what lips press together counts as 0."""
    from vivant.face.model import displacement_from_curves, load_face_model

    model = load_face_model()
    moved = np.stack([displacement_from_curves(model, state.curves)[[13, 14], 1] for state in states])
    return np.maximum(moved[:, 0] - moved[:, 1], 0)


def shares(sound: np.ndarray, segments: list[tuple[float, float, str, str]]) -> tuple[float, float, float, float]:
    """Shares of closed bilabials, open vowels and resting pauses, and the usual opening in centimetres."""
    gap = lip_gap(list(speak([sound])))
    times = np.arange(len(gap)) / 25
    spoken = np.any([(times >= a) & (times < b) for a, b, _, kind in segments if kind != "silence"], axis=0)
    unit = float(np.percentile(gap[spoken], 90))

    def near(kind: str, reach: float) -> list[np.ndarray]:
        return [gap[(times >= a - reach) & (times <= b + reach)] for a, b, _, k in segments if k == kind]

    closed = np.mean([inside.min() <= 0.15 * unit for inside in near("bilabial", 0.04)])
    opened = np.mean([inside.max() >= 0.40 * unit for inside in near("open_vowel", 0.04)])
    rest = np.mean(np.concatenate(near("silence", -0.2)) <= 0.15 * unit)
    return float(closed), float(opened), float(rest), unit


def test_lips_keep_the_times_of_the_phonemes(timed: tuple[np.ndarray, list[tuple[float, float, str, str]]]) -> None:
    closed, opened, rest, unit = shares(*timed)
    assert closed >= 0.88
    assert opened >= 0.84
    assert rest >= 0.98
    assert 0.5 < unit < 1.8


@pytest.mark.parametrize("disturbance", ["quiet", "noise", "echo"])
def test_rooms_and_microphones(timed: tuple[np.ndarray, list[tuple[float, float, str, str]]], disturbance: str) -> None:
    sound, segments = timed
    draw = np.random.default_rng(0)
    if disturbance == "quiet":
        sound = 0.02 * sound
    elif disturbance == "noise":  # 20 dB below the speech
        sound = sound + 0.1 * sound[np.abs(sound) > 0.01].std() * draw.standard_normal(len(sound))
    else:  # half a second, as strong as the direct sound
        room = draw.standard_normal(8000) * np.exp(-np.arange(8000) / 16000 * 6.9 / 0.5) / 24
        room[0] = 1.0
        sound = np.convolve(sound, room)[: len(sound)]
    closed, opened, rest, unit = shares(sound.astype(np.float32), segments)
    assert closed >= {"echo": 0.55, "noise": 0.7, "quiet": 0.8}[disturbance]
    assert opened >= 0.8
    assert rest >= 0.85
    assert 0.35 < unit < 1.8


def test_later_sound_means_later_motion(timed: tuple[np.ndarray, list[tuple[float, float, str, str]]]) -> None:
    sound = timed[0]
    plain = curves(speak([sound]))[:, MOUTH]
    late = curves(speak([np.zeros(16000, np.float32), sound]))[:, MOUTH]
    length = len(plain) - 10
    likeness = [np.corrcoef(plain[:length].ravel(), late[k : k + length].ravel())[0, 1] for k in range(18, 33)]
    assert int(np.argmax(likeness)) + 18 == 25
    assert max(likeness) >= 0.95


@pytest.mark.parametrize(
    "name",
    ["a01_en_16k_stereo.wav", "a02_en_44k_stereo.flac", "a03_fr_48k_stereo.flac", "a05_de_48k_24bit_stereo.flac"],
)
def test_people_move_as_much_as_people(samples: Path, name: str) -> None:
    states = list(speak(read_audio(samples / "audio" / name, rate=16000)))
    gap = lip_gap(states)
    assert 0.4 < np.percentile(gap, 90) < 1.6
    assert np.abs(np.diff(gap)).mean() / np.percentile(gap, 90) < 0.25
    angles = np.degrees([angles_from_rotation(state.rotation) for state in states])
    assert np.all((angles.std(0) > 0.3) & (angles.std(0) < 6))
    assert np.abs(np.diff(angles, axis=0)).max() * 25 < 80
    brow = curves(states)[:, INDEX["browInnerUp"]]
    assert 0.03 < brow.std() < 0.3


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(12)])
@pytest.mark.parametrize("count", [1, 159, 640, 641, 2400, 16001, 40000])
def test_one_state_for_each_frame_of_the_sound(rate: Fraction, count: int) -> None:
    sound = 0.1 * np.random.default_rng(count).standard_normal(count).astype(np.float32)
    assert len(list(speak([sound], SpeechSettings(rate)))) == ceil(Fraction(count, 16000) * rate)


def test_no_sound_no_states() -> None:
    assert list(speak([])) == []
    assert list(speak([np.zeros(0, np.float32)])) == []


def test_silence_is_a_living_face_with_a_resting_mouth() -> None:
    states = list(speak([np.zeros(16000 * 20, np.float32)]))
    assert curves(states)[:, MOUTH].max() < 0.02
    assert curves(states)[:, INDEX["eyeBlinkLeft"]].max() > 0.9
    assert np.ptp([angles_from_rotation(state.rotation)[0] for state in states]) > np.radians(0.5)


@pytest.mark.parametrize("kind", ["nan", "square", "clicks", "constant", "huge", "noise", "tone"])
def test_strange_sounds_give_legal_states(kind: str) -> None:
    time = np.arange(48000) / 16000
    sounds = {
        "nan": np.full(48000, np.nan),
        "square": np.sign(np.sin(2 * np.pi * 150 * time)),
        "clicks": (np.arange(48000) % 8000 == 0).astype(float),
        "constant": np.full(48000, 0.7),
        "huge": 1e30 * np.sin(2 * np.pi * 200 * time),
        "noise": np.random.default_rng(0).uniform(-1, 1, 48000),
        "tone": 0.5 * np.sin(2 * np.pi * 1000 * time),
    }
    states = list(speak([sounds[kind].astype(np.float32)]))
    values = curves(states)
    assert np.isfinite(values).all()
    assert values.min() >= 0
    assert values.max() <= 1
    assert lip_gap(states[60:]).max() < 0.2 or kind in ("square", "huge")  # a cut may press the lips


def test_seed_and_cuts(timed: tuple[np.ndarray, list[tuple[float, float, str, str]]]) -> None:
    sound = timed[0][:80000]
    whole = list(speak([sound], SpeechSettings(seed=3)))
    cut = list(speak(np.array_split(sound, 77), SpeechSettings(seed=3)))
    for name in ("curves", "rotation", "translation", "gaze"):
        np.testing.assert_array_equal([getattr(s, name) for s in whole], [getattr(s, name) for s in cut])
    other = list(speak([sound], SpeechSettings(seed=4)))
    assert np.abs(np.array([s.rotation for s in whole]) - [s.rotation for s in other]).max() > 0.005
    np.testing.assert_allclose(curves(whole)[:, INDEX["jawOpen"]], curves(other)[:, INDEX["jawOpen"]], atol=0.12)


def test_gains(timed: tuple[np.ndarray, list[tuple[float, float, str, str]]]) -> None:
    sound = timed[0][:80000]
    plain = list(speak([sound]))
    still = list(speak([sound], SpeechSettings(mouth_gain=0, head_motion=0, brows=0, blinks_per_minute=0)))
    assert curves(still)[:, MOUTH].max() == 0
    assert curves(still)[:, INDEX["eyeBlinkLeft"]].max() == 0
    assert curves(still)[:, INDEX["browInnerUp"]].max() < 0.12 < curves(plain)[:, INDEX["browInnerUp"]].max()
    assert all(np.allclose(state.rotation, np.eye(3)) for state in still)
    jaw = INDEX["jawOpen"]
    half = curves(speak([sound], SpeechSettings(mouth_gain=0.5)))
    np.testing.assert_allclose(half[:, jaw], 0.5 * curves(plain)[:, jaw], atol=1e-6)


def test_a_mouth_replaces_only_the_mouth() -> None:
    def mouth_with(jaw: float) -> Mouth:
        def mouth(chunks: Iterable[np.ndarray], rate: Fraction) -> Iterator[np.ndarray]:
            samples = sum(len(chunk) for chunk in chunks)
            for _ in range(ceil(Fraction(samples, 16000) * rate)):
                yield np.float32(jaw) * np.eye(len(CURVES), dtype=np.float32)[INDEX["jawOpen"]]

        return mouth

    sound = np.zeros(32000, np.float32)
    shut, yawning = (list(speak([sound], mouth=mouth_with(jaw))) for jaw in (0.0, 1.0))
    for one, other in zip(shut, yawning, strict=True):
        expected = one.curves.copy()
        expected[INDEX["jawOpen"]] = 1
        np.testing.assert_array_equal(other.curves, expected)
        np.testing.assert_array_equal(other.rotation, one.rotation)


def test_it_hears_at_most_two_windows_ahead() -> None:
    read = 0

    def source() -> Iterator[np.ndarray]:
        nonlocal read
        for _ in range(300):
            read += 160
            yield np.zeros(160, np.float32)

    for frame, _ in enumerate(speak(source())):
        assert read / 16000 <= frame / 25 + 0.02 * (2 * OFFLINE.hop + OFFLINE.ahead) + 0.04


@pytest.mark.slow
def test_memory_does_not_grow_with_the_sound(samples: Path) -> None:
    second = load(samples / "audio" / "a01_en_16k_stereo.wav")[:16000]

    def peak(seconds: int) -> int:
        tracemalloc.start()
        for _ in speak(second for _ in range(seconds)):
            pass
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak_bytes

    peak(3)
    assert peak(80) < peak(10) * 1.1 + 50_000


@pytest.mark.parametrize(
    "wrong",
    [{"mouth_gain": 9.0}, {"brows": -0.1}, {"rate": Fraction(0)}, {"seed": -1}, {"blinks_per_minute": float("nan")}],
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        replace(SpeechSettings(), **wrong)


def test_the_first_version_needs_no_heavy_packages() -> None:
    code = """if True:
        import sys, numpy
        from vivant.motion.speech.speak import speak
        from vivant.motion.speech.signal import signal_mouth
        list(speak([numpy.zeros(999)], mouth=signal_mouth()))
        heavy = {"torch", "librosa", "scipy", "mediapipe", "cv2", "av"} & set(sys.modules)
        assert not heavy, heavy
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
