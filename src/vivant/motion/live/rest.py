"""The zero of a tracker: the user looks straight ahead when it starts, wherever the camera stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from vivant.face.pose import angles_from_rotation, rotation_from_angles
from vivant.motion.live.sockets import Heard
from vivant.motion.state import FaceState, Floats

REST_SECONDS = 1.0
"""Time over which the zero is averaged."""
LARGEST_SHIFT = 3.0
"""Inter-ocular distances; beyond them the tracker has lost the user, or the user the camera."""


class Rest:
    """The mean head of the first second of a tracker; `relative` gives states from there."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Take the next second as the zero."""
        self._started: float | None = None
        self._count = 0
        self._pose = np.zeros(6)

    def relative(self, heard: Heard) -> FaceState:
        """The state with its head's turn and place from the zero; lost faces are passed on and teach nothing."""
        state = heard.state
        if state.present:
            self._learn(heard)
        turned = rotation_from_angles(*self._pose[:3].tolist())
        place = np.clip(state.translation - self._pose[3:], -LARGEST_SHIFT, LARGEST_SHIFT)
        rotation = np.asarray(turned.T @ state.rotation, np.float32)
        return replace(state, rotation=rotation, translation=place.astype(np.float32))

    def _learn(self, heard: Heard) -> None:
        if self._started is None:
            self._started = heard.time
        if self._count and heard.time - self._started > REST_SECONDS:
            return
        self._count += 1
        seen = np.array([*angles_from_rotation(heard.state.rotation), *_doubles(heard.state.translation)])
        self._pose += (seen - self._pose) / self._count


def _doubles(values: Floats) -> list[float]:
    """`values` (N,) as a list."""
    return [float(value) for value in values]


def from_rest(items: Iterable[Heard | None], rest: Rest | None = None) -> Iterator[Heard | None]:
    """`items` relative to the head of their first second."""
    rest = rest or Rest()
    for heard in items:
        yield None if heard is None else Heard(rest.relative(heard), heard.time)
