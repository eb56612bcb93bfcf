"""Fundamental frequency as the published audio-to-motion systems hear it: by autocorrelation, one value every 20 ms.

    sound   (n,)              mono 16 kHz, any level
    result  (ceil(n / 320),)  Hz, 0 where unvoiced; row k stands for the time 20 (k + 1) ms

The method of Boersma 1993 ("Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio
of a sampled sound"): each frame offers the highest peaks of its autocorrelation, divided by that of the window, beside
the candidate "unvoiced"; the path through all frames that jumps least and is likeliest wins. The settings are those of
GeneFace and Real3D-Portrait. The whole sound is held in memory; a stream gives it window by window, and keeps rows that
have a second of sound to either side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.motion.speech.sound import RATE

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

HOP = 320
"""Samples from one row to the next."""
SPECTRUM = 1024
FINER = 4
"""Lags for one sample: the peak of a high voice is narrow."""
AT_ONCE = 250
"""Frames that are analysed together, so that memory does not grow with the sound."""
FADED = 1e-10
"""Power below which a frame is silence."""


@dataclass(frozen=True, kw_only=True)
class PitchSettings:
    """What counts as a voice; costs and thresholds are autocorrelations, 0..1."""

    floor: float = 80.0
    """Hz; three periods of it are one frame."""
    ceiling: float = 750.0
    voicing: float = 0.6
    """How alike neighbouring periods of a voice are at least."""
    silence: float = 0.03
    """Frames whose peak is below this share of the loudest are unvoiced."""
    octave: float = 0.01
    """Advantage of a candidate over another one octave below."""
    octave_jump: float = 0.35
    """Cost of a jump by one octave within 10 ms."""
    change: float = 0.14
    """Cost of a change between voiced and unvoiced within 10 ms."""
    candidates: int = 15
    """Of each frame, the unvoiced one included."""

    @property
    def window(self) -> int:
        """Samples of a frame, even."""
        return 2 * round(1.5 * RATE / self.floor)


def pitch_track(sound: Floats, loudest: float = 0.0, settings: PitchSettings = PitchSettings()) -> Floats:
    """Fundamental frequency in Hz of `sound` (n,), 0 where unvoiced, for each 320 samples; see the top.

    `loudest` is a peak that was heard elsewhere in the same recording: what is much softer is silence.
    """
    rows = -(-len(sound) // HOP)
    if not rows:
        return np.zeros(0, np.float32)
    padded = np.zeros((rows + 1) * HOP + settings.window, np.float64)
    padded[: len(sound)] = sound
    starts = HOP - settings.window // 2 + HOP * np.arange(rows)
    loudest = max(loudest, float(np.abs(sound - sound.mean(dtype=np.float64)).max()), 1e-9)
    frames = np.lib.stride_tricks.sliding_window_view(padded, settings.window)[starts]
    pieces = [_candidates(frames[at : at + AT_ONCE], loudest, settings) for at in range(0, rows, AT_ONCE)]
    hertz, strength = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
    return _best_path(hertz, strength, settings).astype(np.float32)


def _candidates(frames: Doubles, loudest: float, settings: PitchSettings) -> tuple[Doubles, Doubles]:
    """Hz and strengths (N, candidates) of `frames` (N, window); first the unvoiced candidate, absent ones -inf."""
    middle, period = settings.window // 2, settings.window // 3
    centred = frames - frames[:, middle - period : middle + period].mean(1, keepdims=True)
    peak = np.abs(centred[:, middle - period // 2 : middle + period // 2]).max(1)
    lags, likeness = _likeness(centred, settings)
    height, place = _peaks(likeness, lags, settings)
    quiet = 2 - (peak / loudest) * (1 + settings.voicing) / settings.silence
    unvoiced = settings.voicing + np.maximum(0, quiet)
    hertz = RATE / np.maximum(place, 1e-3)
    # The paper measures octaves from the floor; what Praat 6 draws follows only from the ceiling.
    strength = height + settings.octave * np.log2(hertz / settings.ceiling)
    strength = np.where((height > 0.5 * settings.voicing) & (hertz < settings.ceiling), strength, -np.inf)
    best = np.argsort(-strength, axis=1, kind="stable")[:, : settings.candidates - 1]
    chosen = [np.take_along_axis(array, best, 1) for array in (hertz, strength)]
    return np.insert(chosen[0], 0, 0.0, axis=1), np.insert(chosen[1], 0, unvoiced, axis=1)


def _likeness(centred: Doubles, settings: PitchSettings) -> tuple[Doubles, Doubles]:
    """Lags (L,) in samples, a quarter apart, and the normal autocorrelation (N, L) there."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(settings.window) + 0.5) / settings.window)
    lags = np.arange(int(RATE / settings.ceiling) * FINER, (int(RATE / settings.floor) + 2) * FINER)

    def correlate(frames: Doubles) -> Doubles:
        power = np.abs(np.fft.rfft(frames, SPECTRUM)) ** 2
        whole = np.fft.irfft(power, FINER * SPECTRUM)  # zeros above the Nyquist frequency interpolate between lags
        return np.asarray(whole[:, lags] / np.maximum(whole[:, :1], FADED))

    return lags / FINER, correlate(centred * window) / correlate(window[None])


def _peaks(likeness: Doubles, lags: Doubles, settings: PitchSettings) -> tuple[Doubles, Doubles]:
    """Heights and places (N, L - 2) of the local maxima of `likeness` (N, L); height -inf where there is none."""
    before, here, after = likeness[:, :-2], likeness[:, 1:-1], likeness[:, 2:]
    bend = before - 2 * here + after
    is_peak = (here > before) & (here >= after) & (bend < 0)
    shift = np.where(is_peak, 0.5 * (before - after) / np.where(is_peak, bend, -1.0), 0.0)
    height = here - 0.25 * (before - after) * shift
    height = np.where(height > 1, 1 / np.maximum(height, 1.0), height)  # long lags overshoot a little
    return np.where(is_peak, height, -np.inf), lags[1:-1] + shift / FINER


def _best_path(hertz: Doubles, strength: Doubles, settings: PitchSettings) -> Doubles:
    """Hz (N,) along the path through `hertz` (N, C) with the highest `strength` less its jumps (Viterbi)."""
    per_step = 0.01 * RATE / HOP  # the costs are meant for steps of 10 ms
    octaves = np.log2(np.maximum(hertz, 1e-3))
    voiced = hertz > 0
    jump = per_step * settings.octave_jump * np.abs(octaves[:-1, :, None] - octaves[1:, None])
    change = per_step * settings.change * (voiced[:-1, :, None] ^ voiced[1:, None])
    cost = np.where(voiced[:-1, :, None] & voiced[1:, None], jump, change)
    score, back = strength[0], np.zeros(strength.shape, np.intp)
    for row in range(1, len(hertz)):
        reached = score[:, None] - cost[row - 1]
        back[row] = reached.argmax(0)
        score = reached.max(0) + strength[row]
    path = np.empty(len(hertz), np.intp)
    path[-1] = score.argmax()
    for row in range(len(hertz) - 1, 0, -1):
        path[row - 1] = back[row, path[row]]
    return np.asarray(hertz[np.arange(len(hertz)), path])
