"""Calms live trackers: the one-euro filter, still where a face rests and quick where it moves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vivant.errors import SettingsError
from vivant.face import arkit
from vivant.motion.state import FaceState

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

LONGEST_STEP = 0.5
"""Seconds without a state after which the filter starts anew."""
SPEED_CUTOFF = 2.0
"""Hz of the filter of the speed."""


@dataclass(frozen=True)
class Smoothing:
    """How much a live tracker is calmed; 0 leaves all as it is, 1 suits a webcam, up to 10."""

    amount: float = 1.0
    expression_hz: float = 4.0
    """Cut-off of a resting face at amount 1."""
    head_hz: float = 2.0
    gaze_hz: float = 4.0
    quickness: float = 12.0
    """Hz by which the cut-off grows per unit (curve, radian, inter-ocular distance) and second of motion."""

    def __post_init__(self) -> None:
        if not 0 <= self.amount <= 10:
            raise SettingsError(f"smoothing amount is {self.amount:g}; give 0 to 10")
        for name in ("expression_hz", "head_hz", "gaze_hz"):
            if not 0.01 <= getattr(self, name) <= 1000:
                raise SettingsError(f"smoothing {name} is {getattr(self, name):g}; give 0.01 to 1000")
        if not 0 <= self.quickness <= 1000:
            raise SettingsError(f"smoothing quickness is {self.quickness:g}; give 0 to 1000")


class Smoother:
    """Smooths a stream of states, one `step` per state; source: Casiez, Roussel, Vogel 2012 (the 1 euro filter)."""

    def __init__(self, settings: Smoothing = Smoothing()) -> None:
        self._settings = settings
        parts = (
            np.full(len(arkit.CURVES), settings.expression_hz),
            np.full(9, settings.head_hz),
            np.full(3, settings.head_hz),
            np.full(2, settings.gaze_hz),
        )
        self._resting = np.concatenate(parts) / max(settings.amount, 1e-6)
        self._place: Doubles | None = None
        self._speed: Doubles = np.zeros(len(self._resting))
        self._last: FaceState | None = None
        self._time = 0.0

    def step(self, state: FaceState, seconds: float) -> FaceState:
        """`state`, seen at `seconds` of a clock that grows, made calm; a lost face holds the last state."""
        if self._settings.amount == 0:
            return state
        if not state.present and self._last is not None:
            return replace(self._last, present=False)
        values = np.concatenate([state.curves, state.rotation.ravel(), state.translation, state.gaze])
        passed = seconds - self._time
        if self._place is None or not 0 < passed < LONGEST_STEP:
            self._place, self._speed = values.astype(np.float64), np.zeros(len(values))
        else:
            speed = (values - self._place) / passed
            self._speed += _share(np.float64(SPEED_CUTOFF), passed) * (speed - self._speed)
            cutoff = self._resting + self._settings.quickness / max(self._settings.amount, 1.0) * np.abs(self._speed)
            self._place = self._place + _share(cutoff, passed) * (values - self._place)
        self._time = seconds
        self._last = _state(self._place, state)
        return self._last


def nearest_rotation(matrix: Floats | Doubles) -> Floats:
    """The rotation (3, 3) nearest to a `matrix` (3, 3) that is nearly one."""
    u, _, vt = np.linalg.svd(matrix)
    return np.asarray((u * [1.0, 1.0, np.linalg.det(u @ vt)]) @ vt, np.float32)


def _share(cutoff: Doubles | np.float64, passed: float) -> Doubles:
    """How much of the way to the new value a low pass of `cutoff` (...) Hz goes in `passed` seconds."""
    turn = 2 * np.pi * cutoff * passed
    return np.asarray(turn / (turn + 1))


def _state(values: Doubles, state: FaceState) -> FaceState:
    """`state` with these `values` (66,)."""
    v = values.astype(np.float32)
    return replace(
        state, curves=v[:52], rotation=nearest_rotation(v[52:61].reshape(3, 3)), translation=v[61:64], gaze=v[64:]
    )
