"""The live loop: the newest wins, nothing queues, errors come out, threads end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from vivant.errors import SettingsError
from vivant.motion.idle import IdleSettings
from vivant.motion.live.loop import LiveReport, LiveSettings, live_frames
from vivant.motion.live.sockets import Heard
from vivant.motion.state import FaceState

PICTURE = np.zeros((4, 4, 4), np.uint8)


def draw(state: FaceState) -> np.ndarray:
    return PICTURE


def numbered(count: int, rate: float) -> Iterator[Heard]:
    for index in range(count):
        yield Heard(FaceState(translation=np.array([index, 0, 0], np.float32)), time.perf_counter())
        time.sleep(1 / rate)


def test_a_slow_picture_skips_states_and_shows_the_newest() -> None:
    report = LiveReport()

    def slowly(state: FaceState) -> np.ndarray:
        time.sleep(0.03)
        return PICTURE

    settings = LiveSettings(idle=IdleSettings(head_motion=0))
    shown = [float(frame.state.translation[0]) for frame in live_frames(numbered(150, 300.0), slowly, settings, report)]
    assert len(shown) < 75
    assert report.skipped > 50
    assert shown[-1] == 149
    assert report.heard + report.skipped == 150


def test_while_nothing_comes_a_calm_face_is_drawn() -> None:
    def silence() -> Iterator[Heard | None]:
        while True:
            time.sleep(0.02)
            yield None

    report = LiveReport()
    frames = list(live_frames(silence(), draw, LiveSettings(calm_per_second=50, seconds=0.5), report))
    assert 1 <= len(frames) <= 30
    assert report.heard == 0
    assert report.latency(95) == 0.0


def test_between_the_states_of_a_slow_driver_nothing_is_drawn_again() -> None:
    drawn: list[float] = []

    def note(state: FaceState) -> np.ndarray:
        drawn.append(float(state.translation[0]))
        return PICTURE

    list(live_frames(numbered(20, 15.0), note))
    followed = [value for value in drawn if value >= 8]  # by then the face has come from its rest
    assert len(followed) < 20


def test_the_highest_rate_is_kept() -> None:
    report = LiveReport()
    list(live_frames(numbered(200, 400.0), draw, LiveSettings(most_per_second=40), report))
    assert report.rate < 45


def test_errors_of_the_driver_and_of_the_picture_come_out() -> None:
    def broken() -> Iterator[Heard]:
        yield from numbered(2, 100.0)
        raise SettingsError("the camera is gone")

    with pytest.raises(SettingsError, match="the camera is gone"):
        list(live_frames(broken(), draw))

    def fail(state: FaceState) -> np.ndarray:
        raise ValueError("no picture")

    with pytest.raises(ValueError, match="no picture"):
        list(live_frames(numbered(100, 100.0), fail))


def test_whoever_stops_leaves_no_thread_behind() -> None:
    closed = threading.Event()

    def endless() -> Iterator[Heard | None]:
        try:
            while True:
                yield from numbered(1, 200.0)
        finally:
            closed.set()

    frames = live_frames(endless(), draw)
    next(frames)
    frames.close()
    assert closed.wait(2.0)
    assert not any(thread.name == "vivant-live" for thread in threading.enumerate())


def test_ctrl_c_while_drawing_ends_cleanly() -> None:
    def interrupted(state: FaceState) -> np.ndarray:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(live_frames(numbered(1000, 100.0), interrupted))
    assert not any(thread.name == "vivant-live" for thread in threading.enumerate())


@pytest.mark.parametrize("settings", [{"most_per_second": 0}, {"calm_per_second": 1000}, {"seconds": -1}])
def test_settings_that_cannot_work(settings: dict[str, float]) -> None:
    with pytest.raises(SettingsError):
        LiveSettings(**settings)  # type: ignore[arg-type]
