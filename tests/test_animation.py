"""From driver to file: counts, rates, sound, gaps, interruptions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from fakes import ShiftAvatar, make_portrait
from numpy.typing import NDArray

from vivant.animation import (
    Driver,
    PictureSettings,
    RenderReport,
    RenderSettings,
    animate,
    check_output,
    parse_rate,
    render,
    write,
)
from vivant.errors import FaceNotFoundError, MediaError, SettingsError, VivantError
from vivant.media.audio import probe_audio
from vivant.media.video import open_video, probe_video
from vivant.motion.files import save_motion
from vivant.motion.idle import idle
from vivant.motion.motion import Motion
from vivant.motion.state import FaceState
from vivant.portrait.open import open_portrait
from vivant.portrait.portrait import Portrait

SPEECH = Path(__file__).resolve().parent.parent / "examples" / "speech.flac"
SMALL = PictureSettings("face", 96)


@pytest.fixture(scope="module")
def astronaut() -> Portrait:
    data = pytest.importorskip("skimage.data")
    return open_portrait(np.asarray(data.astronaut(), np.uint8))


@pytest.fixture(scope="module")
def motion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A motion file of two seconds at 25 frames per second."""
    path = tmp_path_factory.mktemp("motion") / "calm.npz"
    save_motion(path, Motion.from_states(Fraction(25), itertools.islice(idle(Fraction(25)), 50)))
    return path


def speak(portrait: Portrait, output: Path, **settings: object) -> RenderReport:
    return render([(portrait, Driver(audio=SPEECH))], output, RenderSettings(picture=SMALL, **settings))  # type: ignore[arg-type]


def decoded(path: Path) -> list[NDArray[np.uint8]]:
    with open_video(path) as video:
        return [frame.pixels for frame in video]


def sound_seconds(path: Path) -> float:
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
        return sum(frame.samples for frame in frames) / frames[0].sample_rate


def test_animate_holds_nothing_back() -> None:
    portrait = make_portrait(np.full((60, 80, 3), 90, np.uint8))
    asked: list[int] = []

    def endless() -> Iterator[FaceState]:
        for index in itertools.count():
            asked.append(index)
            yield FaceState()

    pictures = animate(portrait, endless(), ShiftAvatar())
    assert next(pictures).shape == (60, 80, 4)
    next(pictures)
    assert asked == [0, 1]


def test_animate_refuses_before_the_first_picture() -> None:
    portrait = make_portrait(np.full((60, 80, 3), 90, np.uint8))
    with pytest.raises(SettingsError, match="size"):
        animate(portrait, [FaceState()], ShiftAvatar(), PictureSettings(size=5))


def test_settings_are_refused_before_a_picture_is_read(tmp_path: Path) -> None:
    for wrong in ({"quality": 101}, {"quality": -1}):
        with pytest.raises(SettingsError, match="0 to 100"):
            RenderSettings(**wrong)
    with pytest.raises(SettingsError, match="size 5 is outside"):
        PictureSettings(size=5)
    for background, fault in (("nope", "is not there"), ("nope.png", "is not there"), ("#12", "is not a colour")):
        with pytest.raises(SettingsError, match=fault):
            check_output(tmp_path / "a.mp4", [], [], RenderSettings(picture=PictureSettings(background=background)))
    for background in ("keep", "blur", "#123456"):
        check_output(tmp_path / "a.mp4", [], [], RenderSettings(picture=PictureSettings(background=background)))


def test_speech_becomes_a_film_with_its_sound(tmp_path: Path, astronaut: Portrait) -> None:
    path = tmp_path / "out.mp4"
    report = speak(astronaut, path, fps=Fraction(30000, 1001))
    info = probe_video(path)
    expected = probe_audio(SPEECH).seconds
    assert (info.rate, info.width, info.height) == (Fraction(30000, 1001), 96, 96)
    assert abs(report.seconds - expected) <= 1001 / 30000
    assert report.frames == len(decoded(path))
    assert abs(sound_seconds(path) - report.seconds) < 0.05
    assert (report.held, report.notes) == (0, ())


def test_start_and_duration_cut_picture_and_sound_alike(tmp_path: Path, astronaut: Portrait) -> None:
    path = tmp_path / "out.mov"
    report = speak(astronaut, path, start=2.0, duration=1.2)
    assert report.frames == 30
    assert abs(sound_seconds(path) - 1.2) < 0.04


def test_the_same_seed_gives_the_same_pictures(tmp_path: Path, astronaut: Portrait) -> None:
    from vivant.motion.speech.speak import SpeechSettings

    clips = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        speak(astronaut, tmp_path / name, duration=1.0, speech=SpeechSettings(seed=seed))
        clips[name] = [file.read_bytes() for file in sorted((tmp_path / name).iterdir())]
    assert clips["a"] == clips["b"]
    assert clips["a"] != clips["c"]


def test_a_motion_file_at_another_rate_keeps_its_length(tmp_path: Path, astronaut: Portrait, motion: Path) -> None:
    cast = [(astronaut, Driver(motion=motion))]
    for rate in (None, Fraction(12), Fraction(50)):
        path = tmp_path / "out.webm"
        report = render(cast, path, RenderSettings(picture=SMALL, fps=rate))
        assert report.frames == 2 * (rate or 25)
        assert probe_video(path).rate == (rate or 25)
        assert not probe_video(path).has_audio


def test_the_head_of_a_face_that_speaks_is_led_by_a_file(tmp_path: Path, astronaut: Portrait, motion: Path) -> None:
    films = {}
    for name, pose in (("own", None), ("file", motion)):
        report = speak(astronaut, tmp_path / f"{name}.mp4", duration=0.4, pose=pose)
        films[name] = np.stack(decoded(tmp_path / f"{name}.mp4"))
        assert report.frames == 10
    assert (films["own"] != films["file"]).any()
    with pytest.raises(SettingsError, match="would destroy"):
        speak(astronaut, tmp_path / "own.mp4", pose=tmp_path / "own.mp4")


def test_transparent_output_where_the_format_can(tmp_path: Path, astronaut: Portrait, motion: Path) -> None:
    look = PictureSettings("bust", 96, background="none")
    settings = RenderSettings(picture=look, duration=0.2)
    render([(astronaut, Driver(motion=motion))], tmp_path / "out.mov", settings)
    with av.open(str(tmp_path / "out.mov")) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgba")
    assert frame[:8, :8, 3].max() < 30
    assert frame[26:46, 38:52, 3].min() > 240


def test_own_film_drives_another_picture_and_length_is_kept(tmp_path: Path, astronaut: Portrait) -> None:
    drive = tmp_path / "- 'drive' 🎬.mp4"
    render(
        [(astronaut, Driver(audio=SPEECH))],
        drive,
        RenderSettings(picture=PictureSettings("face", 256), duration=1.0),
    )
    path = tmp_path / "out.mp4"
    report = render([(astronaut, Driver(video=drive))], path, RenderSettings(picture=SMALL))
    assert report.frames == 25
    assert abs(sound_seconds(path) - 1.0) < 0.05


def test_whatever_goes_wrong_leaves_nothing_behind(tmp_path: Path, astronaut: Portrait, motion: Path) -> None:
    def stop(done: int, total: int | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    output = tmp_path / "out"
    output.mkdir()
    cast = [(astronaut, Driver(motion=motion))]
    for name in ("a.mp4", "a.gif", "a.webp", "a.webm", "a.mov", "folder"):
        with pytest.raises(KeyboardInterrupt):
            render(cast, output / name, RenderSettings(picture=SMALL), stop)
        assert list(output.iterdir()) == []
    render(cast, output / "a.mp4", RenderSettings(picture=SMALL))
    assert [file.name for file in output.iterdir()] == ["a.mp4"]


def test_an_interrupted_run_keeps_the_earlier_result(tmp_path: Path, astronaut: Portrait, motion: Path) -> None:
    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "out.mp4"
    path.write_bytes(b"earlier")
    with pytest.raises(KeyboardInterrupt):
        render([(astronaut, Driver(motion=motion))], path, RenderSettings(picture=SMALL), stop)
    assert path.read_bytes() == b"earlier"


@pytest.mark.parametrize("paths", [{}, {"video": Path("a"), "audio": Path("b")}])
def test_one_driver_for_each_face(paths: dict[str, Path]) -> None:
    with pytest.raises(SettingsError, match="exactly one"):
        Driver(**paths)


@pytest.mark.parametrize("wrong", [{"start": -1.0}, {"start": float("nan")}, {"duration": 0.0}, {"fps": Fraction(0)}])
def test_settings_that_cannot_work(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        RenderSettings(**wrong)  # type: ignore[arg-type]


def test_a_start_behind_the_end(tmp_path: Path, astronaut: Portrait) -> None:
    with pytest.raises(SettingsError, match=r"speech\.flac.*start"):
        speak(astronaut, tmp_path / "out.mp4", start=60.0)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", Fraction(25)),
        ("29.97", Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        ("12.5", Fraction(25, 2)),
        ("30", Fraction(30)),
    ],
)
def test_rates_are_exact(text: str, rate: Fraction) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "1/0", "25 fps"])
def test_rates_that_are_none(text: str) -> None:
    with pytest.raises(SettingsError, match="fps"):
        parse_rate(text)


def test_write_marks_and_counts(tmp_path: Path) -> None:
    from vivant.provenance import read_marks

    pictures = [np.full((32, 32, 3), level, np.uint8) for level in range(0, 250, 25)]
    assert write(tmp_path / "a.mp4", pictures, Fraction(10), sound=SPEECH) == 10
    assert read_marks(tmp_path / "a.mp4").synthetic
    assert probe_video(tmp_path / "a.mp4").has_audio
    write(tmp_path / "b.mp4", pictures, mark_origin=False)
    assert not read_marks(tmp_path / "b.mp4").synthetic
    with pytest.raises(SettingsError):
        write(tmp_path / "c.mp4", [])


@pytest.mark.slow
def test_gaps_are_held_and_counted(tmp_path: Path, samples: Path, astronaut: Portrait) -> None:
    driver = Driver(video=samples / "bad" / "v08_face_gone_1s.mp4")
    report = render([(astronaut, driver)], tmp_path / "out.mp4", RenderSettings(picture=SMALL))
    assert 15 <= report.held <= 40
    assert any("no face in" in note for note in report.notes)


@pytest.mark.slow
def test_variable_rate_keeps_its_length(tmp_path: Path, samples: Path, astronaut: Portrait) -> None:
    driver = Driver(video=samples / "bad" / "v04_vfr.mp4")
    report = render([(astronaut, driver)], tmp_path / "out.mp4", RenderSettings(picture=SMALL))
    assert abs(report.seconds - 6.0) < 0.05


@pytest.mark.slow
def test_one_frame_gives_one_frame(tmp_path: Path, samples: Path, astronaut: Portrait) -> None:
    driver = Driver(video=samples / "bad" / "v07_one_frame.mp4")
    assert render([(astronaut, driver)], tmp_path / "out.mp4", RenderSettings(picture=SMALL)).frames == 1


def test_a_driver_without_a_face_is_refused(tmp_path: Path, astronaut: Portrait) -> None:
    write(tmp_path / "grey.mp4", [np.full((120, 160, 3), 128, np.uint8)] * 3)
    with pytest.raises(FaceNotFoundError, match=r"grey\.mp4"):
        render([(astronaut, Driver(video=tmp_path / "grey.mp4"))], tmp_path / "out.mp4", RenderSettings(picture=SMALL))
    assert [file.name for file in tmp_path.iterdir()] == ["grey.mp4"]


@pytest.mark.slow
def test_two_faces_speak_at_once(tmp_path: Path, samples: Path) -> None:
    picture = samples / "bad" / "i12_two_faces.jpg"
    cast = [
        (open_portrait(picture, face="1"), Driver(audio=SPEECH)),
        (open_portrait(picture, face="2"), Driver(audio=samples / "audio" / "a06_timed_en.wav")),
    ]
    settings = RenderSettings(picture=PictureSettings(size=256), duration=1.0)
    render(cast, tmp_path / "both", settings)
    frames = [np.asarray(_read(file), np.int32) for file in sorted((tmp_path / "both").iterdir())]
    moved = np.abs(np.diff(np.stack(frames), axis=0)).sum((0, 3))
    half = moved.shape[1] // 2
    assert min((moved[:, :half] > 60).sum(), (moved[:, half:] > 60).sum()) > 100


def _read(path: Path) -> NDArray[np.uint8]:
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB"))


def test_an_input_is_never_the_output(tmp_path: Path, astronaut: Portrait, motion: Path) -> None:
    film = tmp_path / "film.mp4"
    write(film, [np.full((64, 64, 3), 90, np.uint8)] * 5)
    before = film.read_bytes()
    for cast, background in (([(astronaut, Driver(video=film))], "keep"), ([(astronaut, Driver(motion=motion))], film)):
        settings = RenderSettings(picture=PictureSettings("face", 96, str(background)))
        with pytest.raises(SettingsError, match="would destroy"):
            render(cast, film, settings)
    with pytest.raises(SettingsError, match="would destroy"):
        write(film, [np.zeros((64, 64, 3), np.uint8)], sound=film)
    assert film.read_bytes() == before


def test_transparency_that_the_format_cannot_keep(tmp_path: Path, astronaut: Portrait, motion: Path) -> None:
    settings = RenderSettings(picture=replace(SMALL, background="none"))
    with pytest.raises(SettingsError, match="keeps no transparency"):
        render([(astronaut, Driver(motion=motion))], tmp_path / "out.mp4", settings)
    picture = astronaut.picture.copy()
    picture[:40, :, 3] = 0
    settings = RenderSettings(picture=PictureSettings("whole", 96), duration=0.1)
    cast = [(replace(astronaut, picture=picture), Driver(motion=motion))]
    assert "keeps no transparency" in render(cast, tmp_path / "out.mp4", settings).notes[0]
    assert render(cast, tmp_path / "out.webm", settings).notes == ()


def test_a_short_table_says_that_its_rate_is_a_guess(tmp_path: Path, astronaut: Portrait) -> None:
    calm = Motion.from_states(Fraction(25), itertools.islice(idle(Fraction(25)), 5))
    save_motion(tmp_path / "calm.csv", calm)
    cast = [(astronaut, Driver(motion=tmp_path / "calm.csv"))]
    report = render(cast, tmp_path / "out.mp4", RenderSettings(picture=SMALL))
    assert report.rate == "60"
    assert "60 frames/s are assumed" in report.notes[0]


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 2), (0, 8, 3)])
def test_write_refuses_what_is_no_picture(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError):
        write(tmp_path / "out.mp4", [np.zeros(shape, np.uint8)])
    assert list(tmp_path.iterdir()) == []


def test_errors_are_one_family() -> None:
    assert issubclass(MediaError, VivantError)
    assert issubclass(FaceNotFoundError, VivantError)
