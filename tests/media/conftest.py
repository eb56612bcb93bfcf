"""Fixtures of the media tests."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Clicks = Callable[[int], Path]


@pytest.fixture
def click_track(tmp_path: Path) -> Clicks:
    """A function that writes a 44.1 kHz mono WAV with a 10 ms tone at 1 s, 8 s, 15 s ..."""

    def make(seconds: int) -> Path:
        samples = np.zeros(seconds * 44100, np.int16)
        tone = (20000 * np.sin(np.arange(441) * 2 * np.pi * 1000 / 44100)).astype(np.int16)
        for second in range(1, seconds, 7):
            samples[second * 44100 :][:441] = tone
        path = tmp_path / "clicks.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(44100)
            file.writeframes(samples.tobytes())
        return path

    return make
