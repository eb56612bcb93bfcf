"""Emotions are seen, speech stays: lips close and round whatever the face feels."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vivant.errors import SettingsError
from vivant.face.arkit import CURVES, INDEX, group
from vivant.face.model import displacement_from_curves, load_face_model
from vivant.face.pose import angles_from_rotation
from vivant.media.audio import read_audio
from vivant.motion.speech.emotion import EMOTIONS, speak_with
from vivant.motion.speech.speak import SpeechSettings, speak
from vivant.motion.state import FaceState

MOVING = [name for name in EMOTIONS if name != "neutral"]
PROTOTYPES = {  # action units of EMFACS as curves
    "happy": ("mouthSmile", "cheekSquint"),
    "sad": ("browInnerUp", "mouthFrown"),
    "angry": ("browDown", "eyeWide", "eyeSquint"),
    "surprised": ("browInnerUp", "browOuterUp", "eyeWide"),
}


def said(samples: Path, emotion: str = "neutral", strength: float = 1.0) -> list[FaceState]:
    chunks = read_audio(samples / "audio" / "a06_timed_en.wav", rate=16000)
    settings = SpeechSettings(emotion=emotion, emotion_strength=strength, blinks_per_minute=0)  # type: ignore[arg-type]
    return list(speak(chunks, settings))


def curve(states: list[FaceState], name: str) -> np.ndarray:
    names = [name] if name in INDEX else [name + "Left", name + "Right"]
    return np.array([state.curves[[INDEX[n] for n in names]].mean() for state in states])


def gap(states: list[FaceState]) -> np.ndarray:
    model = load_face_model()
    moved = np.stack([displacement_from_curves(model, state.curves)[[13, 14], 1] for state in states])
    return np.maximum(moved[:, 0] - moved[:, 1], 0)


@pytest.mark.parametrize("emotion", MOVING)
def test_an_emotion_is_seen_and_grows_with_its_strength(samples: Path, emotion: str) -> None:
    plain, mild, strong = said(samples), said(samples, emotion, 0.5), said(samples, emotion, 1.5)
    for name in PROTOTYPES[emotion]:
        levels = [np.median(curve(states, name)) for states in (plain, mild, strong)]
        assert levels[2] > levels[1] + 0.05
        assert levels[1] > levels[0] + 0.02
    assert all(state.curves.max() <= 1 and state.curves.min() >= 0 for state in strong)


@pytest.mark.parametrize("emotion", MOVING)
@pytest.mark.parametrize("strength", [1.0, 1.5])
def test_lips_that_close_still_close(samples: Path, emotion: str, strength: float) -> None:
    states = said(samples)
    plain, felt = gap(states), gap(said(samples, emotion, strength))
    unit = np.percentile(plain, 90)
    closed = (plain <= 0.1 * unit) & (curve(states, "mouthPress") > 0.1)
    assert closed.sum() > 15
    assert np.mean(felt[closed] <= 0.17 * unit) > 0.97
    opened = plain >= 0.6 * unit
    assert np.median(felt[opened] / plain[opened]) == pytest.approx(1.0, abs=0.3)


def test_rounded_lips_take_from_a_smile() -> None:
    smiling, rounded = np.zeros(len(CURVES), np.float32), np.zeros(len(CURVES), np.float32)
    smiling[INDEX["mouthSmileLeft"]] = 0.5
    rounded[INDEX["mouthPucker"]] = 0.8
    together = speak_with(smiling, rounded)
    assert 0.15 < together[INDEX["mouthSmileLeft"]] < 0.35
    assert together[INDEX["mouthPucker"]] == np.float32(0.8)
    np.testing.assert_array_equal(speak_with(np.zeros_like(smiling), rounded), rounded)


def test_manner(samples: Path) -> None:
    def amount(states: list[FaceState]) -> float:
        angles = np.array([angles_from_rotation(state.rotation) for state in states])
        return float(np.diff(angles, axis=0).std())

    def lift(states: list[FaceState]) -> float:
        return float(np.degrees(np.median([angles_from_rotation(state.rotation)[1] for state in states])))

    plain, sad, happy = said(samples), said(samples, "sad"), said(samples, "happy")
    assert amount(sad) < 0.7 * amount(plain)
    assert amount(happy) > 1.1 * amount(plain)
    assert lift(sad) < lift(plain) - 1.5


def test_emotions_outlast_pauses_but_not_fully(samples: Path) -> None:
    """The last second of a06 is silence."""
    smile = curve(said(samples, "happy"), "cheekSquint")
    assert 0.5 * np.median(smile) < smile[-10:].mean() < np.median(smile)


def test_both_sides_feel_nearly_the_same() -> None:
    states = list(speak([np.zeros(32000, np.float32)], SpeechSettings(emotion="happy", blinks_per_minute=0)))
    left, right = (states[-1].curves[INDEX[f"mouthSmile{side}"]] for side in ("Left", "Right"))
    assert 0 < abs(left - right) < 0.25 * left
    assert states[-1].curves[list(group("jaw"))].max() < 1e-3


def test_strength_zero_is_neutral() -> None:
    sound = [np.zeros(16000, np.float32)]
    for plain, felt in zip(
        speak(sound), speak(sound, SpeechSettings(emotion="angry", emotion_strength=0.0)), strict=True
    ):
        np.testing.assert_allclose(felt.curves, plain.curves, atol=1e-6)


@pytest.mark.parametrize("wrong", [{"emotion": "bored"}, {"emotion_strength": 1.6}, {"emotion_strength": float("nan")}])
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="emotion"):
        SpeechSettings(rate=Fraction(25), **wrong)  # type: ignore[arg-type]
