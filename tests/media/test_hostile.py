"""Property: whatever bytes a file holds, the readers give a result or a `VivantError`, within their limits."""

from __future__ import annotations

import io
import random
import wave
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from vivant.errors import VivantError
from vivant.media.audio import probe_audio, read_audio
from vivant.media.image import read_image
from vivant.media.limits import Limits
from vivant.media.video import open_video
from vivant.media.writer import SoundTrack, open_writer

LIMITS = Limits(max_pixels=1_000_000, max_video_pixels=1_000_000, max_seconds=60)
KINDS = ("png", "jpg", "gif", "webp", "tif", "heic", "mp4", "webm", "mov", "wav", "mp3", "opus", "flac")


@pytest.fixture(scope="module")
def seeds(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One small intact file of each kind."""
    folder = tmp_path_factory.mktemp("seeds")
    picture = np.add.outer(np.arange(48) * 3, np.arange(64) * 2).astype(np.uint8)
    image = Image.fromarray(np.dstack([picture, picture.T[:48, :48].repeat(2, 1)[:, :64], 255 - picture]))
    found = {}
    for kind, name in (("png", "PNG"), ("jpg", "JPEG"), ("gif", "GIF"), ("tif", "TIFF")):
        buffer = io.BytesIO()
        image.save(buffer, name)
        found[kind] = buffer.getvalue()
    heif = pytest.importorskip("pillow_heif").from_pillow(image)
    buffer = io.BytesIO()
    heif.save(buffer)
    found["heic"] = buffer.getvalue()
    with wave.open(str(folder / "seed.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.random.default_rng(0).integers(-9000, 9000, 4000, dtype=np.int16).tobytes())
    for kind in ("mp4", "webm", "mov", "webp"):
        path = folder / f"seed.{kind}"
        with open_writer(path, (64, 48), Fraction(25), audio=SoundTrack(folder / "seed.wav")) as writer:
            for n in range(6):
                writer.write(np.roll(np.asarray(image), 3 * n, axis=1))
        found[kind] = path.read_bytes()
    found["wav"] = (folder / "seed.wav").read_bytes()
    found["mp3"] = (samples / "bad" / "a04_speech.mp3").read_bytes()[:8000]
    found["opus"] = (samples / "bad" / "a08_speech_10min.opus").read_bytes()[:8000]
    found["flac"] = (samples / "bad" / "a03_51_centre_only.flac").read_bytes()[:20000]
    return found


def _damage(data: bytes, seed: int, cut: bool) -> bytes:
    """Flip, overwrite, delete or repeat a few places, most of them in the header; perhaps cut the end off."""
    chance = random.Random(seed)
    broken = bytearray(data)
    for _ in range(chance.choice((0, 1, 1, 2, 8, 40))):
        at = chance.randrange(min(len(broken), chance.choice((64, 1024, 1 << 30))))
        change = chance.randrange(4)
        if change == 0:
            broken[at] ^= 1 << chance.randrange(8)
        elif change == 1:
            broken[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"))
        elif change == 2:
            del broken[at : at + chance.randrange(1, 40)]
        else:
            broken[at:at] = broken[at : at + chance.randrange(1, 400)]
    return bytes(broken[: chance.randrange(len(broken) + 1)] if cut else broken)


def _read_picture(path: Path) -> None:
    picture = read_image(path, LIMITS)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.ndim == 3
    assert picture.pixels.size <= 4 * LIMITS.max_pixels


def _read_video(path: Path) -> None:
    with open_video(path, LIMITS) as reader:
        frames = list(islice(reader, 200))
    assert frames
    times = [frame.time for frame in frames]
    assert times == sorted(set(times))
    assert {frame.pixels.shape for frame in frames} == {(reader.info.height, reader.info.width, 3)}


def _read_sound(path: Path) -> None:
    assert probe_audio(path, LIMITS).seconds > 0
    chunks = list(read_audio(path, 16000, LIMITS))
    assert all(np.isfinite(chunk).all() for chunk in chunks)
    assert sum(map(len, chunks)) <= LIMITS.max_seconds * 16000


def _read_all(path: Path) -> None:
    """Try every reader; what they refuse must be refused in one line that names the file."""
    messages = []
    for read in (_read_picture, _read_video, _read_sound):
        try:
            read(path)
        except VivantError as error:
            messages.append(str(error))
    assert all(path.name in message and "\n" not in message for message in messages), messages


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(seed=st.integers(0, 2**32), cut=st.booleans())
def test_damaged_files_give_a_result_or_one_of_our_errors(
    seeds: dict[str, bytes], tmp_path: Path, kind: str, seed: int, cut: bool
) -> None:
    path = tmp_path / f"damaged.{kind}"
    path.write_bytes(_damage(seeds[kind], seed, cut))
    _read_all(path)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.binary(max_size=300))
def test_any_bytes_give_a_result_or_one_of_our_errors(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(data)
    _read_all(path)


def test_a_good_file_is_the_same_after_bad_ones(samples: Path) -> None:
    good = samples / "portraits" / "p01_astronaut_small_face.png"
    before = read_image(good).pixels
    for path in sorted((samples / "bad").iterdir()):
        _read_all(path)
    assert np.array_equal(read_image(good).pixels, before)
