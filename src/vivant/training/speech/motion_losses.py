"""Losses of the published audio-to-motion networks (geneface 4.3, real3d 14.7).

Motion is (B, T, M), `mask` (B, T) is 0 where a batch is padded; every result is one number.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vivant.face.landmarks import EYE_LEFT, EYE_RIGHT, LIPS_INNER, LIPS_OUTER, MESH_COUNT

UPPER_LIDS = (*range(157, 162), *range(384, 389))
UNMATCHED = (93, 127, 132, 234, 323, 356, 361, 454)
"""Points of the mesh that Real3D-Portrait's table of vertices does not have."""


def masked_square(found: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error () over the unmasked frames of (B, T, M)."""
    return ((found - wanted) ** 2 * mask[..., None]).sum() / (mask.sum() * found.shape[-1])


def masked_absolute(found: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute error () over the unmasked frames of (B, T, M)."""
    return ((found - wanted).abs() * mask[..., None]).sum() / (mask.sum() * found.shape[-1])


def continuity(found: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Squared error () of the change of (B, T, M) from frame to frame, and of the first frame."""
    change = (found.diff(dim=1) - wanted.diff(dim=1)) ** 2 * mask[:, 1:, None]
    first = (found[:, 0] - wanted[:, 0]) ** 2
    return (change.sum() + first.sum()) / (mask.sum() * found.shape[-1])


def roughness(found: Tensor, mask: Tensor) -> Tensor:
    """Mean square () of each frame's distance from the middle of its neighbours in (B, T, M), zeros beyond the ends."""
    padded = F.pad(found, (0, 0, 1, 1))
    away = found - 0.5 * (padded[:, :-2] + padded[:, 2:])
    return (away**2 * mask[..., None]).sum() / (mask.sum() * found.shape[-1])


def size(found: Tensor, mask: Tensor) -> Tensor:
    """Mean square () of the unmasked frames of (B, T, M)."""
    return masked_square(found, torch.zeros_like(found), mask)


def mesh_square(found: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Squared error of 468 points (B, T, 1404): eye contours count 3, upper lids 20, lips 5, unmatched points 0."""
    weights = torch.ones(MESH_COUNT, device=found.device)
    weights[[*EYE_RIGHT, *EYE_LEFT]] = 3.0
    weights[list(UPPER_LIDS)] = 20.0
    weights[[*LIPS_INNER, *LIPS_OUTER]] = 5.0
    weights[list(UNMATCHED)] = 0.0
    error = (found - wanted) ** 2 * weights.repeat_interleave(3) * mask[..., None]
    return error.sum() / (mask.sum() * found.shape[-1])
