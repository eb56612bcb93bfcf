"""Training of the teacher's networks: every stage runs, phases follow the recipe, an interruption changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vivant.avatars.tha.networks.body_morpher import BodyMorpher, BodyMorpherConfig
from vivant.avatars.tha.networks.eyebrow_combiner import EyebrowCombiner, EyebrowCombinerConfig
from vivant.avatars.tha.networks.eyebrow_decomposer import EyebrowDecomposer, EyebrowDecomposerConfig
from vivant.avatars.tha.networks.face_morpher import FaceMorpher, FaceMorpherConfig
from vivant.avatars.tha.networks.upscaler import Upscaler, UpscalerConfig
from vivant.errors import SettingsError
from vivant.training.tha import full_training, stages
from vivant.training.tha.full_training import Crew, TeacherSettings, train_stage
from vivant.training.tha.pairs import STEPS, numbers_of
from vivant.training.tha.stages import PHASES, StageName, losses_of, phase_at, quartered, total_examples
from vivant.weights import store
from vivant.weights.release import Release

SMALL: dict[str, Callable[[], nn.Module]] = {
    "eyebrow_decomposer": lambda: EyebrowDecomposer(EyebrowDecomposerConfig(channels=4)),
    "eyebrow_combiner": lambda: EyebrowCombiner(EyebrowCombinerConfig(channels=4)),
    "face_morpher": lambda: FaceMorpher(FaceMorpherConfig(channels=4)),
    "body_morpher": lambda: BodyMorpher(BodyMorpherConfig(channels=8, multipliers=(1, 1, 1, 1, 1))),
    "upscaler": lambda: Upscaler(UpscalerConfig(channels=8, multipliers=(1, 1, 1, 1, 1, 1))),
}


class Squares:
    """Examples without a painter: a square that the pose shifts."""

    def read(self, number: int, *, test: bool = False) -> tuple[dict[str, np.ndarray], np.ndarray]:
        random = np.random.default_rng([number, test])
        pictures = {}
        for place, step in enumerate(STEPS):
            picture = np.zeros((512, 512, 4), np.uint8)
            picture[80 + 4 * place : 300, 150 + 2 * place : 360] = random.integers(0, 255, 4)
            pictures[step] = picture
        return pictures, random.random(45).astype(np.float32)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path / "weights"))
    found = tuple(Release("tha4", f"teacher/{name}", {}, build) for name, build in SMALL.items())
    monkeypatch.setattr(full_training, "teacher", lambda: found)
    monkeypatch.setattr(full_training, "TESTS", 1)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["brows", "face", "body"])
def test_every_stage_learns_and_is_stored(small: Path, stage: StageName) -> None:
    told = list(train_stage(Squares(), small / "work", TeacherSettings(stage, examples=4, batch=2, rate=1e-3, every=1)))
    assert [one.step for one in told] == [1, 2]
    assert all(np.isfinite([one.loss, one.decibels]).all() for one in told)
    assert {one.name for one in store.list_stored()} == {f"tha4/teacher/{name}" for name in stages.NETWORKS[stage]}


@pytest.mark.slow
def test_the_upscaler_goes_through_its_three_phases(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Exception, match="body_morpher"):
        next(train_stage(Squares(), small / "up", TeacherSettings("upscaler", examples=3, batch=1)))
    list(train_stage(Squares(), small / "body", TeacherSettings("body", examples=1, batch=1)))
    seen = []
    original = stages.draw_whole

    def spy(*args: object, rough: bool) -> stages.Drawn:
        seen.append(rough)
        return original(*args, rough=rough)  # type: ignore[arg-type]

    monkeypatch.setattr(stages, "draw_whole", spy)
    monkeypatch.setattr(full_training, "judge", lambda *_: 0.0)
    # Every step counts as 7 examples and looks at one: whole pictures are costly.
    monkeypatch.setattr(full_training, "numbers_of", lambda *given: numbers_of(*given)[:1])
    list(train_stage(Squares(), small / "up", TeacherSettings("upscaler", examples=21, batch=7)))
    assert seen == [False, False, True]  # of 37 parts one is of the first phase, 18 of the second


def test_an_interrupted_training_ends_like_one_that_was_not(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = TeacherSettings("face", examples=6, batch=2, every=1)
    monkeypatch.setattr(full_training, "judge", lambda *_: 0.0)
    whole = [one.loss for one in train_stage(Squares(), small / "a", settings)]
    monkeypatch.setattr("vivant.training.tha.courses.SAVE_SECONDS", 0.0)
    first = train_stage(Squares(), small / "b", settings)
    parts = [next(first).loss, next(first).loss]
    first.close()
    parts += [one.loss for one in train_stage(Squares(), small / "b", settings)]
    assert parts == whole or parts[:1] + parts[2:] == whole  # what was reported before it was saved comes again


def test_phases_are_those_of_the_publication() -> None:
    assert total_examples("body") == 9_500_000
    assert total_examples("upscaler") == 18_500_000
    assert not phase_at("body", 499_999).perceptual
    assert phase_at("body", 500_000).perceptual
    assert [phase_at("upscaler", at).rough for at in (0, 9_499_999, 9_500_000, 99_000_000)] == [
        False,
        False,
        True,
        True,
    ]
    assert phase_at("body", 50, scale=1e-4).perceptual
    assert all(phase.examples > 0 for phases in PHASES.values() for phase in phases)


def test_workers_share_the_examples_of_a_step() -> None:
    parts = [list(numbers_of(5, 16, rank, 4)) for rank in range(4)]
    assert sorted(number for part in parts for number in part) == list(range(80, 96))
    assert Crew().size == 1


def test_losses_are_means_and_the_perceptual_ones_weigh_a_fifth() -> None:
    class Two:
        def distance(self, made: Tensor, wanted: Tensor, *, colours: bool) -> Tensor:
            return torch.tensor(5.0)

    made, wanted = torch.zeros(1, 4, 8, 8), torch.full((1, 4, 8, 8), 0.5)
    drawn = stages.Drawn({"a": (made, wanted)}, {"b": (made, wanted)})
    found = losses_of(drawn, Two(), colours=True)  # type: ignore[arg-type]
    assert {name: float(value) for name, value in found.items()} == {"a": 0.5, "seen_b": 1.0}
    assert list(losses_of(drawn, None, colours=True)) == ["a"]


def test_quadrants_hold_every_pixel_once() -> None:
    image = torch.arange(2 * 1 * 4 * 6, dtype=torch.float32).view(2, 1, 4, 6)
    parts = quartered(image)
    assert parts.shape == (8, 1, 2, 3)
    assert parts.flatten().sort().values.equal(image.flatten())
    assert parts[0].equal(image[0, :, :2, :3])


def test_too_few_examples_are_refused() -> None:
    with pytest.raises(SettingsError, match="give one step"):
        TeacherSettings(examples=3, batch=16)
