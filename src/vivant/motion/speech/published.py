"""The published audio-to-motion systems as mouths: GeneFace, GeneFace++ and Real3D-Portrait.

    heard      (2 T, C + 1)   50 rows per second, see `published_hearing`
    noise      (T / 4, 16)    N(0, 1) times a temperature of 0..1
    offsets    (T, 68, 3)     cm from the mean face, 25 per second; x to the viewer's right, y up, z toward the viewer

GeneFace's network draws landmarks, to which a person's post-net may be added; the other two draw coefficients of the
Basel face model. What a network draws for silence is taken as rest, so that a person's shape, which GeneFace's
landmarks hold too, is no motion. A frame depends on 89 frames to either side at most; windows overlap by more than
that, so that the result is the same as in one piece, and memory is constant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivant.errors import SettingsError
from vivant.face.ibug import mouth_curves
from vivant.motion.speech.clock import at_frames
from vivant.motion.speech.mouth import Mouth
from vivant.motion.speech.published_draw import Draw, Speaker, open_speaker
from vivant.motion.speech.published_files import find_published
from vivant.motion.speech.published_hearing import hear, overlapping
from vivant.motion.speech.sound import RATE

Floats = NDArray[np.float32]

STRIDE, LATENT = 4, 16
"""Frames of motion for one of the latent, and its numbers."""
MARGIN, STEP = 96, 208
"""Frames that only give context on either side, and those that are asked for; multiples of 4."""
WINDOW = STEP + 2 * MARGIN
FRAME = RATE // 25
"""Samples of one frame."""
SILENCE = 2 * RATE
"""Samples from which rest is drawn."""
SALT = 13
"""Keeps this noise apart from that of other generators of the same seed."""


def published_mouth(
    model: str, weights: str | Path, *, gain: float = 1.0, temperature: float = 0.2, seed: int = 0
) -> Mouth:
    """The mouth of `model`: geneface, geneface++ or real3d.

    `weights` is a folder or a name in the store, see `published_files`; `gain` 0..3 is on all curves; `temperature`
    0..1 is how much the mouth varies with `seed`. Needs the extra `hubert`. Raises SettingsError for another model or
    a value out of range, MissingExtraError, and WeightsError that says what is missing, damaged or does not fit.
    """
    if not (0 <= temperature <= 1 and 0 <= gain <= 3 and seed >= 0):
        raise SettingsError("temperature is 0 to 1, gain 0 to 3, seed 0 or more; give a value within")
    return mouth_of(open_speaker(find_published(model, weights)), gain, temperature, seed)


def mouth_of(speaker: Speaker, gain: float, temperature: float, seed: int) -> Mouth:
    """The mouth that hears and moves as `speaker`; see `published_mouth`."""
    rest = draw_rest(speaker)

    def mouth(chunks: Iterable[Floats], rate: Fraction) -> Iterator[Floats]:
        counted = Counted(chunks)
        heard = hear(counted, speaker.listen, speaker.features)
        drawn = draw_stream(heard, speaker.draw, temperature, seed)
        curves = ((counted.fresh(), mouth_curves(offsets - rest).astype(np.float64)) for offsets in drawn)
        for at_frame in at_frames(curves, rate, 0.0, FRAME):
            yield np.clip(gain * at_frame, 0, 1).astype(np.float32)

    return mouth


def draw_stream(heard: Iterable[Floats], draw: Draw, temperature: float, seed: int) -> Iterator[Floats]:
    """Offsets (T, 68, 3), piece by piece, for the rows `heard` (R, C + 1) in a row; silence fills the last 160 ms.

    The noise belongs to the time, not to the window, so that windows agree.
    """
    for index, (window, last) in enumerate(overlapping(heard, 2 * WINDOW, 2 * STEP)):
        padded = np.pad(window, ((0, -len(window) % (2 * STRIDE)), (0, 0)))
        drawn = draw(padded, temperature * noise(seed, index * STEP // STRIDE, len(padded) // (2 * STRIDE)))
        yield drawn[MARGIN if index else 0 : None if last else MARGIN + STEP]


def noise(seed: int, first: int, rows: int) -> Floats:
    """N(0, 1) (rows, 16) of the latent's rows from `first` on; each row depends on the seed and its own number only."""
    draws = [np.random.default_rng([seed, SALT, row]).standard_normal(LATENT) for row in range(first, first + rows)]
    return np.asarray(draws, np.float32)


def draw_rest(speaker: Speaker) -> Floats:
    """Offsets (68, 3) of the likeliest face amid endless silence: the mean of the frames that share one latent row."""
    (heard,) = hear([np.zeros(SILENCE, np.float32)], speaker.listen, speaker.features)
    inner = heard[len(heard) // 4 : -len(heard) // 4].mean(0)
    endless = np.tile(inner, (2 * WINDOW, 1))
    drawn = speaker.draw(endless, np.zeros((WINDOW // STRIDE, LATENT), np.float32))
    rest: Floats = drawn[WINDOW // 2 : WINDOW // 2 + STRIDE].mean(0)
    return rest


class Counted:
    """Chunks of sound, their samples counted."""

    def __init__(self, chunks: Iterable[Floats]) -> None:
        self._chunks, self._fresh = chunks, 0

    def __iter__(self) -> Iterator[Floats]:
        for chunk in self._chunks:
            self._fresh += len(chunk)
            yield chunk

    def fresh(self) -> int:
        """Samples that came since this was asked last."""
        fresh, self._fresh = self._fresh, 0
        return fresh
