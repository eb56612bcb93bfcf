"""The body's motion by the coarsest level of its student alone, before the finer levels learn anything.

Flow is smooth, so 128 x 128 places hold nearly all of it; and a level by itself can look at a single place of each of
thousands of poses in one step, where squares of the whole network see some dozen poses.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from vivant.avatars.tha.networks.body_student import SIZES, WIDTHS, BodyStudent
from vivant.avatars.tha.networks.face_student import FACE_POSE, OMEGA
from vivant.training.tha.pool import FLOW_SIDE, Pool
from vivant.training.tha.tiles import linears, phases

Doubles = NDArray[np.float64]

SIDE = SIZES[0]
GAIN = 0.02
"""What a loose last layer's flow counts: a pixel is 1/256, but learning rates are made for larger numbers."""
SMALL = 0.03
"""How large the head begins, beside what is usual: with hardly any motion."""
TINY = 1e-3
"""Half a pixel and below, errors count by their square."""
FLOW = slice(0, 2)
"""Channels of the finer levels that pass the flow on."""


class CoarseFlow(nn.Module):
    """Position and pose to flow."""

    def __init__(self, level: nn.Module) -> None:
        """`level` is the first of a `BodyStudent`, which learns."""
        super().__init__()
        self.level = level
        self.head = nn.Linear(WIDTHS[0][-1], 2)
        with torch.no_grad():
            self.head.weight *= SMALL
            self.head.bias.zero_()

    def forward(self, places: Tensor, pose: Tensor) -> Tensor:
        """Flow (T, 2) at `places` (T, 2), x and y in -1..1, for `pose` (T, 45)."""
        feature = torch.cat([places, pose], 1)
        for weight, bias in phases(self.level):
            feature = torch.sin(F.linear(feature, weight, bias))
        flow: Tensor = self.head(feature)
        return flow


class FlowLessons:
    """Steps of the motion."""

    def __init__(self, network: CoarseFlow, pool: Pool, shares: Doubles, points: int, seed: int) -> None:
        """`shares` (128 * 128,) says how often each place is learnt from, `points` are learnt from in a step."""
        self.network, self.pool, self.shares, self.points, self.seed = network, pool, shares, points, seed

    def __call__(self, step: int) -> Mapping[str, Tensor]:
        """Weighted losses, each (), of a step."""
        random, device = np.random.default_rng([self.seed, 5, step]), self.pool.poses.device
        which = torch.from_numpy(random.integers(len(self.pool), size=self.points)).to(device)
        place = random.choice(len(self.shares), self.points, p=self.shares)
        row, column = (torch.from_numpy(part).to(device) for part in np.divmod(place, SIDE))
        places = (torch.stack([column, row], 1) * 2 + 1) / SIDE - 1
        other = torch.from_numpy(random.permutation(self.points)).to(device)
        poses = with_faces_of(self.pool.poses[which], self.pool.poses[which[other]])
        error = self.network(places, poses) - self._wanted(which, row, column)
        # As large as the error itself in pixels, but smooth where it is nearly right.
        return {"flow": (error.square() + TINY**2).sqrt().mean()}

    def _wanted(self, which: Tensor, row: Tensor, column: Tensor) -> Tensor:
        """The teacher's mean flow (T, 2) around each place."""
        ratio = FLOW_SIDE // SIDE
        near = torch.arange(ratio, device=which.device)
        rows, columns = (part[:, None] * ratio + near for part in (row, column))
        return self.pool.flow[which[:, None, None], rows[:, :, None], columns[:, None]].float().mean((1, 2))


def with_faces_of(poses: Tensor, others: Tensor) -> Tensor:
    """`poses` (T, 45) with the faces of `others`.

    The body moves the same whatever the face does; a student that is shown so need not see each motion with each face.
    """
    return torch.cat([others[:, FACE_POSE], poses[:, FACE_POSE.stop :]], 1)


@torch.no_grad()
def pass_on(network: CoarseFlow, student: BodyStudent) -> None:
    """Let the finer levels of `student`, whose first is that of `network`, begin by passing the flow on.

    A sine of a small phase is the phase: flows are below 0.1. The last layer is left `loose`.
    """
    head = network.head.weight / OMEGA, network.head.bias / OMEGA
    pass_through = torch.eye(2, device=head[0].device) / OMEGA, torch.zeros_like(head[1])
    finer = [pair for level in student.levels[1:] for pair in linears(level)]
    for (weight, bias), (given, offset) in zip(finer, [head, *[pass_through] * (len(finer) - 1)], strict=True):
        weight[FLOW] = 0
        weight[FLOW, : given.shape[1]] = given
        bias[FLOW] = offset
    for parameter in student.last.parameters():  # nothing is painted at first
        parameter.zero_()
    student.last.weight[FLOW, FLOW, 0, 0] = torch.eye(2, device=head[0].device) / GAIN


def keep_passing(student: BodyStudent) -> None:
    """Freeze the channels that pass the flow on: one step at a usual learning rate would move it by many pixels."""
    for level in student.levels[1:]:
        for parameter in level.parameters():
            parameter.register_hook(_without_flow)  # type: ignore[no-untyped-call]


def loose(motion: Tensor) -> Tensor:
    """What a student whose last layer is loose means by its `motion` (..., 7): its flow counts `GAIN`."""
    return torch.cat([GAIN * motion[..., FLOW], motion[..., FLOW.stop :]], -1)


@torch.no_grad()
def settled(student: BodyStudent) -> BodyStudent:
    """A copy of a student with a loose last layer that is as published."""
    copied = BodyStudent().to(student.last.weight.device)
    copied.load_state_dict(student.state_dict())
    copied.last.weight[FLOW] *= GAIN
    if copied.last.bias is not None:
        copied.last.bias[FLOW] *= GAIN
    return copied


def moved_only(network: CoarseFlow, student: BodyStudent) -> BodyStudent:
    """`student` as it would begin now: only the flow moves the drawing."""
    copied = BodyStudent().to(student.last.weight.device)
    copied.load_state_dict(student.state_dict())
    pass_on(network, copied)
    return settled(copied)


def _without_flow(gradient: Tensor) -> Tensor:
    """`gradient` (O, ...) with none for the flow's numbers."""
    kept = gradient.clone()
    kept[FLOW] = 0
    return kept
