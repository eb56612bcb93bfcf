"""Text to speech, offline: by espeak-ng in a child process, or by the program flite where it is installed.

A voice is a language code of espeak-ng ("en", "de", "fr", "cmn"), perhaps with a timbre ("en+f3"), or "flite:NAME".
"""

from __future__ import annotations

import difflib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.errors import MissingExtraError, SettingsError
from vivant.media.audio import read_audio
from vivant.motion.speech.sound import RATE

Floats = NDArray[np.float32]

LONGEST = 20_000
"""Characters of a text."""
SECONDS, SECONDS_PER_CHARACTER = 20.0, 0.02
"""How long a program may take."""


@dataclass(frozen=True)
class Manner:
    """How a text is said."""

    voice: str = "en"
    pace: float = 1.0
    """0.5..2; 1 is about 160 words a minute."""

    def __post_init__(self) -> None:
        if not 0.5 <= self.pace <= 2.0:
            raise SettingsError(f"pace is {self.pace}; give a value from 0.5 to 2")


def say(text: str, path: Path, manner: Manner = Manner()) -> None:
    """Write `text`, spoken, to the .wav file `path`.

    Raises SettingsError for an empty or too long text and an unknown voice, MissingExtraError without any engine.
    """
    clean = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    if not clean:
        raise SettingsError("the text is empty; write what is to be said")
    if len(clean) > LONGEST:
        raise SettingsError(f"the text has {len(clean)} characters; say at most {LONGEST} at once")
    engine, _, name = manner.voice.rpartition(":")
    if engine == "flite":
        _by_flite(clean, path, name, manner)
    elif engine in ("", "espeak"):
        _by_espeak(clean, path, name, manner)
    else:
        raise SettingsError(f"there is no speech engine {engine!r}; give a language such as en, or flite:NAME")


def spoken(text: str, manner: Manner = Manner()) -> Iterator[Floats]:
    """`text` as chunks (n,) of mono 16 kHz sound; raises as `say` does."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "text.wav")
        say(text, path, manner)
        yield from read_audio(path, rate=RATE)


def list_voices() -> list[tuple[str, str]]:
    """Every voice that can be used here, with its language's name. Raises MissingExtraError without any engine."""
    found = [(f"flite:{name}", "English") for name in _flite_voices()]
    try:
        found = [(language, name) for language, name in _ask({"list": True}, SECONDS)["voices"]] + found
    except MissingExtraError:
        if not found:
            raise
    return found


def _by_espeak(text: str, path: Path, voice: str, manner: Manner) -> None:
    language, _, timbre = voice.partition("+")
    task = {
        "text": text,
        "voice": language,
        "variant": timbre,
        "rate": round(160 * manner.pace),
        "pitch": 50,
        "range": 55,
        "output": str(path),
    }
    answer = _ask(task, SECONDS + SECONDS_PER_CHARACTER * len(text))
    if "error" in answer:
        known = [language for language, _ in list_voices()]
        near = difflib.get_close_matches(voice, known, 3) or ["en", "de", "fr"]
        raise SettingsError(f"there is no voice {voice!r}; near it are {', '.join(near)} (vivant speech --list-voices)")


def _ask(task: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The answer of espeak-ng's child process to one task."""
    command = [sys.executable, "-m", "vivant.motion.speech.espeak"]
    done = _run(command, json.dumps(task), seconds)
    if done.returncode == 3:
        raise MissingExtraError("espeak-ng", "text")
    if done.returncode != 0:
        raise SettingsError("espeak-ng failed on this text; try another voice, or a shorter text")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _by_flite(text: str, path: Path, voice: str, manner: Manner) -> None:
    known = _flite_voices()
    if not known:
        raise SettingsError("flite is not installed; install Debian's package flite, or use a voice such as en")
    if voice not in known:
        raise SettingsError(f"flite has no voice {voice!r}; it has {', '.join(known)}")
    pace = ["--setf", f"duration_stretch={1 / manner.pace:.3f}"]
    source = path.with_suffix(".txt")
    source.write_text(text, encoding="utf-8")
    done = _run(
        ["flite", "-voice", voice, *pace, "-f", str(source), "-o", str(path)],
        "",
        SECONDS + SECONDS_PER_CHARACTER * len(text),
    )
    source.unlink()
    if done.returncode != 0 or not path.is_file():
        raise SettingsError("flite failed on this text; try another voice")


def _flite_voices() -> list[str]:
    if shutil.which("flite") is None:
        return []
    listed = _run(["flite", "-lv"], "", SECONDS).stdout.partition(":")[2].split()
    return [name for name in listed if name.isalnum()]


def _run(command: list[str], text: str, seconds: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, input=text, capture_output=True, timeout=seconds, check=False, encoding="utf-8", errors="replace"
        )
    except subprocess.TimeoutExpired:
        raise SettingsError(f"the speech engine took longer than {seconds:.0f} s; say less at once") from None
