"""A step without corners: 3 t^2 - 2 t^3 between 0 and 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def smoothstep(values: NDArray[np.floating[Any]]) -> Floats:
    """(...) of `values` (...): 0 below 0, 1 above 1, smooth between."""
    values = np.minimum(np.maximum(values, 0.0), 1.0)  # np.clip takes several times as long on small arrays
    return np.asarray(values * values * (3.0 - 2.0 * values), np.float32)


def eased(value: float) -> float:
    """`smoothstep` of one number, in Python's own precision."""
    value = min(max(value, 0.0), 1.0)
    return value * value * (3.0 - 2.0 * value)
