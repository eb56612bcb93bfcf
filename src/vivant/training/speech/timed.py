"""Speech with exact phoneme times for `vivant evaluate speech`: voices and languages that no training heard.

    FOLDER/ENGINE_VOICE.wav     16 kHz, mono, 16 bit; one second of nothing before, between and after the sentences
    FOLDER/ENGINE_VOICE.json    {"sample_rate", "seconds", "voice", "text": [...], "columns", "segments": [...]}

A segment is [start, end, IPA, class] with one of `CLASSES`.
"""

from __future__ import annotations

import json
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivant.errors import SettingsError
from vivant.media.audio import read_audio
from vivant.motion.speech.sound import RATE
from vivant.training.speech.corpus import Utterance, keep
from vivant.training.speech.engines import Task, speak_all
from vivant.training.speech.texts import load_words, sentence
from vivant.training.speech.voices import HELD_OUT, HELD_OUT_VARIANTS, Voice

Floats = NDArray[np.float32]

CLASSES = {
    "bilabial": "p b m",
    "labiodental": "f v ɱ",
    "open_vowel": "a ɑ æ ɶ ɒ",
    "rounded": "o ɔ u ʊ w y ø œ ʏ ɵ ʉ",
    "front_vowel": "i ɪ e ɛ",
}
"""Phonemes of a class by the first letter; all others are "other", and pauses "silence"."""
PAUSE = 1.0
"""Seconds of zeros between sentences."""
SENTENCES = 5
TEXTS: dict[str, tuple[str, ...]] = {
    "en": (
        "Please bring my father a map of the farm.",
        "Our two brown bears move above the foamy pool.",
        "A lamp, a palm, a bomb, a stove.",
    ),
    "cs": ("Babička nám upekla bábovku.", "Moje máma volá, a vlk pije vodu."),
    "pl": ("Mama piecze placek, a babcia pije kawę.", "Pamiętam film o wielkim upale."),
    "tr": ("Annem bana pembe bir palto aldı.", "Büyük köprü, uzun bulvar, mavi vapur."),
}
"""Own sentences; none is among the exercises of the corpus."""


def make_timed_speech(folder: Path, seed: int = 0, voices: Sequence[Voice] = HELD_OUT) -> list[Path]:
    """Write one sound with its phoneme times for each of `voices` that is installed; the files' .json paths.

    Raises SettingsError if no voice is installed.
    """
    found, missing = [], []
    for number, voice in enumerate(voices):
        try:
            found.append(_make(folder, voice, np.random.default_rng([seed, number])))
        except SettingsError as error:
            missing.append(str(error))
    if not found:
        raise SettingsError("; ".join(missing) or "no voices are named")
    return found


def class_of(ipa: str) -> str:
    """The class of `CLASSES` of a phoneme by its first letter; "silence" for "", else "other"."""
    if not ipa:
        return "silence"
    return next((name for name, letters in CLASSES.items() if ipa[0] in letters.split()), "other")


def _make(folder: Path, voice: Voice, draw: np.random.Generator) -> Path:
    words = load_words(voice.words, voice.encoding)
    texts = list(TEXTS.get(voice.language, ()))
    while words and len(texts) < SENTENCES:
        texts.append(sentence(words, draw))
    variant = HELD_OUT_VARIANTS[int(draw.integers(len(HELD_OUT_VARIANTS)))]
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        tasks = [
            Task(
                text, place / f"{number}.wav", variant, float(draw.uniform(0.85, 1.15)), float(draw.uniform(-0.5, 0.5))
            )
            for number, text in enumerate(texts)
        ]
        kept = [(spoken.task.text, keep(spoken, voice, place, (0.0, 0.0))) for spoken in speak_all(voice, tasks)]
        return _write(folder, voice, [(text, utterance) for text, utterance in kept if utterance is not None])


def _write(folder: Path, voice: Voice, kept: Sequence[tuple[str, Utterance]]) -> Path:
    """String the sentences together, with pauses."""
    pause = np.zeros(round(PAUSE * RATE), np.float32)
    pieces: list[Floats] = [pause]
    segments: list[tuple[float, float, str]] = [(0.0, PAUSE, "")]
    at = PAUSE
    for _, utterance in kept:
        sound = np.concatenate(list(read_audio(utterance.sound, rate=RATE)))
        pieces += [sound, pause]
        segments += [(at + phone.start, at + phone.end, phone.ipa) for phone in utterance.phones]
        at += len(sound) / RATE
        segments.append((at, at + PAUSE, ""))
        at += PAUSE
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{voice.engine}_{voice.name}.json"
    _write_wave(path.with_suffix(".wav"), np.concatenate(pieces))
    record = {
        "sample_rate": RATE,
        "seconds": round(at, 4),
        "voice": f"{voice.engine}:{voice.name}",
        "language": voice.language,
        "text": [text for text, _ in kept],
        "columns": ["start_s", "end_s", "phoneme", "class"],
        "segments": [[round(s, 4), round(e, 4), ipa or "_", class_of(ipa)] for s, e, ipa in joined(segments)],
    }
    path.write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _write_wave(path: Path, sound: Floats) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


def joined(segments: Sequence[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """`segments` with silences that touch made one."""
    result: list[tuple[float, float, str]] = []
    for start, end, ipa in segments:
        if not ipa and result and not result[-1][2]:
            result[-1] = (result[-1][0], end, "")
        else:
            result.append((start, end, ipa))
    return result
