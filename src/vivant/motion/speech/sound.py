"""Sound on its way to a face: mono at 16 kHz, cleaned and cut into blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RATE = 16000
"""Samples per second of all sound here."""


def blocks(chunks: Iterable[Floats], size: int) -> Iterator[Floats]:
    """Cut sound in `chunks` (n,) of any sizes into pieces of `size` samples, the last one shorter.

    Not-a-number becomes 0; values are held within -4..4.
    """
    waiting: list[Floats] = []
    count = 0
    for chunk in chunks:
        clean = np.nan_to_num(np.asarray(chunk, np.float32), nan=0.0, posinf=1.0, neginf=-1.0)
        waiting.append(np.clip(clean, -4.0, 4.0))
        count += len(clean)
        if count >= size:
            joined = np.concatenate(waiting)
            used = count - count % size
            yield from joined[:used].reshape(-1, size)
            waiting, count = [joined[used:]], count - used
    if count:
        yield np.concatenate(waiting)
