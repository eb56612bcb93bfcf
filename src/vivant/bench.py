"""Figures of this machine: how fast it tracks, draws, composes and encodes, and all of that together."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vivant.animation import Driver, PictureSettings, RenderSettings, animate, render
from vivant.avatars import open_avatar
from vivant.compose import Bytes, Composer
from vivant.errors import MissingExtraError
from vivant.media.video import VideoFrame
from vivant.media.writer import open_writer
from vivant.motion.idle import idle
from vivant.motion.state import FaceState
from vivant.motion.track import track_frames
from vivant.portrait.layout import view
from vivant.portrait.open import open_portrait
from vivant.portrait.portrait import Portrait

RATE = Fraction(25)


@dataclass(frozen=True)
class BenchSettings:
    """What is measured."""

    picture: Path | None = None
    """A portrait; without one scikit-image's astronaut."""
    size: int = 512
    """Side of the square that is drawn, in pixels."""
    seconds: float = 4.0
    """Length of the clip that is made and animated, at 25 frames per second."""


@dataclass(frozen=True)
class Row:
    """One figure."""

    name: str
    value: float
    unit: str
    remark: str = ""


def bench_table(settings: BenchSettings = BenchSettings()) -> list[Row]:
    """Measure everything once; takes some ten seconds. Raises `VivantError` if the picture cannot be used."""
    started = time.perf_counter()
    portrait = open_portrait(bench_picture(settings.picture))
    opened = time.perf_counter() - started
    look = PictureSettings("face", settings.size)
    states = bench_motion(settings.seconds)
    pictures = list(animate(portrait, states, settings=look))
    rows = [Row("open portrait", opened, "s", "find the face, cut the person out roughly")]
    rows += draw_rows(portrait, states, look)
    rows.append(track_row(pictures))
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "drive.mp4"
        seconds = timed(lambda: encode(clip, pictures))
        rows.append(Row("encode H.264", 1000 * seconds / len(pictures), "ms/frame", size_of(pictures[0])))
        settings_of_file = RenderSettings(picture=look)
        report = render([(portrait, Driver(video=clip))], Path(folder) / "out.mp4", settings_of_file)
    rows.append(
        Row("end to end, video driver", report.speed, "frames/s", f"first frame after {report.first_frame:.2f} s")
    )
    return rows


def bench_picture(path: Path | None) -> Path | Bytes:
    """The picture `path`, or scikit-image's astronaut (512, 512, 3); raises `MissingExtraError` if neither is there."""
    if path is not None:
        return path
    try:
        from skimage.data import astronaut
    except ImportError:
        raise MissingExtraError("scikit-image, the source of the test picture (or give --picture)", "demo") from None
    return np.asarray(astronaut(), np.uint8)  # type: ignore[no-untyped-call]


def bench_motion(seconds: float) -> list[FaceState]:
    """A calm face for that long."""
    source = idle(RATE)
    return [next(source) for _ in range(max(2, round(seconds * RATE)))]


def draw_rows(portrait: Portrait, states: list[FaceState], look: PictureSettings) -> list[Row]:
    """Preparing, drawing and composing, each on its own."""
    avatar, window = open_avatar(), view(portrait, look.crop, look.size)
    started = time.perf_counter()
    prepared = avatar.prepare(portrait, window)
    prepared_in = time.perf_counter() - started
    composer = Composer(portrait, window)
    frames = [avatar.draw(prepared, state) for state in states[:25]]
    drawing = median_ms(lambda state: avatar.draw(prepared, state), states)
    composing = median_ms(lambda frame: composer.compose([frame]), frames)
    shape = f"{window.columns}x{window.rows}"
    return [
        Row("prepare portrait", prepared_in, "s", "once per picture"),
        Row("draw", drawing, "ms/frame", shape),
        Row("compose", composing, "ms/frame", shape),
    ]


def track_row(pictures: list[Bytes]) -> Row:
    """Tracking the face in pictures (H, W, 3 or 4) that are already decoded."""

    def frames() -> Iterator[VideoFrame]:
        for index, picture in enumerate(pictures):
            yield VideoFrame(float(index / RATE), np.ascontiguousarray(picture[..., :3]))

    seconds = timed(lambda: sum(1 for _ in track_frames(frames())))
    return Row("track", 1000 * seconds / len(pictures), "ms/frame", f"{size_of(pictures[0])}, loading included")


def encode(path: Path, pictures: list[Bytes]) -> None:
    """Write a clip of pictures (H, W, 3 or 4) without sound."""
    height, width = pictures[0].shape[:2]
    with open_writer(path, (width, height), RATE) as writer:
        for picture in pictures:
            writer.write(picture)


def median_ms(action: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Median time of `action` on `items`, in milliseconds."""
    return 1000 * float(np.median([timed(partial(action, item)) for item in items]))


def timed(action: Callable[[], object]) -> float:
    """Seconds that `action` takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def size_of(picture: Bytes) -> str:
    """Columns x rows of a picture (H, W, 3 or 4)."""
    return f"{picture.shape[1]}x{picture.shape[0]}"
