"""Hearing: sound to what a face can know of it, every 10 ms, in bounded memory.

All levels are mean squares in decibels of full scale within bands of one short-time spectrum, lifted by 3 dB per
octave. Norms learnt on the way make them comparable between speakers and rooms. Otherwise nothing is learned; the
thresholds follow acoustic phonetics: open vowels have a strong first formant above 550 Hz, front vowels a strong second
one above 1800 Hz, rounded vowels little above 1200 Hz; closed lips leave only a murmur below 450 Hz, or silence; s and
t are strong above 4 kHz.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.motion.speech.levels import QUIET, Bands, Levels
from vivant.motion.speech.sound import RATE, blocks

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

HOP = 160
"""Samples from one analysis to the next: 10 ms."""
HOPS = 15
"""Analyses of one passage; the look-ahead is one passage."""
PASSAGE = HOP * HOPS
WINDOW = 512
"""Samples that one analysis sees: 32 ms, ending with its hop."""
SPECTRUM = 1024
BANDS = {
    "low": (80, 450),
    "first": (550, 1100),
    "valley": (1200, 1700),
    "second": (1800, 3200),
    "high": (4000, 7600),
    "vowel": (600, 3500),
}
"""Names and limits in Hz of the bands."""
CLOSING_DROP = (8.0, 13.5)
"""Decibels below the neighbourhood at which lips count as half closed: with much echo, and without."""
TALKING = 0.4
"""Share of the opening that a mouth keeps between vowels unless its lips close."""
HOLD = 3
"""Steps of 10 ms that lips stay closed after the sound of closing: they part with the burst, not ahead of it."""
TONGUE_REACH = 7
"""Steps before a burst of s, t, k in which a silence belongs to the tongue, not to the lips."""


@dataclass(frozen=True)
class Passage:
    """0.15 s of sound and what was heard in it; arrays are (15,), one value per 10 ms, 0..1 unless said."""

    sound: Floats
    """(2400,) mono at 16 kHz; shorter only in the last passage."""
    active: Doubles
    """Somebody speaks."""
    loudness: Doubles
    """How loud, against the loudest of this speaker lately."""
    opening: Doubles
    """Jaw opening that the sound asks for."""
    closure: Doubles
    """Lips closed: p, b, m, and weaker t, d, n, k."""
    hiss: Doubles
    """Teeth together: s, z, sh, t."""
    breath: Doubles
    """Weak noise without tone: f, th, h."""
    front: Doubles
    """Wide lips: i, e."""
    rounding: Doubles
    """Rounded lips: u, o, w."""
    voiced: Doubles
    """The voice has a pitch."""
    pitch: Doubles
    """Semitones above the speaker's usual pitch; 0 without a pitch."""


def listen(chunks: Iterable[Floats]) -> Iterator[Passage]:
    """Hear mono 16 kHz sound in `chunks` (n,) of any sizes; passages come one passage (0.15 s) late.

    The result doesn't depend on how the sound is cut into chunks.
    """
    levels = Levels()
    heard: deque[_Heard] = deque([_nothing()], maxlen=3)
    tail = np.zeros(WINDOW - HOP, np.float32)
    for sound in blocks(chunks, PASSAGE):
        heard.append(_hear(sound, tail, levels))
        padded = np.concatenate([tail, sound])
        tail = padded[len(padded) - len(tail) :]
        if len(heard) == 3:
            yield _understand(tuple(heard), levels)
    if len(heard) > 1:
        heard.append(_nothing())
        yield _understand(tuple(heard)[-3:], levels)


@dataclass(frozen=True)
class _Heard:
    """One passage before its neighbours are known."""

    sound: Floats
    bands: Bands
    voiced: Doubles
    pitch: Doubles


def _nothing() -> _Heard:
    silent = {name: np.full(HOPS, QUIET) for name in BANDS}
    return _Heard(np.zeros(0, np.float32), silent, np.zeros(HOPS), np.zeros(HOPS))


def _hear(sound: Floats, tail: Floats, levels: Levels) -> _Heard:
    whole = np.concatenate([tail, sound, np.zeros(PASSAGE - len(sound), np.float32)])
    frames = np.lib.stride_tricks.sliding_window_view(whole, WINDOW)[::HOP]
    window = np.hanning(WINDOW + 1)[:-1]
    power = np.abs(np.fft.rfft(frames * window, SPECTRUM)) ** 2 / ((window**2).sum() * SPECTRUM / 2)
    hertz = np.fft.rfftfreq(SPECTRUM, 1 / RATE)
    lifted = power * (hertz / 1000)
    bands = {name: _decibels(lifted[:, (hertz >= low) & (hertz < high)].sum(1)) for name, (low, high) in BANDS.items()}
    voiced, pitch_hertz = _pitch(power, window)
    audible = np.maximum(bands["vowel"], bands["low"]) > max(levels.norms.floor + 6, QUIET + 6)
    voiced = voiced * audible
    levels.update(bands, voiced, pitch_hertz)
    pitch = np.where(voiced > 0.5, 12 * np.log2(pitch_hertz / levels.usual_pitch), 0.0)
    return _Heard(sound, bands, voiced, np.clip(pitch, -12, 12))


def _decibels(power: Doubles) -> Doubles:
    return np.asarray(np.maximum(10 * np.log10(power + 1e-12), QUIET))


def _pitch(power: Doubles, window: Doubles) -> tuple[Doubles, Doubles]:
    """Periodicity 0..1 and pitch in Hz (70..400) of each spectrum, by autocorrelation."""
    lags = slice(RATE // 400, RATE // 70)
    shape = np.fft.irfft(np.abs(np.fft.rfft(window, SPECTRUM)) ** 2)
    likeness = np.fft.irfft(power)
    likeness = likeness[:, lags] / (likeness[:, :1] + 1e-9) / (shape[lags] / shape[0])
    # Every multiple of the period is as alike: a small slope prefers the shortest.
    best = (likeness - np.linspace(0, 0.12, likeness.shape[1])).argmax(1)
    strength = likeness[np.arange(len(best)), best]
    return _ramp(strength, 0.35, 0.65), RATE / (best + lags.start)


def _understand(parts: tuple[_Heard, ...], levels: Levels) -> Passage:
    """Judge the middle one of three passages among its neighbours, with the norms known after all of them."""
    norms, here = levels.norms, slice(HOPS, 2 * HOPS)
    bands = {name: np.concatenate([part.bands[name] for part in parts]) for name in BANDS}
    voiced = np.concatenate([part.voiced for part in parts])
    vowel, traits = bands["vowel"], norms.traits(bands)
    around = _around(vowel, HOPS - 1)
    rim = np.minimum(_ahead(vowel, HOPS - 1), _behind(vowel, HOPS - 1))
    levels.learn_dips(vowel[here], rim[here])
    drop = np.maximum(around, norms.reference - 22) - vowel
    speech = _ramp(norms.reference - norms.floor, 5, 12) * np.maximum(_around(voiced, HOPS - 1), 0.2)
    active = speech * np.maximum(
        _ramp(vowel - max(norms.floor, norms.reference - 45), 3.5, 10),
        _ramp(bands["high"] - max(norms.high_floor, norms.reference - 45), 3.5, 10),
    )
    hiss = active * _ramp(bands["high"] - vowel, -4, 4)
    compact = active * (1 - voiced) * _ramp(bands["second"] - bands["first"], 8, 15)
    tongue = _ahead(np.maximum(hiss, compact), TONGUE_REACH)
    near = speech * _ramp(_around(vowel, HOPS // 2) - max(norms.floor, norms.reference - 36), 4, 12)
    # Dips reach 20 dB in a dry room, 16 dB where echoes fill them, and never go below the noise.
    deep = np.minimum(np.clip(1.3 * norms.depth - 12.5, *CLOSING_DROP), np.maximum(around - norms.floor - 3.0, 7.0))
    closure = near * (1 - hiss) * (1 - 0.9 * tongue) * _closing(drop, deep, traits, voiced)
    closure = _behind(closure, HOLD)
    found = {
        "active": active,
        "loudness": active * _ramp(vowel - norms.reference, -25, 1),
        "opening": active * (1 - hiss) * _opening(drop, around - norms.reference, traits["height"]),
        "closure": closure,
        "hiss": hiss,
        "breath": active * (1 - voiced) * (1 - hiss) * _ramp(drop, 8, 16),
        "front": active * voiced * _ramp(traits["front"], 0.3, 1.4),
        "rounding": active * voiced * _ramp(traits["hollow"], 0.2, 1.2) * _ramp(-traits["front"], -0.2, 0.6),
    }
    found["rounding"] *= 1 - closure
    now = parts[1]
    return Passage(now.sound, **{name: v[here] for name, v in found.items()}, voiced=now.voiced, pitch=now.pitch)


def _closing(drop: Doubles, deep: Doubles, traits: Bands, voiced: Doubles) -> Doubles:
    """How closed lips are, 0..1, where the vowel band is `drop` dB lower than nearby and `deep` dB mean half closed.

    A voiced dip must go deeper unless the base of the voice goes on as a murmur; a strong second formant says that
    the tongue, not the lips, made it.
    """
    threshold = deep + 6 * (1 - _ramp(traits["murmur"], 0.3, 1.4)) * voiced
    by_lips = 1 - 0.7 * _ramp(traits["front"], 0.8, 1.8) * voiced
    return by_lips * _ramp(drop - threshold, -2.5, 2.5)


def _opening(drop: Doubles, loudness: Doubles, height: Doubles) -> Doubles:
    """How open the jaw is in speech, 0..1, from levels in dB and the height of the first formant."""
    shape = _ramp(-drop, -16, -1) * (0.4 + 0.6 * _ramp(height, -1.4, 0.9))
    return (0.5 + 0.5 * _ramp(loudness, -20, 0)) * (TALKING + (1 - TALKING) * shape)


def _ramp(value: Doubles | float, low: float, high: float) -> Doubles:
    """0 below `low`, 1 above `high`, straight between."""
    return np.clip((np.asarray(value, np.float64) - low) / (high - low), 0.0, 1.0)


def _around(values: Doubles, reach: int) -> Doubles:
    """Largest of `values` (N,) within `reach` places on either side."""
    padded = np.pad(values, reach, "edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(1))


def _behind(values: Doubles, reach: int) -> Doubles:
    """Largest of `values` (N,) from `reach` places earlier to each place."""
    return _ahead(values[::-1], reach)[::-1]


def _ahead(values: Doubles, reach: int) -> Doubles:
    """Largest of `values` (N,) from each place to `reach` places later."""
    padded = np.pad(values, (0, reach), "edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, reach + 1).max(1))
