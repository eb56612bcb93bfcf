"""speak: the driver that makes a face talk from sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import tee

import numpy as np
from numpy.typing import NDArray

from vivant.errors import SettingsError
from vivant.motion.idle import check_range, check_seed
from vivant.motion.speech.emotion import EMOTIONS, EmotionName, speak_with
from vivant.motion.speech.learned import TEMPERATURE, learned_mouth
from vivant.motion.speech.mouth import Mouth
from vivant.motion.speech.presence import PresenceSettings, presence
from vivant.motion.state import FaceState

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class SpeechSettings:
    """How a face speaks; gains are 0..3 and 1 is natural."""

    rate: Fraction = Fraction(25)
    """States per second."""
    seed: int = 0
    """Chooses blinks, glances, postures and the small unevenness of the mouth; 0 or more."""
    mouth_gain: float = 1.0
    """Gain of all curves of jaw and mouth."""
    head_motion: float = 1.0
    """Gain of nods, postures and sway."""
    brows: float = 1.0
    """Gain of brows raised on accents and of their sway."""
    gaze_motion: float = 1.0
    """Gain of the glances beside the viewer."""
    blinks_per_minute: float = 16.0
    """Mean rate of blinks, 0..60."""
    temperature: float | None = None
    """How much a network's mouth varies from seed to seed, 0..1; 0 is its most likely motion, None its own default."""
    emotion: EmotionName = "neutral"
    """What the face feels while it speaks."""
    emotion_strength: float = 1.0
    """How strongly, 0..1.5."""

    def __post_init__(self) -> None:
        for name in ("mouth_gain", "head_motion", "brows", "gaze_motion"):
            check_range(name, getattr(self, name), 0.0, 3.0)
        check_range("blinks_per_minute", self.blinks_per_minute, 0.0, 60.0)
        check_range("temperature", self.temperature or 0.0, 0.0, 1.0)
        check_range("emotion_strength", self.emotion_strength, 0.0, 1.5)
        check_range("rate", float(self.rate), 1.0, 240.0)
        check_seed(self.seed)
        if self.emotion not in EMOTIONS:
            raise SettingsError(f"emotion {self.emotion!r} is unknown; use {', '.join(EMOTIONS)}")


def speak(
    chunks: Iterable[Floats], settings: SpeechSettings = SpeechSettings(), mouth: Mouth | None = None
) -> Iterator[FaceState]:
    """States of a face that says the sound in `chunks` (n,) float32 mono 16 kHz, -1..1, of any sizes.

    Yields ceil(seconds * rate) states, state k for the time k / rate; memory does not grow with the length. Head, brows
    and eyes need at most 0.1 s of sound beyond a state's time, the mouth what its own documentation says. The same
    sound and settings give the same states however the sound is cut. `mouth` replaces the built-in network.
    """
    for_mouth, for_presence = tee(chunks)
    temperature = TEMPERATURE if settings.temperature is None else settings.temperature
    mouth = mouth or learned_mouth(settings.mouth_gain, temperature, settings.seed)
    lively = PresenceSettings(
        settings.head_motion,
        settings.brows,
        settings.gaze_motion,
        settings.blinks_per_minute,
        settings.emotion,
        settings.emotion_strength,
    )
    states = presence(for_presence, settings.rate, lively, settings.seed)
    for curves, state in zip(mouth(for_mouth, settings.rate), states, strict=True):
        yield replace(state, curves=speak_with(state.curves, curves))
