"""Several processes that train one network, by way of `accelerate`; alone without it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vivant.errors import MissingExtraError


@dataclass(frozen=True)
class Crew:
    """This process among those that `accelerate launch` or `torchrun` started."""

    device: torch.device
    rank: int = 0
    size: int = 1
    helper: Any = None
    """accelerate's Accelerator, where there are several."""

    @property
    def leads(self) -> bool:
        """Whether this process saves and reports."""
        return self.rank == 0

    def share_weights(self, network: nn.Module) -> None:
        """Give every process the first one's tensors."""
        if self.size == 1:
            return
        from accelerate.utils import broadcast

        for tensor in network.state_dict().values():
            tensor.copy_(broadcast(tensor.clone()))

    def share_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Give every process the mean of all gradients (...); where one process has none it counts as zero."""
        if self.size == 1:
            return
        held = [parameter for parameter in parameters if parameter.requires_grad]
        slopes = [torch.zeros_like(one) if one.grad is None else one.grad for one in held]
        mean = self.helper.reduce(torch.cat([slope.flatten() for slope in slopes]), reduction="mean")
        for one, slope in zip(held, mean.split([one.numel() for one in held]), strict=True):
            one.grad = slope.view_as(one)

    def share_numbers(self, numbers: dict[str, float]) -> dict[str, float]:
        """The means of `numbers` over all processes, which must have the same names."""
        if self.size == 1:
            return numbers
        told = torch.tensor(list(numbers.values()), device=self.device)
        return dict(zip(numbers, self.helper.reduce(told, reduction="mean").tolist(), strict=True))


def join_crew(device: str) -> Crew:
    """This process's place, from what its launcher says; raises MissingExtraError where accelerate is not there."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Crew(torch.device(device))
    try:
        from accelerate import Accelerator
    except ImportError:
        raise MissingExtraError("accelerate", "train") from None
    helper = Accelerator(cpu=device == "cpu")
    return Crew(helper.device, helper.process_index, helper.num_processes, helper)
