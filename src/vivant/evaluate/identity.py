"""CSIM: whether two pictures show the same person, as a network says that was trained to tell people apart.

ArcFace (Deng et al. 2019) by an improved residual network (iresnet; Duta et al. 2020). The weights are the user's: the
`backbone.pth` (or .safetensors) of an iresnet of 18 to 200 layers as InsightFace's arcface_torch writes it. None is
contained here; most that are offered may be used for research only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from vivant.errors import WeightsError
from vivant.weights.checkpoint import read_checkpoint
from vivant.weights.keys import load

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SIDE = 112
"""Pixels of the aligned face."""
PLACES = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
"""Pixels to which alignment brings eyes, tip of the nose and corners of the mouth; left ones in the picture first."""
LANDMARKS = (468, 473, 4, 61, 291)
"""Those of the mesh with irises."""
WIDTHS = (64, 128, 256, 512)
MOST_BLOCKS = 100
"""Of one stage; more is no such network."""


class Block(nn.Module):
    """x + a convolution of an activated convolution of normalised x."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.prelu = nn.PReLU(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))
            if stride != 1 or inputs != outputs
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) to (N, D, h / stride, w / stride)."""
        y: Tensor = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        return y + (x if self.downsample is None else self.downsample(x))


class IdentityNet(nn.Module):
    """An improved residual network with `blocks` blocks in its four stages; the names are the published ones."""

    def __init__(self, blocks: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.prelu = nn.PReLU(WIDTHS[0])
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            nn.Sequential(*(Block(inputs if k == 0 else width, width, 2 if k == 0 else 1) for k in range(count)))
            for inputs, width, count in zip((WIDTHS[0], *WIDTHS[:-1]), WIDTHS, blocks, strict=True)
        )
        self.bn2 = nn.BatchNorm2d(WIDTHS[-1])
        self.fc = nn.Linear(WIDTHS[-1] * (SIDE // 16) ** 2, 512)
        self.features = nn.BatchNorm1d(512)

    def forward(self, x: Tensor) -> Tensor:
        """Aligned faces (N, 3, 112, 112), RGB in -1..1, to embeddings (N, 512) of length 1."""
        x = self.prelu(self.bn1(self.conv1(x)))
        x = self.bn2(self.layer4(self.layer3(self.layer2(self.layer1(x)))))
        return F.normalize(self.features(self.fc(x.flatten(1))))

    @torch.inference_mode()
    def embedding(self, picture: Bytes, landmarks: Floats) -> Floats:
        """(512,) of length 1 for the face with `landmarks` (478, 2 or more) pixels in `picture` (H, W, 3), sRGB."""
        face = torch.from_numpy(aligned(picture, landmarks)).permute(2, 0, 1)[None].float()
        found: Floats = self((face - 127.5) / 127.5)[0].numpy()
        return found

    def likeness(self, one: tuple[Bytes, Floats], other: tuple[Bytes, Floats]) -> float:
        """Cosine -1..1 of two faces, each a picture (H, W, 3) and its landmarks; 1 is the same face."""
        return float(self.embedding(*one) @ self.embedding(*other))


def open_identity(weights: Path) -> IdentityNet:
    """The network of the user's file; raises WeightsError where it is missing, refused, or something else.

    How deep it is, is seen from its names.
    """
    with read_checkpoint(weights) as found:
        network = IdentityNet(_blocks(found, weights))
        load(network, {name: tensor.float() for name, tensor in found.items()}, str(weights))
    return network.eval().requires_grad_(False)


def aligned(picture: Bytes, landmarks: Floats) -> Bytes:
    """The face (112, 112, 3) of `picture` (H, W, 3) by its `landmarks` (478, 2 or more): turned, scaled, shifted."""
    seen, wanted = (np.asarray(points, np.float64) @ (1, 1j) for points in (landmarks[list(LANDMARKS), :2], PLACES))
    spread = seen - seen.mean()
    turn = np.vdot(spread, wanted) / np.vdot(spread, spread).real
    shift = wanted.mean() - turn * seen.mean()
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    return np.asarray(cv2.warpAffine(np.ascontiguousarray(picture[..., :3]), matrix, (SIDE, SIDE)), np.uint8)


def _blocks(found: Mapping[str, Tensor], path: Path) -> tuple[int, ...]:
    """Blocks of each stage of the network that `found` are the tensors of."""
    places = [re.fullmatch(r"layer([1-4])\.(\d{1,3})\.conv1\.weight", name) for name in found]
    counts = tuple(sum(place is not None and place[1] == str(stage) for place in places) for stage in range(1, 5))
    if not 0 < min(counts) <= max(counts) <= MOST_BLOCKS:
        raise WeightsError(f"{path}: no iresnet; give the backbone.pth of InsightFace's arcface_torch")
    return counts
