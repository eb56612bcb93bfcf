"""THEval's figures against motion whose amount is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivant.evaluate import people, theval
from vivant.face.landmarks import BROW_LEFT, BROW_RIGHT, EYE_LEFT, EYE_RIGHT, LIPS_INNER, LIPS_OUTER
from vivant.face.model import load_face_model

FRAMES = 200


def still() -> np.ndarray:
    """A face that does nothing, (200, 478, 3) in pixels."""
    model = load_face_model()
    face = model.neutral * np.array([8.0, -8.0, 8.0]) + np.array([128.0, 128.0, 0.0])
    return np.repeat(face[None], FRAMES, axis=0)


def wave(amount: float) -> np.ndarray:
    return amount * np.sin(np.arange(FRAMES) * 2 * np.pi / 20)


def test_a_still_face_has_no_figures() -> None:
    found = theval.liveliness(still(), np.zeros((FRAMES, 3)))
    assert max(found.lip_dynamics, found.brow_dynamics, found.head_motion) < 1e-9


def test_lip_dynamics_is_the_deviation_of_distances() -> None:
    points = still()
    lips = [*LIPS_OUTER, *LIPS_INNER]
    centre = points[:, lips, :2].mean((0, 1))
    factor = 1 + wave(0.1)
    points[:, lips, :2] = centre + (points[:, lips, :2] - centre) * factor[:, None, None]
    first = still()[0, lips, :2]
    distances = np.linalg.norm(first[:, None] - first[None], axis=2)[np.triu_indices(40, 1)]
    assert theval.lip_dynamics(points) == pytest.approx(distances.mean() * factor.std(), rel=1e-6)


def test_brow_dynamics_is_the_change_per_frame_over_the_eyes() -> None:
    points = still()
    for brow in (BROW_RIGHT, BROW_LEFT):
        points[:, list(brow), 1] -= np.arange(FRAMES)[:, None] * 0.05
    eyes = [still()[0, list(eye), :2].mean(0) for eye in (EYE_RIGHT, EYE_LEFT)]
    expected = 0.05 / np.linalg.norm(eyes[0] - eyes[1])
    assert theval.brow_dynamics(points) == pytest.approx(expected, rel=0.05)


def test_head_motion_by_its_formula() -> None:
    angles = np.radians(np.stack([wave(5), wave(0), wave(0)], axis=1))
    points = still()
    points[:, :, 0] += wave(2)[:, None]
    a, b, c = wave(5).std() / 3, np.diff(wave(5)).var() / 3, wave(2).var() / 2
    assert theval.head_motion(points, angles) == pytest.approx(np.sqrt(a * b + c), rel=1e-6)


@given(st.floats(0.3, 3.0))
@settings(max_examples=10, deadline=None)
def test_only_lip_dynamics_depends_on_the_size(factor: float) -> None:
    points = still()
    points[:, list(LIPS_INNER), 1] += wave(3)[:, None]
    points[:, list(BROW_LEFT), 1] += wave(2)[:, None]
    assert theval.lip_dynamics(points * factor) == pytest.approx(factor * theval.lip_dynamics(points))
    assert theval.brow_dynamics(points * factor) == pytest.approx(theval.brow_dynamics(points))


def test_lip_sync_and_silence() -> None:
    points = still()
    opening = np.abs(wave(6))
    for upper, lower in theval.PAIRS:
        points[:, upper, 1] = 130 - opening / 2
        points[:, lower, 1] = 130 + opening / 2
    speech = np.ones(FRAMES, bool)
    assert theval.lip_sync(points, 0.1 * opening, speech) == pytest.approx(0, abs=1e-6)
    assert theval.lip_sync(points, -opening, speech) > 0.3
    assert theval.silent_lip_stability(points, np.arange(FRAMES) % 10 == 0) == pytest.approx(0, abs=1e-6)
    assert theval.silent_lip_stability(points, speech) > 0.01
    assert np.isnan(theval.silent_lip_stability(points, ~speech))


def test_pauses_last(tmp_path: Path) -> None:
    sound = np.ones(32000, np.float32)
    sound[8000:9600] = sound[16000:24000] = 0  # a tenth and half a second
    times = np.arange(50) / 25
    heard = people.loudness_at(sound, times)
    assert not heard.silent[:24].any()
    assert heard.silent[28:36].all()


@pytest.mark.slow
def test_a_real_face(samples: Path) -> None:
    track = people.track_video(samples / "videos" / "v02_talk_512_mpeg4.mp4")
    assert track.points.shape == (200, 478, 3)
    assert 80 < track.eyes < 95
    figures = theval.liveliness(track.points, track.angles)
    assert 1.5 < figures.lip_dynamics < 3
    assert 0.005 < figures.brow_dynamics < 0.015
    with np.load(samples / "tracks" / "v02_talk_512_mpeg4.npz") as reference:
        truth = reference["mouth"][:, 0]
    assert np.corrcoef(people.mouth_gap(track), truth)[0, 1] > 0.93  # two trackers
    assert people.best_likeness(track.times, truth, lambda t: np.interp(t - 0.04, track.times, truth)) > 0.99
