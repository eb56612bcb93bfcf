"""Our distillation: the published networks, learnt from a pool of pictures in which each is looked at many times.

What makes it faster than the published one, most effective first:
- the motion is learnt first, by the coarsest level alone, at single pixels of thousands of pictures in every step;
  the finer levels then begin by passing it on, so that the body starts with the drawing in motion;
- small squares of many pictures in every step instead of a few whole pictures, more of them where things move;
- learning rates ten times as high that rise, then fall to nothing;
- the teacher's flow as a guide at first, then the result alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from vivant.avatars.tha.networks.body_student import BodyStudent
from vivant.avatars.tha.networks.face_student import FACE_POSE, FACE_SIZE, FaceStudent
from vivant.training.tha.coarse import CoarseFlow, FlowLessons, loose, with_faces_of
from vivant.training.tha.pool import SIDE, Pool, decoded
from vivant.training.tha.tiles import COARSER, body_at, face_at, linears, taken

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]

LEARNT = 0.05
"""Share of the learning rate of what the flow has learnt."""
LOOKED_AT = 64
"""Pictures of the pool by which it is told where things move."""


@dataclass(frozen=True)
class Recipe:
    """How one student is taught; the defaults are the body's."""

    steps: int = 10_000
    squares: int = 128
    """In every step, each of another picture."""
    side: int = 8
    """Pixels of a square; a face's are pixels anywhere, a flow's a single place."""
    rate: float = 1e-3
    """Highest learning rate."""
    warm: int = 100
    """Steps until it is reached."""
    flow: float = 5.0
    """Weight of the flow's error at first; it falls to 0 in a line."""
    direct: float = 0.1
    """Weight of the error of the student's own colours, likewise."""
    anywhere: float = 0.15
    """Share of the squares that lie anywhere; the others are drawn by how much happens there."""

    def rate_at(self, step: int) -> float:
        """Learning rate: rises in a line, then falls as half a cosine to a thousandth."""
        rise = min((step + 1) / self.warm, 1.0)
        return self.rate * rise * (0.501 + 0.499 * math.cos(math.pi * step / self.steps))


FACE = Recipe(rate=3e-4)
FLOW = Recipe(steps=8_000, squares=4096, side=4, rate=3e-4)
BODY = Recipe(rate=2.5e-4, flow=20)


def new_body() -> BodyStudent:
    """A body student that leaves the drawing nearly as it is."""
    student = BodyStudent()
    with torch.no_grad():
        for features, level in zip(COARSER, student.levels, strict=True):
            _sharpen(level, features)
        student.last.weight *= STILL
        if student.last.bias is not None:
            student.last.bias.zero_()
    return student


def new_face() -> FaceStudent:
    """A face student."""
    student = FaceStudent()
    with torch.no_grad():
        _sharpen(student.layers, 0)
    return student


SHARP = 3.0
"""By how much the weights of positions are larger than published, as they are in trained students."""
STILL = 0.03


def _sharpen(layers: nn.Module, features: int) -> None:
    """Let the first of `layers`, which takes `features` beside the position, tell neighbouring pixels apart."""
    linears(layers)[0][0][:, features : features + 2] *= SHARP


def optimiser_of(student: nn.Module) -> torch.optim.Optimizer:
    """What trains a student; a body's coarsest level knows the motion already and changes slowly."""
    groups: list[dict[str, Any]] = [{"params": list(student.parameters())}]
    if isinstance(student, BodyStudent):
        learnt = list(student.levels[0].parameters())
        rest = [*student.levels[1:].parameters(), *student.last.parameters()]
        groups = [{"params": learnt, "share": LEARNT}, {"params": rest}]
    return torch.optim.Adam(groups, betas=(0.9, 0.99), eps=1e-12)


class BodyLessons:
    """Steps of the body, whose last layer is `loose`."""

    def __init__(self, student: BodyStudent, pool: Pool, drawing: Tensor, recipe: Recipe, seed: int) -> None:
        """`drawing` (512, 512, 4), on the pool's device."""
        self.student, self.pool, self.drawing, self.recipe, self.seed = student, pool, drawing, recipe, seed
        self._shares = square_shares(pool, drawing, recipe)

    def __call__(self, step: int) -> Mapping[str, Tensor]:
        """Weighted losses, each (), of a step."""
        which, corners = self._chosen(step)
        pool, recipe = self.pool, self.recipe
        wanted, flow = squares_of(pool.posed, which, corners, recipe.side), _flows(pool, which, corners, recipe.side)
        poses = pool.poses[which]
        strange = with_faces_of(poses, poses.roll(1, 0))
        half = torch.arange(len(poses), device=poses.device)[:, None] % 2 == 0
        found = loose(body_at(self.student, corners, recipe.side, torch.where(half, strange, poses)))
        shown = blended(found, taken(self.drawing, pool.faces, which, corners, found[..., :2]))
        target = decoded(wanted)
        guide = 1 - step / recipe.steps
        return {
            "final": (shown - target).abs().mean(),
            "flow": guide * recipe.flow * (_halved(found[..., :2]) - flow).abs().mean(),
            "direct": guide * recipe.direct * (found[..., 3:] - target).abs().mean(),
        }

    def _chosen(self, step: int) -> tuple[Tensor, Tensor]:
        """Pictures (T,) and upper left pixels (T, 2) of a step's squares."""
        random, recipe = np.random.default_rng([self.seed, 2, step]), self.recipe
        which = random.integers(len(self.pool), size=recipe.squares)
        place = random.choice(len(self._shares), recipe.squares, p=self._shares)
        row, column = np.divmod(place, SIDE // recipe.side)
        corners = np.stack([row, column], 1) * recipe.side
        device = self.pool.poses.device
        return torch.from_numpy(which).to(device), torch.from_numpy(corners).to(device)


class FaceLessons:
    """Steps of the face."""

    def __init__(self, student: FaceStudent, pool: Pool, recipe: Recipe, seed: int) -> None:
        self.student, self.pool, self.recipe, self.seed = student, pool, recipe, seed
        self._shares = pixel_shares(pool, recipe)

    def __call__(self, step: int) -> Mapping[str, Tensor]:
        """Weighted losses, each (), of a step."""
        random, recipe = np.random.default_rng([self.seed, 3, step]), self.recipe
        which = torch.from_numpy(random.integers(len(self.pool), size=recipe.squares))
        count = (recipe.squares, recipe.side**2)
        place = torch.from_numpy(random.choice(len(self._shares), count, p=self._shares))
        device = self.pool.poses.device
        pixels = torch.stack([place // FACE_SIZE, place % FACE_SIZE], 2).to(device)
        which = which.to(device)
        wanted = decoded(self.pool.faces[which[:, None], pixels[..., 0], pixels[..., 1]])
        found = face_at(self.student, pixels, self.pool.poses[which][:, FACE_POSE])
        return {"final": (found - wanted).abs().mean()}


def flow_lessons(network: CoarseFlow, pool: Pool, drawing: Tensor, recipe: Recipe, seed: int) -> FlowLessons:
    """Steps of the motion of a drawing (512, 512, 4)."""
    return FlowLessons(network, pool, square_shares(pool, drawing, recipe), recipe.squares, seed)


def blended(motion: Tensor, warped: Tensor) -> Tensor:
    """The result (..., 4) of a student's `motion` (..., 7)."""
    return warped + motion[..., 2:3] * (motion[..., 3:] - warped)


def squares_of(pictures: Tensor, which: Tensor, corners: Tensor, side: int) -> Tensor:
    """Parts (T, side, side, C) of the pictures (E, H, W, C) numbered `which` (T,)."""
    steps = torch.arange(side, device=corners.device)
    rows, columns = (corners[:, axis, None] + steps for axis in (0, 1))
    return pictures[which[:, None, None], rows[:, :, None], columns[:, None]]


def _flows(pool: Pool, which: Tensor, corners: Tensor, side: int) -> Tensor:
    """The teacher's flows (B, S / 2, S / 2, 2) in squares of `side` S at `corners` (B, 2)."""
    return squares_of(pool.flow, which, corners // 2, side // 2).float()


def _halved(flow: Tensor) -> Tensor:
    """(B, S, S, 2) to (B, S / 2, S / 2, 2)."""
    return F.avg_pool2d(flow.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


def square_shares(pool: Pool, drawing: Tensor, recipe: Recipe) -> Doubles:
    """How often each square of the picture (512, 512, 4) is learnt from (N,), rows first; sums to 1."""
    count = SIDE // recipe.side
    change = torch.zeros(count, count, dtype=torch.float64)
    for posed in pool.posed[:LOOKED_AT]:
        off = (decoded(posed) - drawing).abs().sum(2) + 0.1 * (posed[..., 3] > 0)
        change += off.view(count, recipe.side, count, recipe.side).mean((1, 3)).double().cpu()
    return _mixed(change.flatten().sqrt().numpy(), recipe.anywhere)


def pixel_shares(pool: Pool, recipe: Recipe) -> Doubles:
    """The same for the pixels (N,) of a face."""
    faces = torch.stack([decoded(face) for face in pool.faces[:LOOKED_AT]])
    change = faces.std(0).sum(2) + 0.05
    return _mixed(change.double().flatten().cpu().numpy(), recipe.anywhere)


def _mixed(change: Doubles, anywhere: float) -> Doubles:
    """Shares (N,) by `change` (N,), with as much `anywhere`; sums to 1."""
    shares = (1 - anywhere) * change / max(float(change.sum()), 1e-9) + anywhere / len(change)
    return np.asarray(shares / shares.sum())
