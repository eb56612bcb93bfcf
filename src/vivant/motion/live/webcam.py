"""The webcam driver: a camera's pictures by the project's own tracker, the newest picture always first."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from vivant.errors import SettingsError
from vivant.face.tracker import FaceLandmarks
from vivant.media.video import VideoFrame
from vivant.motion.follow import check_choice, follow_face
from vivant.motion.live.newest import Newest
from vivant.motion.live.sockets import Heard
from vivant.motion.measure import DriverNeutral, eyes_seen, find_neutral, measure
from vivant.motion.state import FaceState


@dataclass(frozen=True)
class WebcamSettings:
    """How the user in front of a camera drives."""

    face: str = "largest"
    """"largest", "left", "right", "centre", or a number counted from the left, from 1."""
    model_file: Path | None = None
    """A face_landmarker.task for measured curves; None uses the models of the mediapipe wheel."""
    rest_seconds: float = 1.0
    """The user's face in this time is the neutral one."""

    def __post_init__(self) -> None:
        if not 0 <= self.rest_seconds <= 60:
            raise SettingsError(f"rest-seconds {self.rest_seconds} is outside 0..60")
        check_choice(self.face)


def webcam_states(pictures: Iterable[VideoFrame], settings: WebcamSettings = WebcamSettings()) -> Iterator[Heard]:
    """States of `pictures`, whose times are seconds of `time.perf_counter`, relative to the user's first second.

    Until that second of face is over the state is a resting face that is not `present`; so are pictures without one.
    """
    held: list[FaceLandmarks] = []
    neutral: DriverNeutral | None = None
    first: float | None = None
    state = FaceState()
    for when, face in follow_face(pictures, settings.face, settings.model_file):
        if face is None:
            state = replace(state, present=False)
        elif neutral is None:
            first = when if first is None else first
            held.append(face)
            state = replace(state, present=False)
            if when - first >= settings.rest_seconds:
                neutral = find_neutral(held)
                held.clear()
        else:
            measured = measure(face, neutral)
            state = measured if eyes_seen(face) else replace(measured, gaze=state.gaze)
        yield Heard(state, when)


def newest_pictures(place: Newest[VideoFrame], patience: float = 5.0) -> Iterator[VideoFrame]:
    """The pictures of a camera that another thread reads, each the newest when the tracker is ready for it.

    Ends with the camera, or after `patience` seconds without a picture.
    """
    last = time.perf_counter()
    while not place.ended and time.perf_counter() - last < patience:
        picture = place.take(0.1)
        if picture is not None:
            last = time.perf_counter()
            yield picture
