"""Recording pictures that come at any time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from vivant.media.recorder import LONGEST_GAP, Recorder
from vivant.media.video import open_video, probe_video
from vivant.media.writer import open_writer

RATE = Fraction(25)


def grey(value: int) -> np.ndarray:
    return np.full((64, 64, 3), value, np.uint8)


def record(path: Path, shown: list[tuple[float, int]]) -> list[int]:
    """Grey values of the film's frames."""
    with open_writer(path, (64, 64), RATE) as writer:
        recorder = Recorder(writer, RATE)
        for time, value in shown:
            recorder.show(grey(value), time)
        recorder.finish()
    with open_video(path) as film:
        return [round(float(frame.pixels.mean())) for frame in film]


def test_each_picture_stands_for_its_time(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    values = record(path, [(100.0, 40), (100.4, 120), (101.0, 200)])
    assert len(values) == 26
    assert values[3] < 60 < 100 < values[12] < 140 < values[25]
    assert probe_video(path).rate == RATE


def test_pictures_that_come_faster_than_the_film_are_left_out(tmp_path: Path) -> None:
    assert len(record(tmp_path / "fast.mp4", [(index / 200, 100) for index in range(201)])) == 26


def test_a_machine_that_slept_does_not_write_hours(tmp_path: Path) -> None:
    values = record(tmp_path / "slept.mp4", [(0.0, 50), (3600.0, 150), (3600.2, 150)])
    assert len(values) < LONGEST_GAP * RATE
