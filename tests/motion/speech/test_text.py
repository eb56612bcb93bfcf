"""Text to speech: every language's words become sound, and mistakes become advice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivant.errors import MissingExtraError, SettingsError
from vivant.motion.speech import text as tts
from vivant.motion.speech.text import LONGEST, Manner, list_voices, say, spoken


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    try:
        list_voices()
    except MissingExtraError as error:
        pytest.skip(str(error))


def seconds(sentence: str, manner: Manner = Manner()) -> float:
    return sum(len(chunk) for chunk in spoken(sentence, manner)) / 16000


@pytest.mark.parametrize(
    ("voice", "sentence"), [("en", "Good evening."), ("de+f3", "Schöne Grüße."), ("cmn", "你好。")]
)
def test_a_sentence_is_heard(voice: str, sentence: str) -> None:
    sound = np.concatenate(list(spoken(sentence, Manner(voice))))
    assert sound.dtype == np.float32
    assert 0.3 < len(sound) / 16000 < 4
    assert 0.05 < np.abs(sound).max() <= 1


def test_more_words_and_a_slower_pace_take_longer() -> None:
    assert seconds("one two three four five six") > 1.7 * seconds("one two")
    assert seconds("one two three", Manner(pace=0.6)) > 1.3 * seconds("one two three", Manner(pace=1.2))


def test_languages_are_listed() -> None:
    assert {"de", "fr-fr", "cmn"} <= {language for language, _ in list_voices()}


@pytest.mark.parametrize(
    ("sentence", "voice", "reason"),
    [
        ("", "en", "empty"),
        (" \n\t ", "en", "empty"),
        ("a" * (LONGEST + 1), "en", "at most"),
        ("Hi.", "eng", "near it are"),
        ("Hi.", "siri:anna", "engine 'siri'"),
        ("Hi.", "en; rm -rf", "no voice"),
    ],
)
def test_mistakes(sentence: str, voice: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=reason):
        say(sentence, tmp_path / "a.wav", Manner(voice))


def test_text_cannot_become_an_option_or_a_command(tmp_path: Path) -> None:
    say('--help; $(touch x) "quoted" <b>\x00\x1b[0m', tmp_path / "a.wav")
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_a_pace_that_cannot_be_spoken() -> None:
    with pytest.raises(SettingsError, match="pace"):
        Manner(pace=9.0)


def test_without_an_engine_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tts.sys, "executable", "/bin/false")
    with pytest.raises((MissingExtraError, SettingsError), match="espeak-ng"):
        say("Hello.", tmp_path / "a.wav")
