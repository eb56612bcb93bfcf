"""What the networks of a stage know before its first step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from vivant.errors import SettingsError
from vivant.training.real3d.checkpoint import part_of, read_standing
from vivant.training.real3d.parts import Parts
from vivant.training.real3d.recipes import AnyRecipe
from vivant.training.real3d.teacher_views import open_teacher
from vivant.weights.checkpoint import read_checkpoint
from vivant.weights.keys import KeyTable, convert
from vivant.weights.real3d_planes import mix_transformer, resnet34
from vivant.weights.real3d_training import dual_discriminator

FIRST = "conv1.weight"
"""The filter of ResNet-34 that sees the picture."""


def load_beginnings(parts: Parts, recipe: AnyRecipe) -> None:
    """Load whatever files and folders the recipe names; raises SettingsError, WeightsError where one does not fit."""
    if recipe.resnet34 is not None:
        encoder = parts.image_to_plane.context.encoder
        with read_checkpoint(recipe.resnet34) as tensors:
            wide = seeing(tensors, parts.sizes.image_to_plane.picture + 2)
            _fill(encoder, wide, resnet34(), recipe.resnet34)
    if recipe.mit_b0 is not None and parts.motion_adapter is not None:
        with read_checkpoint(recipe.mit_b0) as tensors:
            table = mix_transformer()
            kept = {name: tensor for name, tensor in tensors.items() if not name.startswith("head.")}
            _fill(parts.motion_adapter.encoder, kept, table, recipe.mit_b0)
    if recipe.teacher is not None:
        teacher = open_teacher(recipe.teacher, recipe.sizes.volume).state_dict()
        parts.load_state_dict(fitting(teacher, parts), strict=False)
    if recipe.discriminator is not None:
        sizes = recipe.sizes.discriminator
        table = dual_discriminator(picture=sizes.picture, mapping=sizes.mapping)
        with read_checkpoint(recipe.discriminator) as tensors:
            _fill(parts.discriminator, tensors, table, recipe.discriminator)
    if recipe.start is not None:
        load_start(parts, recipe.start)


def load_start(parts: Parts, folder: Path) -> None:
    """Take over what the stage in `folder` learned, as far as names and sizes are the same.

    Super-resolution with torso thus begins with the blocks of the head. Raises SettingsError where nothing fits.
    """
    standing = read_standing(folder)
    if standing is None:
        raise SettingsError(f"{folder}: no training to go on from; train the stage before, or name its folder")
    found = fitting(part_of(standing.tensors, "network"), parts)
    missing = [name for name in parts.state_dict() if name.startswith("image_to_plane.") and name not in found]
    if missing:
        raise SettingsError(f"{folder}: its networks have other sizes ({missing[0]}); give the sizes of that recipe")
    parts.load_state_dict(found, strict=False)


def fitting(tensors: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Those of `tensors` that have a name and a shape (...) of `network`."""
    ours = network.state_dict()
    return {name: tensor for name, tensor in tensors.items() if name in ours and ours[name].shape == tensor.shape}


def seeing(tensors: Mapping[str, Tensor], inputs: int) -> dict[str, Tensor]:
    """ResNet-34 for so many channels: its first filter (64, 3, 7, 7) over again beyond the third, weaker by as much."""
    if FIRST not in tensors:
        return dict(tensors)
    first = tensors[FIRST]
    width = first.shape[1]
    again = torch.arange(inputs) % width
    return {**tensors, FIRST: first[:, again] * (width / inputs)}


def _fill(network: nn.Module, tensors: Mapping[str, Tensor], table: KeyTable, path: Path) -> None:
    network.load_state_dict(convert(tensors, table, network, str(path)))
