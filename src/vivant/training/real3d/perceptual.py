"""Perceptual distance of pictures by VGG19 and VGG-Face, as the published training has it (real3d 14.2).

The weights are the user's: torchvision's `vgg19`, and VGG-Face's sixteen layers (convolutions named `conv1_1` to
`conv5_3`), as .pth or .safetensors files.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.nn.vgg import MEAN, SPREAD, VGG19, Vgg, fill
from vivant.weights.checkpoint import read_checkpoint

VGG_FACE = (2, 2, 3, 3, 3)
DEEPEST = 1
"""Convolutions of the last group that are needed."""
WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""Of relu1_1, relu2_1, relu3_1, relu4_1, relu5_1."""
FACE_MEAN = (129.186, 104.762, 93.594)
"""Of the pictures of VGG-Face, 0..255."""
SIZE = 512
HALVINGS = 3


class FacePerceptual(nn.Module):
    """Both networks, or one; `forward` compares pictures by what they see."""

    def __init__(self, *, general: bool = True, face: bool = True, size: int = SIZE) -> None:
        super().__init__()
        self.general = Vgg((*VGG19[:-1], DEEPEST)) if general else None
        self.face = Vgg((*VGG_FACE[:-1], DEEPEST)) if face else None
        self.size = size

    def forward(self, found: Tensor, wanted: Tensor) -> Tensor:
        """Sum of the mean differences of features, of pictures (N, 3, H, W) RGB, 0..1 as the networks expect it.

        The later stages of the published training give -1..1. Terms that are no number count nothing.
        """
        if found.shape[-1] != self.size:
            found, wanted = (
                F.interpolate(x, (self.size, self.size), mode="bilinear", antialias=True) for x in (found, wanted)
            )
        terms = self._general(found, wanted) + self._face(found, wanted)
        return torch.stack([*terms, found.new_zeros([])]).nan_to_num(nan=0.0).sum()

    def _general(self, found: Tensor, wanted: Tensor) -> list[Tensor]:
        """The terms, each (), of VGG19 for pictures (N, 3, H, W) and their smaller versions."""
        if self.general is None:
            return []
        mean, spread = (found.new_tensor(numbers)[:, None, None] for numbers in (MEAN, SPREAD))
        pair = ((found - mean) / spread, (wanted - mean) / spread)
        terms = _differences(self.general, pair)
        for _ in range(HALVINGS):
            pair = (_halved(pair[0]), _halved(pair[1]))
            terms.append(_differences(self.general, pair)[-1])
        return terms

    def _face(self, found: Tensor, wanted: Tensor) -> list[Tensor]:
        """The terms, each (), of VGG-Face for pictures (N, 3, H, W)."""
        if self.face is None:
            return []
        mean = found.new_tensor(FACE_MEAN)[:, None, None]
        return [term / 255 for term in _differences(self.face, (found * 255 - mean, wanted * 255 - mean))]


def open_face_perceptual(vgg19: Path | None, vgg_face: Path | None) -> FacePerceptual | None:
    """The networks of the user's files, frozen; None without any. Raises WeightsError for files of another kind."""
    if vgg19 is None and vgg_face is None:
        return None
    network = FacePerceptual(general=vgg19 is not None, face=vgg_face is not None)
    for path, vgg, counts, what in (
        (vgg19, network.general, VGG19, "torchvision's vgg19"),
        (vgg_face, network.face, VGG_FACE, "VGG-Face"),
    ):
        if path is not None and vgg is not None:
            with read_checkpoint(path) as tensors:
                fill(vgg, tensors, counts, f"{path}: not the weights of {what}")
    return network.eval().requires_grad_(False)


def _differences(vgg: Vgg, pair: tuple[Tensor, Tensor]) -> list[Tensor]:
    """How far apart () the features of both pictures (N, 3, H, W) are, layer by layer."""
    groups = zip(WEIGHTS, *(vgg(picture) for picture in pair), strict=True)
    return [weight * (one[0] - other[0]).abs().mean() for weight, one, other in groups]


def _halved(picture: Tensor) -> Tensor:
    """(N, C, H, W) to (N, C, H / 2, W / 2)."""
    return F.interpolate(picture, scale_factor=0.5, mode="bilinear")
