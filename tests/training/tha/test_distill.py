"""The whole distillation with a teacher that draws at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from characters import random_poses
from teachers import DiscTeacher

from vivant.avatars.tha.character import load_character, save_character
from vivant.avatars.tha.student import StudentPoser
from vivant.errors import SettingsError
from vivant.media.image import read_image
from vivant.training.tha import courses, published
from vivant.training.tha.courses import Standing
from vivant.training.tha.distill import Distilled, DistillSettings, distil
from vivant.training.tha.fast import Recipe
from vivant.training.tha.poses import draw_poses

TINY = Recipe(steps=4, squares=6, side=8, warm=1)
SETTINGS = DistillSettings(
    examples=8, held_out=1, face=TINY, flow=replace(TINY, squares=64, side=4), body=TINY, report_every=2
)


class Stop(Exception):
    """What interrupts here."""


@dataclass(frozen=True)
class Whole:
    """A distillation that nothing interrupted."""

    work: Path
    result: Distilled
    told: list[Standing]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    work, told = tmp_path_factory.mktemp("whole"), list[Standing]()
    return Whole(work, distil(DiscTeacher(), "disc", work, SETTINGS, told.append), told)


def weights(result: Distilled) -> torch.Tensor:
    character = result.character
    return torch.cat([part.flatten() for part in (*character.face.values(), *character.body.values())])


def test_a_distilled_character_opens_and_draws(whole: Whole, tmp_path: Path) -> None:
    assert [(one.course, one.step) for one in whole.told] == [
        (one, at) for one in ("face", "flow", "body") for at in (2, 4)
    ]
    save_character(tmp_path / "disc.vivant", whole.result.character)
    loaded = load_character(tmp_path / "disc.vivant")
    assert loaded.notes["source"] == "distilled from disc"
    assert np.array_equal(loaded.picture, DiscTeacher().picture)
    drawn = StudentPoser(loaded).draw(random_poses(0, 1)[0])
    assert (drawn[..., 3] > 0).mean() > 0.1
    assert read_image(whole.work / "preview.png").pixels.shape[1] == 192


def test_interrupted_anywhere_it_ends_the_same(whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courses, "SAVE_SECONDS", 0.0)
    for where in (("flow", 2), ("body", 4)):

        def stop(standing: Standing, where: tuple[str, int] = where) -> None:
            if (standing.course, standing.step) == where:
                raise Stop

        with pytest.raises(Stop):
            distil(DiscTeacher(), "disc", tmp_path, SETTINGS, stop)
    parts = distil(DiscTeacher(), "disc", tmp_path, SETTINGS)
    assert torch.equal(weights(whole.result), weights(parts))
    assert (whole.result.decibels, whole.result.least) == (parts.decibels, parts.least)


@pytest.mark.parametrize("change", [{"seed": 1}, {"face": replace(TINY, rate=1e-4)}, {"examples": 16}])
def test_another_distillation_is_refused(whole: Whole, change: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match="begun with"):
        distil(DiscTeacher(), "disc", whole.work, replace(SETTINGS, **change))  # type: ignore[arg-type]


@pytest.mark.slow
def test_it_learns_a_moving_disc(tmp_path: Path) -> None:
    settings = replace(
        SETTINGS,
        examples=32,
        held_out=4,
        flow=Recipe(steps=120, squares=256, side=4, rate=1e-3, warm=10),
        body=Recipe(steps=20, squares=32, side=8, warm=10),
        report_every=20,
    )
    told: list[Standing] = []
    distil(DiscTeacher(), "disc", tmp_path, settings, told.append)
    decibels = {name: [one.decibels for one in told if one.course == name] for name in ("flow", "body")}
    assert decibels["flow"][-1] > decibels["flow"][0] + 2
    assert decibels["body"][-1] > decibels["flow"][-1] - 1


@pytest.mark.slow
def test_the_published_method_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Every step counts as 8 examples and looks at two: whole pictures are costly.
    monkeypatch.setattr(published, "draw_poses", lambda random, count: draw_poses(random, count)[:2])
    settings = replace(SETTINGS, method="published", examples=8, report_every=1)
    told: list[Standing] = []
    result = distil(DiscTeacher(), "disc", tmp_path, settings, told.append)
    assert result.examples == 16
    assert [one.course for one in told] == ["face", "body"]


def test_settings_that_cannot_be() -> None:
    with pytest.raises(SettingsError, match="give 8"):
        DistillSettings(examples=2)
