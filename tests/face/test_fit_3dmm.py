"""The fit to landmarks against the original's numbers, and faces whose truth is known."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from basel import own_mesh, synthetic_mesh
from originals import original

from vivant.errors import FaceNotFoundError
from vivant.face import fit_3dmm
from vivant.face.bfm_pose import pose_points, project
from vivant.face.fit_3dmm import PICTURE, VIDEO, FaceFit, fit_picture, fit_video


def compare(fixture: Any, kind: str, fit: FaceFit) -> None:
    for name, value in (
        ("id", fit.identity),
        ("exp", fit.expression),
        ("euler", fit.euler),
        ("trans", fit.translation),
    ):
        fixture.compare(f"{kind}_{name}", value)


def test_parity_real3d_fit_of_a_picture(parity: Path) -> None:
    fixture = original(parity, "real3d", "fit_3dmm")
    fit = fit_picture(fixture.tensors["in.lm478_image"], 512, synthetic_mesh(parity))
    compare(fixture, "image", fit)
    assert max(error for error, _ in fixture.errors.values()) < 2e-4  # as near as the second implementation
    other = fit_picture(fixture.tensors["in.lm478_image"], 512, synthetic_mesh(parity), replace(PICTURE, lips=3.0))
    with pytest.raises(AssertionError, match="image_"):
        compare(fixture, "image", other)


@pytest.mark.parametrize("together", [256, 16])
def test_parity_real3d_fit_of_a_video(parity: Path, monkeypatch: pytest.MonkeyPatch, together: int) -> None:
    monkeypatch.setattr(fit_3dmm, "TOGETHER", together)  # pieces do not change the result
    fixture = original(parity, "real3d", "fit_3dmm")
    compare(fixture, "video", fit_video(fixture.tensors["in.lm478_video"], 512, synthetic_mesh(parity)))


def seen(fit: FaceFit, size: float) -> Any:
    """Landmarks (T, 468, 2) in pixels, y down, of `own_mesh` as `fit` says."""
    face = own_mesh().face
    vertices = np.arange(468)
    points = face.mean + face.offsets(vertices, fit.expression, fit.identity)
    return (project(pose_points(points, fit.euler, fit.translation)) * [1, -1] + [0, 224]) * (size / 224)


def talk(frames: int) -> FaceFit:
    """A head that turns while its mouth opens and closes."""
    time = np.linspace(0, 2 * np.pi, frames, dtype=np.float32)
    expression = np.zeros((frames, 64), np.float32)
    expression[:, 17], expression[:, 0] = 1.5 - 1.5 * np.cos(2 * time), 1.0
    euler = np.stack([0.1 * np.cos(time), 0.4 * np.sin(time), 0.05 * time], -1)
    translation = np.stack([0.1 * np.sin(time), -0.2 + 0 * time, -1 + 0.3 * np.cos(time)], -1)
    return FaceFit(np.full((1, 80), 0.1, np.float32), expression, euler, translation)


def test_a_known_face_is_found_again() -> None:
    truth = talk(40)
    landmarks = seen(truth, 720)
    fit = fit_video(landmarks, 720, own_mesh())
    there = own_mesh().landmarks >= 0
    assert np.abs(seen(fit, 720) - landmarks)[:, there].mean() < 0.6  # pixels of 720
    turned = [pose.euler - pose.euler.mean(0) for pose in (fit, truth)]  # a constant turn may pass for identity
    assert np.abs(turned[0] - turned[1]).max() < np.deg2rad(1.5)
    assert np.abs(fit.euler - truth.euler).max() < np.deg2rad(4)
    assert np.corrcoef(fit.expression[:, 17], truth.expression[:, 17])[0, 1] > 0.99
    first = fit_picture(np.pad(landmarks[0], ((0, 10), (0, 1))), 720, own_mesh())  # irises and depth do not matter
    assert first.expression.shape == (1, 64)
    assert np.abs(first.euler - truth.euler[0]).max() < np.deg2rad(4)


def test_points_without_a_vertex_do_not_count() -> None:
    landmarks = seen(talk(1), 512)
    moved = landmarks.copy()
    moved[:, own_mesh().landmarks < 0] += 40
    np.testing.assert_array_equal(
        fit_picture(moved[0], 512, own_mesh()).expression, fit_picture(landmarks[0], 512, own_mesh()).expression
    )


def test_size_of_the_picture_does_not_matter() -> None:
    landmarks = seen(talk(1), 512)[0]
    small, large = fit_picture(landmarks, 512, own_mesh()), fit_picture(3 * landmarks, 1536, own_mesh())
    np.testing.assert_allclose(small.expression, large.expression, atol=2e-3)
    np.testing.assert_allclose(small.translation, large.translation, atol=2e-3)


def test_the_gradient_is_that_of_the_error() -> None:
    """The written-out gradient of the landmarks' error against differences of the error itself."""
    random, mesh = np.random.default_rng(3), own_mesh()
    problem = fit_3dmm._problem(seen(talk(3), 512), 512, mesh, VIDEO)
    shapes = ((1, 80), (3, 64), (3, 3), (3, 3))
    values = [random.normal(0, 0.3, shape).astype(np.float32) for shape in shapes]

    def error(parts: list[Any]) -> float:
        identity, expression, euler, translation = (part.astype(np.float64) for part in parts)
        points = problem.mean + problem.identity @ identity[0] + expression @ problem.expression.T
        posed = pose_points(points.reshape(3, -1, 3), euler, translation).astype(np.float64)
        apart = (project(posed) - problem.target.astype(np.float64)) ** 2
        return float((problem.weights[:, None] * apart).sum())

    slopes = fit_3dmm._slopes(problem, (values[0], values[1], values[2], values[3]), True)
    for part, (value, slope) in enumerate(zip(values, slopes, strict=True)):
        for _ in range(4):
            place = tuple(random.integers(value.shape))
            ends = []
            for step in (-3e-3, 3e-3):
                moved = [other.copy() for other in values]
                moved[part][place] += step
                ends.append(error(moved))
            assert slope[place] == pytest.approx((ends[1] - ends[0]) / 6e-3, rel=0.02, abs=1e-3 * np.abs(slope).max())


def test_memory_of_a_long_video_stays_small() -> None:
    short, long = (seen(talk(count), 512) for count in (20, 1500))
    mesh = own_mesh()
    fit_video(short[:2], 512, mesh)  # compiles
    peaks = []
    for landmarks in (short, long):
        fewer = fit_3dmm._problem(landmarks, 512, mesh, VIDEO)
        values = tuple(
            np.zeros(shape, np.float32) for shape in ((1, 80), (len(landmarks), 64), *[(len(landmarks), 3)] * 2)
        )
        tracemalloc.start()
        fit_3dmm._slopes(fewer, (values[0], values[1], values[2], values[3]), True)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    pieces = fit_3dmm.TOGETHER * 468 * 3 * 4
    assert peaks[1] < 8 * pieces + 2048 * 1500
    assert peaks[0] < peaks[1]


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_landmarks_that_are_no_numbers_are_refused(wrong: float) -> None:
    landmarks = seen(talk(2), 512)
    landmarks[1, 100, 0] = wrong
    with pytest.raises(FaceNotFoundError, match="not finite"):
        fit_video(landmarks, 512, own_mesh())
    with pytest.raises(FaceNotFoundError, match="missing"):
        fit_video(landmarks[:0], 512, own_mesh())
