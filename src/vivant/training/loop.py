"""The loop that every training of a published network runs in: steps, learning rates, clipping, figures."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from vivant.errors import SettingsError


@dataclass(frozen=True)
class LoopSettings:
    """How long, and how reproducible."""

    steps: int = 40_000
    seed: int = 0
    clip: float = 1.0
    """Largest norm of a player's gradient."""
    log_every: int = 100
    """Steps over which figures are averaged."""
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.steps < 1 or self.log_every < 1:
            raise SettingsError(f"{self.steps} steps, figures every {self.log_every}; give 1 or more of each")


@dataclass
class Player:
    """One network with its optimiser; a training has one, an adversarial one two."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    rate: Callable[[int], float]
    """Learning rate of a step."""
    loss: Callable[[int], Mapping[str, Tensor]]
    """Weighted losses of a step by name; their sum is descended."""
    history: list[dict[str, float]] = field(default_factory=list)


def run(players: list[Player], settings: LoopSettings, figures: Path | None = None) -> Iterator[dict[str, float]]:
    """Train; yields the mean figures of every `log_every` steps, and writes them as lines of JSON to `figures`.

    The same seed gives the same weights on the same machine. Raises SettingsError where a loss is no number any more.
    """
    sums: dict[str, float] = {}
    with open(figures, "w", encoding="utf-8") if figures is not None else _Nowhere() as record:
        for step in range(settings.steps):
            for player in players:
                for name, value in _step(player, step, settings.clip).items():
                    sums[name] = sums.get(name, 0.0) + value
            count = step % settings.log_every + 1
            if count == settings.log_every or step + 1 == settings.steps:
                means = {"step": float(step + 1), **{name: total / count for name, total in sums.items()}}
                record.write(json.dumps(means) + "\n")
                sums = {}
                yield means


def _step(player: Player, step: int, clip: float) -> dict[str, float]:
    player.network.train()
    losses = player.loss(step)
    total = torch.stack([value for value in losses.values() if value.requires_grad]).sum()
    found = {name: float(value.detach()) for name, value in losses.items()}
    if not math.isfinite(float(total.detach())):
        raise SettingsError(
            f"the training went wrong at step {step} ({found}); use a lower learning rate or other data"
        )
    for group in player.optimiser.param_groups:
        group["lr"] = player.rate(step)
    player.optimiser.zero_grad()
    torch.autograd.backward(total)
    torch.nn.utils.clip_grad_norm_(player.network.parameters(), clip)
    player.optimiser.step()
    return found


class _Nowhere:
    """Takes lines and forgets them."""

    def __enter__(self) -> _Nowhere:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, line: str) -> None:
        """Forget `line`."""
