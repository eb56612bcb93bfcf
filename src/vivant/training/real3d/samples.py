"""What a step learns from: pairs of frames of one head, and where they come from."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class View:
    """A frame; S is the side of pictures, s that of code images."""

    picture: Tensor
    """(N, 3, S, S) RGB -1..1, all that is seen"""
    head: Tensor
    """(N, 3, S, S) the head alone, -1 elsewhere"""
    mask: Tensor
    """(N, 1, S, S) 0..1: how much head there is"""
    camera: Tensor
    """(N, 25)"""
    code: Tensor | None = None
    """(N, 3, s, s) -1..1, its face's code image"""
    near: Tensor | None = None
    """(N, 3, s, s) of the same face, identity and expression moved a little"""
    lips: Tensor | None = None
    """(N, 12, 2) the outer lips, pixels"""


@dataclass(frozen=True)
class Surroundings:
    """What the torso's networks see of the reference, and the key points of both frames."""

    torso: Tensor
    """(N, 3, S, S) RGB -1..1"""
    background: Tensor
    """(N, 3, S, S)"""
    classes: Tensor
    """(N, 6, S, S) 0 or 1"""
    body: Tensor
    """(N, 1, S, S) 0 or 1: torso in the target frame"""
    source: Tensor
    """(N, 68, 3) key points of the reference, -1..1, z = 0"""
    target: Tensor
    """(N, 68, 3)"""


@dataclass(frozen=True)
class Pair:
    """Two frames of one head."""

    reference: View
    target: View
    rest: Tensor | None = None
    """(N, 3, s, s) code image of the head without expression"""
    bend: Tensor | None = None
    """(N, 3, 3, s, s) three code images, the middle one half way between the others"""
    around: Surroundings | None = None


class Source(Protocol):
    """Where pairs come from; what comes depends on the numbers alone. Safe to be asked by many threads."""

    def pair(self, random: np.random.Generator, *, test: bool = False) -> Pair:
        """One pair (N = 1), of the held-out heads if `test`."""


T = TypeVar("T")


def join(parts: list[T]) -> T:
    """One batch of dataclasses of single examples; what one of them lacks, all lack."""
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat(parts)  # type: ignore[arg-type, return-value]
    if any(part is None for part in parts):
        return None  # type: ignore[return-value]
    made: dict[str, Any] = {
        one.name: join([getattr(part, one.name) for part in parts])
        for one in fields(first)  # type: ignore[arg-type]
    }
    return type(first)(**made)


def moved(part: T, device: torch.device | str) -> T:
    """A dataclass with all its tensors on `device`."""
    if isinstance(part, Tensor):
        return part.to(device, non_blocking=True)  # type: ignore[return-value]
    if part is None:
        return part
    made: dict[str, Any] = {one.name: moved(getattr(part, one.name), device) for one in fields(part)}  # type: ignore[arg-type]
    return type(part)(**made)


@dataclass(frozen=True)
class Reader:
    """Reads the batches of one process ahead of the training."""

    source: Source
    batch: int
    seed: int
    rank: int = 0
    threads: int = 2

    def batch_of(self, step: int) -> Pair:
        """The examples of a step, always the same."""
        return join([self.source.pair(self._random(step, place)) for place in range(self.batch)])

    def batches(self, first: int, end: int) -> Iterator[Pair]:
        """Those of the steps `first` to `end`."""
        if self.threads < 1:
            yield from (self.batch_of(step) for step in range(first, end))
            return
        waiting: deque[Future[Pair]] = deque()
        with ThreadPoolExecutor(self.threads) as pool:
            try:
                for step in range(first, end):
                    waiting.append(pool.submit(self.batch_of, step))
                    if len(waiting) > 2 * self.threads:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def tests(self, count: int) -> Iterator[Pair]:
        """Held-out examples, one by one."""
        for place in range(count):
            yield self.source.pair(np.random.default_rng([self.seed, 2, place]), test=True)

    def _random(self, step: int, place: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, 1, step, self.rank * self.batch + place])
