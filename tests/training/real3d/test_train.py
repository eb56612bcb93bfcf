"""Every stage runs on small heads, lowers its loss, and goes on after an interruption as if there had been none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small_heads import SIDE, small_sizes, write_heads

from vivant.errors import SettingsError
from vivant.training.real3d.checkpoint import read_standing
from vivant.training.real3d.crew import Crew
from vivant.training.real3d.head_pairs import HeadPairs
from vivant.training.real3d.judge import decibels, overlap
from vivant.training.real3d.losses import OnlineWeight
from vivant.training.real3d.recipes import RECIPES, AnyRecipe, Course, MotionLosses, Realism
from vivant.training.real3d.schedules import StageName
from vivant.training.real3d.shards import open_heads
from vivant.training.real3d.stages import reference_every
from vivant.training.real3d.train import FIGURES, begin, train_stage

FEW = Course(steps=8, batch=2, every=4, tests=1, rate=20.0, readers=0, save_seconds=0.0, seed=3)


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_heads(tmp_path_factory.mktemp("heads"))


@pytest.fixture(scope="module")
def trained(heads: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of all stages but sr, each trained from the one before."""
    folder = tmp_path_factory.mktemp("trained")
    start = None
    for stage in ("i2p", "motion"):
        list(train_stage(recipe(stage, start=start), pairs(heads, stage), folder / stage))
        start = folder / stage
    return folder


def recipe(stage: StageName, course: Course = FEW, **others: Any) -> AnyRecipe:
    if stage == "motion":  # as published, the discriminator would have no turn
        others.setdefault("realism", Realism(since=125_000))
    return RECIPES[stage](course=course, sizes=small_sizes(), **others)


def pairs(folder: Path, stage: StageName) -> HeadPairs:
    return HeadPairs(open_heads(folder), SIDE, still=stage == "i2p", torso=stage == "torso")


def figures(work: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (work / FIGURES).read_text(encoding="utf-8").splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["i2p", "motion"])
def test_the_stages_of_the_head_learn(trained: Path, stage: StageName) -> None:
    first, last = figures(trained / stage)
    name = "novel_picture" if stage == "i2p" else "target_picture"
    assert (first["step"], last["step"]) == (4, 8)
    assert last[name] < first[name]
    assert {"psnr", "psnr_raw", "cover"} <= set(last)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["torso", "sr"])
def test_the_stages_of_super_resolution_learn_and_leave_all_else(
    heads: Path, trained: Path, tmp_path: Path, stage: StageName
) -> None:
    course = replace(FEW, rate=200.0) if stage == "torso" else replace(FEW, rate=50.0, steps=24, every=12)
    told = recipe(stage, course, start=trained / "motion")
    before = begin(told, Crew(torch.device("cpu"))).shop.parts.state_dict()
    before = {name: tensor.clone() for name, tensor in before.items()}
    reports = list(train_stage(told, pairs(heads, stage), tmp_path / stage, sheet=tmp_path / "sheet.png"))
    name = "target_picture" if stage == "torso" else "same_picture"
    assert reports[1].figures[name] < reports[0].figures[name]
    assert (tmp_path / "sheet.png").is_file()
    standing = read_standing(tmp_path / stage)
    assert standing is not None
    changed = {name.split(".")[1] for name, tensor in standing.tensors.items() if _differs(name, tensor, before)}
    assert changed == {"super_resolution", "discriminator"}


def _differs(name: str, tensor: torch.Tensor, before: dict[str, torch.Tensor]) -> bool:
    return name.startswith("network.") and not torch.equal(tensor, before[name.removeprefix("network.")])


@pytest.mark.slow
def test_an_interrupted_training_ends_like_one_that_was_not(heads: Path, trained: Path, tmp_path: Path) -> None:
    told = recipe("motion", start=trained / "i2p")
    half = train_stage(told, pairs(heads, "motion"), tmp_path / "motion")
    assert next(half).step == 4
    half.close()
    assert [report.step for report in train_stage(told, pairs(heads, "motion"), tmp_path / "motion")] == [8]
    one, other = (read_standing(folder / "motion") for folder in (trained, tmp_path))
    assert one is not None
    assert other is not None
    assert one.tensors.keys() == other.tensors.keys()
    assert all(torch.equal(tensor, other.tensors[name]) for name, tensor in one.tensors.items())
    assert any(name.startswith("discriminator.") for name in one.tensors)
    assert "online.bend.value" in one.tensors
    assert list(train_stage(told, pairs(heads, "motion"), tmp_path / "motion")) == []
    longer = replace(told, course=replace(FEW, steps=9))
    assert [report.step for report in train_stage(longer, pairs(heads, "motion"), tmp_path / "motion")] == [9]
    with pytest.raises(SettingsError, match="another recipe"):
        next(train_stage(replace(told, course=replace(FEW, seed=4)), pairs(heads, "motion"), tmp_path / "motion"))


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_the_training(heads: Path, tmp_path: Path) -> None:
    source = pairs(heads, "i2p")

    class Broken:
        def pair(self, *given: Any, **named: Any) -> Any:
            pair = source.pair(*given, **named)
            pair.target.head[:] = torch.nan
            return pair

    with pytest.raises(SettingsError, match="went wrong at step 0"):
        next(train_stage(recipe("i2p"), Broken(), tmp_path / "i2p"))


def test_the_published_schedule_is_gone_through_in_a_hurry_or_not_to_its_end() -> None:
    hurried = recipe("torso", replace(FEW, steps=50))
    assert [hurried.published(step) for step in (0, 25, 50)] == [0, 50_000, 100_000]
    assert recipe("torso", replace(FEW, steps=50, hurry=False)).published(25) == 25
    assert RECIPES["i2p"]().steps == 250_000


def test_reference_views_become_frequent_once_the_discriminator_counts() -> None:
    assert [reference_every(step, 30_000) for step in (0, 29_999, 30_000, 34_999, 35_000)] == [5, 5, 2, 2, 1]
    assert MotionLosses().same_every == 16
    assert Realism().every == 16


def test_figures_of_held_out_pictures() -> None:
    grey = torch.zeros(1, 3, 4, 4)
    assert decibels(grey, grey + 0.2) == pytest.approx(20.0)
    assert decibels(grey - 9, grey - 1) == pytest.approx(100.0)  # beyond the range there is nothing to see
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., :2] = 1
    assert overlap(torch.ones(1, 1, 2, 2), mask) == pytest.approx(0.5)


def test_weights_that_move_are_kept() -> None:
    weight = OnlineWeight(0.1, 1.0)
    weight(torch.tensor(10.0))
    other = OnlineWeight(0.1, 1.0)
    other.load_state_dict(weight.state_dict())
    assert float(other.value) == float(weight.value) > 0.001
