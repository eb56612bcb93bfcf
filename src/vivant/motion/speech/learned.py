"""The built-in mouth: a trained network turns sound into gestures, gestures into the 27 curves of jaw and mouth."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vivant.errors import WeightsError
from vivant.motion.speech.clock import at_frames
from vivant.motion.speech.contacts import decided
from vivant.motion.speech.front_end import HOP, WIDTH, front_end
from vivant.motion.speech.gestures import GESTURES, SHUT, TUCK, Build, curves_of_gestures, mouth_matrix
from vivant.motion.speech.mouth import Mouth
from vivant.motion.speech.pauses import parted

if TYPE_CHECKING:
    from vivant.motion.speech.networks.gesture_net import GestureNet

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

WEIGHTS = "data/mouth.safetensors"
TEMPERATURE = 0.1
"""What suits most: more costs closures."""
AMOUNT = 1.25
"""Gain of all curves: real talkers move their lips more than the targets of phonemes say (THEval's lip dynamics)."""
SURE = {SHUT: 1.4, TUCK: 1.5}
"""Gain of closed and of bitten lips: what the network half hears is made; rather one too many than one missed."""
FRAME = 2 * HOP
"""Samples of one frame of the network: 20 ms."""


@dataclass(frozen=True)
class Window:
    """How the network is moved over a stream, in frames of 20 ms; all even."""

    past: int = 64
    """Frames before those that are asked for."""
    hop: int = 100
    """Frames that are asked for at once."""
    ahead: int = 24
    """Frames after them: what is going to be said shapes the mouth already."""
    breath: bool = True
    """Whether lips stay parted in short pauses; only what sees the end of a pause knows that it is short."""
    late: float = 0.02
    """Seconds by which the mouth is shown later. It learnt to be 50 ms ahead of the sound, and p and b are closed
    until they sound; what is live is late enough."""


OFFLINE = Window()
LIVE = Window(hop=2, ahead=8, breath=False, late=0.0)
"""States come 0.16 to 0.2 s after their sound."""


def learned_mouth(
    gain: float = 1.0, temperature: float = TEMPERATURE, seed: int = 0, window: Window = OFFLINE
) -> Mouth:
    """A mouth that was trained on speech in many languages (see docs/speech.md).

    `gain` 0..3 is on all curves; `temperature` 0..1 is how much it varies with `seed`. Raises WeightsError if the
    packaged weights are damaged.
    """
    uneven = float(np.random.default_rng([seed, 9]).uniform(-0.07, 0.07))
    matrix = mouth_matrix(Build(AMOUNT * gain, uneven))
    sure = np.array([SURE.get(gesture, 1.0) for gesture in range(len(GESTURES))])

    def mouth(chunks: Iterable[Floats], rate: Fraction) -> Iterator[Floats]:
        found = gestures(chunks, load_mouth(), window, temperature, seed)
        for at_frame in at_frames(parted(found) if window.breath else found, rate, -window.late, FRAME):
            yield curves_of_gestures(at_frame * sure, matrix)

    return mouth


def gestures(
    chunks: Iterable[Floats], net: GestureNet, window: Window, temperature: float, seed: int
) -> Iterator[tuple[int, Doubles]]:
    """Gestures (hop, 7), 50 per second, of one piece of sound after the other, each with its number of samples.

    The noise belongs to the time, not to the window, so that neighbouring windows agree.
    """
    draw = np.random.default_rng([seed, 12])
    heard, noise = np.zeros((0, WIDTH), np.float32), np.zeros((0, net.config.latent), np.float32)
    first = done = 0  # frames: that of the first row of `heard`; the next one to yield
    counted = _Counted(chunks, window)
    for rows in front_end(counted, 4):
        heard = np.concatenate([heard, rows])
        stop = done + window.hop + window.ahead - first
        if done * FRAME >= counted.samples or len(heard) < 2 * stop:
            continue
        fresh = draw.standard_normal((stop // 2 - len(noise), net.config.latent)).astype(np.float32)
        noise = np.concatenate([noise, fresh])
        drawn = decided(_draw(net, heard, temperature * noise))
        yield min(window.hop * FRAME, counted.samples - done * FRAME), drawn[done - first :][: window.hop]
        done += window.hop
        passed = max(done - window.past - first, 0)
        heard, noise, first = heard[2 * passed :], noise[passed // 2 :], first + passed


class _Counted:
    """Chunks of sound, their samples counted, and silence for the last window."""

    def __init__(self, chunks: Iterable[Floats], window: Window) -> None:
        self._chunks, self._silence = chunks, np.zeros((window.hop + window.ahead) * FRAME, np.float32)
        self.samples = 0

    def __iter__(self) -> Iterator[Floats]:
        for chunk in self._chunks:
            self.samples += len(chunk)
            yield chunk
        if self.samples:
            yield self._silence


def _draw(net: GestureNet, heard: Floats, noise: Floats) -> Doubles:
    """Gestures (T, 7) of features (2 T, 66) and noise (T / 2, 8)."""
    import torch

    from vivant.nn.threads import one_thread

    with torch.inference_mode(), one_thread():
        condition = net.listen(torch.from_numpy(heard)[None])
        drawn = net.generate(condition, torch.from_numpy(noise)[None])
    return np.asarray(drawn[0].numpy(), np.float64)


@functools.cache
def load_mouth() -> GestureNet:
    """The packaged network without the encoder that only training needs; read once."""
    from safetensors.torch import load

    from vivant.motion.speech.networks.gesture_net import GestureNet
    from vivant.nn.flow_vae import fold

    data = resources.files("vivant.motion.speech").joinpath(WEIGHTS).read_bytes()
    net = GestureNet()
    tensors = {name: tensor.float() for name, tensor in load(data).items()}
    left = net.load_state_dict(tensors, strict=False)
    if left.unexpected_keys or any(not name.startswith("vae.encoder.") for name in left.missing_keys):
        raise WeightsError("the packaged mouth network is damaged; install vivant again")
    fold(net)
    return net.eval()
