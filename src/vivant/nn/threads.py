"""How many cores a network uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

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


_ours: ContextVar[int | None] = ContextVar("cores", default=None)


@contextmanager
def cores_to_ourselves() -> Iterator[None]:
    """Within, layers of PyTorch stay on one core, and the work that `vivant.nn.rows` shares out has all of them.

    A second thread of PyTorch, once woken, waits busily for the next layer: a core is lost for a millisecond.
    """
    token = _ours.set(cores())
    try:
        with one_thread():
            yield
    finally:
        _ours.reset(token)


def cores() -> int:
    """How many cores may share work."""
    return _ours.get() or torch.get_num_threads()
