"""Where the networks of a stage begin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from small_heads import small_sizes

from vivant.avatars.real3d.networks.image_to_plane import ImageToPlaneConfig
from vivant.errors import SettingsError, WeightsError
from vivant.training.real3d.beginnings import load_beginnings, seeing
from vivant.training.real3d.checkpoint import Standing, network_tensors, save_standing
from vivant.training.real3d.parts import Parts
from vivant.training.real3d.recipes import MotionRecipe, PretrainingRecipe, TorsoRecipe
from vivant.weights.real3d_training import dual_discriminator


def save(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path)
    return path


def test_a_stage_goes_on_where_the_one_before_ended(tmp_path: Path) -> None:
    before = Parts("motion", small_sizes())
    save_standing(tmp_path, Standing(9, "", network_tensors("network", before)), 100)
    parts = Parts("torso", small_sizes())
    load_beginnings(parts, TorsoRecipe(start=tmp_path, sizes=small_sizes()))
    ours, theirs = parts.state_dict(), before.state_dict()
    same = {name.rpartition(".")[0] for name in ours if name in theirs and torch.equal(ours[name], theirs[name])}
    assert {"decoder.hidden", "super_resolution.low.first", "super_resolution.high.second"} <= same
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs if name.startswith("motion_adapter."))


def test_a_start_must_be_there_and_fit(tmp_path: Path) -> None:
    recipe = MotionRecipe(start=tmp_path, sizes=small_sizes())
    with pytest.raises(SettingsError, match="no training to go on from"):
        load_beginnings(Parts("motion", small_sizes()), recipe)
    wide = replace(small_sizes(), image_to_plane=replace(small_sizes().image_to_plane, narrow=12))
    save_standing(tmp_path, Standing(9, "", network_tensors("network", Parts("i2p", wide))), 100)
    with pytest.raises(SettingsError, match="other sizes"):
        load_beginnings(Parts("motion", small_sizes()), recipe)


def test_a_discriminator_is_read_by_its_published_names(tmp_path: Path) -> None:
    sizes = small_sizes()
    source, parts = Parts("i2p", sizes).discriminator.state_dict(), Parts("i2p", sizes)
    table = dual_discriminator(picture=sizes.picture, mapping=sizes.discriminator.mapping)
    published = {key: source[name] if name else torch.zeros(4, 4) for key, name in table.items()}
    path = save(tmp_path / "judge.safetensors", published)
    load_beginnings(parts, PretrainingRecipe(discriminator=path, sizes=sizes))
    assert all(torch.equal(tensor, source[name]) for name, tensor in parts.discriminator.state_dict().items())
    published.popitem()
    broken = PretrainingRecipe(discriminator=save(tmp_path / "broken.safetensors", published), sizes=sizes)
    with pytest.raises(WeightsError, match="does not fit"):
        load_beginnings(parts, broken)


def test_more_channels_see_the_same_picture_alike() -> None:
    first: Any = torch.randn(4, 3, 7, 7)
    wide = seeing({"conv1.weight": first, "bn1.weight": torch.ones(4)}, 5)["conv1.weight"]
    assert wide.shape == (4, 5, 7, 7)
    torch.testing.assert_close(wide[:, 3], first[:, 0] * 0.6)
    torch.testing.assert_close(wide[:, 1], first[:, 1] * 0.6)
    assert ImageToPlaneConfig().picture + 2 == 5
