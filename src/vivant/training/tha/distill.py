"""Distillation: a slow teacher's drawings of one character become its two students, small enough for a browser."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Adam

from vivant.avatars.tha.character import Character
from vivant.avatars.tha.networks.body_student import BodyStudent
from vivant.avatars.tha.networks.face_student import FaceStudent
from vivant.errors import SettingsError
from vivant.progress import Progress, no_progress
from vivant.training.tha import fast, published
from vivant.training.tha.coarse import CoarseFlow, keep_passing, moved_only, pass_on, settled
from vivant.training.tha.courses import Course, Standing, attend
from vivant.training.tha.judge import body_decibels, face_decibels, whole_decibels, write_preview
from vivant.training.tha.pool import Pool, decoded, fill_pool
from vivant.training.tha.published import Stream
from vivant.training.tha.teachers import Teacher

Bytes = NDArray[np.uint8]
Tell = Callable[[Standing], None]
Judge = Callable[[], float]
Losses = Callable[[int], Mapping[str, Tensor]]

MOVING = 0.02
"""Standard deviation of a face's pixel over the poses from which on the published loss counts it more."""
AROUND = 2
"""Pixels by which that part is widened."""


@dataclass(frozen=True)
class DistillSettings:
    """How a character is distilled."""

    method: Literal["fast", "published"] = "fast"
    """Ours, or the published one, whose schedule is shortened to `examples`."""
    examples: int = 8192
    """Pictures that the teacher draws; published: those of the body, 1,500,000 in the paper, and 2/3 more faces."""
    held_out: int = 24
    """Further pictures by which the students are judged."""
    face: fast.Recipe = fast.FACE
    """How the face is taught by our method."""
    flow: fast.Recipe = fast.FLOW
    """And the body's motion, before the body."""
    body: fast.Recipe = fast.BODY
    seed: int = 0
    mask: Bytes | None = None
    """(128, 128) above 127 where the face moves, for the published method; none: where the teacher moves it."""
    report_every: int = 200
    """Steps between two reports."""
    preview_minutes: float = 5.0

    def __post_init__(self) -> None:
        if self.examples < 8 or self.held_out < 1 or self.report_every < 1:
            raise SettingsError(f"{self.examples} examples, {self.held_out} held out; give 8 and 1 at least")


@dataclass(frozen=True)
class Distilled:
    """A character, and how near it is to its teacher."""

    character: Character
    decibels: float
    """Mean PSNR over the held-out poses, whole pictures."""
    least: float
    """Over the worst of them."""
    examples: int
    """Pictures that the teacher drew for the learning."""


@dataclass(frozen=True)
class Plan:
    """What the students of a character attend."""

    courses: Sequence[Course]
    judges: Sequence[Judge]
    students: Callable[[], tuple[nn.Module, nn.Module]]
    """Face and body as published, as they are now."""
    examples: int
    """Pictures that the teacher draws for it."""


def distil(
    teacher: Teacher,
    name: str,
    work: Path,
    settings: DistillSettings = DistillSettings(),
    tell: Tell = lambda _: None,
    progress: Progress = no_progress,
) -> Distilled:
    """Distil the character of `teacher`, on its device; interrupted, the same call with the same `work` goes on.

    `name` says who the teacher is; `progress` counts its pictures, `tell` hears how the students do. The folder `work`
    gets the teacher's pictures, checkpoints and preview.png. Raises SettingsError where it holds another distillation.
    """
    mark = mark_of(teacher, name)
    fill = partial(fill_pool, teacher=teacher, mark=mark, progress=progress)
    tests = fill(work / "held_out", count=settings.held_out, seed=settings.seed + 1)
    torch.manual_seed(settings.seed)
    if settings.method == "fast":
        pool = fill(work / "pool", count=settings.examples, seed=settings.seed)
        plan = _fast_plan(teacher.drawing, tests, pool, settings)
    else:
        plan = _published_plan(teacher, tests, settings)
    notes = {"source": f"distilled from {name}", "method": f"{settings.method}, {plan.examples} examples"}
    mark = _mark(mark.encode(), _recipe(settings))
    shown = time.monotonic()
    for course, judge in zip(plan.courses, plan.judges, strict=True):
        for standing in attend(course, judge, work, mark, every=settings.report_every):
            tell(standing)
            if course.name == "body" and time.monotonic() - shown > 60 * settings.preview_minutes:
                write_preview(work / "preview.png", _character(teacher.picture, plan, notes), tests)
                shown = time.monotonic()
    character = _character(teacher.picture, plan, notes)
    write_preview(work / "preview.png", character, tests)
    mean, least = whole_decibels(character, tests)
    return Distilled(character, mean, least, plan.examples)


def _fast_plan(image: Tensor, tests: Pool, pool: Pool, settings: DistillSettings) -> Plan:
    """What is learnt of a drawing (1, 4, 512, 512) from two pools."""
    tests, pool = tests.to(image.device), pool.to(image.device)
    drawing, seed = image[0].permute(1, 2, 0).contiguous(), settings.seed
    face, body = fast.new_face().to(image.device), fast.new_body().to(image.device)
    coarse = CoarseFlow(body.levels[0]).to(image.device)
    keep_passing(body)
    courses = (
        _course("face", face, settings.face, fast.FaceLessons(face, pool, settings.face, seed)),
        _course("flow", coarse, settings.flow, fast.flow_lessons(coarse, pool, drawing, settings.flow, seed)),
        _course("body", body, settings.body, fast.BodyLessons(body, pool, drawing, settings.body, seed)),
    )
    courses = (*courses[:2], replace(courses[2], begin=partial(pass_on, coarse, body)))
    judges = (
        lambda: face_decibels(face, tests),
        lambda: body_decibels(moved_only(coarse, body), tests, drawing),
        lambda: body_decibels(settled(body), tests, drawing),
    )
    return Plan(courses, judges, lambda: (face, settled(body)), len(pool))


def _published_plan(teacher: Teacher, tests: Pool, settings: DistillSettings) -> Plan:
    device = teacher.drawing.device
    tests, drawing = tests.to(device), teacher.drawing[0].permute(1, 2, 0).contiguous()
    face, body = FaceStudent().to(device), BodyStudent().to(device)
    stream = Stream(teacher, settings.examples / published.BODY_EXAMPLES, settings.seed)
    face_steps, body_steps = (stream.steps(count) for count in (published.FACE_EXAMPLES, published.BODY_EXAMPLES))
    face_losses = partial(published.face_step, face, stream, face_mask(settings.mask, tests))
    body_losses = partial(published.body_step, body, stream)
    courses = (
        Course("face", face, Adam(face.parameters()), face_steps, stream.face_rate, face_losses),
        Course("body", body, Adam(body.parameters()), body_steps, stream.body_rate, body_losses),
    )
    judges = (lambda: face_decibels(face, tests), lambda: body_decibels(body, tests, drawing))
    return Plan(courses, judges, lambda: (face, body), (face_steps + body_steps) * published.BATCH)


def _course(name: str, student: nn.Module, recipe: fast.Recipe, lessons: Losses) -> Course:
    return Course(name, student, fast.optimiser_of(student), recipe.steps, recipe.rate_at, lessons)


def _character(picture: Bytes, plan: Plan, notes: Mapping[str, str]) -> Character:
    """The character of a drawing (512, 512, 4) with the students of `plan`."""
    face, body = ({key: value.cpu().clone() for key, value in one.state_dict().items()} for one in plan.students())
    return Character(picture, face, body, notes)


def mark_of(teacher: Teacher, name: str) -> str:
    """Tells the pictures of one teacher and drawing from others."""
    return _mark(teacher.picture.tobytes(), name)


def face_mask(given: Bytes | None, tests: Pool) -> Tensor:
    """(1, 1, 128, 128) 1 where the face moves: as `given`, else where the teacher moves it."""
    if given is not None:
        return torch.from_numpy(given > 127).float()[None, None].to(tests.poses.device)
    moved = (decoded(tests.faces).std(0, correction=0).amax(2) > MOVING).float()[None, None]
    return F.max_pool2d(moved, 2 * AROUND + 1, 1, AROUND)


def _recipe(settings: DistillSettings) -> str:
    """What decides over the result."""
    parts = (settings.method, settings.examples, settings.seed, settings.face, settings.flow, settings.body)
    return f"{parts} {b'' if settings.mask is None else settings.mask.tobytes()!r}"


def _mark(data: bytes, text: str) -> str:
    return hashlib.sha256(data + text.encode()).hexdigest()[:16]
