"""Sounds of the sample kit and hand-made signals through the reader."""

from __future__ import annotations

import resource
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from vivant.errors import MediaError, SettingsError
from vivant.media.audio import probe_audio, read_audio
from vivant.media.limits import Limits


def _all(path: Path, rate: int = 16000, **settings: float) -> np.ndarray:
    chunks = list(read_audio(path, rate, **settings))  # type: ignore[arg-type]
    assert all(chunk.dtype == np.float32 and chunk.ndim == 1 for chunk in chunks)
    assert all(len(chunk) == rate for chunk in chunks[:-1])
    sound = np.concatenate(chunks)
    assert np.isfinite(sound).all()
    return sound


def _write_wav(path: Path, samples: np.ndarray, rate: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())


def _delay(sound: np.ndarray, reference: np.ndarray) -> int:
    """Samples by which `sound` is later than `reference`."""
    count = 1 << 17
    product = np.fft.rfft(sound, count) * np.conj(np.fft.rfft(reference, count))
    best = int(np.argmax(np.fft.irfft(product)))
    return best if best < count // 2 else best - count


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("a01_u8_16k.wav", 4.028),
        ("a02_s24_48k_stereo.wav", 2.0),
        ("a03_51_centre_only.flac", 2.5),
        ("a04_speech.mp3", 4.028),
        ("a05_silence_5s.wav", 5.0),
        ("a09_tone_noise_2s.wav", 2.0),
        ("a10_header_says_4GB.wav", 4.028),
        ("a11_mulaw_8k.wav", 4.028),
        ("a12_mp3_named.wav", 4.028),
        ("v02_no_video_stream.mp4", 3.0),
    ],
)
def test_unusual_sounds_are_read(samples: Path, name: str, seconds: float) -> None:
    sound = _all(samples / "bad" / name)
    assert len(sound) / 16000 == pytest.approx(seconds, abs=0.02)
    assert probe_audio(samples / "bad" / name).seconds == pytest.approx(seconds, abs=0.02)
    rms = np.sqrt((sound**2).mean())
    assert rms == 0 if "silence" in name else 0.05 < rms < 0.3
    assert abs(sound.mean()) < 0.004  # no offset of unsigned samples


def test_the_same_speech_is_in_time_and_equally_loud_in_every_coding(samples: Path) -> None:
    reference = _all(samples / "bad" / "a10_header_says_4GB.wav")
    for name in ("a01_u8_16k.wav", "a04_speech.mp3", "a07_nan_float.wav", "a11_mulaw_8k.wav"):
        sound = _all(samples / "bad" / name)
        assert abs(_delay(sound, reference)) <= 2, name
        assert np.sqrt((sound**2).mean()) == pytest.approx(np.sqrt((reference**2).mean()), rel=0.06)


def test_samples_that_are_no_numbers_become_silence_with_a_note(samples: Path) -> None:
    reader = read_audio(samples / "bad" / "a07_nan_float.wav")
    assert np.isfinite(np.concatenate(list(reader))).all()
    assert any("NaN" in note for note in reader.notes)


def test_every_speech_of_the_kit_is_the_mean_of_its_channels(samples: Path) -> None:
    for path in sorted((samples / "audio").glob("a0*.*")):
        if path.suffix == ".json":
            continue
        info = probe_audio(path)
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
            scale = 2.0**31 if container.streams.audio[0].format.name.startswith("s32") else 2.0**15
        stored = np.concatenate([frame.reshape(-1, info.channels) for frame in frames])
        sound = _all(path, info.rate)
        assert np.abs(sound - stored.mean(axis=1) / scale).max() < 1e-4, path.name


def test_centre_of_surround_sound_is_heard_and_bass_is_not(samples: Path) -> None:
    sound = _all(samples / "bad" / "a03_51_centre_only.flac", 48000)
    with av.open(str(samples / "bad" / "a03_51_centre_only.flac")) as container:
        centre = np.concatenate([frame.to_ndarray().reshape(-1, 6)[:, 2] for frame in container.decode(audio=0)])
    assert np.allclose(sound, 0.7071 * centre / 2.0**15, atol=1e-3)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_resampling_keeps_phase_and_level(tmp_path: Path, rate: int) -> None:
    time = np.arange(2 * rate) / rate
    _write_wav(tmp_path / "tone.wav", np.stack([0.8 * np.sin(2 * np.pi * 440 * time), 0 * time], 1), rate)
    sound = _all(tmp_path / "tone.wav")
    expected = 0.4 * np.sin(2 * np.pi * 440 * np.arange(len(sound)) / 16000)
    assert len(sound) == 32000
    assert np.abs(sound - expected)[200:-200].max() < 1e-3


def test_start_and_length_are_exact(samples: Path) -> None:
    path = samples / "audio" / "a06_timed_en.wav"
    whole = _all(path, 22050)
    part = _all(path, 22050, start=11.0, seconds=1.5)
    assert np.array_equal(part, whole[11 * 22050 :][: round(1.5 * 22050)])
    with pytest.raises(SettingsError):
        read_audio(path, start=-1)


def test_start_far_into_a_video_is_found_by_seeking(samples: Path) -> None:
    path = samples / "videos" / "v04_expressive_long_hair_30fps.mp4"
    assert np.abs(_all(path, 44100, start=12.0) - _all(path, 44100)[12 * 44100 :]).max() < 1e-4


def test_sound_that_starts_late_starts_late(tmp_path: Path) -> None:
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width = video.height = 32
        audio = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        tone = av.AudioFrame.from_ndarray(np.full((1, 8000), 9000, np.int16), format="s16", layout="mono")
        tone.sample_rate, tone.pts = 16000, 12000
        for _ in range(50):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))))
        container.mux(audio.encode(tone))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    sound = _all(path)
    assert np.flatnonzero(np.abs(sound) > 0.1)[0] == pytest.approx(12000, abs=20)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a06_zero_samples.wav", "no sound"),
        ("a13_text_named.wav", "not a video or sound"),
        ("v03_no_audio.mp4", "no audio stream"),
        ("i04_gray8.png", "not a video or sound"),
        ("i10_empty.png", "empty"),
    ],
)
def test_what_is_no_sound_is_named_and_explained(samples: Path, name: str, words: str) -> None:
    for read in (probe_audio, lambda path: list(read_audio(path))):
        with pytest.raises(MediaError, match=words) as caught:
            read(samples / "bad" / name)
        assert name in str(caught.value)


def test_limits_are_kept(samples: Path) -> None:
    with pytest.raises(MediaError, match="limit of 5"):
        probe_audio(samples / "bad" / "a03_51_centre_only.flac", Limits(max_channels=5))
    with pytest.raises(MediaError, match="limit of 2 s"):
        list(read_audio(samples / "audio" / "a06_timed_en.wav", limits=Limits(max_seconds=2)))


@pytest.mark.slow
def test_memory_does_not_grow_with_length(samples: Path) -> None:
    path = samples / "bad" / "a08_speech_10min.opus"
    list(read_audio(path, seconds=20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(len(chunk) for chunk in read_audio(path)) == 600 * 16000
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 600 * 16000 * 4 / 2
