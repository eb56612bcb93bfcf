"""Speech with phoneme times for evaluation, and the programs behind it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vivant.errors import SettingsError
from vivant.media.audio import read_audio
from vivant.training.speech.engines import Task, speak_all
from vivant.training.speech.timed import class_of, joined, make_timed_speech
from vivant.training.speech.voices import HELD_OUT, Voice


@pytest.mark.parametrize(
    ("ipa", "name"),
    [
        ("", "silence"),
        ("p", "bilabial"),
        ("v", "labiodental"),
        ("aɪ", "open_vowel"),
        ("oʊ", "rounded"),
        ("tʃ", "other"),
    ],
)
def test_classes(ipa: str, name: str) -> None:
    assert class_of(ipa) == name


def test_the_classes_are_those_of_the_timed_samples(samples: Path) -> None:
    """Letters that IPA and espeak's own notation share have the same class in both."""
    for name in ("a06_timed_en", "a07_timed_es"):
        record = json.loads((samples / "audio" / f"{name}.json").read_text(encoding="utf-8"))
        shared = {(symbol, kind) for _, _, symbol, kind in record["segments"] if symbol in tuple("pbmfvaiehklntsw")}
        assert len(shared) > 5
        assert all(class_of(symbol) == kind for symbol, kind in shared)


def test_silences_that_touch_are_one() -> None:
    told = [(0.0, 1.0, ""), (1.0, 1.2, ""), (1.2, 1.3, "a"), (1.3, 2.0, "")]
    assert joined(told) == [(0.0, 1.2, ""), (1.2, 1.3, "a"), (1.3, 2.0, "")]


@pytest.mark.slow
def test_timed_speech_has_the_form_of_the_samples(tmp_path: Path, samples: Path) -> None:
    try:
        paths = make_timed_speech(tmp_path, 3, [voice for voice in HELD_OUT if voice.engine != "festival"][:2])
    except SettingsError as error:
        pytest.skip(str(error))
    like = json.loads((samples / "audio" / "a06_timed_en.json").read_text(encoding="utf-8"))
    for path in paths:
        record = json.loads(path.read_text(encoding="utf-8"))
        assert set(like) <= set(record)
        assert record["columns"] == like["columns"]
        sound = np.concatenate(list(read_audio(path.with_suffix(".wav"), rate=16000)))
        assert len(sound) / 16000 == pytest.approx(record["seconds"], abs=1e-3)
        assert record["segments"][-1][1] == pytest.approx(record["seconds"], abs=1e-3)
        assert (sound[:15900] == 0).all()
        assert "bilabial" in {kind for _, _, _, kind in record["segments"]}


@pytest.mark.parametrize("engine", ["espeak", "festival", "flite"])
def test_a_voice_that_is_not_there_is_named(tmp_path: Path, engine: str) -> None:
    voice = Voice(engine, "parrot", "en", "", "cmu" if engine != "espeak" else "")
    with pytest.raises(SettingsError, match=f"no voice parrot of {engine}; install Debian's"):
        speak_all(voice, [Task("Hello there, friend.", tmp_path / "a.wav", "", 1.0, 0.0)])


def test_text_cannot_leave_its_quotes(tmp_path: Path) -> None:
    voice = Voice("festival", "kal_diphone", "en", "", "cmu")
    mean = f'Mama" "{tmp_path}/b.wav") (system "touch {tmp_path}/c") ("\\'
    try:
        speak_all(voice, [Task(mean, tmp_path / "a.wav", "", 1.0, 0.0)])
    except SettingsError as error:
        pytest.skip(str(error))
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
