"""Motion: a sequence of face states at a constant rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.errors import MotionError
from vivant.face.arkit import CURVES
from vivant.face.landmarks import MESH_COUNT
from vivant.motion.state import FaceState

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

SHAPES: dict[str, tuple[int, ...]] = {
    "curves": (len(CURVES),),
    "rotation": (3, 3),
    "translation": (3,),
    "gaze": (2,),
    "present": (),
    "dense": (MESH_COUNT, 3),
}
"""Shape of one frame of each array."""
ROTATION_ERROR = 0.01
"""Largest entry of R^T R - 1 that still counts as a rotation."""


@dataclass(frozen=True, eq=False)
class Motion:
    """N face states at `rate` frames per second; every field means what it means in `FaceState`.

    Raises MotionError where an array has a wrong shape, a value that is not finite, or a matrix that is no rotation.
    """

    rate: Fraction
    """Frames per second, as a rational number (30000/1001 stays exact)."""
    curves: Floats
    """(N, 52) 0..1"""
    rotation: Floats
    """(N, 3, 3)"""
    translation: Floats
    """(N, 3) inter-ocular distances"""
    gaze: Floats
    """(N, 2) radians"""
    present: Flags
    """(N,) False where the driver lost the face"""
    dense: Floats | None = None
    """(N, 468, 3) head centimetres, or None"""
    meta: dict[str, str] = field(default_factory=dict)
    """Free notes such as the name of the driver's file."""

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise MotionError(f"motion rate {self.rate} is not positive; give frames per second, such as 25")
        for name, shape in SHAPES.items():
            array = getattr(self, name)
            if array is None:
                continue
            if array.shape != (len(self.present), *shape):
                raise MotionError(
                    f"motion field {name!r} has shape {array.shape} instead of {(len(self.present), *shape)}"
                )
            if not np.isfinite(array).all():
                raise MotionError(f"motion field {name!r} holds values that are not finite; remove those frames")
        if len(self) == 0:
            raise MotionError("motion has no frames; give at least one")
        error = self.rotation.swapaxes(1, 2) @ self.rotation - np.eye(3)
        if np.abs(error).max() > ROTATION_ERROR or np.linalg.det(self.rotation).min() < 0:
            raise MotionError("motion field 'rotation' holds matrices that are no rotations; normalise them")

    def __len__(self) -> int:
        return len(self.present)

    def __getitem__(self, index: int) -> FaceState:
        return FaceState(
            self.curves[index],
            self.rotation[index],
            self.translation[index],
            self.gaze[index],
            None if self.dense is None else self.dense[index],
            bool(self.present[index]),
        )

    def __iter__(self) -> Iterator[FaceState]:
        return (self[index] for index in range(len(self)))

    @property
    def seconds(self) -> float:
        """Duration: number of frames over rate."""
        return float(len(self) / self.rate)

    @classmethod
    def from_states(cls, rate: Fraction, states: Iterable[FaceState], meta: dict[str, str] | None = None) -> Motion:
        """Collect `states`; `dense` is kept where every state has it. Raises MotionError if there is no state."""
        blocks = [_stacked(block) for block in _in_blocks(states)]
        if not blocks:
            raise MotionError("motion has no frames; give at least one")
        joined = {name: np.concatenate([block[name] for block in blocks]) for name in SHAPES if name != "dense"}
        dense = [block["dense"] for block in blocks if "dense" in block]
        return cls(
            Fraction(rate),
            **joined,
            dense=np.concatenate(dense) if len(dense) == len(blocks) else None,
            meta=dict(meta or {}),
        )


def _in_blocks(states: Iterable[FaceState]) -> Iterator[list[FaceState]]:
    """Hours of states take a tenth of the memory as arrays."""
    source = iter(states)
    while block := list(islice(source, 1000)):
        yield block


def _stacked(states: list[FaceState]) -> dict[str, Any]:
    """Arrays (N, ...) of each field, `dense` only where every state has it."""
    kept = {name: np.stack([getattr(state, name) for state in states]) for name in SHAPES if name != "dense"}
    arrays = {name: values.astype(np.bool_ if name == "present" else np.float32) for name, values in kept.items()}
    dense = [state.dense for state in states if state.dense is not None]
    return arrays | ({"dense": np.stack(dense).astype(np.float32)} if len(dense) == len(states) else {})
