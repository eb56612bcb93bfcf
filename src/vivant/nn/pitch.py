"""Pitch in hertz to the rows of a pitch embedding."""

from __future__ import annotations

import math

import torch
from torch import Tensor

BINS = 300
"""Rows of the published embeddings; 1..255 are used."""
LOWEST, HIGHEST = 50.0, 1100.0
"""Hertz of the first and the last bin."""


def pitch_bins(hertz: Tensor) -> Tensor:
    """Bins 1..255 (...) int64, even on the mel scale, of `hertz` (...); 0 Hz, unvoiced, is bin 1."""
    low, high = (1127.0 * math.log1p(f / 700.0) for f in (LOWEST, HIGHEST))
    mel = 1127.0 * torch.log1p(hertz.clamp(min=0.0) / 700.0)
    return (((mel - low) * 254.0 / (high - low) + 1.0).clamp(1.0, 255.0) + 0.5).long()
