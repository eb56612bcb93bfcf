"""Warping a picture by a flow."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """`image` (N, C, H, W) with each pixel taken from where it stands plus its `flow` (N, 2, H, W): x right, y down.

    A flow of 2 is a whole side of the picture, so it means the same at any resolution; a positive x moves what is
    seen to the left. Bilinear; beyond the border the border goes on (THA3 and THA4, "grid change").
    """
    height, width = flow.shape[2:]
    x = flow[:, 0] + pixel_centres(width, flow)
    y = flow[:, 1] + pixel_centres(height, flow)[:, None]
    grid = torch.stack((x, y), dim=3)
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)


def pixel_centres(count: int, like: Tensor) -> Tensor:
    """Centres (N,) of `count` pixels along a side that reaches from -1 to 1, in the type and device of `like`."""
    return (torch.arange(count, dtype=like.dtype, device=like.device) * 2 + 1) / count - 1
