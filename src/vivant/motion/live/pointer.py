"""The mouse as a driver: the face looks where the pointer is, turns its head after it, blinks and breathes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np

from vivant.face.arkit import CURVES
from vivant.motion.idle import IdleSettings, Life, Spring
from vivant.motion.live.clocked import ticks
from vivant.motion.live.sockets import Heard
from vivant.motion.measure import set_looks

RATE = Fraction(60)
TURN_DEGREES = (24.0, 14.0)
"""Turn of the head, to the side and up, for a pointer at the border."""
LOOK_DEGREES = (38.0, 22.0)
"""Turn of the eyes together with the head."""
STIFF = 11.0, 26.0
"""1/s of the springs of head and eyes: the eyes go ahead."""


class Pointer:
    """Where the mouse is; written by a window or a page, read by the driver."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._place = (0.0, 0.0)

    def move(self, x: float, y: float) -> None:
        """Set the place: -1..1 to the viewer's right and up, beyond is clipped; what is no number is left out."""
        if np.isfinite(x) and np.isfinite(y):
            with self._lock:
                self._place = (float(np.clip(x, -1, 1)), float(np.clip(y, -1, 1)))

    @property
    def place(self) -> tuple[float, float]:
        """The place: -1..1 to the viewer's right and up."""
        with self._lock:
            return self._place


class PointedFace:
    """The face that follows a pointer; one `step` per 1/`RATE` seconds."""

    def __init__(self, settings: IdleSettings = IdleSettings(head_motion=0.5), seed: int = 0) -> None:
        self._life = Life(RATE, settings, seed)
        self._head, self._eyes = (Spring(np.full(2, k), np.full(2, k), float(1 / RATE)) for k in STIFF)

    def step(self, place: tuple[float, float], now: float) -> Heard:
        """The next state for a pointer at `place`, -1..1 to the viewer's right and up."""
        target = np.array(place)
        turn = self._head.step(np.radians(TURN_DEGREES) * target)
        look = self._eyes.step(np.radians(LOOK_DEGREES) * target)
        roll = -0.15 * turn[0]
        state = self._life.step(np.zeros(len(CURVES), np.float32), np.array([*turn, roll]), talking=0.0)
        gaze = np.clip(look - turn, -0.5, 0.5).astype(np.float32)
        set_looks(state.curves, gaze)
        return Heard(replace(state, gaze=gaze), now)


def pointer_states(pointer: Pointer, seed: int = 0) -> Iterator[Heard]:
    """States of a face that follows `pointer`, as time passes, for ever."""
    face = PointedFace(seed=seed)
    for _ in ticks(RATE):
        yield face.step(pointer.place, time.perf_counter())
