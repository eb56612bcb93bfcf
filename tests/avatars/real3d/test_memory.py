"""Where memory runs out: one line that says what helps, whatever the error was that PyTorch or NumPy gave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from basel import own_mesh
from torch import nn

from vivant.avatars.real3d.memory import enough_memory
from vivant.avatars.real3d.published import PublishedPainter
from vivant.errors import SettingsError
from vivant.motion.state import FaceState

ON_THE_CPU = "[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"
LACKS = (torch.OutOfMemoryError("CUDA out of memory."), RuntimeError(ON_THE_CPU), MemoryError())


class Greedy(nn.Module):
    """A network that cannot draw."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.weight, self.error = nn.Parameter(torch.zeros(1)), error

    def draw(self, *given: Any, **more: Any) -> None:
        raise self.error


@pytest.mark.parametrize("lack", LACKS, ids=["card", "processor", "numpy"])
@pytest.mark.parametrize("tiles", [1, 4])
def test_tiles_are_offered(lack: BaseException, tiles: int, monkeypatch: pytest.MonkeyPatch) -> None:
    painter = PublishedPainter(Greedy(lack), own_mesh(), tiles=tiles)  # type: ignore[arg-type]
    monkeypatch.setattr(painter, "drawn", painter.network.draw)
    with pytest.raises(
        SettingsError, match=rf"not enough memory .* --tiles {tiles}; give --tiles {4 * tiles}$"
    ) as said:
        painter.draw(None, FaceState())  # type: ignore[arg-type]
    assert "\n" not in str(said.value)


def test_with_the_most_tiles_other_things_are_offered() -> None:
    with pytest.raises(SettingsError, match="end other programs"), enough_memory(64):
        np.empty(2**55)


def test_memory_that_pytorch_itself_cannot_get() -> None:
    with pytest.raises(SettingsError, match="--tiles 4"), enough_memory(1):
        torch.empty(2**60)


def test_other_errors_stay_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="size"), enough_memory(1):
        torch.zeros(2) + torch.zeros(3)
