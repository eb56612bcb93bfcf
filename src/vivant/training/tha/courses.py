"""The loop of a distillation: a student attends a course, can be interrupted at any moment and goes on later.

What is random in a step depends on the seed and the number of the step alone, and the state after a step is all that
the next one needs; a run that was interrupted therefore ends with the same weights as one that was not.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from vivant.errors import SettingsError
from vivant.weights.store import read_safetensors

SAVE_SECONDS = 60.0
"""What an interruption costs at most."""


@dataclass(frozen=True)
class Course:
    """What one student learns, and how."""

    name: str
    student: nn.Module
    optimiser: torch.optim.Optimizer
    steps: int
    rate: Callable[[int], float]
    """Learning rate of a step; a group of the optimiser may take a "share" of it."""
    losses: Callable[[int], Mapping[str, Tensor]]
    """Weighted losses of a step; their sum is descended."""
    saves: bool = True
    """False for all but the first of several machines."""
    begin: Callable[[], None] = lambda: None
    """What happens before the first step."""


@dataclass(frozen=True)
class Standing:
    """How far a course is."""

    course: str
    step: int
    steps: int
    decibels: float
    loss: float
    """Mean since the last report."""
    seconds_left: float


def attend(course: Course, judge: Callable[[], float], folder: Path, mark: str, *, every: int) -> Iterator[Standing]:
    """Train the student of `course`, from where the checkpoint in `folder` stands; tells how it goes `every` steps.

    `judge` finds its PSNR in dB, `mark` says whose training it is. Raises SettingsError where the checkpoint belongs
    to another, or a loss is no number any more.
    """
    path = folder / f"{course.name}.safetensors"
    first = _resume(course, path, mark)
    if not first:
        course.begin()
    started = saved = time.monotonic()
    since: list[float] = []
    for step in range(first, course.steps):
        since.append(_step(course, step))
        done = step + 1
        if done % every == 0 or done == course.steps:
            left = (time.monotonic() - started) / (done - first) * (course.steps - done)
            yield Standing(course.name, done, course.steps, judge(), sum(since) / len(since), left)
            since = []
        if course.saves and (done == course.steps or time.monotonic() - saved > SAVE_SECONDS):
            _save(course, path, mark, done)
            saved = time.monotonic()


def _step(course: Course, step: int) -> float:
    total = torch.stack(list(course.losses(step).values())).sum()
    loss = float(total.detach())
    if not math.isfinite(loss):
        raise SettingsError(f"the {course.name} went wrong at step {step}; use a lower --rate")
    for group in course.optimiser.param_groups:
        group["lr"] = course.rate(step) * group.get("share", 1.0)
    course.optimiser.zero_grad()
    torch.autograd.backward(total)
    course.optimiser.step()
    return loss


def _save(course: Course, path: Path, mark: str, step: int) -> None:
    tensors = {f"student.{name}": tensor for name, tensor in course.student.state_dict().items()}
    for place, entries in course.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{place}.{name}": torch.as_tensor(value) for name, value in entries.items()}
    path.parent.mkdir(parents=True, exist_ok=True)  # not sooner: a training that is refused leaves nothing
    partial = path.with_name(f".{path.name}.part")
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, partial, {"step": str(step), "mark": mark}
    )
    os.replace(partial, path)


def _resume(course: Course, path: Path, mark: str) -> int:
    """The step at which the checkpoint stands, whose state is loaded; 0 without one."""
    if not path.is_file():
        return 0
    tensors, told = read_safetensors(path)
    if told.get("mark") != mark:
        raise SettingsError(f"{path.parent} was begun with other settings; delete it to begin again, or name another")
    course.student.load_state_dict({key[8:]: value for key, value in tensors.items() if key.startswith("student.")})
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, place, name = key.split(".", 2)
            state.setdefault(int(place), {})[name] = value.clone()
    course.optimiser.load_state_dict({**course.optimiser.state_dict(), "state": state})
    return int(told["step"])
