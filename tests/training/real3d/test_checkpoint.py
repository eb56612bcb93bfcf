"""The standing of a training on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vivant.errors import SettingsError, WeightsError
from vivant.training.real3d.checkpoint import (
    STATE,
    Standing,
    fill_optimiser,
    optimiser_tensors,
    part_of,
    read_standing,
    save_standing,
)

TENSORS = {
    "network.a.weight": torch.randn(40, 50),
    "network.count": torch.tensor(7),
    "network.none": torch.zeros(0, 3),
    "generator.0.step": torch.tensor(3.0),
}


def test_what_is_saved_comes_back_in_files_of_a_bounded_size(tmp_path: Path) -> None:
    save_standing(tmp_path, Standing(5, "mine", TENSORS), 0.003)
    files = sorted(tmp_path.glob("*.safetensors"))
    assert len(files) >= 3  # 8000 bytes of the largest tensor alone
    assert all(path.stat().st_size < 3000 + 1000 for path in files)
    found = read_standing(tmp_path)
    assert found is not None
    assert (found.step, found.mark) == (5, "mine")
    assert found.tensors.keys() == TENSORS.keys()
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in TENSORS.items())
    assert found.tensors["network.count"].dtype == torch.int64
    assert part_of(found.tensors, "generator").keys() == {"0.step"}


def test_a_later_standing_replaces_the_one_before(tmp_path: Path) -> None:
    assert read_standing(tmp_path) is None
    for step in (1, 2):
        save_standing(tmp_path, Standing(step, "mine", TENSORS), 100)
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["state-000002-00.safetensors"]


def test_damage_is_told(tmp_path: Path) -> None:
    save_standing(tmp_path, Standing(1, "mine", TENSORS), 100)
    (tmp_path / "state-000001-00.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="not a whole"):
        read_standing(tmp_path)
    (tmp_path / STATE).write_text("{}", encoding="utf-8")
    with pytest.raises(SettingsError, match="no standing of a training"):
        read_standing(tmp_path)


def test_an_optimiser_goes_on_with_its_moments() -> None:
    def steps(count: int, weight: torch.nn.Parameter, optimiser: torch.optim.Optimizer) -> None:
        for _ in range(count):
            optimiser.zero_grad()
            (weight**2).sum().backward()
            optimiser.step()

    whole = torch.nn.Parameter(torch.ones(3))
    adam = torch.optim.Adam([whole], 0.1)
    steps(2, whole, adam)
    part = torch.nn.Parameter(whole.detach().clone())
    other = torch.optim.Adam([part], 0.1)
    fill_optimiser(other, part_of(optimiser_tensors("side", adam), "side"))
    steps(2, whole, adam)
    steps(2, part, other)
    assert torch.equal(whole, part)
