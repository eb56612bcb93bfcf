"""The face of one character as a sinusoidal coordinate network (Talking Head Anime 4, student).

Colours are linear, premultiplied by alpha, -1..1; positions are pixel centres in -1..1 of the face's own box.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vivant.nn.warp import pixel_centres

OMEGA = 30.0
"""What every sine layer multiplies its phase by; from SIREN (Sitzmann et al., 2020), here in all layers."""
FACE_ROWS, FACE_COLUMNS = slice(80, 208), slice(192, 320)
"""The part of the 512 x 512 picture that the face student draws."""
FACE_SIZE = 128
FACE_POSE = slice(0, 39)
"""What it reads of a pose."""


class SineLayer(nn.Module):
    """sin(30 (W x + b)) at every pixel."""

    def __init__(self, inputs: int, outputs: int, *, first: bool = False) -> None:
        super().__init__()
        self.linear = nn.Conv2d(inputs, outputs, 1)
        bound = 1 / inputs if first else (6 / inputs) ** 0.5 / OMEGA
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) to (N, O, H, W) in -1..1, I = `inputs` and O = `outputs`."""
        return torch.sin(OMEGA * self.linear(x))


class FaceStudent(nn.Module):
    """Position and 39 pose values to a colour: 8 sine layers of 128 and a linear one."""

    def __init__(self, layers: int = 8, width: int = 128) -> None:
        super().__init__()
        inputs = 2 + FACE_POSE.stop
        self.layers = nn.Sequential(
            SineLayer(inputs, width, first=True), *(SineLayer(width, width) for _ in range(layers - 1))
        )
        self.last = last_linear(width, 4)

    def forward(self, pose: Tensor, size: int = FACE_SIZE) -> Tensor:
        """Pose (N, 39) to RGBA (N, 4, size, size), not clamped."""
        result: Tensor = self.last(self.layers(planes(pose, size)))
        return result


def last_linear(inputs: int, outputs: int) -> nn.Conv2d:
    """The layer without a sine, initialised as published."""
    layer = nn.Conv2d(inputs, outputs, 1)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return layer


def planes(pose: Tensor, size: int) -> Tensor:
    """Position and pose (N, P) at every pixel: (N, 2 + P, size, size), x before y, both -1..1."""
    axis = pixel_centres(size, pose)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    position = torch.stack([x, y]).expand(len(pose), 2, size, size)
    return torch.cat([position, pose[:, :, None, None].expand(*pose.shape, size, size)], 1)
