"""The breath of drawn characters, which they show by the lift of the head over the neck, whatever drives them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vivant.motion.idle import BREATH_HEIGHT, NECK, Breath
from vivant.motion.state import FaceState

STEP = 1 / 60
MOST_STEPS = 600


class Breathing:
    """Breathes as time passes, at any rate of frames."""

    def __init__(self, seed: int = 0) -> None:
        self._breath = Breath(STEP, np.random.default_rng([seed, 9]))
        self._until, self._lift = 0.0, 0.0

    def lifted(self, state: FaceState, seconds: float) -> FaceState:
        """`state` with the breath at `seconds`, which must not go back, in place of the head's own rise and fall.

        A mesh is left out: the breath would not agree with it.
        """
        self._until = max(self._until, seconds - MOST_STEPS * STEP)
        while self._until < seconds:
            self._until += STEP
            self._lift = BREATH_HEIGHT * min(self._breath.step(), 1.0)
        place = state.translation.astype(np.float64)
        place[1] = (NECK - state.rotation @ NECK)[1] + self._lift
        return replace(state, translation=place.astype(np.float32), dense=None)
