"""Prosody: who speaks, how loud, how high, with what accents and pauses; every 10 ms, causal, in constant memory.

Light on purpose: it drives head, brows and eyes, which follow the music of speech and not its sounds. Only voice below
3.4 kHz counts, so a telephone does as well as a studio. Levels adapt to the speaker and the room.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.motion.speech.sound import RATE, blocks

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

HOP = 160
"""Samples from one analysis to the next: 10 ms."""
HOPS = 8
"""Analyses of one block of 80 ms, which is the look-ahead."""
BLOCK = HOP * HOPS
WINDOW = 640
"""Samples that one analysis sees: 40 ms, ending with its hop; two periods of the lowest voice."""
SPECTRUM = 1024
VOICE_BAND = (250.0, 3400.0)
"""Hertz whose energy counts as loudness."""
PITCH_RANGE = (65.0, 420.0)
PITCH_RATE, HARMONICS = 8000, 2000.0
"""Samples per second of the autocorrelation, and the Hertz below which it sees harmonics."""
QUIET = -75.0
"""Decibels of full scale below which nothing is heard."""
FLOOR_BIAS = 1.5
"""Decibels by which the quietest moments of a steady noise lie below its mean."""
FLOOR_BLOCKS = 56
"""Blocks (4.5 s) whose quietest are the noise floor; a note held longer counts as noise."""
SPEECH_HOLD = 12
"""Steps that speech outlasts its last voiced sound: consonants belong to it."""
PHRASE_PAUSE = 0.20
"""Seconds of silence that end a phrase."""
ACCENT_GAP = 0.32
"""Shortest time between accents in seconds."""
RISE = 2.0
"""Semitones by which the last 0.1 s of voice in a question lie above the half second before."""


@dataclass(frozen=True)
class Prosody:
    """What was heard in one block of 80 ms; arrays are (8,), one value per 10 ms."""

    samples: int
    """Samples of sound; fewer than 1280 only in the last block."""
    active: Doubles
    """Somebody speaks, 0..1."""
    loudness: Doubles
    """How loud, against the loudest of this speaker lately, 0..1."""
    pitch: Doubles
    """Semitones above the speaker's usual pitch, held where there is none."""
    voiced: Doubles
    """The voice has a pitch, 0..1."""
    pause: Doubles
    """Seconds since the last speech."""
    accent: Doubles
    """Strength 0..1 of the accent that becomes audible here; nearly always 0."""
    starts: bool = False
    """A phrase begins in this block."""
    ends: bool = False
    """A phrase is known to have ended."""
    rises: bool = False
    """It ended with a rising pitch, like a question."""


def prosody(chunks: Iterable[Floats]) -> Iterator[Prosody]:
    """Hear mono 16 kHz sound in `chunks` (n,) of any sizes; the result doesn't depend on how it is cut."""
    listener = _Listener()
    tail = np.zeros(WINDOW - HOP, np.float32)
    for sound in blocks(chunks, BLOCK):
        padded = np.concatenate([tail, sound, np.zeros(BLOCK - len(sound), np.float32)])
        tail = padded[-len(tail) :]
        yield listener.hear(len(sound), *_analyse(padded[_FRAMES]))


_FRAMES = HOP * np.arange(HOPS)[:, None] + np.arange(WINDOW)
_WINDOW = np.hanning(WINDOW + 1)[:-1]
_HERTZ = np.fft.rfftfreq(SPECTRUM, 1 / RATE)
_BAND = slice(*np.searchsorted(_HERTZ, VOICE_BAND))
_LOW = int(SPECTRUM * HARMONICS / RATE) + 1
_LAGS = slice(int(PITCH_RATE / PITCH_RANGE[1]), int(PITCH_RATE / PITCH_RANGE[0]) + 2)
_WINDOW_POWER = float(_WINDOW @ _WINDOW)
_SHAPE = np.correlate(_WINDOW, _WINDOW, "full")[WINDOW - 1 :: RATE // PITCH_RATE][_LAGS] / _WINDOW_POWER
_SLOPE = np.linspace(0, 0.18, _LAGS.stop - _LAGS.start)
"""Every multiple of the period is as alike: a small slope prefers the shortest."""


def _analyse(frames: Floats) -> tuple[Doubles, Doubles, Doubles]:
    """Level in decibels, periodicity 0..1 and pitch in hertz (N,) of `frames` (N, 640)."""
    spectrum = np.fft.rfft(frames * _WINDOW, SPECTRUM)
    power = spectrum.real**2 + spectrum.imag**2
    energy = power[:, _BAND].sum(1) / (0.5 * SPECTRUM * _WINDOW_POWER)
    level = np.maximum(10 * np.log10(energy + 1e-12), QUIET)
    likeness = np.fft.irfft(power[:, :_LOW], SPECTRUM * PITCH_RATE // RATE)
    likeness = likeness[:, _LAGS] / ((likeness[:, :1] + 1e-9) * _SHAPE)
    best = np.minimum(np.maximum((likeness - _SLOPE).argmax(1), 1), likeness.shape[1] - 2)
    rows = np.arange(len(best))
    before, peak, after = likeness[rows, best - 1], likeness[rows, best], likeness[rows, best + 1]
    shift = 0.5 * (before - after) / np.minimum(before - 2 * peak + after, -1e-6)
    hertz = PITCH_RATE / (best + _LAGS.start + np.minimum(np.maximum(shift, -0.5), 0.5))
    return level, _ramp(peak, 0.35, 0.65), hertz


def _ramp(value: Doubles, low: float, high: float) -> Doubles:
    """0 below `low`, 1 above `high`, straight between."""
    return np.asarray(np.minimum(np.maximum((value - low) / (high - low), 0.0), 1.0))


class _Listener:
    """Keeps what is usual for the speaker and the room, and where in a phrase we are."""

    def __init__(self) -> None:
        self._minima: deque[float] = deque(maxlen=FLOOR_BLOCKS)
        self._floor, self._reference, self._voice = -60.0, -22.0, math.log2(140.0)
        self._heard = 0
        self._pitch = self._slow_pitch = self._slow_loudness = 0.0
        self._held, self._pause, self._since_accent = 0, 10.0, 10.0
        self._in_phrase = False
        self._recent: deque[float] = deque(maxlen=5)
        self._contour: deque[float] = deque(maxlen=60)

    def hear(self, samples: int, level: Doubles, periodic: Doubles, hertz: Doubles) -> Prosody:
        """Judge one block."""
        self._minima.append(float(level.min()) + FLOOR_BIAS)
        self._floor = float(np.partition(self._minima, len(self._minima) // 12)[len(self._minima) // 12])
        if len(self._minima) < 6:
            self._floor = min(self._floor, -45.0)
        voiced = periodic * (level > max(self._floor + 6, self._reference - 35, QUIET + 8))
        self._learn(level, voiced, hertz)
        near = _ramp(level - max(self._floor + 4, self._reference - 32), 0, 5)
        loudness = near * _ramp(level - self._reference, -25, 1)
        moments = zip(*(values.tolist() for values in (near, loudness, voiced, np.log2(hertz))), strict=True)
        columns = np.array([self._step(*moment) for moment in moments])
        starts, ends, rises = self._phrase(columns[:, 2])
        active, pitch, pause, accent = columns.T
        return Prosody(samples, active, loudness, pitch, voiced, pause, accent, starts, ends, rises)

    def _learn(self, level: Doubles, voiced: Doubles, hertz: Doubles) -> None:
        """Follow the 90 % quantile of loudness and the mean pitch: quickly at first, then slowly."""
        if float(voiced.max()) <= 0.6:
            return
        sure = voiced > 0.6
        for decibels, octaves in zip(level[sure].tolist(), np.log2(hertz[sure]).tolist(), strict=True):
            pace = 0.25 if self._heard > 80 else 14.0 * math.exp(-self._heard / 20.0)
            above = decibels - self._reference
            self._reference += min(0.9 * pace, above) if above > 0 else max(-0.1 * pace, above)
            self._voice += (octaves - self._voice) * max(0.003, 1 / (3 + self._heard))
            self._heard += 1

    def _step(self, near: float, loudness: float, voiced: float, octaves: float) -> tuple[float, float, float, float]:
        """Activity, pitch, pause and accent of one moment."""
        self._held = SPEECH_HOLD if voiced > 0.4 else max(self._held - 1, 0)
        active = near if self._held else 0.0
        self._pause = 0.0 if active > 0.4 else self._pause + HOP / RATE
        if voiced > 0.4:
            self._recent.append(12 * (octaves - self._voice))
            semitones = sorted(self._recent)[len(self._recent) // 2]
            self._pitch += 0.5 * (min(max(semitones, -10.0), 10.0) - self._pitch)
            self._contour.append(self._pitch)
        return active, self._pitch, self._pause, self._accent(loudness, voiced)

    def _accent(self, loudness: float, voiced: float) -> float:
        """A syllable that is louder or higher than those before it."""
        louder, higher = loudness - self._slow_loudness, max(self._pitch - self._slow_pitch, 0.0) * (voiced > 0.4)
        self._slow_loudness += 0.03 * louder
        self._slow_pitch += 0.017 * (self._pitch - self._slow_pitch)
        self._since_accent += HOP / RATE
        strength = min(1.0, max(0.0, louder - 0.10) * 1.5 + 0.09 * higher)
        if loudness < 0.45 or voiced < 0.4 or strength < 0.28 or self._since_accent < ACCENT_GAP:
            return 0.0
        self._since_accent = 0.0
        return strength

    def _phrase(self, pause: Doubles) -> tuple[bool, bool, bool]:
        """Whether a phrase starts, whether one has ended, and whether it rose."""
        starts = not self._in_phrase and float(pause.min()) == 0.0
        ends = self._in_phrase and float(pause[-1]) >= PHRASE_PAUSE
        self._in_phrase = (self._in_phrase or starts) and not ends
        rises = False
        if ends:
            contour = np.array(self._contour)
            rises = len(contour) >= 30 and bool(contour[-10:].mean() - np.median(contour[:-15]) > RISE)
            self._contour.clear()
        return starts, ends, rises
