"""How many cores a network uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let a small network run on one core for as long as the block lasts.

    The layers of a small network take microseconds. Two threads that wait for each other after every one of them gain
    little on an idle machine, and on a busy one, beside a game or an encoder, they are 25 times slower.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
