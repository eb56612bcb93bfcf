"""Fitting finds the process that made the data, keeps amounts, and works on videos."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vivant.errors import SettingsError
from vivant.motion.speech.sway import CHANNELS, RATE, load_sway, simulate
from vivant.training.speech.presence import FitSettings, fit_presence, fit_sway


def clips(count: int, seconds: int) -> list[np.ndarray]:
    walk = simulate(load_sway(), count * seconds * RATE, 11)
    return np.split(walk, count)


def test_a_known_process_is_found_again() -> None:
    """Data of the packaged process itself: amounts, speeds and couplings must come back."""
    truth = clips(60, 12)
    again = np.split(simulate(fit_sway(truth), 60 * 12 * RATE, 12), 60)
    old, new = np.concatenate(truth), np.concatenate(again)
    free = [0, 1, 2, 6, 7]  # places lose their trend on purpose
    np.testing.assert_allclose(new.std(0)[free], old.std(0)[free], rtol=0.2)
    np.testing.assert_allclose(np.diff(new, axis=0).std(0)[free], np.diff(old, axis=0).std(0)[free], rtol=0.25)
    np.testing.assert_allclose(np.corrcoef(new.T), np.corrcoef(old.T), atol=0.25)


def test_amounts_follow_the_clips() -> None:
    truth = clips(30, 12)
    small, large = (fit_sway([gain * clip for clip in truth]).amount for gain in (1.0, 2.0))
    np.testing.assert_allclose(large / small, 2.0, rtol=1e-4)


def test_it_never_runs_away() -> None:
    """A trend, which a regression without bounds would continue."""
    time = np.linspace(0, 1, 200)[:, None]
    ramps = [time * np.ones(8) + 0.01 * np.random.default_rng(seed).standard_normal((200, 8)) for seed in range(3)]
    walk = simulate(fit_sway(ramps), 20000, 0)
    assert np.isfinite(walk).all()
    assert np.abs(walk).max() < 20


@pytest.mark.slow
def test_videos_become_a_file(samples: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    output = tmp_path / "sway.safetensors"
    video = samples / "videos" / "v06_landscape_turned_head.mp4"
    figures = fit_presence([video], output, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 1), (1, 1)]
    assert figures["seconds"] == pytest.approx(6.0, abs=0.1)
    for name in CHANNELS:
        assert figures[f"model_{name}"] == pytest.approx(figures[f"real_{name}"], rel=0.05)
    from safetensors import safe_open

    with safe_open(output, "np") as file:
        told = file.metadata()
        assert file.get_tensor("transition").shape == (3, 8, 8)
    assert json.loads(told["videos"]) == [video.name]
    assert [path.name for path in tmp_path.iterdir()] == [output.name]


def test_what_cannot_be_fitted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="none of 0 videos"):
        fit_presence([], tmp_path / "no.safetensors")
    with pytest.raises(SettingsError, match="order 0"):
        FitSettings(order=0)
    assert list(tmp_path.iterdir()) == []
