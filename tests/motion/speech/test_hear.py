"""hear: every sound file becomes a Motion."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vivant.errors import MediaError
from vivant.motion.speech.hear import hear
from vivant.motion.speech.signal import signal_mouth
from vivant.motion.speech.speak import SpeechSettings


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("a01_u8_16k.wav", None),
        ("a03_51_centre_only.flac", None),
        ("a05_silence_5s.wav", 5.0),
        ("a07_nan_float.wav", None),
        ("a09_tone_noise_2s.wav", 2.0),
        ("a11_mulaw_8k.wav", None),
        ("v05_phone_rotated.mp4", None),
    ],
)
def test_any_sound_or_video(samples: Path, name: str, seconds: float | None) -> None:
    from vivant.media.audio import probe_audio

    path = samples / "bad" / name
    motion = hear(path, SpeechSettings(Fraction(30)), signal_mouth())
    assert motion.rate == 30
    assert motion.seconds == pytest.approx(seconds or probe_audio(path).seconds, abs=0.1)
    assert np.isfinite(motion.curves).all()
    assert motion.meta["driver"] == name
    assert motion.present.all()


@pytest.mark.parametrize("name", ["a06_zero_samples.wav", "a13_text_named.wav", "v03_no_audio.mp4"])
def test_no_sound_is_said(samples: Path, name: str) -> None:
    with pytest.raises(MediaError, match=name):
        hear(samples / "bad" / name)


def test_progress_ends_at_the_number_of_frames(samples: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = samples / "audio" / "a01_en_16k_stereo.wav"
    motion = hear(path, mouth=signal_mouth(), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(motion), len(motion))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
