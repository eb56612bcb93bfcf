"""What a speaker does besides the mouth: nods and brows on accents, posture between phrases, blinks at pauses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vivant.face.arkit import CURVES
from vivant.motion.idle import IdleSettings, Life, Spring, raise_by
from vivant.motion.speech.clock import at_frames
from vivant.motion.speech.voice import Passage
from vivant.motion.state import FaceState

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

LEAD = 0.06
"""Seconds that head and brows are ahead of the sound."""
POSTURE_DEGREES = (3.0, 1.4, 2.2)
"""Standard deviations of yaw, pitch and roll of the postures that a speaker takes from phrase to phrase."""
POSTURE_SECONDS = 2.2
"""Typical time between postures within a long phrase."""
BEAT_DEGREES = (1.8, 6.0, 1.6)
"""Yaw and roll (standard deviations) and downward pitch (always) of the target of the strongest accent's beat.

The springs reach about half of it."""
BEAT_SECONDS = 0.16
BROW_SECONDS = 0.30
"""Time constants with which beats and raised brows go back."""
ACCENT_GAP = 0.35
"""Shortest time between accents in seconds."""
PAUSE = 0.20
"""Silence in seconds that ends a phrase."""


@dataclass(frozen=True)
class PresenceSettings:
    """How lively a speaker's head and brows are; 1 is an engaged, calm speaker."""

    head_motion: float = 1.0
    brows: float = 1.0
    idle: IdleSettings = field(default_factory=IdleSettings)


def presence(passages: Iterable[Passage], rate: Fraction, settings: PresenceSettings, seed: int) -> Iterator[FaceState]:
    """States without a mouth, one per 1/`rate` seconds for as long as the sound lasts."""
    life = Life(rate, settings.idle, seed)
    speaker = _Speaker(rate, settings, np.random.default_rng([seed, 8]))
    for heard in at_frames(_prosody(passages), rate, LEAD):
        active, loudness, pitch, voiced = heard
        phrase_ends = speaker.listen(active, loudness, pitch * voiced)
        if phrase_ends:
            life.blinks.hasten(1.2)
        if speaker.thinks:
            life.glances.look_away()
        curves, angles = speaker.move()
        yield life.step(curves, angles, speaker.talking)


def _prosody(passages: Iterable[Passage]) -> Iterator[tuple[int, Doubles]]:
    for heard in passages:
        yield len(heard.sound), np.stack([heard.active, heard.loudness, heard.pitch, heard.voiced], axis=1)


class _Speaker:
    """Turns loudness, pitch and pauses into events, and events into targets that springs follow."""

    def __init__(self, rate: Fraction, settings: PresenceSettings, draw: np.random.Generator) -> None:
        self._step_s, self._settings, self._draw = float(1 / rate), settings, draw
        self._posture: Doubles = np.zeros(3)
        self._head = Spring(np.full(3, 4.5), np.full(3, 4.5), self._step_s)
        self._quick = Spring(np.array([12.0, 12.0, 12.0, 11.0]), np.array([12.0, 12.0, 12.0, 7.0]), self._step_s)
        self._beat: Doubles = np.zeros(3)
        self._brow = self._slow_loudness = self._slow_pitch = 0.0
        self._silence, self._since_accent, self._since_posture = 1.0, 1.0, 0.0
        self.talking = 0.0
        self.thinks = False

    def listen(self, active: float, loudness: float, pitch: float) -> bool:
        """Take in one frame of sound; True where a phrase has just ended."""
        step = self._step_s
        spoke = self._silence < PAUSE
        starts = active > 0.5 and not spoke
        self._silence = 0.0 if active > 0.5 else self._silence + step
        self._since_accent += step
        self._since_posture += step
        self.talking += ((1.0 if self._silence < 2 * PAUSE else 0.0) - self.talking) * min(step / 0.5, 1.0)
        self.thinks = starts and bool(self._draw.random() < 0.15)
        goes_on = active > 0.5 and self._since_posture > 0.8
        if starts or (goes_on and self._draw.random() < step / (POSTURE_SECONDS - 0.8)):
            self._take_posture()
        self._hear_accent(loudness, pitch)
        return spoke and self._silence >= PAUSE

    def _take_posture(self) -> None:
        self._posture = 0.25 * self._posture + np.radians(self._draw.normal(0.0, POSTURE_DEGREES))
        self._since_posture = 0.0

    def _hear_accent(self, loudness: float, pitch: float) -> None:
        """A syllable that is louder or higher than those before it moves head and brows."""
        louder, higher = loudness - self._slow_loudness, max(pitch - self._slow_pitch, 0.0)
        self._slow_loudness += louder * min(self._step_s / 0.35, 1.0)
        self._slow_pitch += (pitch - self._slow_pitch) * min(self._step_s / 0.6, 1.0)
        strength = min(1.0, max(0.0, louder - 0.12) * 1.6 + 0.10 * higher)
        if loudness < 0.45 or strength < 0.25 or self._since_accent < ACCENT_GAP:
            return
        self._since_accent = 0.0
        chance = self._draw.random(2)
        if chance[0] < 0.8:
            direction = self._draw.normal([0.0, -1.0, 0.0], [1.0, 0.25, 1.0])
            self._beat = self._beat + strength * np.radians(BEAT_DEGREES) * direction
        if chance[1] < 0.35 + 0.08 * higher:
            self._brow += min(0.3 + 0.13 * higher, 0.9) * float(self._draw.uniform(0.6, 1.2))

    def move(self) -> tuple[Floats, Doubles]:
        """Curves (52,) of the brows and angles (3,) of the head for this frame."""
        step = self._step_s
        self._beat = self._beat * np.exp(-step / BEAT_SECONDS)
        self._brow *= np.exp(-step / BROW_SECONDS)
        if self._silence > PAUSE:
            self._posture = self._posture * np.exp(-step / 3.0)
        quick = self._quick.step(np.append(self._beat, self._brow))
        angles = self._head.step(self._posture + np.radians([0.0, -1.2 * self._slow_loudness * self.talking, 0.0]))
        curves = np.zeros(len(CURVES), np.float32)
        raised = self._settings.brows * min(float(quick[3]), 0.8)
        raise_by(curves, ("browInnerUp",), raised)
        raise_by(curves, ("browOuterUpLeft", "browOuterUpRight"), 0.8 * raised)
        raise_by(curves, ("eyeWideLeft", "eyeWideRight"), 0.25 * raised)
        return curves, self._settings.head_motion * (angles + quick[:3])
