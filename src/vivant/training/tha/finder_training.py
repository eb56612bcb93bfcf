"""Training of the finder on puppets: where the parts of a drawn face are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from vivant.avatars.tha.networks.finder import BOX, SIZE, Finder, locate, mirror
from vivant.avatars.tha.pose import ROTATION
from vivant.errors import SettingsError
from vivant.training.schedules import half_cosine
from vivant.training.tha.courses import Course, Standing, attend
from vivant.training.tha.poses import draw_poses
from vivant.training.tha.puppet.paint import Box, paint_parts
from vivant.training.tha.puppet.puppet import REST, Puppet
from vivant.training.tha.puppet.shapes import Floats
from vivant.training.tha.puppet.style import random_style

HELD_OUT = 1_000_000_000
"""Seeds of the characters that are never trained on begin here."""
WIDTH = 1.5
"""Standard deviation of the maps that are aimed at, in pixels of a map."""


class Example(NamedTuple):
    """A face as the finder sees it, and what it should find."""

    picture: Floats
    """(192, 192, 4) premultiplied 0..1."""
    points: Floats
    """(36, 2)"""
    before: Floats
    """(96, 96) how much of each pixel is hair or glasses before the face."""


@dataclass(frozen=True)
class FinderSettings:
    """How the finder is trained."""

    steps: int = 2500
    characters: int = 8
    """In a step."""
    rate: float = 2e-3
    seed: int = 0
    device: str = "cpu"
    every: int = 100
    """Steps between two figures."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.characters < 1:
            raise SettingsError(f"{self.steps} steps of {self.characters} characters; give 1 or more of each")


def train_finder(finder: Finder, folder: Path, settings: FinderSettings) -> Iterator[Standing]:
    """Train `finder` on new puppets in each step; goes on where the checkpoint in `folder` stands.

    The figure that stands for decibels in the report is the mean error in pixels of 512 on characters held out.
    """
    finder.to(settings.device)
    optimiser = torch.optim.Adam(finder.parameters(), lr=settings.rate, betas=(0.9, 0.99))
    test = [draw_face(np.random.default_rng(HELD_OUT + seed)) for seed in range(24)]

    def losses(step: int) -> dict[str, Tensor]:
        """Losses, each (), of a step's pictures (N, 4, 192, 192)."""
        random = np.random.default_rng([settings.seed, step])
        finder.train()
        return finder_losses(finder, *_batch([draw_face(random) for _ in range(settings.characters)], settings.device))

    def rate(step: int) -> float:
        return min(1.0, (step + 1) / 100) * half_cosine(step, settings.rate, settings.steps)

    mark = f"finder {settings.characters} {settings.rate:g} {settings.seed} {settings.steps}"
    course = Course("finder", finder, optimiser, settings.steps, rate, losses)
    yield from attend(course, lambda: mean_error(finder, test, settings.device), folder, mark, every=settings.every)


def finder_losses(finder: Finder, pictures: Tensor, points: Tensor, before: Tensor) -> dict[str, Tensor]:
    """How far the maps of `pictures` (N, 4, 192, 192) are from `points` (N, P, 2) and `before` (N, 96, 96)."""
    with torch.autocast(pictures.device.type, torch.bfloat16):
        maps = finder.draw(pictures)
    maps = maps.float()
    size = maps.shape[3]
    line = (torch.arange(size, device=maps.device) + 0.5) * (SIZE / size)
    scale = 2 * (WIDTH * SIZE / size) ** 2
    far = [-((line - points[..., axis, None]) ** 2) / scale for axis in (0, 1)]
    aim = (far[1][..., :, None] + far[0][..., None, :]).flatten(2).softmax(2)
    return {
        "maps": 0.1 * -(aim * F.log_softmax(maps[:, :-1].flatten(2), 2)).sum(2).mean(),
        "before": 0.5 * F.binary_cross_entropy_with_logits(maps[:, -1], before),
        "points": 0.1 * (locate(maps).points - points).abs().mean(),
    }


@torch.no_grad()
def mean_error(finder: Finder, test: list[Example], device: str) -> float:
    """Mean distance in pixels of 512 between found and true points of `test`."""
    finder.eval()
    pictures, points, _ = _batch(test, device)
    return float((finder(pictures).points - points).norm(dim=2).mean())


def draw_face(random: np.random.Generator) -> Example:
    """A new character as the finder sees it."""
    puppet, pose = Puppet(random_style(random)), _calm_pose(random)
    side = SIZE * float(random.uniform(0.85, 1.15))
    x, y = (BOX[axis].start + SIZE / 2 - side / 2 + random.normal(0, 4) for axis in (1, 0))
    box: Box = (x, y, x + side, y + side)
    picture = toned(random, puppet.draw(pose, SIZE, box))
    points = (puppet.landmarks(pose) - np.array([x, y], np.float32)) * np.float32(SIZE / side)
    before = paint_parts(puppet.before(pose), SIZE // 2, box)[..., 3].astype(np.float32) / 255
    if random.random() < 0.5:
        return Example(picture, points, before)
    return Example(picture[:, ::-1], mirror(points), before[:, ::-1])


def save_finder(finder: Finder, path: Path) -> None:
    """Write the weights of `finder` as half floats, for `vivant.avatars.tha.compact.open_compact`."""
    tensors = {name: tensor.detach().cpu().half().contiguous() for name, tensor in finder.state_dict().items()}
    save_file(tensors, path, {"network": "finder", "trained": "on procedural puppets of this project"})


def toned(random: np.random.Generator, picture: NDArray[np.uint8]) -> Floats:
    """A straight `picture` (S, S, 4) in another light, on other paper: premultiplied 0..1."""
    straight = picture.astype(np.float32) / 255
    colour, alpha = straight[..., :3], straight[..., 3:]
    ramp = np.linspace(-1, 1, len(colour), dtype=np.float32)
    slope = random.uniform(-0.12, 0.12, 2).astype(np.float32)
    light = 1 + slope[0] * ramp[:, None, None] + slope[1] * ramp[None, :, None]
    gain = random.uniform(0.85, 1.12, 3).astype(np.float32)
    colour = np.clip(colour * gain * light, 0, 1) ** np.float32(random.uniform(0.75, 1.3))
    colour += random.normal(0, 0.02 * random.random(), colour.shape).astype(np.float32)
    whole = np.concatenate([colour * alpha, alpha], axis=2)
    if random.random() < 0.5:
        lit: Floats = whole
        return lit
    blur = np.float32(random.uniform(0, 0.8) / 2)
    soft = (1 - 2 * blur) * whole + blur * (np.roll(whole, 1, 0) + np.roll(whole, -1, 0))
    softer: Floats = (1 - 2 * blur) * soft + blur * (np.roll(soft, 1, 1) + np.roll(soft, -1, 1))
    return softer


def _calm_pose(random: np.random.Generator) -> Floats:
    """A pose (45,) as drawings have it: mostly at rest, now and then a little turned, with some expression."""
    pose: Floats = REST.copy() if random.random() < 0.4 else draw_poses(random, 1)[0] * np.float32(0.5)
    pose[ROTATION] *= np.float32(random.choice([0, 0.7]))
    return pose


def _batch(examples: list[Example], device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures (B, 4, 192, 192), points (B, 36, 2) and what is before the face (B, 96, 96)."""
    pictures = torch.from_numpy(np.stack([one.picture for one in examples])).permute(0, 3, 1, 2)
    points, before = (torch.from_numpy(np.stack([one[part] for one in examples])).to(device) for part in (1, 2))
    return pictures.to(device, memory_format=torch.channels_last), points, before
