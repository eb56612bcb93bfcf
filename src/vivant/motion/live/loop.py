"""The live loop: the newest state that was heard is drawn, at once and never twice the wait.

    tracker ─▶ (thread) newest state ─▶ calm ─▶ draw ─▶ whoever shows it

Nothing queues: states that come while a picture is drawn replace one another, and only the last is drawn.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vivant.errors import SettingsError
from vivant.motion.idle import IdleSettings, check_seed
from vivant.motion.live.calm import Calm
from vivant.motion.live.newest import Newest, newest_of
from vivant.motion.live.sockets import Heard
from vivant.motion.state import FaceState

Bytes = NDArray[np.uint8]
Draw = Callable[[FaceState], Bytes]

STANDING = 0.1
"""Seconds that a picture may stand while a driver is followed: drawing it again sooner would only delay the next."""
REMEMBERED = 10_000
"""Frames whose latency is kept."""


@dataclass(frozen=True)
class LiveSettings:
    """How a live face is drawn."""

    most_per_second: float = 120.0
    """Frames per second at most."""
    calm_per_second: float = 30.0
    """Frames per second while nothing is heard and the face rests."""
    seconds: float | None = None
    """End after so long; none: until the driver ends or the user stops it."""
    idle: IdleSettings = field(default_factory=IdleSettings)
    seed: int = 0

    def __post_init__(self) -> None:
        for rate in (self.most_per_second, self.calm_per_second):
            if not 1 <= rate <= 240:
                raise SettingsError(f"{rate:g} frames per second cannot be shown; give 1 to 240")
        if self.seconds is not None and not self.seconds > 0:
            raise SettingsError(f"seconds is {self.seconds}; give more than 0")
        check_seed(self.seed)


@dataclass
class LiveReport:
    """What the loop did; grows while it runs."""

    frames: int = 0
    heard: int = 0
    """Frames that show a state which had just come."""
    skipped: int = 0
    """States that were replaced by newer ones before they could be drawn."""
    elapsed: float = 0.0
    """Seconds since the first frame."""
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    """Seconds from a state's arrival until its picture was shown."""

    def latency(self, percent: float) -> float:
        """Percentile of the latency in milliseconds; 0 if nothing was heard."""
        return float(np.percentile(self.latencies, percent)) * 1000 if self.latencies else 0.0

    @property
    def rate(self) -> float:
        """Frames per second."""
        return self.frames / self.elapsed if self.elapsed > 0 else 0.0


@dataclass(frozen=True)
class Shown:
    """One frame of the loop."""

    state: FaceState
    picture: Bytes
    """(H, W, 4) RGBA, straight alpha."""
    time: float
    """Seconds of `time.perf_counter` at which the state was decided."""


def live_frames(
    items: Iterator[Heard | None],
    draw: Draw,
    settings: LiveSettings = LiveSettings(),
    report: LiveReport | None = None,
) -> Generator[Shown, None, None]:
    """A frame for each newest state of `items`, and for the calm face while there is none.

    `items` is read in a thread and closed at the end; None in it means "still nothing". Whoever takes a frame shows it
    before asking for the next: that is where its latency ends. Ends with `items`, or after `settings.seconds`; errors
    of `items` and `draw` are raised here.
    """
    report = report if report is not None else LiveReport()
    calm = Calm(settings.idle, settings.seed)
    with newest_of(items) as place:
        started = previous = time.perf_counter()
        while settings.seconds is None or previous - started < settings.seconds:
            pause = STANDING if calm.share == 0 else 1 / settings.calm_per_second
            heard = _wait(place, previous, settings, pause if report.frames else 0.0)
            if heard is None and place.ended:
                break
            previous = time.perf_counter()
            if heard is not None:
                calm.hear(heard.state, heard.time)
            state = calm.at(previous)
            yield Shown(state, draw(state), previous)
            done = time.perf_counter()
            report.frames += 1
            report.elapsed, report.skipped = done - started, place.replaced
            if heard is not None:
                report.heard += 1
                report.latencies.append(done - heard.time)


def _wait(place: Newest[Heard], previous: float, settings: LiveSettings, pause: float) -> Heard | None:
    """The newest state, not sooner than the highest rate allows; None when `pause` has passed since `previous`."""
    if pause:
        time.sleep(max(previous + 1 / settings.most_per_second - time.perf_counter(), 0.0))
    return place.take(previous + pause - time.perf_counter())
