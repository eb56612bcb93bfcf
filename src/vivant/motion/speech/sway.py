"""Sway: how heads and brows of people who talk wander, learnt from videos (`vivant train presence`).

A vector autoregression, 20 steps per second, excited by noise whose strength wanders as well: people hold still and
move by turns. Its spectra, cross-spectra and amounts are those of the videos; it returns to rest by itself.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from vivant.errors import WeightsError

Doubles = NDArray[np.float64]

WEIGHTS = "data/sway.safetensors"
RATE = 20
"""Steps per second."""
CHANNELS = ("yaw", "pitch", "roll", "right", "up", "near", "brow", "brow_tilt")
"""Radians; inter-ocular distances about the neck; brow height in units of the curves that raise it, and how much more
its inner end rises (half the difference to the outer end)."""


@dataclass(frozen=True, eq=False)
class SwayModel:
    """The fitted process of C = 8 channels."""

    transition: Doubles
    """(P, C, C) what each of the last P steps adds to the next one, newest first, in units of `amount`."""
    noise: Doubles
    """(C, C) lower triangle that colours the noise, in the same units."""
    amount: Doubles
    """(C,) scale of each channel."""
    keep: float
    """Share of the noise's log strength that stays from step to step."""
    spread: float
    """Standard deviation of the noise's log strength."""


class Sway:
    """The process at work; one `step` per 1/20 s, the same for the same seed."""

    def __init__(self, model: SwayModel, seed: int) -> None:
        order, width, _ = model.transition.shape
        self._model, self._draw = model, np.random.default_rng([seed, 8])
        self._weight = model.transition.swapaxes(0, 1).reshape(width, -1)
        self._past: Doubles = np.zeros((order, width))
        self._strength = 0.0
        self._kick = model.spread * np.sqrt(1 - model.keep**2)

    def excite(self, strength: float) -> None:
        """Make the next moments livelier (above 0) or calmer (below 0), in natural logarithms of the noise."""
        self._strength += strength

    def step(self, level: float = 0.0) -> Doubles:
        """The next values (C,) in their units; `level` is added to the noise's log strength for this step."""
        model, draw = self._model, self._draw.standard_normal(len(self._model.amount) + 1)
        self._strength = min(model.keep * self._strength + self._kick * draw[0], 3 * model.spread)
        # The mean of the noise's variance stays 1 whatever the spread.
        gain = np.exp(self._strength - model.spread**2 + level)
        new = self._weight @ self._past.ravel() + gain * (model.noise @ draw[1:])
        self._past = np.concatenate([new[None], self._past[:-1]])
        return np.asarray(model.amount * new)


def simulate(model: SwayModel, steps: int, seed: int) -> Doubles:
    """(steps, C) values of the undisturbed process."""
    sway = Sway(model, seed)
    return np.stack([sway.step() for _ in range(steps)])


@functools.cache
def load_sway() -> SwayModel:
    """The packaged process; read once. Raises WeightsError if the file is damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(resources.files("vivant.motion.speech").joinpath(WEIGHTS).read_bytes())
        transition, noise, amount = (arrays[name].astype(np.float64) for name in ("transition", "noise", "amount"))
        return SwayModel(transition, noise, amount, float(arrays["keep"]), float(arrays["spread"]))
    except (OSError, KeyError, SafetensorError) as error:
        raise WeightsError("the packaged sway of speakers is damaged; install vivant again") from error
