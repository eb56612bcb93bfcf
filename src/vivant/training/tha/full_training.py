"""Training of the teacher's five networks on pairs, on one machine or, started by torchrun or accelerate, on many."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vivant.avatars.tha.networks.released import teacher
from vivant.avatars.tha.picture import tensor_of_picture
from vivant.errors import SettingsError
from vivant.training.tha import stages
from vivant.training.tha.courses import Course, Standing, attend
from vivant.training.tha.pairs import Examples, numbers_of
from vivant.training.tha.perceptual import COLOUR_SHARE, Perceptual
from vivant.training.tha.stages import NETWORKS, Phase, StageName
from vivant.weights import store
from vivant.weights.release import Release

WARM = 5000
"""Examples over which the learning rate rises from 0 (THA4, appendix B)."""
TESTS = 16
"""Held-out examples by which a network is judged."""


@dataclass(frozen=True)
class TeacherSettings:
    """How a stage is trained; the defaults are the publication's."""

    stage: StageName = "body"
    examples: int | None = None
    """In all; none: the recipe's. Phases become shorter alike."""
    batch: int = 16
    """Examples in a step, on all machines together."""
    rate: float = 1e-4
    seed: int = 0
    device: str = "cpu"
    workers: int = 0
    """Processes that draw or read examples; 0: none but the one that trains."""
    every: int = 500
    """Steps between two figures."""

    def __post_init__(self) -> None:
        if self.batch < 1 or (self.examples is not None and self.examples < self.batch):
            raise SettingsError(f"{self.examples} examples in steps of {self.batch}; give one step of examples or more")

    @property
    def total(self) -> int:
        """Examples in all."""
        return self.examples or stages.total_examples(self.stage)


@dataclass(frozen=True)
class Crew:
    """Which of how many processes this is."""

    rank: int = 0
    size: int = 1


def join_crew(device: str) -> tuple[Crew, str]:
    """This process's place among those that torchrun or accelerate started, and its device; alone without them."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Crew(), device
    import torch.distributed as dist

    local = int(os.environ.get("LOCAL_RANK", "0"))
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return Crew(dist.get_rank(), size), f"cuda:{local}" if device == "cuda" else device


def train_stage(
    examples: Examples, folder: Path, settings: TeacherSettings, perceptual: Perceptual | None = None
) -> Iterator[Standing]:
    """Train the networks of a stage; goes on where the checkpoint in `folder` stands, and stores them at the end.

    They are stored like imported weights of tha4/teacher. The upscaler needs the body morpher there. Raises
    SettingsError, WeightsError.
    """
    crew, device = join_crew(settings.device)
    torch.manual_seed(settings.seed)
    releases = {release.network.split("/")[1]: release for release in teacher()}
    networks = {name: releases[name].build() for name in NETWORKS[settings.stage]}
    learning = nn.ModuleDict(networks).to(device).train()
    if settings.stage == "upscaler":
        networks = {**networks, "body_morpher": _stored(releases["body_morpher"], device)}
    if crew.size > 1:
        _share_gradients(learning, crew.size)
    course = _course(learning, networks, examples, settings, perceptual and perceptual.to(device), crew, device)
    told = (settings.stage, settings.total, settings.batch, settings.rate, settings.seed, perceptual is not None)
    judged = partial(judge, networks, examples, settings, device)
    yield from attend(course, judged, folder, " ".join(map(str, told)), every=settings.every)
    if crew.rank == 0:
        for name in NETWORKS[settings.stage]:
            _keep(releases[name], networks[name])


def draw(stage: StageName, networks: Mapping[str, nn.Module], batch: Batch, phase: Phase) -> stages.Drawn:
    """What the networks of a `stage` draw of a batch in a `phase`."""
    if stage == "upscaler":
        return stages.draw_whole(networks, batch.pictures, batch.pose, rough=phase.rough)
    drawers = {"brows": stages.draw_brows, "face": stages.draw_face, "body": stages.draw_body}
    return drawers[stage](networks, batch.pictures, batch.pose)


@torch.no_grad()
def judge(networks: Mapping[str, nn.Module], examples: Examples, settings: TeacherSettings, device: str) -> float:
    """Mean PSNR in dB, in linear light, of what a stage draws last of held-out examples."""
    last, found = stages.PHASES[settings.stage][-1], []
    for number in range(TESTS):
        batch = join([_tensors(examples, number, test=True)], device)
        drawn = draw(settings.stage, networks, batch, last)
        made, wanted = drawn.pairs["brows" if settings.stage == "brows" else list(drawn.pairs)[-1]]
        square = (made.clamp(-1, 1) - wanted).square().mean() / 4
        found.append(-10 * math.log10(max(float(square), 1e-10)))
    return float(np.mean(found))


@dataclass(frozen=True)
class Batch:
    """Examples together."""

    pictures: dict[str, Tensor]
    """(N, 4, 512, 512) each."""
    pose: Tensor
    """(N, 45)"""


def join(read: list[tuple[dict[str, Tensor], Tensor]], device: str) -> Batch:
    """One batch (B, ...) of single examples (1, ...)."""
    pictures = {step: torch.cat([one[step] for one, _ in read]).to(device) for step in read[0][0]}
    return Batch(pictures, torch.stack([pose for _, pose in read]).to(device))


def _course(
    learning: nn.Module,
    networks: Mapping[str, nn.Module],
    examples: Examples,
    settings: TeacherSettings,
    perceptual: Perceptual | None,
    crew: Crew,
    device: str,
) -> Course:
    steps = settings.total // settings.batch
    scale = settings.total / stages.total_examples(settings.stage)
    batches = _reader(examples, settings, crew, steps)

    def losses(step: int) -> dict[str, Tensor]:
        """Losses, each (), of a step's pictures (N, 4, 512, 512)."""
        phase = stages.phase_at(settings.stage, step * settings.batch, scale)
        colours = bool(np.random.default_rng([settings.seed, step]).random() < COLOUR_SHARE)
        drawn = draw(settings.stage, networks, join(batches(step), device), phase)
        return stages.losses_of(drawn, perceptual if phase.perceptual else None, colours=colours)

    optimiser = torch.optim.Adam(learning.parameters(), lr=settings.rate, betas=(0.5, 0.999))
    rate = lambda step: settings.rate * min(1.0, step * settings.batch / WARM)  # noqa: E731
    return Course(settings.stage, learning, optimiser, steps, rate, losses, saves=crew.rank == 0)


def _reader(
    examples: Examples, settings: TeacherSettings, crew: Crew, steps: int
) -> Callable[[int], list[tuple[dict[str, Tensor], Tensor]]]:
    """A function from a step's number to its examples (1, ...); steps are asked for in their order."""
    if settings.workers == 0:
        return lambda step: [
            _tensors(examples, number) for number in numbers_of(step, settings.batch, crew.rank, crew.size)
        ]
    ahead: list[Iterator[list[tuple[dict[str, Tensor], Tensor]]]] = []

    def read(step: int) -> list[tuple[dict[str, Tensor], Tensor]]:
        """The examples of a step: of each, pictures (1, 4, 512, 512) by name and the pose (45,)."""
        if not ahead:
            numbers = [list(numbers_of(later, settings.batch, crew.rank, crew.size)) for later in range(step, steps)]
            loader = torch.utils.data.DataLoader(
                _Numbered(examples), batch_sampler=numbers, num_workers=settings.workers, collate_fn=list
            )
            ahead.append(iter(loader))
        return next(ahead[0])

    return read


class _Numbered(torch.utils.data.Dataset[tuple[dict[str, Tensor], Tensor]]):
    """Examples as torch's loader wants them."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples

    def __getitem__(self, number: int) -> tuple[dict[str, Tensor], Tensor]:
        """Pictures (1, 4, 512, 512) by step, and the pose (45,)."""
        return _tensors(self._examples, number)


def _tensors(examples: Examples, number: int, *, test: bool = False) -> tuple[dict[str, Tensor], Tensor]:
    """Pictures (1, 4, 512, 512) by step, and the pose (45,)."""
    pictures, pose = examples.read(number, test=test)
    tensors = {step: tensor_of_picture(picture, premultiplied=True) for step, picture in pictures.items()}
    return tensors, torch.from_numpy(pose)


def _share_gradients(network: nn.Module, size: int) -> None:
    """Let every process of a crew have the mean of all gradients, and the first one's weights."""
    import torch.distributed as dist

    def share(parameter: Tensor) -> None:
        """Give every process the mean of the gradient (...)."""
        if parameter.grad is not None:
            dist.all_reduce(parameter.grad)
            parameter.grad /= size

    for parameter in network.parameters():
        dist.broadcast(parameter.data, 0)
        parameter.register_post_accumulate_grad_hook(share)  # type: ignore[no-untyped-call]


def _stored(release: Release, device: str) -> nn.Module:
    network = release.build()
    store.load_stored(network, f"{release.system}/{release.network}")
    return network.to(device).eval().requires_grad_(False)


def _keep(release: Release, network: nn.Module) -> None:
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in network.state_dict().items()}
    origin = store.Origin(
        release.system, release.network, "yours", "trained by vivant train tha", "none", store.content_hash(tensors)
    )
    store.save(f"{release.system}/{release.network}", tensors, origin)
