"""Pictures whose channels lie together in memory as rows of channels, and work on them shared by the cores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivant.nn.threads import cores, one_thread

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


def cores_for(numbers: int) -> int:
    """How many cores should share work on so many numbers: all that PyTorch uses, or one for few."""
    return 1 if numbers < SMALL else cores()


def together(tasks: Iterable[Callable[[], None]]) -> None:
    """Run every task, the first in this thread and the others beside it; they must let go of Python's lock."""
    first, *others = tasks
    waiting = [_pool().submit(task) for task in others]
    first()
    for one in waiting:
        one.result()


def one_core_each(tasks: Iterable[Callable[[], None]]) -> None:
    """`together` for tasks that also calculate with PyTorch: a task has one core, a single task all that there are."""
    first, *others = tasks
    if not others:
        first()
        return
    with one_thread():
        together(partial(_on_one_core, task) for task in (first, *others))


def _on_one_core(task: Callable[[], None]) -> None:
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)
    with torch.inference_mode():  # it holds for one thread
        task()


def shares(rows: Array, count: int) -> list[Array]:
    """`rows` (P, C) in `count` parts of nearly the same size."""
    return np.array_split(rows, count)


@cache
def _pool() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(thread_name_prefix="rows")
