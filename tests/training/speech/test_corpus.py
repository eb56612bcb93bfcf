"""The corpus: spoken by the programs where they are installed, read back, continued, refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivant.errors import SettingsError
from vivant.media.audio import read_audio
from vivant.motion.speech.sound import RATE
from vivant.training.speech import corpus
from vivant.training.speech.corpus import CorpusSettings, Phone, Utterance, only, prepare_corpus, read_corpus
from vivant.training.speech.labels import HOP, levels
from vivant.training.speech.phone_sets import IPA
from vivant.training.speech.voices import HELD_OUT, HELD_OUT_VARIANTS, VARIANTS, VOICES, Voice

SMALL = CorpusSettings(hours=0.01, workers=1)
OPEN = frozenset("aɑæɐɛeoɔʌ")


def line(**changes: object) -> str:
    record = {
        "sound": "sounds/flite/slt/000000.flac",
        "engine": "flite",
        "voice": "slt",
        "language": "en",
        "seconds": 1.0,
        "phones": [[0.0, 0.4, ""], [0.4, 0.6, "tʃ"], [0.6, 1.0, "aɪ"]],
    }
    return json.dumps({**record, **changes}) + "\n"


def spoken(folder: Path, name: str) -> list[Utterance]:
    """A few sentences of one voice; skips where it is not installed."""
    try:
        prepare_corpus(folder, only(SMALL, [name]))
    except SettingsError as error:
        pytest.skip(str(error))
    return read_corpus(folder)


def test_a_manifest_comes_back(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text(line(), encoding="utf-8")
    (found,) = read_corpus(tmp_path)
    assert found.sound == tmp_path / "sounds/flite/slt/000000.flac"
    assert found.phones == (Phone(0.0, 0.4, ""), Phone(0.4, 0.6, "tʃ"), Phone(0.6, 1.0, "aɪ"))


@pytest.mark.parametrize(
    "second",
    [
        "not json\n",
        "[1, 2]\n",
        "{}\n",
        line(seconds="long"),
        line(seconds=-1),
        line(seconds=float("nan")),
        line(phones=[[0.0, 0.5, "a"], [0.3, 0.9, "b"]]),
        line(phones=[[0.5, 0.2, "a"]]),
        line(phones=[[0.0, 2.0, "a"]]),
        line(phones=[[0.0, float("nan"), "a"]]),
        line(phones=[[0.0, 1.0]]),
        line(phones=3),
        line(sound="../elsewhere.flac"),
        line(sound="/elsewhere.flac"),
    ],
)
def test_a_damaged_manifest_is_refused_with_its_line(tmp_path: Path, second: str) -> None:
    (tmp_path / "manifest.jsonl").write_text(line() + second, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"manifest\.jsonl, line 2"):
        read_corpus(tmp_path)


def test_a_folder_without_corpus_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--prepare"):
        read_corpus(tmp_path)


def test_voices_for_tests_are_not_trained_on() -> None:
    trained = {(voice.engine, voice.name) for voice in VOICES}
    assert not trained & {(voice.engine, voice.name) for voice in HELD_OUT}
    assert not set(VARIANTS) & {*HELD_OUT_VARIANTS, ""}
    assert {"pl", "tr"} <= {voice.language for voice in HELD_OUT} - {voice.language for voice in VOICES}
    share = sum(voice.weight for voice in VOICES if voice.engine == "espeak") / sum(voice.weight for voice in VOICES)
    assert share < 0.35


def test_only_some_voices() -> None:
    assert {voice.engine for voice in only(SMALL, ["flite", "espeak:de"]).voices} == {"flite", "espeak"}
    assert only(SMALL, []) == SMALL
    with pytest.raises(SettingsError, match="no voice is called parrot"):
        only(SMALL, ["parrot"])


@pytest.mark.parametrize("settings", [replace(SMALL, hours=0.0), replace(SMALL, hours=1e6), replace(SMALL, workers=0)])
def test_impossible_settings_are_refused(tmp_path: Path, settings: CorpusSettings) -> None:
    with pytest.raises(SettingsError):
        prepare_corpus(tmp_path, settings)


def test_without_any_program_the_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    voices = (Voice("festival", "kal_diphone", "en", "made:fi", "cmu"), Voice("flite", "slt", "en", "made:fi", "cmu"))
    with pytest.raises(SettingsError, match=r"festvox-kallpc16k.*flite"):
        prepare_corpus(tmp_path / "corpus", replace(SMALL, voices=voices))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flite:slt", "festival:kal_diphone", "festival:czech_dita", "espeak:de", "espeak:it"])
def test_vowels_sound_and_closures_do_not(tmp_path: Path, name: str) -> None:
    """The times are right: shifting them by 30 ms either way makes vowels quieter against the closures of p t k."""
    loud, quiet = np.zeros((3, 2)), np.zeros((3, 2))
    for utterance in spoken(tmp_path, name):
        level = np.maximum(levels(np.concatenate(list(read_audio(utterance.sound, rate=RATE))), RATE), -70)
        assert len(level) * HOP == pytest.approx(utterance.seconds, abs=0.01)
        for phone in utterance.phones[2:-2]:
            for row, shift in enumerate((-0.03, 0.0, 0.03)):
                rows = level[round((phone.start + shift) / HOP) : round((phone.end + shift) / HOP)]
                total = loud if phone.ipa[:1] in OPEN else quiet if phone.ipa in ("p", "t", "k") else np.zeros((3, 2))
                total[row] += rows.sum(), len(rows)
    before, now, after = (loud[:, 0] / loud[:, 1] - quiet[:, 0] / quiet[:, 1]).tolist()
    assert now > 18
    assert now > before + 1
    assert now > after + 1


@pytest.mark.slow
def test_a_run_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    settings = replace(only(SMALL, ["flite:kal16"]), hours=0.05)
    whole = spoken(tmp_path / "whole", "flite:kal16")
    prepare_corpus(tmp_path / "whole", settings)
    shutil.copytree(tmp_path / "whole", tmp_path / "torn")
    manifest = tmp_path / "torn" / "manifest.jsonl"
    lines = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(b"".join(lines[: len(whole)]) + lines[len(whole)][:40])
    report = prepare_corpus(tmp_path / "torn", settings)
    assert manifest.read_bytes() == b"".join(lines)
    assert report.total == pytest.approx(sum(one.seconds for one in read_corpus(tmp_path / "whole")) / 3600)


@given(st.integers(1000, 48000), st.floats(0.0, 1.2))
def test_broken_sound_is_dropped(count: int, peak: float) -> None:
    rate = 8000
    sound = np.clip(peak * np.sin(np.arange(count) * 0.3), -1, 1).astype(np.float32)
    good = count / rate >= 1.0 and 0.021 < peak < 0.99
    if good:
        assert corpus.is_sound(sound, rate)
    elif count < rate or peak < 0.02 or peak > 1.1:
        assert not corpus.is_sound(sound, rate)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 32000, 44100])
def test_resampling_keeps_the_time(rate: int) -> None:
    sound = np.zeros(rate, np.float32)
    sound[rate // 4 - 20 : rate // 4 + 21] = np.hanning(41)
    found = corpus.resampled(sound, rate)
    assert len(found) == RATE
    assert abs(int(found.argmax()) - RATE // 4) <= 1


def test_sounds_are_stored_whole(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).uniform(-0.9, 0.9, 12345).astype(np.float32)
    corpus.write_flac(tmp_path / "a.flac", sound)
    found = np.concatenate(list(read_audio(tmp_path / "a.flac", rate=RATE)))
    np.testing.assert_allclose(found, sound, atol=1e-4)
    assert [path.name for path in tmp_path.iterdir()] == ["a.flac"]


@pytest.mark.slow
def test_a_voice_that_is_missing_is_skipped_and_named(tmp_path: Path) -> None:
    """And the others are spoken, with silence around and in IPA only."""
    parrot = Voice("flite", "parrot", "en", "made:fi", "cmu")
    settings = replace(only(SMALL, ["flite:kal16"]), hours=0.02)
    try:
        report = prepare_corpus(tmp_path, replace(settings, voices=(*settings.voices, parrot)))
    except SettingsError as error:
        pytest.skip(str(error))
    assert list(report.hours) == ["flite:kal16"]
    assert "no voice parrot of flite" in report.skipped["flite:parrot"]
    for utterance in read_corpus(tmp_path):
        assert utterance.phones[0].ipa == utterance.phones[-1].ipa == ""
        assert utterance.phones[0].end >= 0.1
        assert IPA.issuperset("".join(phone.ipa for phone in utterance.phones))
