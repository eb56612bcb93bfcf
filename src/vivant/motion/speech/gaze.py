"""Where the eyes of a speaker look: on the viewer's face, now and then away to think, in ballistic jumps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

SACCADE_START, SACCADE_PER_RADIAN = 0.021, 0.126
"""Seconds of a saccade: 21 ms and 2.2 ms per degree (Carpenter, Movements of the Eyes, 1988, main sequence)."""
VIEWER_DEGREES = (1.0, 0.7)
"""Standard deviations of looks at the viewer's face: eyes, mouth, eyes."""
AWAY_DEGREES = (6.0, 14.0)
"""How far a look away goes."""
AWAY_CHANCE = 0.09
"""Share of fixations on the viewer that end in a look away of their own."""
STEP = 0.01


class Gaze:
    """Fixations and saccades; angles in radians from the line to the viewer: right, up."""

    def __init__(self, draw: np.random.Generator, averts: float = 1.0) -> None:
        """`averts` 0..2 is the gain of how often the eyes leave the viewer."""
        self._draw, self._averts = draw, averts
        self._start, self._target = np.zeros(2), np.zeros(2)
        self._since, self._seconds, self._wait = 1.0, SACCADE_START, float(draw.uniform(0.8, 2.0))
        self._away, self._jump = False, 0.0

    def think(self) -> None:
        """Look away for a moment, as people do who plan what to say; more often sideways than up or down."""
        if self._away or self._draw.random() > self._averts:
            return
        size = float(np.radians(self._draw.uniform(*AWAY_DEGREES)))
        side = float(self._draw.choice([-1.0, 1.0]))
        slant = float(self._draw.normal(-0.1, 0.45))
        self._go(size * np.array([side * np.cos(slant), np.sin(slant)]), float(self._draw.gamma(4.0, 0.2)) + 0.25)
        self._away = True

    def come_back(self) -> None:
        """Look at the viewer again."""
        if self._away:
            self._wait = 0.0

    def step(self, count: int) -> tuple[Doubles, float]:
        """The next `count` directions (count, 2), 100 per second, and the size of a jump that begins in them."""
        self._wait -= count * STEP
        if self._wait <= 0:
            self._next()
        times = self._since + STEP * np.arange(1, count + 1)
        self._since = float(times[-1])
        share = np.clip(times / self._seconds, 0, 1)[:, None]
        jump, self._jump = self._jump, 0.0
        return self._start + (self._target - self._start) * share**2 * (3 - 2 * share), jump

    def _next(self) -> None:
        draw = self._draw
        if not self._away and draw.random() < AWAY_CHANCE * self._averts:
            self.think()
        elif self._away and draw.random() < 0.25:  # one more look around before coming back
            self._go(self._target + np.radians(draw.normal(0.0, 3.0, 2)), float(draw.gamma(4.0, 0.12)) + 0.2)
        else:
            self._away = False
            self._go(np.radians(draw.normal(0.0, VIEWER_DEGREES)), float(draw.gamma(3.0, 0.45)) + 0.25)

    def _go(self, target: Doubles, stay: float) -> None:
        share = min(self._since / self._seconds, 1.0)
        self._start = self._start + (self._target - self._start) * share * share * (3 - 2 * share)
        self._target = target
        self._jump = float(np.linalg.norm(target - self._start))
        self._since, self._seconds = 0.0, SACCADE_START + SACCADE_PER_RADIAN * self._jump
        self._wait = stay
