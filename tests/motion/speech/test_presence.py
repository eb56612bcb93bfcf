"""Head, brows and lids of a speaker follow accents and pauses."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from vivant.face.arkit import INDEX
from vivant.face.pose import angles_from_rotation
from vivant.motion.idle import IdleSettings
from vivant.motion.speech.presence import PresenceSettings, presence
from vivant.motion.speech.voice import HOPS, Passage
from vivant.motion.state import FaceState

CALM = PresenceSettings(idle=IdleSettings(head_motion=0.0))


def speech(active: np.ndarray, loudness: np.ndarray, pitch: np.ndarray) -> list[Passage]:
    """Passages with these values (N,) every 10 ms, N a multiple of 15."""
    nothing = np.zeros(HOPS)
    blank = Passage(np.zeros(2400, np.float32), *[nothing] * 10)
    parts = zip(
        *(np.split(values.astype(float), len(values) // HOPS) for values in (active, loudness, pitch)), strict=True
    )
    return [replace(blank, active=a, loudness=b, pitch=c, voiced=a) for a, b, c in parts]


def pitch_degrees(states: list[FaceState]) -> np.ndarray:
    return np.degrees([angles_from_rotation(state.rotation)[1] for state in states])


def test_accents_nod_the_head_and_raise_the_brows() -> None:
    time = np.arange(6000) / 100
    accent = (time % 2.0 > 1.0) & (time % 2.0 < 1.2)
    passages = speech(np.ones(6000), np.where(accent, 0.95, 0.4), np.where(accent, 5.0, 0.0))
    states = list(presence(passages, Fraction(50), CALM, 0))
    cycle = pitch_degrees(states)[200:].reshape(-1, 100).mean(0)
    assert cycle[50:75].min() < cycle[40:50].mean() - 0.8
    brow = np.array([state.curves[INDEX["browInnerUp"]] for state in states])[200:].reshape(-1, 100).mean(0)
    assert brow[55:80].max() > brow[40:50].mean() + 0.05


def test_even_speech_has_few_accents() -> None:
    states = list(presence(speech(np.ones(3000), np.full(3000, 0.6), np.zeros(3000)), Fraction(25), CALM, 0))
    brow = np.array([state.curves[INDEX["browInnerUp"]] for state in states])[100:]
    assert brow.max() < 0.15


def test_blinks_prefer_the_ends_of_phrases() -> None:
    time = np.arange(60000) / 100
    speaks = (time % 4.0 < 3.0).astype(float)
    states = list(presence(speech(speaks, 0.6 * speaks, 0 * time), Fraction(25), CALM, 0))
    shut = np.array([state.curves[INDEX["eyeBlinkLeft"]] for state in states]) > 0.5
    starts = np.flatnonzero(shut[1:] & ~shut[:-1]) / 25 % 4.0
    in_pause = np.mean((starts > 3.0) & (starts < 3.6))
    assert in_pause > 1.6 * 0.6 / 4.0
    assert 10 <= len(starts) / 10 <= 25


def test_the_head_comes_back_when_speech_is_over() -> None:
    speaks = np.concatenate([np.ones(1500), np.zeros(1500)])
    states = list(presence(speech(speaks, 0.7 * speaks, 0 * speaks), Fraction(25), CALM, 1))
    angles = np.degrees([angles_from_rotation(state.rotation) for state in states])
    assert np.abs(angles[200:375]).max() > 1.0
    assert np.abs(angles[-25:]).max() < 0.5
