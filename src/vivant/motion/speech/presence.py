"""What a speaker does besides the mouth: head, brows, gaze and lids, from the music of the sound.

    sound ─▶ prosody ─▶ accents, phrases, pauses ─▶ timeline, 100 values per second ─▶ frames
                                    learnt sway ──────┘

The sway (amounts, spectra and coupling fitted on videos) is livelier where phrases start and calmer in pauses; beats of
head and brows sit on accents; lids and eyes follow their own statistics, drawn to the ends of phrases. Everything is
drawn on a timeline of its own, so the motion is the same at any frame rate.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vivant.face.pose import rotation_from_angles
from vivant.motion.idle import BREATH_HEIGHT, NECK, Blinks, Breath
from vivant.motion.speech.clock import at_frames
from vivant.motion.speech.emotion import EMOTIONS, Emotion, EmotionName, shape
from vivant.motion.speech.gaze import Gaze
from vivant.motion.speech.prosody import HOPS, Prosody, prosody
from vivant.motion.speech.sway import RATE as SWAY_RATE
from vivant.motion.speech.sway import Sway, load_sway
from vivant.motion.state import LOOK_RADIANS, FaceState

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

STEP = 0.01
"""Seconds of one step of the timeline."""
SWAY_SHARE = 0.9
"""Amount of the learnt sway that is left to itself; beats and postures of speech add the rest."""
CALM = -0.8
"""What silence adds to the natural logarithm of the sway's noise."""
TURN_OUT = 0.5
"""What the start of a phrase adds: speakers settle into a new posture."""
BEAT_DEGREES = (1.2, 2.6, 1.2)
"""Yaw and roll (standard deviations) and downward pitch (always) of the beat on the strongest accent."""
BEAT_CHANCE, BROW_CHANCE = 0.75, 0.45
"""How often an accent moves the head, and the brows."""
BROW_RAISE = 0.68
"""Curves that a strong accent raises the brows by; a question holds them there."""
LIMITS = np.array([*np.radians([20.0, 13.0, 13.0]), 0.4, 0.3, 0.4])
"""Angles and places that are approached softly and never passed, before the user's gain."""
BROW_SKEW, BROW_LIMIT = 1.5, 0.9
"""Brows rise far and sink little."""
TALK_SECONDS = 0.5
"""Time constant with which a face comes to rest in a pause."""
FADE, MOOD_SECONDS = 0.25, 0.6
"""Part of an emotion that goes in pauses, and how long it takes to come at first."""
LARGE_JUMP, JUMP_BLINKS = float(np.radians(7.0)), 0.4
"""Jumps of the eyes that the lids often blink with, and how often."""
HEAD_FOLLOWS, FOLLOW_SECONDS = 0.2, 0.3
"""Part of a shift of gaze that the head makes, and how slowly."""
MEMORY = 250
"""Steps of the timeline that are drawn ahead: the longest beat."""

SHOWN = (
    *("yaw", "pitch", "roll", "right", "up", "near", "gaze_right", "gaze_up", "lid", "brow", "brow_tilt", "mood"),
    "flare",
)
"""Columns of the timeline: radians, inter-ocular distances, radians from the line to the viewer, then curves."""
_LID, _BROW, _TILT, _MOOD, _FLARE = range(8, 13)

PARTS = ("right", "left", "up", "down", "lid", "brow_inner", "brow_outer", "brow_low")
SHOWS: dict[str, dict[str, float]] = {
    # The person's left eye is on the viewer's right: to look there it turns outward.
    "right": {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0},
    "left": {"eyeLookInLeft": 1.0, "eyeLookOutRight": 1.0},
    "up": {"eyeLookUp": 1.0},
    "down": {"eyeLookDown": 1.0},
    "lid": {"eyeBlink": 1.0, "eyeSquint": 0.08},
    "brow_inner": {"browInnerUp": 1.0, "eyeWide": 0.12},
    "brow_outer": {"browOuterUp": 1.0, "eyeWide": 0.12},
    "brow_low": {"browDown": 1.2},
}
"""Curves of each positive part of a moment, at 1."""

_RAMP = np.arange(1, HOPS + 1) / HOPS


@dataclass(frozen=True)
class PresenceSettings:
    """How lively a speaker is; gains are 0..3 and 1 is natural."""

    head_motion: float = 1.0
    brows: float = 1.0
    gaze_motion: float = 1.0
    blinks_per_minute: float = 16.0
    emotion: EmotionName = "neutral"
    emotion_strength: float = 1.0
    """0..1.5"""


def presence(chunks: Iterable[Floats], rate: Fraction, settings: PresenceSettings, seed: int) -> Iterator[FaceState]:
    """States without a speaking mouth, one per 1/`rate` seconds for as long as the sound in `chunks` (n,) lasts.

    The sound is mono at 16 kHz, in chunks of any sizes; at most 0.1 s of it beyond a state's time is read.
    """
    look = _Look(settings, seed)
    for values in at_frames(_timeline(chunks, settings, seed), rate, 0.0):
        yield look.state(values)


def _timeline(chunks: Iterable[Floats], settings: PresenceSettings, seed: int) -> Iterator[tuple[int, Doubles]]:
    speaker = Speaker(settings, seed)
    for heard in prosody(chunks):
        yield heard.samples, speaker.step(heard)


class Speaker:
    """Turns one block of prosody after the other into the columns `SHOWN`, before the user's gains."""

    def __init__(self, settings: PresenceSettings, seed: int) -> None:
        draws = [np.random.default_rng([seed, part]) for part in range(5)]
        self._emotion = mannered(EMOTIONS[settings.emotion], settings.emotion_strength)
        self._draw = draws[0]
        self._breath = Breath(STEP * HOPS, draws[1])
        self._blinks = Blinks(settings.blinks_per_minute * self._emotion.blinks, STEP, draws[2])
        self._gaze = Gaze(draws[3], self._emotion.averts)
        self._sway = _SmoothSway(seed)
        self._ahead: Doubles = np.zeros((MEMORY, 5))
        self._talking = self._mood = 0.0
        self._turned: Doubles = np.zeros(2)
        self._chest = 0.0

    def step(self, heard: Prosody) -> Doubles:
        """The next (8, 13) values."""
        speaks = float(heard.pause[-1] < 0.4)
        before, self._talking = self._talking, self._talking + (speaks - self._talking) * STEP * HOPS / TALK_SECONDS
        talking = before + _RAMP * (self._talking - before)
        self._follow(heard)
        result = np.zeros((HOPS, len(SHOWN)))
        sway = self._sway.step(self._emotion.pace, CALM * (1 - self._talking))
        beats, self._ahead = self._ahead[:HOPS], np.concatenate([self._ahead[HOPS:], np.zeros((HOPS, 5))])
        result[:, :6], result[:, _BROW : _TILT + 1] = sway[:, :6], sway[:, 6:]
        result[:, :3] += beats[:, :3]
        result[:, :6] = LIMITS * np.tanh(self._emotion.head * result[:, :6] / LIMITS)
        result[:, 1] += np.radians(self._emotion.pitch) * self._mood
        brow = np.expm1(BROW_SKEW * self._emotion.brows * (result[:, _BROW] + beats[:, 3])) / BROW_SKEW
        result[:, _BROW] = BROW_LIMIT * np.tanh(brow / BROW_LIMIT)
        result[:, _FLARE] = beats[:, 4]
        self._breathe(result)
        self._look(result)
        self._mood += (1.0 - self._mood) * STEP * HOPS / MOOD_SECONDS
        result[:, _MOOD] = self._mood * (1 - FADE * (1 - talking)) * (1 + 0.16 * np.tanh(sway[:, 7] / 0.08))
        return result

    def _breathe(self, result: Doubles) -> None:
        before, self._chest = self._chest, self._breath.step()
        chest = before + _RAMP * (self._chest - before)
        result[:, 4] += BREATH_HEIGHT * chest
        result[:, 1] += np.radians(0.25) * chest

    def _look(self, result: Doubles) -> None:
        """Gaze, and the lids, which often close with a large shift of gaze."""
        gaze, jump = self._gaze.step(HOPS)
        if jump > LARGE_JUMP and self._draw.random() < JUMP_BLINKS:
            self._blinks.hasten(2.5)
        # The head goes a part of the way where the eyes go, later and more slowly.
        before = self._turned
        self._turned = before + (HEAD_FOLLOWS * gaze[-1] - before) * STEP * HOPS / FOLLOW_SECONDS
        result[:, :2] += before + _RAMP[:, None] * (self._turned - before)
        result[:, 6:8] = gaze
        result[:, _LID] = [self._blinks.step() for _ in range(HOPS)]

    def _follow(self, heard: Prosody) -> None:
        """What phrases, pauses and accents make the face do."""
        emotion, draw = self._emotion, self._draw
        if heard.starts:
            self._sway.excite(TURN_OUT)
            if draw.random() < 0.3:
                self._gaze.think()
            else:
                self._gaze.come_back()
            self._add(4, emotion.flare_at_start, 0, _bump(0.22, 0.35, 0.7))
            if draw.random() < 0.3:
                self._add(3, BROW_RAISE * draw.uniform(0.3, 0.8), 0, _bump(0.2, 0.15, 0.5))
        if heard.ends:
            self._blinks.hasten(1.6)
            self._sway.excite(-0.3)
            if heard.rises:
                self._add(3, BROW_RAISE * draw.uniform(0.7, 1.1), 0, _bump(0.2, 0.5, 0.5))
            if draw.random() < 0.15:
                self._gaze.think()
        for place in np.flatnonzero(heard.accent):
            self._accent(float(heard.accent[place]), int(place))

    def _accent(self, strength: float, place: int) -> None:
        draw = self._draw
        chance, size = draw.random(2), draw.lognormal(-0.1, 0.45, 2)
        if chance[0] < BEAT_CHANCE:
            direction = draw.normal([0.0, -1.0, 0.0], [1.0, 0.2, 1.0])
            beat = _bump(0.15, 0.02, 0.38)
            for channel, amount in enumerate(np.radians(BEAT_DEGREES) * direction):
                self._add(channel, amount * strength * size[0], place, beat)
        if chance[1] < BROW_CHANCE + 0.3 * strength:
            hold = min(round(float(draw.gamma(2.0, 0.10)), 2), 0.8)
            self._add(3, BROW_RAISE * strength * size[1], place, _bump(0.13, hold, 0.28))
        self._add(4, self._emotion.flare_at_accent * strength, place, _bump(0.2, 0.1, 0.6))

    def _add(self, channel: int, amount: float, place: int, curve: Doubles) -> None:
        self._ahead[place : place + len(curve), channel] += amount * curve


class _Look:
    """Draws the face state of one moment from the columns `SHOWN` and the user's gains."""

    def __init__(self, settings: PresenceSettings, seed: int) -> None:
        self._settings = settings
        emotion, strength = EMOTIONS[settings.emotion], settings.emotion_strength
        uneven = float(np.random.default_rng([seed, 10]).uniform(-0.1, 0.1))
        rows = [shape(SHOWS[part], uneven if part.startswith("brow") else 0.0) for part in PARTS]
        self._curves = np.stack([*rows, *(strength * shape(part, uneven) for part in (emotion.wears, emotion.flares))])

    def state(self, values: Doubles) -> FaceState:
        """The state of `values` (13,)."""
        gains = self._settings
        moved = gains.head_motion * values[:6]
        gaze = gains.gaze_motion * values[6:8] - moved[:2]
        brow, tilt = gains.brows * values[_BROW], gains.brows * values[_TILT]
        right, up = gaze / LOOK_RADIANS
        parts = np.array(
            [right, -right, up, -up, values[_LID], brow + tilt, brow - tilt, -brow, values[_MOOD], values[_FLARE]]
        )
        rotation = rotation_from_angles(*moved[:3])
        place = NECK - rotation @ NECK + moved[3:]
        return FaceState(
            np.minimum(np.maximum(parts, 0.0) @ self._curves, 1.0).astype(np.float32),
            rotation,
            place.astype(np.float32),
            gaze.astype(np.float32),
        )


class _SmoothSway:
    """The learnt sway between its own steps: a uniform cubic B-spline, at any pace."""

    def __init__(self, seed: int) -> None:
        self._sway = Sway(load_sway(), seed)
        self._points: Doubles = np.zeros((4, 8))
        self._place = 0.0
        self.excite = self._sway.excite

    def step(self, pace: float, level: float) -> Doubles:
        """The next (8, 8) values."""
        places = self._place + pace * (HOPS * STEP * SWAY_RATE) * _RAMP
        passed = int(places[-1])
        for _ in range(passed):
            self._points = np.concatenate([self._points, SWAY_SHARE * self._sway.step(level)[None]])
        first = places.astype(int)
        near = self._points[first[:, None] + np.arange(4)]
        self._points, self._place = self._points[passed:], float(places[-1]) - passed
        return np.asarray((_spline(places - first)[:, None] @ near)[:, 0])


def _spline(share: Doubles) -> Doubles:
    """Weights (N, 4) of four neighbouring points at `share` (N,) 0..1 between the middle two."""
    powers = np.array([np.ones_like(share), share, share * share, share * share * share])
    return np.asarray(powers.T @ _SPLINE)


_SPLINE = np.array([[1, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]]) / 6


@functools.lru_cache(maxsize=256)
def _bump(rise: float, hold: float, fall: float) -> Doubles:
    """0 to 1 in `rise` seconds, there for `hold`, back in `fall`: minimum-jerk moves, 100 values per second."""
    up, down = (np.linspace(0, 1, max(2, round(seconds / STEP))) for seconds in (rise, fall))
    return np.concatenate([_jerkless(up), np.ones(round(hold / STEP)), 1 - _jerkless(down)])


def _jerkless(share: Doubles) -> Doubles:
    return share**3 * (10 - 15 * share + 6 * share**2)


def mannered(emotion: Emotion, strength: float) -> Emotion:
    """The manner of `emotion` at a strength of 0..1.5; what it wears is unchanged."""

    def part(value: float, neutral: float = 1.0) -> float:
        return neutral + strength * (value - neutral)

    return Emotion(
        emotion.wears,
        emotion.flares,
        strength * emotion.flare_at_start,
        strength * emotion.flare_at_accent,
        max(part(emotion.head), 0.3),
        max(part(emotion.brows), 0.3),
        part(emotion.pace),
        part(emotion.pitch, 0.0),
        part(emotion.blinks),
        part(emotion.averts),
    )
