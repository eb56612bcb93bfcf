"""Where memory runs out, a user reads what helps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vivant.errors import SettingsError

MOST_TILES = 64
STEP = 4
"""How many times more tiles are advised."""
WORDS = ("can't allocate memory", "cannot allocate memory", "not enough memory", "out of memory")
"""What PyTorch says where it has no error of its own for it: on processors, and while it compiles."""


@contextmanager
def enough_memory(tiles: int) -> Iterator[None]:
    """Raise SettingsError where memory runs out within, in the processor or the graphics card."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _ran_out(error):
            raise
        more = min(STEP * tiles, MOST_TILES)
        less = f"give --tiles {more}" if tiles < more else "end other programs, or give --networks packaged"
        what = f"not enough memory for the published networks with --tiles {tiles}"
        raise SettingsError(f"{what}; {less}") from None


def _ran_out(error: MemoryError | RuntimeError) -> bool:
    import torch

    words = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(word in words for word in WORDS)
