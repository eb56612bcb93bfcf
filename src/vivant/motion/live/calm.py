"""What a face does when its tracker falls silent: it eases into a calm, living rest, and back when packets return."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from vivant.face.arkit import CURVES
from vivant.face.landmarks import MESH_COUNT
from vivant.face.model import displacement_from_curves, load_face_model
from vivant.motion.idle import IdleSettings, Life
from vivant.motion.retime import blend_states
from vivant.motion.state import FaceState
from vivant.smooth import eased

HOLD_SECONDS = 0.5
"""Silence after which the face begins to rest; shorter gaps hold the last state."""
EASE_SECONDS = 1.2
RETURN_SECONDS = 0.25
LIFE_RATE = Fraction(60)
MOST_STEPS = 30
"""Steps of life made up for at most after a long frame."""


class Calm:
    """The last state heard, or rest, or something between; `at` tells what the face does at a moment."""

    def __init__(self, settings: IdleSettings = IdleSettings(), seed: int = 0) -> None:
        self._life = Life(LIFE_RATE, settings, seed)
        self._resting = FaceState()
        self._last: FaceState | None = None
        self._heard = -np.inf
        self._now: float | None = None
        self._owed = 0.0
        self._share = 1.0
        blend_states(FaceState(), FaceState(), 0.5)  # loads what blending needs now, not in the middle of a stream

    @property
    def share(self) -> float:
        """How far the face has come to rest, 0..1."""
        return self._share

    def hear(self, state: FaceState, time: float) -> None:
        """Take a state that came at `time` seconds; one without a face counts as silence."""
        if state.present:
            self._last, self._heard = state, time

    def at(self, time: float) -> FaceState:
        """The face at `time` seconds, which must not go back."""
        passed = 0.0 if self._now is None else max(time - self._now, 0.0)
        self._now = time
        self._live(passed)
        silent = time - self._heard > HOLD_SECONDS
        self._share += passed / EASE_SECONDS if silent else -passed / RETURN_SECONDS
        self._share = float(np.clip(self._share, 0.0, 1.0))
        if self._last is None:
            return self._resting
        return blend_states(self._last, _like(self._resting, self._last), eased(self._share))

    def _live(self, passed: float) -> None:
        """Let the resting face live on for `passed` seconds."""
        self._owed = min(self._owed + passed * float(LIFE_RATE), MOST_STEPS)
        for _ in range(int(self._owed)):
            self._resting = self._life.step(np.zeros(len(CURVES), np.float32), np.zeros(3), talking=0.0)
        self._owed -= int(self._owed)


def _like(state: FaceState, other: FaceState) -> FaceState:
    """`state` with a mesh if `other` has one, so that the way between them has no jump."""
    if other.dense is None:
        return state
    dense = displacement_from_curves(load_face_model(), state.curves)[:MESH_COUNT]
    return replace(state, dense=np.asarray(dense, np.float32))
