"""Sine layers in 16-bit integers, as the page's engine and the live engine compute them.

Phases are in turns and a quarter behind, see `kernels`. An activation is in 1 / 32768, a turn 2**32 in sums and 2**16
in 16 bits: what overflows are whole turns, which a phase does not have.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

UNIT = 2.0**-15
"""What an activation of 1 is worth."""
LARGEST = 32767
MOST_SHIFT = 17
"""Bits after the point of a weight: with the 15 of an activation a turn is 2**32."""


class Sines(NamedTuple):
    """A sine layer."""

    weight: Doubles
    """(I, O), whole numbers of 16 bits."""
    shift: int
    """By how many bits the sums are to be shifted up, for a turn to be 2**32."""
    bias: NDArray[np.uint32]
    """(O,): what is added after that; the sum's upper 16 bits, cut off, are the rounded phase."""


class Products(NamedTuple):
    """A layer without a sine."""

    weight: Doubles
    """(I, O), whole numbers of 16 bits whose sums cannot overflow."""
    scale: Doubles
    """(O,): what one is worth in a sum."""


def sines(weight: Doubles, bias: Doubles) -> Sines:
    """A sine layer of `weight` (I, O) and `bias` (O,), both in turns, scaled as far up as its weights allow."""
    shift = min(MOST_SHIFT, int(np.floor(np.log2(LARGEST / np.abs(weight).max()))))
    turns = np.rint(bias * 2.0**32) + 2**15  # so that cutting to 16 bits rounds
    return Sines(np.rint(weight * 2.0**shift), MOST_SHIFT - shift, turns.astype(np.int64).astype(np.uint32))


def products(weight: Doubles) -> Products:
    """A layer of `weight` (I, O) without a sine."""
    total, largest = np.abs(weight).sum(0), np.abs(weight).max(0)
    # No sum can overflow: activations are at most 2**15.
    scale = np.minimum((2**16 - len(weight)) / np.maximum(total, 1e-9), LARGEST / np.maximum(largest, 1e-9))
    return Products(np.rint(weight * scale), UNIT / scale)


def interleaved(weight: Doubles, lanes: int) -> NDArray[np.int16]:
    """(I, O) as (O / lanes, I / 2, lanes, 2): what one instruction multiplies lies side by side."""
    inputs, outputs = weight.shape
    parts = weight.reshape(inputs // 2, 2, outputs // lanes, lanes).transpose(2, 0, 3, 1)
    return np.ascontiguousarray(parts, np.int16)
