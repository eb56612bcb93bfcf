"""Pitch bins against the numbers of the original, and at their ends."""

from __future__ import annotations

from pathlib import Path

import torch
from originals import original

from vivant.nn.pitch import BINS, pitch_bins


def test_parity_geneface_pitch_bins(parity: Path) -> None:
    fixture = original(parity, "geneface", "pitch_coarse")
    fixture.compare("coarse", pitch_bins(fixture.given("f0")))


def test_bins_grow_with_pitch_and_stay_within_the_table() -> None:
    bins = pitch_bins(torch.tensor([0.0, 20.0, 50.0, 100.0, 200.0, 400.0, 1100.0, 5000.0]))
    assert bins.tolist() == sorted(bins.tolist())
    assert (bins[:3] == 1).all()
    assert (bins[-2:] == 255).all()
    assert bins.max() < BINS
