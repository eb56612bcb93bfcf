"""Results read back with FFmpeg's own decoders: size, time, colour, alpha, sound, and nothing left behind."""

from __future__ import annotations

import itertools
import resource
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vivant.errors import MediaError, SettingsError
from vivant.media.audio import probe_audio, read_audio
from vivant.media.video import open_video, probe_video
from vivant.media.writer import SoundTrack, check_place, holds_alpha, holds_sound, open_writer

NTSC = Fraction(30000, 1001)
COLOURS = np.array(
    [[255, 255, 255], [0, 0, 0], [200, 30, 30], [30, 160, 60], [40, 60, 200], [224, 172, 138], [90, 60, 45], [128] * 3],
    np.uint8,
)


def _patches(height: int = 65, width: int = 129) -> np.ndarray:
    """Bars of the test colours, (height, width, 3), on a skewed grid so that neighbours differ."""
    return COLOURS[(np.arange(width) * 8 // width)[None, :].repeat(height, 0)]


def _numbered(picture: np.ndarray, number: int) -> np.ndarray:
    """The picture with a block of its own brightness, because animated WebP joins equal frames."""
    picture = picture.copy()
    picture[-12:, 40:56, :3] = 5 * number
    return picture


def _write(path: Path, frames: list[np.ndarray], rate: Fraction = NTSC, **settings: object) -> None:
    size = frames[0].shape[1], frames[0].shape[0]
    with open_writer(path, size, rate, **settings) as writer:  # type: ignore[arg-type]
        for frame in frames:
            writer.write(frame)


@pytest.mark.parametrize(
    ("name", "bound"),
    [("a.mp4", 6), ("b.webm", 10), ("c.mov", 2), ("d.gif", 12), ("-e 'f' \"g\" 🙂.webp", 8)],
)
def test_size_rate_count_and_colours_come_back(tmp_path: Path, name: str, bound: int) -> None:
    picture = _patches()
    _write(tmp_path / name, [_numbered(picture, n) for n in range(45)])
    info = probe_video(tmp_path / name)
    with open_video(tmp_path / name) as reader:
        frames = list(reader)
    even = name.endswith(("mp4", "webm"))
    assert (info.width, info.height) == ((130, 66) if even else (129, 65))
    assert len(frames) == 45
    assert info.seconds == pytest.approx(45 / NTSC, abs=0.011)
    if not name.endswith(("gif", "webp")):
        assert info.rate == NTSC
        assert np.allclose([frame.time for frame in frames], np.arange(45) / float(NTSC), atol=6e-4)
    else:
        assert np.allclose([frame.time for frame in frames], np.arange(45) / float(NTSC), atol=0.011)
    middles = (np.arange(8) + 0.5) * 129 / 8
    seen = frames[30].pixels[32, middles.astype(int)].astype(int)
    assert np.abs(seen - COLOURS).max() <= bound
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.mp4", "b.webm", "c.mov"])
def test_colours_are_tagged_as_what_they_are(tmp_path: Path, name: str) -> None:
    _write(tmp_path / name, [_patches()] * 2)
    with av.open(str(tmp_path / name)) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_range) == (1, 1)
        assert (frame.color_primaries, frame.color_trc) == (1, 1)


def test_odd_sizes_repeat_the_edge(tmp_path: Path) -> None:
    picture = np.tile(np.array([200, 100, 50], np.uint8), (33, 51, 1))
    _write(tmp_path / "odd.mp4", [picture] * 3)
    with open_video(tmp_path / "odd.mp4") as reader:
        pixels = next(iter(reader)).pixels
    assert pixels.shape == (34, 52, 3)
    assert np.abs(pixels.astype(int) - [200, 100, 50]).max() < 6


def test_index_of_an_mp4_is_in_front(tmp_path: Path) -> None:
    _write(tmp_path / "a.mp4", [_patches()] * 5)
    data = (tmp_path / "a.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def _read_alpha(path: Path) -> np.ndarray:
    """(h, w) alpha of the third frame."""
    if path.is_dir():
        return np.asarray(Image.open(sorted(path.iterdir())[2]))[..., 3]
    if path.suffix in (".webp", ".gif"):
        with Image.open(path) as image:
            image.seek(2)
            return np.asarray(image.convert("RGBA"))[..., 3]
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = stream.codec_context
        if path.suffix == ".webm":
            decoder = av.CodecContext.create("libvpx-vp9", "r")  # FFmpeg's own decoder skips alpha
        frames = [frame for packet in container.demux(stream) for frame in decoder.decode(packet)]
    return np.asarray(frames[2].reformat(format="rgba", interpolation="BICUBIC").to_ndarray())[..., 3]


@pytest.mark.parametrize("name", ["a.webm", "b.mov", "c.webp", "d.gif", "folder"])
def test_alpha_comes_back(tmp_path: Path, name: str) -> None:
    alpha = np.zeros((64, 96), np.uint8)
    alpha[:, 32:64] = 255
    if name != "d.gif":
        alpha[:, 64:] = 128
    frames = [_numbered(np.dstack([_patches(64, 96), alpha]), n) for n in range(4)]
    assert holds_alpha(tmp_path / name)
    _write(tmp_path / name, frames, alpha=True)
    assert np.abs(_read_alpha(tmp_path / name)[32, [10, 48, 85]].astype(int) - alpha[32, [10, 48, 85]]).max() <= 3


def test_alpha_is_refused_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\.webm, \.mov"):
        open_writer(tmp_path / "a.mp4", (64, 64), NTSC, alpha=True)
    assert not holds_alpha(tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_holds_exact_pictures_and_can_be_written_again(tmp_path: Path) -> None:
    frames = [np.full((5, 7, 3), n, np.uint8) for n in range(3)]
    _write(tmp_path / "frames", frames[:2])
    _write(tmp_path / "frames", frames)
    assert [p.name for p in tmp_path.iterdir()] == ["frames"]
    files = sorted((tmp_path / "frames").iterdir())
    assert [int(np.asarray(Image.open(file))[0, 0, 0]) for file in files] == [0, 1, 2]
    (tmp_path / "frames" / "diary.txt").write_text("mine")
    with pytest.raises(MediaError, match="other things"):
        _write(tmp_path / "frames", frames)


@pytest.mark.parametrize("name", ["a.mp4", "b.webm", "c.mov", "d.gif", "e.webp", "folder"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_writer_leaves_nothing(tmp_path: Path, name: str, error: type[BaseException]) -> None:
    def interrupted() -> None:
        with open_writer(tmp_path / name, (129, 65), NTSC) as writer:
            for _ in range(7):
                writer.write(_patches())
            raise error

    with pytest.raises(error):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_writer_keeps_the_earlier_result(tmp_path: Path) -> None:
    _write(tmp_path / "a.mp4", [_patches()] * 3)
    before = (tmp_path / "a.mp4").read_bytes()
    with pytest.raises(MediaError, match="no frames"):
        _write_nothing(tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def _write_nothing(path: Path) -> None:
    with open_writer(path, (16, 16), NTSC):
        pass


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("a.xyz", {}, "known are .mp4"),
        ("a.mp4", {"size": (0, 5)}, "size 0x5"),
        ("a.mp4", {"size": (20000, 5)}, "size 20000x5"),
        ("a.mp4", {"rate": Fraction(0)}, "frames per second"),
        ("a.gif", {"rate": Fraction(60)}, "GIF"),
        ("a.mp4", {"quality": 101}, "quality"),
        ("none/a.mp4", {}, "does not exist"),
    ],
)
def test_impossible_requests_are_explained(tmp_path: Path, name: str, settings: dict[str, object], words: str) -> None:
    arguments = {"size": (64, 64), "rate": Fraction(25), **settings}
    with pytest.raises((SettingsError, MediaError), match=words):
        open_writer(tmp_path / name, **arguments)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_place_is_checked_without_creating_anything(tmp_path: Path) -> None:
    film, frames = tmp_path / "a.mp4", tmp_path / "frames"
    frames.mkdir()
    picture = frames / "frame_000000.png"
    for path in (film, picture):
        path.write_bytes(b"x")
    check_place(film)
    check_place(frames, [film])
    check_place(tmp_path / "b.mp4", [film, picture, tmp_path / "keep"])
    for place, read in ((film, film), (tmp_path / "frames" / ".." / "a.mp4", film), (frames, picture)):
        with pytest.raises(SettingsError, match="would destroy"):
            check_place(place, [read])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.mp4", "frames"]


def test_frames_of_the_wrong_size_are_refused(tmp_path: Path) -> None:
    with open_writer(tmp_path / "a.mp4", (16, 16), NTSC) as writer:
        writer.write(np.zeros((16, 16, 4), np.uint8))
        with pytest.raises(SettingsError, match=r"\(16, 16"):
            writer.write(np.zeros((16, 17, 3), np.uint8))


def test_higher_quality_is_nearer_and_larger(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for name in ("a.mp4", "b.webm", "c.webp"):
        sizes = []
        for quality in (20, 60, 95):
            _write(tmp_path / name, [noise] * 3, quality=quality)
            sizes.append((tmp_path / name).stat().st_size)
        assert sizes == sorted(set(sizes)), name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.mp4", "b.webm", "c.mov"])
def test_flash_and_click_stay_together(tmp_path: Path, click_track: Callable[[int], Path], name: str) -> None:
    """Four minutes at 30000/1001: a rounding of the rate to 30 would be off by 7 frames at the end."""
    seconds = 240
    track = click_track(seconds)
    clicks = list(range(1, seconds, 7))
    flashes = {round(click * NTSC) for click in clicks}
    black, white = np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 255, np.uint8)
    count = int(seconds * NTSC)
    _write(tmp_path / "warm.mp4", [black] * 300, audio=SoundTrack(track))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _write(tmp_path / name, [white if n in flashes else black for n in range(count)], audio=SoundTrack(track))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # kilobytes; the sound alone is 46 MB
    with open_video(tmp_path / name) as reader:
        seen = np.array([frame.time for frame in reader if frame.pixels.mean() > 128])
    sound = np.concatenate(list(read_audio(tmp_path / name)))
    loud = np.flatnonzero(np.abs(sound) > 0.15)
    heard = loud[np.diff(loud, prepend=-99999) > 8000] / 16000
    assert np.abs(seen - clicks).max() < 0.5 / NTSC + 1e-3
    assert np.abs(heard - clicks).max() < 1e-3
    assert len(sound) / 16000 == pytest.approx(count / NTSC, abs=0.03)


def test_sound_is_cut_shifted_and_keeps_its_channels(tmp_path: Path, samples: Path) -> None:
    mono, stereo = samples / "audio" / "a06_timed_en.wav", samples / "videos" / "v01_talk_512_25fps.mp4"
    _write(tmp_path / "a.mov", [_patches()] * 30, audio=SoundTrack(mono, start=3.0))
    _write(tmp_path / "b.mp4", [_patches()] * 30, audio=SoundTrack(stereo, seconds=0.5))
    assert probe_audio(tmp_path / "a.mov").channels == 1
    assert probe_audio(tmp_path / "b.mp4").channels == 2
    written = np.concatenate(list(read_audio(tmp_path / "a.mov", 48000)))
    original = np.concatenate(list(read_audio(mono, 48000, start=3.0, seconds=1.001)))
    assert len(written) == round(30 / NTSC * 48000)
    assert np.abs(written - original).max() < 1e-3
    assert probe_audio(tmp_path / "b.mp4").seconds == pytest.approx(0.5, abs=0.03)


def test_formats_without_sound_leave_it_out(tmp_path: Path, samples: Path) -> None:
    track = SoundTrack(samples / "audio" / "a06_timed_en.wav")
    for name in ("a.gif", "b.webp", "folder"):
        assert not holds_sound(tmp_path / name)
        _write(tmp_path / name, [_patches()] * 2, audio=track)


def test_bad_sound_leaves_nothing(tmp_path: Path, samples: Path) -> None:
    with pytest.raises(MediaError, match="no sound"):
        _write(tmp_path / "a.mp4", [_patches()] * 2, audio=SoundTrack(samples / "bad" / "a06_zero_samples.wav"))
    assert list(tmp_path.iterdir()) == []


def test_palette_does_not_flicker_where_the_picture_stands(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 120).astype(np.uint8)
    still = np.dstack([np.tile(ramp, (80, 1)), np.tile(ramp[::-1], (80, 1)), np.tile(ramp[:80, None], (1, 120))])
    frames = []
    for n in range(8):
        frame = still.copy()
        frame[:20, 15 * n : 15 * n + 15] = 255
        frames.append(frame)
    _write(tmp_path / "a.gif", frames, Fraction(20))
    with open_video(tmp_path / "a.gif") as reader:
        read = [frame.pixels for frame in reader]
    assert np.abs(read[0][30:].astype(int) - still[30:]).mean() < 12
    assert all(np.array_equal(a[30:], b[30:]) for a, b in itertools.pairwise(read))
