"""Training of a stage: `vivant train real3d --stage ...`, on one device or, started by accelerate, on many.

What is random in a step depends on the seed, the process and the number of the step alone, and the standing after a
step is all that the next one needs; so a run that was interrupted ends with the same weights as one that was not.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

import torch
from torch import Tensor, nn

from vivant.errors import SettingsError
from vivant.training.real3d.beginnings import load_beginnings
from vivant.training.real3d.checkpoint import (
    Standing,
    fill_optimiser,
    network_tensors,
    optimiser_tensors,
    part_of,
    read_standing,
    save_standing,
)
from vivant.training.real3d.crew import Crew, join_crew
from vivant.training.real3d.judge import judge, write_sheet
from vivant.training.real3d.parts import Parts
from vivant.training.real3d.perceptual import open_face_perceptual
from vivant.training.real3d.recipes import AnyRecipe
from vivant.training.real3d.samples import Pair, Reader, Source, moved
from vivant.training.real3d.schedules import LAZY, RATES
from vivant.training.real3d.stages import Shop, Turn, online_weights, turns_of

FIGURES = "figures.jsonl"
DECAYS = (0.0, 0.99)
"""Of Adam's moments."""
MARGIN = 2**40


@dataclass(frozen=True)
class Report:
    """How far a training is."""

    step: int
    steps: int
    figures: dict[str, float]
    """Means of the losses since the last report, and what held-out pairs show."""
    seconds_left: float


@dataclass
class Training:
    """A stage in progress."""

    recipe: AnyRecipe
    shop: Shop
    crew: Crew
    optimisers: dict[str, torch.optim.Optimizer]
    sums: dict[str, list[float]] = field(default_factory=dict)
    """Losses since the last report."""

    @property
    def mark(self) -> str:
        """Whose training this is: a folder goes on only with the same recipe, but for its length and rates."""
        told = self.recipe
        return repr((told.stage, told.course.batch, told.course.seed, told.sizes, self.crew.size))


def train_stage(
    recipe: AnyRecipe, source: Source, work: Path, device: str = "cpu", sheet: Path | None = None
) -> Iterator[Report]:
    """Train a stage on pairs of `source`; goes on where `work` stands. Tells how it goes now and then.

    With each report a `sheet` shows held-out pairs, see `judge.write_sheet`.

    `work` holds the standing, see `checkpoint`, and a line of figures for each report. Raises SettingsError where it
    belongs to another recipe, or a loss is no number any more; WeightsError for files that do not fit.
    """
    training = begin(recipe, join_crew(device))
    first = resume(training, work)
    course = recipe.course
    reader = Reader(source, course.batch, course.seed, training.crew.rank, course.readers)
    started = saved = time.monotonic()
    work.mkdir(parents=True, exist_ok=True)
    with open(work / FIGURES, "a", encoding="utf-8") as record:
        for step, pair in zip(range(first, recipe.steps), reader.batches(first, recipe.steps), strict=False):
            take_step(training, moved(pair, training.crew.device), step)
            done = step + 1
            last = done == recipe.steps
            if last or time.monotonic() - saved > course.save_seconds:
                keep(training, work, done)
                saved = time.monotonic()
            if last or done % course.every == 0:
                left = (time.monotonic() - started) / (done - first) * (recipe.steps - done)
                yield _report(training, reader, record, Report(done, recipe.steps, {}, left))
                if sheet is not None and training.crew.leads:
                    write_sheet(training.shop.parts, recipe, reader, training.crew.device, sheet)


def begin(recipe: AnyRecipe, crew: Crew) -> Training:
    """Networks as they are before the first step, on the crew's device, the same in every process."""
    torch.manual_seed(recipe.course.seed)
    parts = Parts(recipe.stage, recipe.sizes)
    load_beginnings(parts, recipe)
    if crew.size > 1 and crew.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(parts)  # type: ignore[no-untyped-call]
    parts.to(crew.device)
    crew.share_weights(parts)
    perceptual = open_face_perceptual(recipe.vgg19, recipe.vgg_face)
    shop = Shop(parts, perceptual and perceptual.to(crew.device), online_weights(recipe).to(crew.device))
    return Training(recipe, shop, crew, _optimisers(parts, recipe))


def take_step(training: Training, pair: Pair, step: int) -> None:
    """All turns of a step."""
    recipe, parts = training.recipe, training.shop.parts
    torch.manual_seed(_seed(recipe.course.seed, step, training.crew.rank))
    parts.set_out(recipe.stage)
    turns = turns_of(recipe)(training.shop, pair, step, recipe.published(step))
    while True:
        with torch.autocast(training.crew.device.type, torch.bfloat16, enabled=recipe.course.precision == "bfloat16"):
            turn = next(turns, None)
        if turn is None:
            return
        _learn(training, turn, step)


def _learn(training: Training, turn: Turn, step: int) -> None:
    """One step of one side's optimiser."""
    course, optimiser = training.recipe.course, training.optimisers[turn.side]
    total = torch.stack([value.float() for value in turn.losses.values()]).sum()
    if not math.isfinite(float(total.detach())):
        told = {name: round(float(value.detach()), 4) for name, value in turn.losses.items()}
        raise SettingsError(f"the training went wrong at step {step} ({told}); use a lower rate or other data")
    rates = RATES[training.recipe.stage]
    held: list[Tensor] = []
    for group in optimiser.param_groups:
        group["lr"] = rates[group["name"]](training.recipe.published(step)) * course.rate
        held += group["params"]
    optimiser.zero_grad()
    torch.autograd.backward(total)
    training.crew.share_gradients(held)
    nn.utils.clip_grad_norm_(held, course.clip)
    optimiser.step()
    for name, value in turn.losses.items():
        training.sums.setdefault(name, []).append(float(value.detach()))


def keep(training: Training, work: Path, done: int) -> None:
    """Save the standing after `done` steps, by the first process."""
    if not training.crew.leads:
        return
    tensors = network_tensors("network", training.shop.parts) | network_tensors("online", training.shop.online)
    for side, optimiser in training.optimisers.items():
        tensors |= optimiser_tensors(side, optimiser)
    save_standing(work, Standing(done, training.mark, tensors), training.recipe.course.megabytes)


def resume(training: Training, work: Path) -> int:
    """The step at which `work` stands, whose state is loaded; 0 where it is new."""
    standing = read_standing(work)
    if standing is None:
        return 0
    if standing.mark != training.mark:
        raise SettingsError(f"{work} was begun with another recipe; delete it to begin again, or name another folder")
    training.shop.parts.load_state_dict(part_of(standing.tensors, "network"))
    training.shop.online.load_state_dict(part_of(standing.tensors, "online"))
    for side, optimiser in training.optimisers.items():
        fill_optimiser(optimiser, part_of(standing.tensors, side))
    return standing.step


def _report(training: Training, reader: Reader, record: TextIO, empty: Report) -> Report:
    """`empty` with figures, which are written down as well."""
    figures = {name: sum(values) / len(values) for name, values in sorted(training.sums.items())}
    figures |= judge(training.shop.parts, training.recipe, reader, training.crew.device)
    training.sums = {}
    if training.crew.leads:
        told = {name: round(value, 6) for name, value in figures.items()}
        record.write(json.dumps({"step": empty.step, **told}) + "\n")
        record.flush()
    return replace(empty, figures=figures)


def _optimisers(parts: Parts, recipe: AnyRecipe) -> dict[str, torch.optim.Optimizer]:
    """Adam for both sides; the discriminator's forgets less, as its penalty comes now and then only."""
    learning = parts.learning(recipe.stage)
    groups = [{"params": list(part.parameters()), "name": name} for name, part in learning.items()]
    made = [group for group in groups if group["name"] != "discriminator"]
    judged = [group for group in groups if group["name"] == "discriminator"]
    lazy = (DECAYS[0] ** LAZY, DECAYS[1] ** LAZY)
    return {
        "generator": torch.optim.Adam(made, betas=DECAYS),
        "discriminator": torch.optim.Adam(judged, betas=lazy),
    }


def _seed(seed: int, step: int, rank: int) -> int:
    """Another one for each step and process."""
    return (seed * 1_000_003 + step * 4099 + rank) % MARGIN
