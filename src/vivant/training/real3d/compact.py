"""Training of the packaged 3-D heads: planes and decoder together, on rendered heads.

No picture is rendered while it learns: places are told free or taken, points of the surface their colour
(occupancy networks, Mescheder et al., 2019; PIFu, Saito et al., 2019). So a step costs a forward and a backward pass
of the small network and little else, and a processor of two cores can do it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from vivant.avatars.real3d.head_window import SIDE, HeadWindow, mesh_maps, network_input
from vivant.avatars.real3d.networks.view_planes import Field, ViewDecoder, ViewPlanes
from vivant.errors import SettingsError
from vivant.training.real3d.compact_shards import STEPS, Example, open_examples
from vivant.training.tha.courses import Course, Standing, attend
from vivant.weights.keys import load
from vivant.weights.store import read_safetensors

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Random = np.random.Generator

OWN_SHARE = 0.3
"""Weight of the network's own colour beside the mixed one."""
HELD_OUT = 12
"""Every so many heads one is only for the figures."""


@dataclass(frozen=True)
class CompactRecipe:
    """How the packaged heads are trained."""

    steps: int = 6000
    examples: int = 6
    """In a step."""
    lifted: float = 0.25
    """Share of the examples that are real portraits, where such were prepared."""
    points: int = 2560
    """Places and points of the surface that are drawn of each example."""
    rate: float = 8e-4
    warm: int = 100
    cool: float = 0.5
    """Share of the steps at the end over which the rate falls to nothing."""
    seed: int = 0
    device: str = "cpu"
    every: int = 50
    """Steps between two figures."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.examples < 1:
            raise SettingsError(f"{self.steps} steps of {self.examples} heads; give 1 or more of each")


class ViewHead(nn.Module):
    """Both networks, as they are stored."""

    def __init__(self) -> None:
        super().__init__()
        self.planes = ViewPlanes()
        self.decoder = ViewDecoder()


class Lesson(NamedTuple):
    """Some examples as tensors."""

    picture: Tensor
    """(N, 10, 256, 256), see `network_input`."""
    rotation: Tensor
    """(N, 3, 3)"""
    places: Tensor
    """(N, M, 3)"""
    taken: Tensor
    """(N, M)"""
    surface: Tensor
    """(N, M, 3)"""
    colour: Tensor
    """(N, M, 3) 0..1"""


def train_compact(head: ViewHead, folder: Path, work: Path, recipe: CompactRecipe) -> Iterator[Standing]:
    """Train `head` on the shards in `folder`; goes on where the checkpoint in `work` stands.

    The figure that stands for decibels is the PSNR of colours on the surface of heads that are held out.
    """
    found = open_examples(folder)
    learnt, held = [one for one in found if one.head % HELD_OUT], [one for one in found if not one.head % HELD_OUT]
    if not learnt or not held:
        raise SettingsError(f"{folder}: {len(found)} examples are too few; prepare {HELD_OUT} heads or more")
    head.to(recipe.device)
    head.planes.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(head.parameters(), lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.01)
    test = _lesson([_plain(one, recipe.points) for one in held[:24]], recipe.device)

    rendered, real = ([one for one in learnt if one.lifted == lifted] for lifted in (False, True))

    def losses(step: int) -> dict[str, Tensor]:
        """The losses of one step, each ()."""
        random = np.random.default_rng([recipe.seed, step])
        chosen = chosen_of(rendered, real, recipe, random)
        return compact_losses(head, _lesson([varied(one, recipe.points, random) for one in chosen], recipe.device))

    def rate(step: int) -> float:
        left = (recipe.steps - step) / (recipe.cool * recipe.steps)
        return recipe.rate * min(1.0, (step + 1) / recipe.warm, left)

    mark = f"view head {recipe.examples} {recipe.rate:g} {recipe.seed}"
    course = Course("view_head", head, optimiser, recipe.steps, rate, losses)
    yield from attend(course, lambda: decibels(head, test), work, mark, every=recipe.every)


def chosen_of(
    rendered: Sequence[Example], real: Sequence[Example], recipe: CompactRecipe, random: Random
) -> list[Example]:
    """The examples of a step, `real` portraits as often as the recipe says, however few of them there are."""
    if not real or not rendered:
        only = rendered or real
        return [only[k] for k in random.integers(len(only), size=recipe.examples)]
    kinds = (real if share < recipe.lifted else rendered for share in random.random(recipe.examples))
    return [kind[random.integers(len(kind))] for kind in kinds]


def compact_losses(head: ViewHead, lesson: Lesson) -> dict[str, Tensor]:
    """Weighted losses, each (): places free or taken, colours of the surface mixed and by the network alone."""
    field = _decoded(head, lesson)
    count = lesson.places.shape[1]
    mixed, own = ((colour[:, count:] - lesson.colour).abs().mean() for colour in (field.colour, field.own))
    return {
        "taken": F.binary_cross_entropy_with_logits(field.density[:, :count], lesson.taken),
        # The surface itself lies between what is free and what is taken.
        "surface": 0.01 * field.density[:, count:].square().clamp(max=16).mean(),
        "colour": 3 * mixed,
        "own": 3 * OWN_SHARE * own,
    }


@torch.no_grad()
def decibels(head: ViewHead, lesson: Lesson) -> float:
    """PSNR of the colours of `lesson`."""
    colour = _decoded(head, lesson).colour[:, lesson.places.shape[1] :]
    return float(-10 * (colour - lesson.colour).square().mean().log10())


def save_head(head: ViewHead, path: Path, told: dict[str, str]) -> None:
    """Write the weights as half floats, for `vivant.avatars.real3d.compact.open_compact`; `told` goes beside them."""
    tensors = {name: tensor.detach().cpu().half().contiguous() for name, tensor in head.state_dict().items()}
    save_file(tensors, path, {"network": "view_head", "licence": "Apache-2.0", **told})


def open_head(path: Path) -> tuple[ViewHead, dict[str, str]]:
    """The networks that `save_head` wrote, which learn on, and what is told of them.

    Raises WeightsError where the file is damaged or holds other networks.
    """
    head, (tensors, told) = ViewHead(), read_safetensors(path)
    load(head, {name: tensor.float() for name, tensor in tensors.items()}, str(path))
    return head, told


def _decoded(head: ViewHead, lesson: Lesson) -> Field:
    with torch.autocast(lesson.picture.device.type, torch.bfloat16):
        planes = head.planes(lesson.picture)
    field: Field = head.decoder(planes, torch.cat([lesson.places, lesson.surface], 1), lesson.rotation)
    return field


def _lesson(parts: list[tuple[Floats, ...]], device: str) -> Lesson:
    """Examples of arrays (...) as one with (B, ...)."""
    tensors = [torch.from_numpy(np.stack(part)).to(device) for part in zip(*parts, strict=True)]
    return Lesson(tensors[0].to(memory_format=torch.channels_last), *tensors[1:])


def _plain(example: Example, points: int) -> tuple[Floats, ...]:
    """An example as it is: input (C, S, S), rotation (3, 3), places (P, 3), taken (P,), surface and colour (P, 3)."""
    maps = mesh_maps(example.landmarks)
    rotation = HeadWindow.of_landmarks(example.landmarks).pose.rotation
    picture = network_input(example.picture, example.mask, example.inside, maps)
    return picture, rotation, *_points(example, np.arange(points) % len(example.taken))


def varied(example: Example, points: int, random: Random) -> tuple[Floats, ...]:
    """An example in other colours, mirrored half of the time, its mask and mesh as inexact as those of photographs.

    The arrays of a `Lesson` without its first axis.
    """
    chosen = random.integers(len(example.taken), size=points)
    landmarks = np.asarray(example.landmarks + random.normal(0, 0.4, example.landmarks.shape), np.float32)
    maps, rotation = mesh_maps(landmarks), HeadWindow.of_landmarks(example.landmarks).pose.rotation
    _bend(maps, random)
    places, taken, surface, colour = _points(example, chosen)
    toned = _tone(random)
    picture = np.clip(toned(example.picture.astype(np.float32) / 255) * 255, 0, 255)
    picture = np.clip(picture + random.normal(0, 3 * random.random(), picture.shape), 0, 255).astype(np.uint8)
    layers = network_input(picture, _loose(example.mask, random), example.inside, maps)
    colour = np.clip(toned(colour), 0, 1).astype(np.float32)
    if random.random() < 0.5:
        return layers, rotation, places, taken, surface, colour
    return _mirrored(layers, rotation, places, taken, surface, colour)


def _points(example: Example, chosen: NDArray[np.int64]) -> tuple[Floats, ...]:
    """Places (P, 3), taken (P,), surface (P, 3) and its colour (P, 3)."""
    step = np.float32(1 / STEPS)
    return (
        example.places[chosen] * step,
        example.taken[chosen].astype(np.float32),
        example.surface[chosen] * step,
        example.colour[chosen].astype(np.float32) / 255,
    )


def _mirrored(layers: Floats, rotation: Floats, *points: Floats) -> tuple[Floats, ...]:
    """All of a lesson mirrored: `layers` (C, S, S), `rotation` (3, 3), points (P, 3)."""
    places, taken, surface, colour = points
    flip = np.array([-1, 1, 1], np.float32)
    layers = np.ascontiguousarray(layers[:, :, ::-1])
    layers[5] *= -1  # x on the face model
    return layers, flip[:, None] * rotation * flip, places * flip, taken, surface * flip, colour


def _bend(maps: Floats, random: Random) -> None:
    """Depth as a landmarker guesses it, in `maps` (S, S, 5) or more: its scale and tilt are a little off."""
    there = maps[..., 4] > 0
    row, column = np.nonzero(there)
    if not len(row):
        return
    depth = maps[there, 3]
    across, down = (part / (SIDE / 2) - 1 for part in (column, row))
    slope = random.normal(0, (0.03, 0.04))
    stretched = depth.mean() + (depth - depth.mean()) * random.normal(1, 0.08) + random.normal(0, 0.015)
    maps[there, 3] = stretched + slope[0] * across + slope[1] * down


def _loose(mask: Bytes, random: Random) -> Bytes:
    """A mask (S, S) whose edge lies a little off, or is soft."""
    size = int(random.integers(0, 3))
    kernel = np.ones((1 + size, 1 + size), np.uint8)
    changed = cv2.dilate(mask, kernel) if random.random() < 0.5 else cv2.erode(mask, kernel)
    return np.asarray(cv2.GaussianBlur(changed, (0, 0), float(random.uniform(0.3, 2.0))), np.uint8)


def _tone(random: Random) -> Callable[[Floats], Floats]:
    """A change of colours (..., 3) 0..1 as by other cameras and paints; up to none of it left."""
    gain, gamma = random.uniform(0.8, 1.15, 3), random.uniform(0.75, 1.35)
    vivid, turn = random.choice([0.0, 1.0, 1.0, 1.0]) * random.uniform(0.4, 1.4), random.permutation(3)
    order = turn if random.random() < 0.15 else np.arange(3)

    def change(colour: Floats) -> Floats:
        """`colour` (..., 3) in another tone."""
        grey = colour.mean(-1, keepdims=True)
        toned = np.clip(grey + vivid * (colour - grey), 0, 1)[..., order] ** gamma * gain
        return np.asarray(toned, np.float32)

    return change
