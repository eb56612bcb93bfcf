"""How one character's picture moves, as a sinusoidal coordinate network (Talking Head Anime 4, student)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.tha.networks.face_student import SineLayer, last_linear, planes
from vivant.avatars.tha.pose import PARAMETERS
from vivant.nn.warp import warp

SIZES = (128, 256, 512)
WIDTHS = ((360, 360, 180), (180, 180, 90), (90, 90, 90))
"""Outputs of the sine layers of each level."""


class Moved(NamedTuple):
    """What the network says of one picture; colours linear, premultiplied, -1..1."""

    blended: Tensor
    """(N, 4, 512, 512): the result."""
    alpha: Tensor
    """(N, 1, 512, 512): how much of `colour`, not bounded."""
    colour: Tensor
    """(N, 4, 512, 512): pixels that no motion of the picture can show."""
    warped: Tensor
    """(N, 4, 512, 512): the picture, moved."""
    flow: Tensor
    """(N, 2, 512, 512): where each pixel comes from, as x and y beside its own place; 2 is a whole side."""


class BodyStudent(nn.Module):
    """Three levels of three sine layers at 128, 256 and 512 pixels, each given the position and the 45 pose values."""

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.ModuleList()
        features = 0
        for widths in WIDTHS:
            inputs = (features + 2 + len(PARAMETERS), *widths[:-1])
            layers = (
                SineLayer(i, o, first=not features and not at)
                for at, (i, o) in enumerate(zip(inputs, widths, strict=True))
            )
            self.levels.append(nn.Sequential(*layers))
            features = widths[-1]
        self.last = last_linear(features, 7)

    def forward(self, image: Tensor, pose: Tensor) -> Moved:
        """Picture (N, 4, 512, 512) with the face drawn in, and pose (N, 45), to the moved picture."""
        motion = self.motion(pose)
        flow, alpha, colour = motion[:, :2], motion[:, 2:3], motion[:, 3:]
        warped = warp(image, flow)
        return Moved((1 - alpha) * warped + alpha * colour, alpha, colour, warped, flow)

    def motion(self, pose: Tensor) -> Tensor:
        """Pose (N, 45) to flow, alpha and colour, (N, 7, 512, 512)."""
        feature: Tensor | None = None
        for level, size in zip(self.levels, SIZES, strict=True):
            given = planes(pose, size)
            if feature is not None:
                larger = F.interpolate(feature, size=(size, size), mode="bilinear", align_corners=False)
                given = torch.cat([larger, given], 1)
            feature = level(given)
        result: Tensor = self.last(feature)
        return result
