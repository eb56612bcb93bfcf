"""Animating: portraits and what drives them become pictures, one at a time, and a finished file.

    decode ─▶ track or speak ─▶ edit ─▶ draw ─▶ compose ─▶ encode

Each arrow of `render` is a bounded queue, so that the stages overlap and the length does not cost memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vivant import provenance
from vivant.avatars import check_avatar, open_avatar
from vivant.avatars.avatar import Avatar
from vivant.compose import Composer, check_background
from vivant.errors import FaceNotFoundError, SettingsError
from vivant.face.window import Window
from vivant.media.audio import probe_audio, read_audio
from vivant.media.limits import DEFAULT_LIMITS, Limits
from vivant.media.stream import prefetch
from vivant.media.video import open_video, probe_video
from vivant.media.writer import FrameWriter, SoundTrack, check_place, holds_alpha, open_writer
from vivant.motion.edits import EditSettings, apply_edits
from vivant.motion.files import load_motion
from vivant.motion.head import led_by
from vivant.motion.motion import Motion
from vivant.motion.retime import at_rate, until_end
from vivant.motion.speech.choice import SpeechModel, open_mouth
from vivant.motion.speech.speak import SpeechSettings, speak
from vivant.motion.state import FaceState
from vivant.motion.track import TrackSettings, track_frames
from vivant.nn.blas import products_in_one_thread
from vivant.portrait.layout import Crop, checked_size, view
from vivant.portrait.portrait import Portrait
from vivant.progress import Progress, no_progress

Bytes = NDArray[np.uint8]
T = TypeVar("T")
R = TypeVar("R")
Draw = Callable[[Sequence[FaceState], float], Bytes]

DEFAULT_RATE = Fraction(25)
"""Frames per second where neither the driver nor the settings say."""
_AHEAD = 4
"""Frames that each stage may be ahead of the next."""
_LABEL = "synthetic"


@dataclass(frozen=True)
class PictureSettings:
    """What the result looks like."""

    crop: Crop = "whole"
    """The whole picture, or a square around the bust or the face."""
    size: int | None = None
    """Pixels of the longer side; none: the picture's own, or 512 for a square."""
    background: str = "keep"
    """keep, blur, none (transparent), a colour such as #20a040, a picture file or a video file."""
    mark: bool = False
    """Lay a small visible label into the corner."""

    def __post_init__(self) -> None:
        if self.size is not None:
            checked_size(self.size)


@dataclass(frozen=True)
class RenderSettings:
    """How a file is made."""

    picture: PictureSettings = field(default_factory=PictureSettings)
    edits: EditSettings = field(default_factory=EditSettings)
    track: TrackSettings = field(default_factory=TrackSettings)
    speech: SpeechSettings = field(default_factory=SpeechSettings)
    speech_model: SpeechModel = "builtin"
    """What moves the mouth of a sound driver."""
    speech_weights: str | Path | None = None
    """Weights of a published speech model: a folder, or a stored name."""
    pose: Path | None = None
    """A motion file whose head leads that of every face, to and fro where it is shorter; none: the drivers' own."""
    avatar: str = "relief"
    """Name of the avatar that draws."""
    avatar_settings: Any = None
    """The avatar's own settings; none: its defaults."""
    fps: Fraction | None = None
    """Frames per second of the result; none: the driver's, or 25 for sound."""
    start: float = 0.0
    """Seconds of the driver to leave out."""
    duration: float | None = None
    """Seconds of the driver to use; none: all."""
    quality: int | None = None
    """0..100, higher is better and larger; none: 80."""
    provenance: bool = True
    """Mark the file as synthetic: C2PA manifest and comment."""
    limits: Limits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        if not 0 <= self.start < float("inf"):
            raise SettingsError(f"start {self.start} is no time; give 0 or more seconds")
        if self.duration is not None and not 0 < self.duration < float("inf"):
            raise SettingsError(f"duration {self.duration} is no length; give more than 0 seconds")
        if self.fps is not None and not 0 < self.fps <= 240:
            raise SettingsError(f"fps {self.fps} cannot be used; give a number above 0, at most 240")
        if self.quality is not None and not 0 <= self.quality <= 100:
            raise SettingsError(f"quality {self.quality} is not within 0 to 100")
        check_avatar(self.avatar)


@dataclass(frozen=True)
class Driver:
    """What moves one face: exactly one of the three."""

    video: Path | None = None
    audio: Path | None = None
    motion: Path | None = None

    def __post_init__(self) -> None:
        if sum(path is not None for path in (self.video, self.audio, self.motion)) != 1:
            raise SettingsError("a face needs exactly one driver; give one of --video, --audio and --motion")


@dataclass(frozen=True)
class RenderReport:
    """What `render` did."""

    output: str
    frames: int
    held: int
    """Frames in which a video driver showed no face; the last state was held."""
    rate: str
    """Frames per second of the result, as a fraction."""
    seconds: float
    """Length of the result."""
    width: int
    height: int
    elapsed: float
    """Seconds that the work took, the portrait's preparation included."""
    first_frame: float
    """Seconds until the first frame was written."""
    notes: tuple[str, ...] = ()
    """What a user should know, one sentence each."""

    @property
    def speed(self) -> float:
        """Frames per second of work."""
        return self.frames / max(self.elapsed, 1e-6)


@dataclass
class _Take:
    """One driver at work."""

    states: Iterator[FaceState]
    frames: int
    """How many states to expect; a damaged file may give fewer."""
    sound: SoundTrack | None = None
    notes: list[str] = field(default_factory=list)
    """Grows while the states pass."""


def animate(
    portrait: Portrait,
    states: Iterable[FaceState],
    avatar: Avatar[Any] | None = None,
    settings: PictureSettings = PictureSettings(),
    rate: Fraction = DEFAULT_RATE,
) -> Iterator[Bytes]:
    """One picture (rows, columns, 4) RGBA uint8, sRGB, straight alpha, per state; nothing is held back.

    `states` is a `Motion` or any iterable; `rate` in frames per second tells a background video the time (a Motion
    knows its own). Without `avatar`, relief draws. Raises `SettingsError` and `MediaError` before the first picture.
    """
    rate = states.rate if isinstance(states, Motion) else rate
    _, draw = _prepare([portrait], avatar or open_avatar(), settings, DEFAULT_LIMITS)
    return (draw([state], float(index / rate)) for index, state in enumerate(states))


def write(
    path: str | Path,
    frames: Iterable[Bytes],
    rate: Fraction = DEFAULT_RATE,
    sound: str | Path | None = None,
    *,
    mark_origin: bool = True,
    avatar: str = "relief",
) -> int:
    """Write pictures (H, W, 3 or 4) to a file or folder, marked as synthetic; returns their number.

    The extension decides: .mp4, .webm, .mov, .gif, .webp, none for a folder of PNG. Alpha is kept where the format
    can. `sound` is a sound file or a video; the mark says what kind of `avatar` drew. Raises `MediaError` or
    `SettingsError`; then nothing is left behind.
    """
    path = Path(path)
    check_place(path, [Path(sound)] if sound is not None else [])
    pictures = iter(frames)
    first = next(pictures, None)
    if first is None:
        raise SettingsError(f"{path}: there are no frames to write")
    if first.ndim != 3:
        raise SettingsError(f"{path}: a frame must be uint8 (H, W, 3 or 4), not {first.dtype} {first.shape}")
    height, width, channels = first.shape
    alpha = channels == 4 and holds_alpha(path) and bool((first[..., 3] < 255).any())
    audio = SoundTrack(Path(sound)) if sound is not None else None
    with open_writer(
        path, (width, height), rate, alpha=alpha, audio=audio, **_origin(path, mark_origin, avatar)
    ) as writer:
        writer.write(first)
        for picture in pictures:
            writer.write(picture)
    return writer.count


def render(
    cast: Sequence[tuple[Portrait, Driver]],
    output: Path,
    settings: RenderSettings = RenderSettings(),
    progress: Progress = no_progress,
) -> RenderReport:
    """Animate one or several faces of a picture, each with its own driver, into the file or folder `output`.

    The portraits of `cast` share one picture. All stages overlap; the result appears under its name when it is
    complete. Raises `VivantError` for everything that a user can mend; then nothing is left behind.
    """
    started = time.perf_counter()
    check_output(output, [Path(portrait.name) for portrait, _ in cast], [driver for _, driver in cast], settings)
    rate = settings.fps or _own_rate(cast[0][1], settings)
    takes = [_open_take(driver, rate, settings) for _, driver in cast]
    total = max(take.frames for take in takes)
    held, first_frame = 0, 0.0
    with products_in_one_thread(), closing(prefetch(_together([take.states for take in takes]), _AHEAD)) as ahead:
        (composer, draw), states = _meanwhile(ahead, partial(_prepare_cast, cast, settings))
        with (
            _open_film(output, composer, rate, takes, settings) as film,
            closing(prefetch(_drawn(states, draw, rate), _AHEAD)) as drawn,
        ):
            for picture, present in drawn:
                film.write(picture)
                held += not present
                first_frame = first_frame or time.perf_counter() - started
                progress(film.count, max(total, film.count))
    progress(film.count, film.count)
    notes = [note for take in takes for note in take.notes]
    if composer.transparent and not holds_alpha(output):
        notes.append(f"{output}: {output.suffix} keeps no transparency, it becomes white; --background chooses another")
    if held:
        notes.append(f"the driver showed no face in {held} of {film.count} frames; the last state was held")
    return RenderReport(
        output=str(output),
        frames=film.count,
        held=held,
        rate=str(rate),
        seconds=float(film.count / rate),
        width=composer.view.columns,
        height=composer.view.rows,
        elapsed=time.perf_counter() - started,
        first_frame=first_frame,
        notes=tuple(dict.fromkeys(notes)),
    )


def check_output(
    output: Path, pictures: Sequence[Path], drivers: Sequence[Driver], settings: RenderSettings = RenderSettings()
) -> None:
    """Raise `VivantError` if `render` could not write `output`, or only over one of its inputs; nothing is created."""
    background = settings.picture.background
    check_background(background)
    sources = (path for one in drivers for path in (one.video, one.audio, one.motion) if path is not None)
    pose = [] if settings.pose is None else [settings.pose]
    check_place(output, [*pictures, *sources, *pose, Path(background)])
    if background == "none" and not holds_alpha(output):
        raise SettingsError(
            f"{output}: {output.suffix} keeps no transparency; write .webm, .mov, .webp, .gif or a folder of PNG, "
            "or choose another background"
        )


def parse_rate(text: str) -> Fraction:
    """Frames per second from "25", "29.97" (meaning 30000/1001) or "30000/1001"; raises `SettingsError`."""
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise SettingsError(f"fps {text!r} is no number; write 25, 29.97 or 30000/1001") from None
    film = Fraction(round(rate) * 1000, 1001)
    return film if rate.denominator != 1 and abs(rate - film) < Fraction(1, 200) else rate


def _prepare(
    portraits: Sequence[Portrait], avatar: Avatar[Any], settings: PictureSettings, limits: Limits
) -> tuple[Composer, Draw]:
    """The composer, and the function that draws the faces in given states at a given time."""
    window: Window = view(portraits[0], settings.crop, settings.size)
    composer = Composer(portraits[0], window, settings.background, limits)
    prepared = [avatar.prepare(portrait, window, cutout=composer.cutout) for portrait in portraits]
    label = provenance.draw_label(_LABEL, window.rows, window.columns) if settings.mark else None

    def draw(states: Sequence[FaceState], seconds: float) -> Bytes:
        """The picture (H, W, 3 or 4) of all `states` at `seconds`."""
        frames = [avatar.draw(one, state) for one, state in zip(prepared, states, strict=True)]
        picture = composer.compose(frames, seconds)
        if label is not None:
            provenance.put_label(picture, label)
        return picture

    return composer, draw


def _prepare_cast(cast: Sequence[tuple[Portrait, Driver]], settings: RenderSettings) -> tuple[Composer, Draw]:
    portraits = [portrait for portrait, _ in cast]
    return _prepare(
        portraits, open_avatar(settings.avatar, settings.avatar_settings), settings.picture, settings.limits
    )


def _meanwhile(items: Iterator[T], work: Callable[[], R]) -> tuple[R, Iterator[T]]:
    """The result of `work`, and `items`, whose first was made in the same time."""
    with ThreadPoolExecutor(1) as helper:
        result = helper.submit(work)
        first = list(islice(items, 1))
        return result.result(), chain(first, items)


def _open_film(
    output: Path, composer: Composer, rate: Fraction, takes: Sequence[_Take], settings: RenderSettings
) -> FrameWriter:
    size = composer.view.columns, composer.view.rows
    alpha = composer.transparent and holds_alpha(output)
    sound = next((take.sound for take in takes if take.sound is not None), None)
    origin = _origin(output, settings.provenance, settings.avatar)
    return open_writer(output, size, rate, alpha=alpha, audio=sound, quality=settings.quality, **origin)


def _drawn(states: Iterable[list[FaceState]], draw: Draw, rate: Fraction) -> Iterator[tuple[Bytes, bool]]:
    """Pictures (H, W, 3 or 4), and whether every driver showed its face."""
    for index, now in enumerate(states):
        yield draw(now, float(index / rate)), all(state.present for state in now)


def _together(takes: Sequence[Iterator[FaceState]]) -> Iterator[list[FaceState]]:
    """One state of each until the last one ends; who has ended keeps still."""
    now: list[FaceState | None] = [next(take, None) for take in takes]
    last = [state or FaceState() for state in now]
    while any(state is not None for state in now):
        last = [state or before for state, before in zip(now, last, strict=True)]
        yield last
        now = [next(take, None) for take in takes]


def _origin(path: Path, wanted: bool, avatar: str) -> dict[str, Any]:
    """What `open_writer` needs to mark a file that `avatar` drew."""
    if not wanted:
        return {}
    source_type = provenance.made_by(avatar)
    return {
        "comment": provenance.describe(source_type),
        "seal": lambda file: provenance.sign(file, path.suffix, source_type),
    }


def _own_rate(driver: Driver, settings: RenderSettings) -> Fraction:
    if driver.video is not None:
        return probe_video(driver.video, settings.limits).rate
    return load_motion(driver.motion).rate if driver.motion is not None else DEFAULT_RATE


def _open_take(driver: Driver, rate: Fraction, settings: RenderSettings) -> _Take:
    if driver.video is not None:
        take = _video_take(driver.video, rate, settings)
    elif driver.audio is not None:
        take = _audio_take(driver.audio, rate, settings)
    else:
        assert driver.motion is not None
        take = _motion_take(driver.motion, rate, settings)
    if settings.pose is not None:
        take.states = led_by(take.states, load_motion(settings.pose), rate)
    take.states = apply_edits(take.states, rate, settings.edits)
    if settings.avatar == "tha":
        from vivant.avatars.tha.currency import breathe

        take.states = breathe(take.states, rate)
    return take


def _video_take(path: Path, rate: Fraction, settings: RenderSettings) -> _Take:
    info = probe_video(path, settings.limits)
    seconds = _length(path, info.seconds, settings)
    sound = SoundTrack(path, settings.start, seconds) if info.has_audio else None
    take = _Take(iter(()), max(1, round(seconds * rate)), sound)

    def states() -> Iterator[FaceState]:
        with open_video(path, settings.limits, settings.start, settings.duration) as video:
            try:
                with closing(prefetch(video, _AHEAD)) as frames:
                    timed = until_end(track_frames(frames, settings.track), seconds - float(1 / rate))
                    yield from at_rate(timed, rate)
            except (FaceNotFoundError, SettingsError) as error:
                raise type(error)(f"{path}: {error}") from None
            finally:
                take.notes.extend(f"{path}: {note}" for note in video.notes)

    take.states = states()
    return take


def _audio_take(path: Path, rate: Fraction, settings: RenderSettings) -> _Take:
    seconds = _length(path, probe_audio(path, settings.limits).seconds, settings)
    take = _Take(iter(()), max(1, round(seconds * rate)), SoundTrack(path, settings.start, seconds))
    mouth = open_mouth(settings.speech_model, settings.speech_weights, settings.speech)

    def states() -> Iterator[FaceState]:
        sound = read_audio(path, 16000, settings.limits, settings.start, settings.duration)
        try:
            yield from speak(sound, replace(settings.speech, rate=rate), mouth)
        finally:
            sound.close()
            take.notes.extend(f"{path}: {note}" for note in sound.notes)

    take.states = states()
    return take


def _motion_take(path: Path, rate: Fraction, settings: RenderSettings) -> _Take:
    motion = load_motion(path)
    seconds = _length(path, motion.seconds, settings)
    first = round(settings.start * motion.rate)
    last = min(len(motion), first + max(1, round(seconds * motion.rate)))
    timed = ((float((index - first) / motion.rate), motion[index]) for index in range(first, last))
    notes = [f"{path}: {motion.meta['notes']}"] if "notes" in motion.meta else []
    return _Take(at_rate(timed, rate, seconds), max(1, round(seconds * rate)), notes=notes)


def _length(path: Path, whole: float, settings: RenderSettings) -> float:
    """Seconds of a driver that are used; raises `SettingsError` if it ends before the start."""
    if settings.start >= whole:
        raise SettingsError(f"{path}: start {settings.start:g} s is behind the end ({whole:.2f} s); choose less")
    return min(whole - settings.start, settings.duration or whole)
