"""Videos of the sample kit and hand-made clips through the reader."""

from __future__ import annotations

import itertools
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vivant.errors import MediaError, SettingsError
from vivant.media.limits import Limits
from vivant.media.video import open_video, probe_video, sample_frames


def _write_clip(path: Path, patches: list[np.ndarray], **settings: int) -> None:
    """Lossless H.264 4:2:0 planes, tagged or not; each patch is a (3,) YUV colour filling the frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        size = settings.pop("size", 64)
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        for name, value in settings.items():
            setattr(stream, name, value)
        for y, u, v in patches:
            planes = np.concatenate(
                [np.full(size * size, y), np.full(size * size // 4, u), np.full(size * size // 4, v)]
            )
            frame = av.VideoFrame.from_ndarray(planes.astype(np.uint8).reshape(-1, size), format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_every_sample_video_matches_its_reference_track(samples: Path) -> None:
    for path in sorted((samples / "videos").glob("v0[1-6]*.mp4")):
        track = np.load(samples / "tracks" / f"{path.stem}.npz")
        info = probe_video(path)
        with open_video(path) as reader:
            times = [frame.time for frame in reader]
        assert (info.width, info.height) == (int(track["width"]), int(track["height"]))
        assert info.rate == int(track["fps"])
        assert np.allclose(times, track["time"], atol=1e-4)
        assert info.seconds == pytest.approx(len(times) / info.rate, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "size", "frames", "seconds"),
    [
        ("v03_no_audio.mp4", (320, 320), 75, 3.0),
        ("v04_vfr.mp4", (320, 320), 89, 6.0),
        ("v05_phone_rotated.mp4", (360, 480), 75, 3.0),
        ("v06_odd_513x387_yuv444.mp4", (387, 387), 50, 2.0),
        ("v07_one_frame.mp4", (320, 320), 1, 0.04),
        ("v08_face_gone_1s.mp4", (320, 320), 85, 3.4),
        ("v09_hevc_10bit.mp4", (400, 400), 60, 2.0),
        ("v10_full_body_small_face.mp4", (720, 1080), 75, 3.0),
        ("i07_animated.gif", (256, 256), 8, 0.64),
    ],
)
def test_unusual_clips_are_read(samples: Path, name: str, size: tuple[int, int], frames: int, seconds: float) -> None:
    info = probe_video(samples / "bad" / name)
    with open_video(samples / "bad" / name) as reader:
        read = list(reader)
    assert (info.width, info.height) == size
    assert {frame.pixels.shape for frame in read} == {(size[1], size[0], 3)}
    assert len(read) == frames
    assert read[0].time == 0
    assert info.seconds == pytest.approx(seconds)
    assert all(a.time < b.time for a, b in itertools.pairwise(read))
    assert reader.notes == ()


def test_variable_rate_keeps_its_time_stamps(samples: Path) -> None:
    with open_video(samples / "bad" / "v04_vfr.mp4") as reader:
        gaps = np.diff([frame.time for frame in reader])
    assert gaps.min() == pytest.approx(0.04, abs=1e-3)
    assert gaps.max() == pytest.approx(0.36, abs=1e-3)


def test_phone_video_is_upright(samples: Path) -> None:
    """The clip was made from v05: the wooden wall is above the green jumper."""
    (frame,) = sample_frames(samples / "bad" / "v05_phone_rotated.mp4", 1)
    top, bottom = frame.pixels[90:160].mean((0, 1)), frame.pixels[360:400, 100:250].mean((0, 1))
    assert top[0] > 1.5 * top[2]
    assert bottom[1] > bottom[0]


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("mirror", [False, True])
def test_display_matrices_turn_and_mirror(tmp_path: Path, turn: int, mirror: bool) -> None:
    """The matrix for `turn` degrees counter-clockwise, then a mirror of the columns."""
    shown = np.zeros((48, 64, 3), np.uint8)
    shown[:24, :32], shown[:24, 32:], shown[24:, :32] = (200, 40, 40), (40, 180, 40), (60, 60, 220)
    stored = np.rot90(shown[:, ::-1] if mirror else shown, -(turn // 90))
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = stored.shape[1], stored.shape[0]
        stream.set_display_rotation(turn, hflip=mirror)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(stored))))
        container.mux(stream.encode(None))
    info = probe_video(path)
    assert (info.width, info.height) == (64, 48)
    (frame,) = sample_frames(path, 1)
    assert np.abs(frame.pixels[4::16, 4::16].astype(int) - shown[4::16, 4::16]).max() < 30


def test_ten_bit_colours_agree_with_the_eight_bit_original(samples: Path) -> None:
    deep = sample_frames(samples / "bad" / "v09_hevc_10bit.mp4", 1)[0].pixels
    original = sample_frames(samples / "videos" / "v03_expressions_turns_30fps.mp4", 1)[0].pixels
    assert np.abs(deep.mean((0, 1)) - original.mean((0, 1))).max() < 12


@pytest.mark.parametrize(
    ("settings", "rgb"),
    [
        ({"colorspace": 1, "color_range": 1}, (52, 149, 40)),
        ({"colorspace": 6, "color_range": 1}, (60, 165, 44)),
        ({"colorspace": 1, "color_range": 2}, (60, 144, 49)),
        ({}, (60, 165, 44)),
        ({"size": 720}, (52, 149, 40)),
    ],
)
def test_matrix_and_range_are_honoured(tmp_path: Path, settings: dict[str, int], rgb: tuple[int, ...]) -> None:
    """Y 120, U 90, V 90: by hand 1.164 (Y - 16) + 1.793 (V - 128) = 53 red for BT.709, and so on."""
    _write_clip(tmp_path / "clip.mp4", [np.array([120, 90, 90])], **settings)
    with open_video(tmp_path / "clip.mp4") as reader:
        colour = next(iter(reader)).pixels.reshape(-1, 3)
    assert np.abs(colour - np.array(rgb)).max() <= 3


@pytest.mark.parametrize(("name", "rate"), [("v02_talk_512_mpeg4.mp4", 25), ("v04_expressive_long_hair_30fps.mp4", 30)])
def test_start_and_length_cut_by_time(samples: Path, name: str, rate: int) -> None:
    path = samples / "videos" / name
    first = 3 * rate
    with open_video(path, seconds=5) as reader:
        whole = list(reader)
    with open_video(path, start=3.01, seconds=1.0) as reader:
        part = list(reader)
    assert part[0].time == 0
    assert np.array_equal(part[0].pixels, whole[first].pixels)  # stands since 3.00
    assert part[1].time == pytest.approx(1 / rate - 0.01)
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(part, whole[first:], strict=False))
    assert len(part) == rate + 1
    with open_video(path, start=3.01, seconds=0.001) as reader:
        assert len(list(reader)) == 1
    with pytest.raises(SettingsError, match="outside"):
        open_video(path, start=99.0)


@pytest.mark.parametrize(
    ("suffix", "codec"), [("avi", "mpeg4"), ("ts", "libx264"), ("flv", "libx264"), ("mkv", "libx264")]
)
def test_other_containers_start_at_zero_and_can_be_cut(tmp_path: Path, suffix: str, codec: str) -> None:
    path = tmp_path / f"clip.{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"qscale": "2", "global_quality": "236"})
        stream.width = stream.height = 64
        for n in range(100):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 2 * n + 20, np.uint8))))
        container.mux(stream.encode(None))
    with open_video(path, start=2.0, seconds=1.0) as reader:
        part = list(reader)
    assert [frame.time for frame in part] == pytest.approx(np.arange(25) / 25, abs=2e-3)
    assert [frame.pixels.mean() for frame in part] == pytest.approx(2 * np.arange(50, 75) + 20, abs=4)
    assert reader.info.seconds == pytest.approx(4.0, abs=0.1)


def test_sampled_frames_are_spread_evenly(samples: Path) -> None:
    frames = sample_frames(samples / "videos" / "v01_talk_512_25fps.mp4", 4)
    assert [frame.time for frame in frames] == pytest.approx([0.625, 1.875, 3.125, 4.375])


def test_truncated_video_gives_what_decodes_and_says_so(samples: Path) -> None:
    with open_video(samples / "bad" / "v01_truncated_faststart.mp4") as reader:
        frames = list(reader)
    assert 40 <= len(frames) <= 55
    assert any("end at" in note for note in reader.notes)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("v02_no_video_stream.mp4", "no video stream"),
        ("a04_speech.mp3", "no video stream"),
        ("a13_text_named.wav", "not a video"),
        ("i04_gray8.png", "not a video"),
        ("i10_empty.png", "empty"),
        ("https://example.org/a.mp4", "no such file"),
    ],
)
def test_what_is_no_video_is_named_and_explained(samples: Path, name: str, words: str) -> None:
    with pytest.raises(MediaError, match=words) as caught:
        probe_video(samples / "bad" / name)
    assert Path(name).name in str(caught.value)


def test_playlists_pipes_and_devices_are_refused(samples: Path, tmp_path: Path) -> None:
    clip = samples / "videos" / "v01_talk_512_25fps.mp4"
    lists = {
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{clip}\n#EXT-X-ENDLIST\n",
        "list.txt": f"ffconcat version 1.0\nfile '{clip}'\n",
        "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "list.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
        "list.mp4": f"#EXTM3U\n#EXTINF:5,\n{clip}\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(MediaError, match="not a video"):
            probe_video(tmp_path / name)
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path / "pipe.mp4", Path("/dev/null")):
        with pytest.raises(MediaError, match="regular file"):
            probe_video(path)


def test_limits_are_checked_before_decoding(samples: Path) -> None:
    path = samples / "videos" / "v06_landscape_turned_head.mp4"
    with pytest.raises(MediaError, match="limit of 1000"):
        probe_video(path, Limits(max_video_pixels=1000))
    with pytest.raises(MediaError, match="limit of 5 s"):
        probe_video(path, Limits(max_seconds=5))


def test_strange_names_are_only_names(samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = (samples / "bad" / "v07_one_frame.mp4").read_bytes()
    for name in ("-i.mp4", "a b 'c' \"d\" 🙂.mp4", "http:x.mp4", "concat:a|b", "100%d.mp4"):
        Path(name).write_bytes(data)
        assert probe_video(Path(name)).width == 320


def test_animated_webp_is_a_video(tmp_path: Path) -> None:
    frames = [Image.new("RGBA", (50, 40), (40 * n, 0, 0, 255 if n else 0)) for n in range(5)]
    path = tmp_path / "moving.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[40, 80, 40, 100, 40], lossless=True)
    info = probe_video(path)
    assert (info.width, info.height, info.rate) == (50, 40, Fraction(50, 3))
    assert info.seconds == pytest.approx(0.3)
    with open_video(path, start=0.05, seconds=0.2) as reader:
        read = [(frame.time, int(frame.pixels[0, 0, 0])) for frame in reader]
    assert [value for _, value in read] == [40, 80, 120]
    assert [time for time, _ in read] == pytest.approx([0, 0.07, 0.11])
    assert sample_frames(path, 10)[0].pixels.min() == 255  # transparent: over white


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(24000, 1001), Fraction(25), Fraction(10)])
def test_matroska_rounding_does_not_change_the_rate(tmp_path: Path, rate: Fraction) -> None:
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width = stream.height = 32
        for _ in range(40):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))))
        container.mux(stream.encode(None))
    info = probe_video(path)
    assert info.rate == rate
    assert info.seconds == pytest.approx(float(40 / rate), abs=2e-3)
