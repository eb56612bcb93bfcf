"""A face at rest that is nevertheless alive: blinks, breath, small head motion and glances, without any sound.

The parts are classes with one `step` per frame, because speech drives the same parts with its own events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vivant.errors import SettingsError
from vivant.face.arkit import CURVES, INDEX
from vivant.face.pose import rotation_from_angles
from vivant.motion.state import LOOK_RADIANS, FaceState
from vivant.smooth import eased

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

NECK = np.array([0.0, -1.0, -0.5])
"""Where the head turns, seen from its origin, in inter-ocular distances: nodding and turning also move the head."""
DRIFT_DEGREES = (1.5, 0.9, 0.9)
"""Standard deviations of yaw, pitch and roll of a quiet head."""
DRIFT_SECONDS = (0.8, 2.5, 8.0)
"""Time constants of three equal random walks whose sum has nearly a 1/f spectrum."""
BREATH_SECONDS = 4.2
BREATH_HEIGHT = 0.012
"""Rise of the head with a breath, in inter-ocular distances."""
LID_DOWN, LID_SHUT, LID_UP = 0.10, 0.045, 0.20
"""Seconds that a blink closes, stays closed and opens."""
BLINK_GAP = 0.6
"""Shortest time between the starts of two blinks in seconds."""


@dataclass(frozen=True)
class IdleSettings:
    """How lively a face without sound is; 1 is a calm adult."""

    head_motion: float = 1.0
    """Gain of the head's motion, 0..3."""
    gaze_motion: float = 1.0
    """Gain of the glances, 0..3; the eyes hold the viewer either way."""
    blinks_per_minute: float = 15.0
    """Mean rate of blinks, 0..60."""

    def __post_init__(self) -> None:
        check_range("head_motion", self.head_motion, 0.0, 3.0)
        check_range("gaze_motion", self.gaze_motion, 0.0, 3.0)
        check_range("blinks_per_minute", self.blinks_per_minute, 0.0, 60.0)


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise SettingsError unless low <= value <= high (not a number fails as well)."""
    if not low <= value <= high:
        raise SettingsError(f"{name} is {value}; give a value from {low:g} to {high:g}")


def check_seed(seed: int) -> None:
    """Raise SettingsError for a seed below 0, which generators of chance do not take."""
    if seed < 0:
        raise SettingsError(f"seed is {seed}; give 0 or a positive whole number")


def idle(rate: Fraction = Fraction(25), settings: IdleSettings = IdleSettings(), seed: int = 0) -> Iterator[FaceState]:
    """Endless states of a calm face, one per 1/`rate` seconds; the same for the same seed.

    All mouth curves are 0. Raises SettingsError if `rate` is not positive.
    """
    life = Life(rate, settings, seed)
    while True:
        yield life.step(np.zeros(len(CURVES), np.float32), np.zeros(3), talking=0.0)


class Spring:
    """Critically damped followers of moving targets: they ease in and out and never overshoot a held target."""

    def __init__(self, rising: Doubles, falling: Doubles, step: float) -> None:
        """`rising` and `falling` (N,) are the springs' 1/s upward and downward; `step` is in seconds.

        Behind a moving target a follower lags 2/rising (2/falling) seconds.
        """
        self._rising, self._falling, self._step_s = rising, falling, step
        self._decay_up, self._decay_down = np.exp(-rising * step), np.exp(-falling * step)
        self.place: Doubles = np.zeros(len(rising))
        self._speed: Doubles = np.zeros(len(rising))

    def step(self, target: Doubles) -> Doubles:
        """Follow `target` (N,) for one step by the exact solution; returns the new place (N,)."""
        offset = self.place - target
        falls = offset > 0
        stiff = np.where(falls, self._falling, self._rising)
        decay = np.where(falls, self._decay_down, self._decay_up)
        push = (self._speed + stiff * offset) * self._step_s
        self._speed = (self._speed - stiff * push) * decay
        self.place = target + (offset + push) * decay
        return self.place


class Life:
    """All that moves in a face without words: `step` puts it on top of the curves and angles of words."""

    def __init__(self, rate: Fraction, settings: IdleSettings, seed: int) -> None:
        if rate <= 0:
            raise SettingsError(f"rate is {rate}; give a positive number of frames per second")
        step = float(1 / rate)
        draws = [np.random.default_rng([seed, part]) for part in range(4)]
        self._settings = settings
        self._drift = Drift(np.radians(DRIFT_DEGREES), step, draws[0])
        self._brow_drift = Drift(np.array([0.02]), step, draws[3])
        self._breath = Breath(step, draws[1])
        self.blinks = Blinks(settings.blinks_per_minute, step, draws[2])
        self.glances = Glances(step, draws[1])

    def step(self, curves: Floats, angles: Doubles, talking: float) -> FaceState:
        """The next state from the `curves` (52,) and `angles` (yaw, pitch, roll in radians) that speech asks for.

        `talking` 0..1 enlarges the head's drift, as in people who speak.
        """
        breath = self._breath.step()
        drift = self._drift.step() * (1.0 + 0.5 * talking)
        drift[1] += np.radians(0.25) * breath
        turned = angles + self._settings.head_motion * drift
        gaze = self._settings.gaze_motion * self.glances.step() - turned[:2]
        result = curves.copy()
        raise_by(result, ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), 0.03 + self._brow_drift.step()[0])
        add_lids(result, self.blinks.step(), gaze)
        rotation = rotation_from_angles(*turned)
        place = NECK - rotation @ NECK + np.array([0.0, BREATH_HEIGHT * breath, 0.0])
        return FaceState(np.clip(result, 0, 1), rotation, place.astype(np.float32), gaze.astype(np.float32))


def raise_by(curves: Floats, names: tuple[str, ...], amount: float) -> None:
    """Add `amount` to the named `curves` (52,) in place."""
    for name in names:
        curves[INDEX[name]] += amount


def add_lids(curves: Floats, blink: float, gaze: Doubles) -> None:
    """Write `blink` 0..1 and the curves of `gaze` (right, up; radians in the head) into `curves` (52,) in place."""
    right, up = gaze / LOOK_RADIANS
    for name, value in (
        *(("eyeLookUp", up), ("eyeLookDown", -up)),
        *(("eyeBlink", blink), ("eyeSquint", 0.08 * blink)),
    ):
        raise_by(curves, (name + "Left", name + "Right"), max(float(value), 0.0))
    # The person's left eye is on the viewer's right: to look there it turns outward.
    raise_by(curves, ("eyeLookOutLeft", "eyeLookInRight"), max(float(right), 0.0))
    raise_by(curves, ("eyeLookInLeft", "eyeLookOutRight"), max(float(-right), 0.0))


class Drift:
    """Slow random motion from zero with nearly a 1/f spectrum and given standard deviations (N,) in the long run."""

    def __init__(self, deviations: Doubles, step: float, draw: np.random.Generator) -> None:
        """Walks of so many numbers, of `deviations` (N,)."""
        self._draw = draw
        self._keep = np.exp(-step / np.array(DRIFT_SECONDS))[:, None]
        self._kick = np.sqrt(1 - self._keep**2) * deviations / np.sqrt(len(DRIFT_SECONDS))
        self._walks: Doubles = np.zeros(self._kick.shape)
        self._spring = Spring(np.full(len(deviations), 9.0), np.full(len(deviations), 9.0), step)

    def step(self) -> Doubles:
        """The next value (N,)."""
        self._walks = self._keep * self._walks + self._kick * self._draw.standard_normal(self._kick.shape)
        return self._spring.step(self._walks.sum(0)).copy()


class Breath:
    """Breathing: in faster than out, with a pause, no two breaths alike."""

    def __init__(self, step: float, draw: np.random.Generator) -> None:
        self._step_s, self._draw = step, draw
        self._phase, self._seconds, self._depth = float(draw.random()), BREATH_SECONDS, 1.0

    def step(self) -> float:
        """The next height of the chest, 0 (out) to about 1 (in)."""
        self._phase += self._step_s / self._seconds
        if self._phase >= 1:
            self._phase %= 1.0
            self._seconds = BREATH_SECONDS * float(self._draw.uniform(0.85, 1.25))
            self._depth = float(self._draw.uniform(0.75, 1.1))
        inhale, exhale = 0.38, 0.5
        if self._phase < inhale:
            return self._depth * eased(self._phase / inhale)
        return self._depth * eased(1 - min((self._phase - inhale) / exhale, 1.0))


class Blinks:
    """When and how far the lids close: irregular, now and then twice in a row, and earlier where speech pauses."""

    def __init__(self, per_minute: float, step: float, draw: np.random.Generator) -> None:
        self._step_s, self._draw = step, draw
        self._mean = 60.0 / per_minute if per_minute > 0 else np.inf
        self._since, self._depth, self._owed = np.inf, 1.0, 0.0
        self._wait = 0.8 + self._gap() * float(draw.random())

    def _gap(self) -> float:
        """Seconds to the next blink: its mean is kept although one in twelve is a double."""
        if self._draw.random() < 1 / 12:
            return min(BLINK_GAP * 0.75, self._mean)
        spread = float(self._draw.gamma(3.0, 1 / 3.0))
        return max(self._mean * 12 / 11 * spread, min(BLINK_GAP, self._mean))

    def hasten(self, within: float) -> None:
        """Blink now if the next blink is due `within` seconds anyway and the last one is over.

        The time won is given back after it, so that the mean rate is kept.
        """
        if 0 < self._wait < within and self._since > 3 * BLINK_GAP:
            self._owed, self._wait = self._wait, 0.0

    def step(self) -> float:
        """The next closing of both lids, 0..1."""
        self._since += self._step_s
        self._wait -= self._step_s
        if self._wait <= 0 and self._mean < np.inf:
            self._since, self._depth = 0.0, float(self._draw.uniform(0.92, 1.0))
            self._wait, self._owed = self._gap() + self._owed, 0.0
        return self._depth * _lid(self._since)


def _lid(since: float) -> float:
    if since < LID_DOWN:
        return eased(since / LID_DOWN)
    return eased(1 - min(max(since - LID_DOWN - LID_SHUT, 0.0) / LID_UP, 1.0))


class Glances:
    """Where the eyes look beside the viewer: tiny steps on the viewer's face, seldom a short look away."""

    def __init__(self, step: float, draw: np.random.Generator) -> None:
        self._step_s, self._draw = step, draw
        self._target: Doubles = np.zeros(2)
        self._spring = Spring(np.full(2, 80.0), np.full(2, 80.0), step)
        self._wait = float(draw.uniform(0.8, 2.0))

    def look_away(self) -> None:
        """Start a short look aside, as people do when they begin to think."""
        side = float(self._draw.choice([-1.0, 1.0]))
        self._target = np.radians([side * self._draw.uniform(4, 9), self._draw.uniform(-4, 3)])
        self._wait = float(self._draw.uniform(0.4, 0.9))

    def step(self) -> Doubles:
        """The next gaze (2,) in radians from the line to the viewer: right, up."""
        self._wait -= self._step_s
        if self._wait <= 0:
            if self._draw.random() < 0.08:
                self.look_away()
            else:
                self._target = np.radians(self._draw.normal(0.0, [0.9, 0.5]))
                self._wait = float(self._draw.gamma(3.0, 0.5)) + 0.25
        return self._spring.step(self._target)
