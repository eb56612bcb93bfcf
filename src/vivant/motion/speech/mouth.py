"""The interface of everything that moves a mouth by sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

Mouth = Callable[[Iterable[Floats], Fraction], Iterator[Floats]]
"""Chunks (n,) of mono 16 kHz sound, of any sizes, and a frame rate to one array of curves (52,) per frame.

Frame k is for the time k / rate, for all k with k / rate inside the sound; all curves but those of jaw and mouth are 0.
A mouth works on a stream: bounded memory, bounded look-ahead, the same result however the sound is cut.
"""
