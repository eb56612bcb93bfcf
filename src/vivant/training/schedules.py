"""How learning rates and weights of losses change over the steps of a training."""

from __future__ import annotations

import math


def warm_then_decay(step: int, base: float, warm: int = 1000, decay: int = 250_000, floor: float = 1e-7) -> float:
    """Rises linearly to `base` over `warm` steps, then falls tenfold per `decay` steps, not below `floor`.

    The audio-to-motion networks of GeneFace and Real3D-Portrait (geneface 4.3, real3d 14.7).
    """
    rate = base * step / warm if step <= warm else base * 0.1 ** (step / decay)
    return max(rate, floor)


def half_cosine(step: int, base: float, total: int = 40_000) -> float:
    """Falls from `base` to 0 as half a cosine over `total` steps, and rises again beyond, as published.

    The SyncNet expert of GeneFace (geneface 5).
    """
    return base * 0.5 * (1 + math.cos(math.pi * step / total))


def halved(step: int, base: float, every: int = 40_000) -> float:
    """`base`, halved after each `every` steps: GeneFace's landmark critic (geneface 6)."""
    return base * 0.5 ** (step // every)


def in_turns(step: int, largest: float = 0.02, rise: int = 2000, stay: int = 2000) -> float:
    """Rises from 0 to `largest` over `rise` steps, stays for `stay`, starts anew: cyclic annealing (real3d 14.7)."""
    return largest * min(step % (rise + stay) / rise, 1.0)
