"""A camera that moves around the head: its way becomes the head's own turn, seen from a camera at rest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vivant.errors import SettingsError
from vivant.face.pose import rotation_from_angles
from vivant.motion.state import FaceState

Floats = NDArray[np.float32]

WAYS = "still, orbit:DEGREES, circle:DEGREES, each with :SECONDS of one round if you like, such as orbit:30:4"
LARGEST = 90.0
SECONDS = 4.0
LONGEST = 3600.0
FLAT = 0.5
"""Up and down of a circle as a share of its right and left: heads are seldom seen from above."""


@dataclass(frozen=True)
class CameraPath:
    """How a camera goes around the head, again and again."""

    way: Literal["still", "orbit", "circle"] = "still"
    """orbit: right and left; circle: also up and down."""
    degrees: float = 0.0
    """Largest angle between camera and rest."""
    seconds: float = SECONDS
    """Length of a round."""

    def __post_init__(self) -> None:
        if not abs(self.degrees) <= LARGEST or not 0 < self.seconds <= LONGEST:
            raise SettingsError(
                f"a camera on a way of {self.degrees:g} degrees in {self.seconds:g} s cannot be; "
                f"give at most {LARGEST:g} degrees, and 0 to {LONGEST:g} s"
            )

    def head_turn(self, time: float) -> Floats:
        """Rotation (3, 3) that the head seems to make at `time` seconds; an orbit begins at rest."""
        angle = 2 * math.pi * time / self.seconds
        size = math.radians(self.degrees) if self.way != "still" else 0.0
        up = FLAT * size * math.cos(angle) if self.way == "circle" else 0.0
        return rotation_from_angles(size * math.sin(angle), up, 0.0)


def parse_camera(text: str) -> CameraPath:
    """The path that `text` names, see `WAYS`; raises SettingsError."""
    way, *numbers = text.split(":")
    try:
        values = [float(number) for number in numbers]
    except ValueError:
        values = []
    if (way, numbers) == ("still", []):
        return CameraPath()
    if way in ("orbit", "circle") and len(values) in (1, 2):
        return CameraPath("orbit" if way == "orbit" else "circle", *values)
    raise SettingsError(f"camera {text!r} is no way; give {WAYS}")


def seen_from(states: Iterable[FaceState], rate: Fraction, path: CameraPath) -> Iterator[FaceState]:
    """`states` at `rate` as a camera on `path` sees them: head and its displacement turn together."""
    if path.way == "still" or path.degrees == 0:
        yield from states
        return
    for index, state in enumerate(states):
        turn = path.head_turn(float(index / rate))
        yield replace(
            state,
            rotation=np.asarray(turn @ state.rotation, np.float32),
            translation=np.asarray(turn @ state.translation, np.float32),
        )
