"""Eyes hold fixations, jump along the main sequence, and come back to the viewer."""

from __future__ import annotations

import numpy as np

from vivant.motion.speech.gaze import Gaze


def looks(seconds: int, seed: int = 0, averts: float = 1.0, think: float = 0.0) -> np.ndarray:
    """Directions (N, 2) in degrees, 100 per second; the speaker starts to think every `think` seconds."""
    gaze = Gaze(np.random.default_rng(seed), averts)
    parts = []
    for block in range(seconds * 20):
        if think and block % round(20 * think) == 0:
            gaze.think()
        parts.append(gaze.step(5)[0])
    return np.degrees(np.concatenate(parts))


def test_eyes_rest_most_of_the_time_and_jump_fast() -> None:
    speed = np.linalg.norm(np.diff(looks(300), axis=0), axis=1) * 100
    assert np.mean(speed < 5) > 0.95
    assert 100 < speed.max() < 600  # peak velocities of 10 degree saccades are 200 to 500 degrees a second


def test_larger_jumps_last_longer() -> None:
    path = looks(600, think=3.0)
    moving = np.linalg.norm(np.diff(path, axis=0), axis=1) > 1e-9
    edges = np.flatnonzero(np.diff(np.concatenate([[0], moving.astype(int), [0]])))
    starts, ends = edges[::2], edges[1::2]
    sizes = np.linalg.norm(path[ends] - path[starts], axis=1)
    lengths = (ends - starts) / 100
    assert np.corrcoef(sizes, lengths)[0, 1] > 0.8
    large = sizes > 8
    assert 0.03 <= lengths[large].mean() <= 0.08


def test_the_viewer_is_looked_at_as_in_real_clips() -> None:
    """0.6 to 1 within 7 degrees, as measured in people who talk to a camera."""
    for seed in range(4):
        share = np.mean(np.linalg.norm(looks(300, seed), axis=1) < 5)
        assert 0.85 < share < 0.99
        thinking = np.mean(np.linalg.norm(looks(300, seed, think=5.0), axis=1) < 5)
        assert 0.65 < thinking < share
    assert np.abs(looks(3600, think=4.0)).max() < 35


def test_thinking_looks_away_for_about_a_second() -> None:
    path = np.linalg.norm(looks(400, think=8.0), axis=1).reshape(-1, 800)
    assert np.mean(path[:, 10] > 4) > 0.9
    away = (path[:, :400] > 4).sum(1) / 100
    assert 0.5 < np.median(away) < 2.0


def test_some_never_look_away() -> None:
    assert np.abs(looks(300, averts=0.0, think=3.0)).max() < 5
