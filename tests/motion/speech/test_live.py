"""Live speech: a microphone that is only played, and how late the states come."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from fakes import Stream

from vivant.errors import MediaError, MissingExtraError, SettingsError
from vivant.motion.speech.choice import open_mouth
from vivant.motion.speech.live import BLOCK, WAITING, Microphone, limited, list_devices, live_states
from vivant.motion.speech.speak import SpeechSettings


def test_blocks_pass_from_the_device_until_it_is_closed(device: None) -> None:
    sound = np.arange(5 * BLOCK, dtype=np.float32) / 5 / BLOCK
    with Microphone() as microphone:
        assert Stream.opened is not None
        assert Stream.opened.settings["samplerate"] == 16000
        Stream.opened.play(sound)
        microphone.close()
        np.testing.assert_array_equal(np.concatenate(list(microphone)), sound)
    assert microphone.dropped == 0


def test_a_slow_listener_loses_the_oldest_sound(device: None) -> None:
    with Microphone() as microphone:
        assert Stream.opened is not None
        Stream.opened.play(np.repeat(np.arange(WAITING + 7, dtype=np.float32), BLOCK))
        assert microphone.dropped == 7
        assert next(iter(microphone))[0] == 7


def test_a_waiting_listener_is_released(device: None) -> None:
    with Microphone() as microphone:
        threading.Timer(0.05, microphone.close).start()
        assert list(microphone) == []


def test_devices_and_mistakes(device: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list_devices() == [(1, "headset", Fraction(48000))]
    with pytest.raises(MediaError, match="No input device matching 'broken'"), Microphone("broken"):
        pass
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingExtraError, match=r"vivant\[live\]"):
        list_devices()


def test_states_are_at_most_a_quarter_of_a_second_behind(samples: Any) -> None:
    from vivant.media.audio import read_audio

    sound = np.concatenate(list(read_audio(samples / "audio" / "a06_timed_en.wav", rate=16000)))[: 4 * 16000]
    taken = 0

    def blocks() -> Iterator[np.ndarray]:
        nonlocal taken
        for start in range(0, len(sound), BLOCK):
            taken = start + BLOCK
            yield sound[start : start + BLOCK]

    behind = [taken / 16000 - index / 25 for index, _ in enumerate(live_states(blocks(), SpeechSettings()))]
    assert len(behind) == 100
    assert max(behind) <= 0.25
    assert min(behind[:-10]) > 0  # and the future is not known


def test_limited_stops_after_the_seconds() -> None:
    blocks = [np.zeros(BLOCK, np.float32)] * 100
    assert sum(len(block) for block in limited(iter(blocks), 0.5)) == 8000
    assert sum(len(block) for block in limited(iter(blocks), None)) == 32000


def test_which_mouth_may_be_live() -> None:
    with pytest.raises(SettingsError, match="no speech model"):
        open_mouth("best")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="leave --weights out"):
        open_mouth("builtin", "folder")
    with pytest.raises(SettingsError, match="needs --weights"):
        open_mouth("geneface")
    with pytest.raises(SettingsError, match="too far ahead"):
        open_mouth("real3d", "folder", live=True)
