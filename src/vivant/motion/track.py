"""The video driver: the face of a video as a Motion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from vivant.errors import FaceNotFoundError, SettingsError
from vivant.face.tracker import FaceLandmarks
from vivant.media.limits import DEFAULT_LIMITS, Limits
from vivant.media.video import VideoFrame, open_video
from vivant.motion.follow import check_choice, follow_face
from vivant.motion.measure import DriverNeutral, absolute, eyes_seen, find_neutral, measure
from vivant.motion.motion import Motion
from vivant.motion.retime import LAST_PICTURE, at_rate, until_end
from vivant.motion.state import FaceState

Tracked = tuple[float, FaceLandmarks | None]

MAX_RATE = 240
MAX_NEUTRAL_TIME = 600.0
"""Seconds; landmarks up to the neutral frame are held in memory."""


@dataclass(frozen=True)
class TrackSettings:
    """How a video drives."""

    neutral: float | None = None
    """Seconds at which the driver's face is at rest; None finds a moment by itself."""
    mode: Literal["relative", "absolute"] = "relative"
    """relative: motion from the driver's own rest. absolute: head and gaze from the camera's axis, and the mouth at
    rest counts as expression too."""
    face: str = "largest"
    """"largest", "left", "right", "centre", or a number counted from the left, from 1."""
    model_file: Path | None = None
    """A face_landmarker.task for measured curves; None uses the models of the mediapipe wheel."""
    look_ahead: float = 2.0
    """Seconds of face that the search for the neutral moment may read before the first state comes out."""

    def __post_init__(self) -> None:
        if self.mode not in ("relative", "absolute"):
            raise SettingsError(f"motion mode {self.mode!r} is unknown; use relative or absolute")
        if self.neutral is not None and not 0 <= self.neutral <= MAX_NEUTRAL_TIME:
            raise SettingsError(f"neutral time {self.neutral} s is outside 0..{MAX_NEUTRAL_TIME:.0f} s")
        if not 0 <= self.look_ahead <= MAX_NEUTRAL_TIME:
            raise SettingsError(f"look-ahead {self.look_ahead} s is outside 0..{MAX_NEUTRAL_TIME:.0f} s")
        check_choice(self.face)


@dataclass
class TrackReport:
    """Counts that grow while `track_frames` runs."""

    frames: int = 0
    missing: int = 0
    """Frames without a face; their state holds the last one."""


def track_frames(
    frames: Iterable[VideoFrame], settings: TrackSettings = TrackSettings(), report: TrackReport | None = None
) -> Iterator[tuple[float, FaceState]]:
    """(time in seconds, state) for each frame, in order; landmarks of the look-ahead are all that is held.

    Frames without a face give the last state with `present` False. `report` is filled while frames pass.
    Raises FaceNotFoundError at the end if no frame shows a face, SettingsError for a face or a neutral time that
    does not exist.
    """
    report = report or TrackReport()
    tracked = _counted(follow_face(frames, settings.face, settings.model_file), report)
    held: list[Tracked] = []
    for item in tracked:
        held.append(item)
        if _enough(held, settings):
            break
    faces = [(time, face) for time, face in held if face is not None]
    if not faces:
        raise FaceNotFoundError(
            f"no face in any of {report.frames} frames; use a video in which a face is seen from the front"
        )
    if settings.neutral is not None and held[-1][0] + LAST_PICTURE < settings.neutral:
        raise SettingsError(
            f"neutral time {settings.neutral:g} s is behind the end of the driver ({held[-1][0]:.2f} s); choose less"
        )
    neutral = _neutral(faces, settings)
    state = replace(FaceState(), dense=np.zeros_like(neutral.shape))
    for time, face in _chain(held, tracked):
        state = replace(state, present=False) if face is None else _held_gaze(face, measure(face, neutral), state)
        yield time, state


def track(
    path: str | Path,
    settings: TrackSettings = TrackSettings(),
    rate: Fraction | None = None,
    limits: Limits = DEFAULT_LIMITS,
    progress: Callable[[int, int | None], None] | None = None,
) -> Motion:
    """The face of the video `path` as a Motion at `rate` (None: the video's own).

    `progress` is called with the frames done and the frames to expect. What a user should know of the file is in
    `meta["notes"]`.
    Raises MediaError if the video cannot be read, FaceNotFoundError if no frame shows a face, SettingsError for a
    rate outside 0..240 and for a face or a neutral time that the video does not have.
    """
    path = Path(path)
    if rate is not None and not 0 < rate <= MAX_RATE:
        raise SettingsError(f"fps {rate} cannot be used; give a number above 0, at most {MAX_RATE}")
    with open_video(path, limits) as video:
        rate = rate or video.info.rate
        try:
            timed = until_end(track_frames(video, settings), video.info.seconds - float(1 / rate))
            states = _watched(at_rate(timed, rate), max(1, round(video.info.seconds * rate)), progress)
            motion = Motion.from_states(rate, states, {"driver": path.name})
            return replace(motion, meta=motion.meta | ({"notes": "; ".join(video.notes)} if video.notes else {}))
        except (FaceNotFoundError, SettingsError) as error:
            raise type(error)(f"{path}: {error}") from None


def _watched(
    states: Iterable[FaceState], total: int, progress: Callable[[int, int | None], None] | None
) -> Iterator[FaceState]:
    for done, state in enumerate(states, 1):
        yield state
        if progress is not None:
            progress(done, max(total, done))


def _counted(tracked: Iterable[Tracked], report: TrackReport) -> Iterator[Tracked]:
    for item in tracked:
        report.frames += 1
        report.missing += item[1] is None
        yield item


def _chain(held: list[Tracked], tracked: Iterator[Tracked]) -> Iterator[Tracked]:
    """The held items, forgotten one by one, then the rest."""
    held.reverse()
    while held:
        yield held.pop()
    yield from tracked


def _enough(held: list[Tracked], settings: TrackSettings) -> bool:
    """Whether the neutral face can be decided: the named time is reached, or the face was seen for long enough."""
    time, face = held[-1]
    if face is None:
        return False
    if settings.neutral is not None:
        return time >= settings.neutral
    first = next(time for time, face in held if face is not None)
    return time - first >= settings.look_ahead


def _neutral(faces: list[tuple[float, FaceLandmarks]], settings: TrackSettings) -> DriverNeutral:
    if settings.neutral is None:
        neutral = find_neutral([face for _, face in faces])
    else:
        at = settings.neutral
        neutral = find_neutral([min(faces, key=lambda item: abs(item[0] - at))[1]])
    return absolute(neutral) if settings.mode == "absolute" else neutral


def _held_gaze(face: FaceLandmarks, state: FaceState, before: FaceState) -> FaceState:
    """Behind closed lids the tracker guesses the irises; the eyes keep their direction."""
    return state if eyes_seen(face) else replace(state, gaze=before.gaze)
