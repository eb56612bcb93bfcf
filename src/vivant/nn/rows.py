"""Pictures whose channels lie together in memory as rows of channels, and work on them shared by the cores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Array = NDArray[Any]

SMALL = 2**18
"""Numbers that one core handles faster than others could be woken."""


def rows_of(x: Tensor) -> Array:
    """A view (H W, C) of one picture (1, C, H, W), or (D H W, C) of a volume; of bfloat16 its bits."""
    if x.dtype == torch.bfloat16:
        x = x.view(torch.uint16)
    rows: Array = x.detach()[0].movedim(0, -1).numpy()
    return rows.reshape(-1, rows.shape[-1])


def cores_for(rows: Array) -> int:
    """How many cores should share `rows` (P, C): those that PyTorch uses, one for few numbers."""
    return 1 if rows.size < SMALL else torch.get_num_threads()


def together(tasks: Iterable[Callable[[], None]]) -> None:
    """Run every task, the first in this thread and the others beside it; they must let go of Python's lock."""
    first, *others = tasks
    waiting = [_pool().submit(task) for task in others]
    first()
    for one in waiting:
        one.result()


def shares(rows: Array, count: int) -> list[Array]:
    """`rows` (P, C) in `count` parts of nearly the same size."""
    return np.array_split(rows, count)


@cache
def _pool() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(thread_name_prefix="rows")
