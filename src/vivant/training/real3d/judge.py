"""What held-out pairs show of a training: figures, and a sheet of pictures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivant.training.real3d.parts import Parts, Shown, raw_of
from vivant.training.real3d.recipes import AnyRecipe
from vivant.training.real3d.samples import Pair, Reader, View, moved

GREYS = 127.5


def judge(parts: Parts, recipe: AnyRecipe, reader: Reader, device: torch.device) -> dict[str, float]:
    """PSNR of picture and raw picture in dB, and how well the weight image covers the head (intersection by union)."""
    found: dict[str, list[float]] = {"psnr": [], "psnr_raw": [], "cover": []}
    for pair in reader.tests(recipe.course.tests):
        pair = moved(pair, device)
        shown = show(parts, recipe, pair)
        wanted = wanted_of(recipe, pair.target)
        raw = raw_of(pair.target.head, shown.raw.shape[-1])
        found["psnr"].append(decibels(shown.picture, wanted))
        found["psnr_raw"].append(decibels(shown.raw, raw))
        found["cover"].append(overlap(shown.weights, pair.target.mask))
    return {name: float(np.mean(values)) for name, values in found.items()}


@torch.no_grad()
def show(parts: Parts, recipe: AnyRecipe, pair: Pair) -> Shown:
    """The target as the networks draw it, without chance."""
    parts.eval()
    planes = parts.planes(pair.reference.head)
    if recipe.stage != "i2p":
        planes = planes + parts.change(pair, pair.target.code)
    if recipe.stage == "torso" and pair.around is not None:
        return parts.whole(planes, pair.target.camera, pair.around, same=False)
    return parts.head(planes, pair.target.camera)


def wanted_of(recipe: AnyRecipe, view: View) -> Tensor:
    """What a stage draws of a view: (N, 3, S, S)."""
    return view.picture if recipe.stage == "torso" else view.head


def decibels(found: Tensor, wanted: Tensor) -> float:
    """PSNR of pictures (N, 3, H, W), -1..1."""
    square = (found.clamp(-1, 1) - wanted).float().square().mean() / 4
    return -10 * math.log10(max(float(square), 1e-10))


def overlap(weights: Tensor, mask: Tensor) -> float:
    """Intersection by union of a weight image (N, 1, S, S) and a mask of any size."""
    small = raw_of(mask, weights.shape[-1])
    one, other = weights > 0.5, small > 0.5
    return float((one & other).sum() / (one | other).sum().clamp(min=1))


def write_sheet(parts: Parts, recipe: AnyRecipe, reader: Reader, device: torch.device, path: Path) -> None:
    """A picture of held-out pairs, a row each: reference, target, result, raw result, weight image."""
    from vivant.media.image import write_image

    rows = []
    for pair in reader.tests(min(recipe.course.tests, 8)):
        pair = moved(pair, device)
        shown = show(parts, recipe, pair)
        size = shown.picture.shape[-2:]
        raw, weights = (torch.nn.functional.interpolate(one, size) for one in (shown.raw, shown.weights * 2 - 1))
        columns = (pair.reference.head, wanted_of(recipe, pair.target), shown.picture, raw, weights.expand_as(raw))
        rows.append(torch.cat([_bytes(column) for column in columns], 2))
    sheet: NDArray[np.uint8] = torch.cat(rows, 1).permute(1, 2, 0).cpu().numpy()
    write_image(path, np.ascontiguousarray(sheet))


def _bytes(picture: Tensor) -> Tensor:
    """The first of (N, 3, H, W), in 0..255."""
    return ((picture[0].float().clamp(-1, 1) + 1) * GREYS).round().to(torch.uint8)
