"""Memory for a network's features that is used again from picture to picture.

An operating system hands out large blocks page by page, each emptied when it is first touched, and takes them back when
they are free: asking for memory anew can cost more than what is calculated in it.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from math import prod
from threading import Lock

import torch
from torch import Tensor

from vivant.nn.rows import Array

SLACK = 2
"""How many times larger than wanted a free room may be."""


class Rooms:
    """Rooms of one network. What `room` lends while they are `used` comes back when nothing refers to it any longer."""

    def __init__(self) -> None:
        self._free: list[Array] = []
        self._taking = Lock()

    @contextmanager
    def used(self) -> Iterator[None]:
        """Within, `room` lends these, in this thread."""
        token = _used.set(self)
        try:
            yield
        finally:
            _used.reset(token)

    def lend(self, size: int) -> Tensor:
        """`size` bytes (size,), uint8, of any content."""
        with self._taking:  # the list can grow at its end meanwhile, as rooms come back
            fitting = [n for n, array in enumerate(self._free) if size <= len(array) <= SLACK * size]
            memory = self._free.pop(min(fitting, key=lambda n: len(self._free[n]))) if fitting else _memory(size)
        lent = memory[:size]
        weakref.finalize(lent, self._free.append, memory).atexit = False
        return torch.from_numpy(lent)


_used: ContextVar[Rooms | None] = ContextVar("rooms", default=None)


def room(channels: int, sides: Sequence[int], dtype: torch.dtype) -> Tensor:
    """(1, C, H, W) or (1, C, D, H, W) of the `sides` and any content, channels together."""
    rooms, shape = _used.get(), (1, *sides, channels)
    if rooms is None:
        return torch.empty(shape, dtype=dtype).movedim(-1, 1)
    return rooms.lend(prod(shape) * dtype.itemsize).view(dtype).reshape(shape).movedim(-1, 1)


def _memory(size: int) -> Array:
    """PyTorch's begins where a cache line does, which the processor's tiles need."""
    return torch.empty(size, dtype=torch.uint8).numpy()
