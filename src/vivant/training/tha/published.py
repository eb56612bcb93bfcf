"""The published distillation of Talking Head Anime 4: losses, weights and learning rates, as in its released code.

Learning rates and weights go by the examples seen before a step; an example is one picture that the teacher draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vivant.avatars.tha.networks.body_student import BodyStudent, Moved
from vivant.avatars.tha.networks.face_student import FACE_COLUMNS, FACE_POSE, FACE_ROWS, FaceStudent
from vivant.nn.warp import warp
from vivant.training.tha.poses import draw_poses
from vivant.training.tha.teachers import Shown, Teacher

BATCH = 8
FACE_EXAMPLES, BODY_EXAMPLES = 1_000_000, 1_500_000
FACE_RATES = ((200_000, 1e-4), (500_000, 1e-4 / 3), (800_000, 1e-5), (FACE_EXAMPLES, 1e-4 / 30))
MASKED = 20.0
"""Weight of the face's error where eyes, brows and mouth move, beside 1 everywhere."""


@dataclass(frozen=True)
class BodyWeights:
    """Of the errors of the body."""

    flow: float
    warped: float
    direct: float
    final: float


EARLY, MIDDLE, LATE = BodyWeights(0.5, 0.25, 2, 0.25), BodyWeights(5, 2.5, 1, 1), BodyWeights(1, 1, 1, 10)
BODY_PHASES = (
    (200_000, 1e-4, EARLY),
    (400_000, 3e-5, EARLY),
    (600_000, 3e-5, MIDDLE),
    (800_000, 1e-5, MIDDLE),
    (1_300_000, 1e-5, LATE),
    (BODY_EXAMPLES, 3e-6, LATE),
)
"""Examples up to which each holds, learning rate, weights."""


def face_rate(seen: int) -> float:
    """Learning rate of the face student after `seen` examples."""
    return next((rate for end, rate in FACE_RATES if seen < end), FACE_RATES[-1][1])


def body_phase(seen: int) -> tuple[float, BodyWeights]:
    """Learning rate and weights of the body student after `seen` examples."""
    return next(((rate, weights) for end, rate, weights in BODY_PHASES if seen < end), BODY_PHASES[-1][1:])


def face_losses(found: Tensor, wanted: Tensor, mask: Tensor) -> Mapping[str, Tensor]:
    """Weighted errors of faces `found` (N, 4, 128, 128); `mask` (1, 1 or 4, 128, 128) is 1 where the face moves."""
    error = (found - wanted).abs()
    return {"whole": error.mean(), "masked": MASKED * (error * mask).mean()}


def body_losses(found: Moved, wanted: Shown, warped: Tensor, weights: BodyWeights) -> Mapping[str, Tensor]:
    """Weighted errors of a body; `warped` (N, 4, 512, 512) is what the teacher's flow makes of the drawing.

    As in the released code, the student's own colours are compared with the teacher's result, not with its colours.
    """
    return {
        "flow": weights.flow * (found.flow - wanted.flow).abs().mean(),
        "warped": weights.warped * (found.warped - warped).abs().mean(),
        "direct": weights.direct * (found.colour - wanted.posed).abs().mean(),
        "final": weights.final * (found.blended - wanted.posed).abs().mean(),
    }


@dataclass(frozen=True)
class Stream:
    """Where the published method takes its examples from: the teacher draws them as they are needed, once."""

    teacher: Teacher
    share: float
    """Length of the training beside the published one."""
    seed: int = 0

    def steps(self, examples: int) -> int:
        """Of a course with so many `examples` as published."""
        return max(round(examples * self.share / BATCH), 1)

    def seen(self, step: int) -> int:
        """Where the published schedule stands before `step`."""
        return int(step * BATCH / self.share)

    def face_rate(self, step: int) -> float:
        """Learning rate of the face at `step`."""
        return face_rate(self.seen(step))

    def body_rate(self, step: int) -> float:
        """Learning rate of the body at `step`."""
        return body_phase(self.seen(step))[0]

    def poses(self, step: int) -> Tensor:
        """Those of a step (8, 45)."""
        drawn = draw_poses(np.random.default_rng([self.seed, 4, step]), BATCH)
        return torch.from_numpy(drawn).to(self.teacher.drawing.device)


def face_step(student: FaceStudent, stream: Stream, mask: Tensor, step: int) -> Mapping[str, Tensor]:
    """Weighted losses, each (), of the faces (8, 4, 128, 128) of a step; `mask` as in `face_losses`."""
    poses = stream.poses(step)
    return face_losses(student(poses[:, FACE_POSE]), stream.teacher.faces(poses), mask)


def body_step(student: BodyStudent, stream: Stream, step: int) -> Mapping[str, Tensor]:
    """Weighted losses, each (), of the pictures (8, 4, 512, 512) of a step."""
    poses = stream.poses(step)
    shown = stream.teacher.show(poses)
    images = stream.teacher.drawing.repeat(len(poses), 1, 1, 1)
    images[:, :, FACE_ROWS, FACE_COLUMNS] = shown.face
    weights = body_phase(stream.seen(step))[1]
    return body_losses(student(images, poses), shown, warp(images, shown.flow), weights)
