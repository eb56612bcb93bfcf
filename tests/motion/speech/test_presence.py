"""Head, brows, lids and eyes of a speaker: amounts of people, accents, pauses, questions, promises of the stream."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vivant.face.arkit import INDEX
from vivant.face.pose import angles_from_rotation
from vivant.media.audio import read_audio
from vivant.motion.speech.presence import PresenceSettings, Speaker, presence
from vivant.motion.speech.prosody import HOPS, Prosody
from vivant.motion.state import FaceState

RATE = 16000
PLAIN = PresenceSettings()


def moved(
    chunks: list[np.ndarray], settings: PresenceSettings = PLAIN, seed: int = 0, rate: int = 25
) -> list[FaceState]:
    return list(presence(chunks, Fraction(rate), settings, seed))


def degrees(states: list[FaceState]) -> np.ndarray:
    return np.degrees([angles_from_rotation(state.rotation) for state in states])


def curve(states: list[FaceState], name: str) -> np.ndarray:
    return np.array([state.curves[INDEX[name]] for state in states])


def quiet(seconds: float) -> list[np.ndarray]:
    return [np.zeros(int(seconds * RATE), np.float32)]


@pytest.fixture(scope="module")
def speech(samples: Path) -> np.ndarray:
    return np.concatenate(list(read_audio(samples / "audio" / "a02_en_44k_stereo.flac", rate=RATE)))


def blocks(seconds: float, **events: object) -> Iterator[Prosody]:
    """Even speech; `events` replace fields of the block that starts at each full second."""
    ones = np.ones(HOPS)
    even = Prosody(1280, ones, 0.6 * ones, 0 * ones, ones, 0 * ones, 0 * ones)
    for index in range(int(seconds / 0.08)):
        yield replace(even, **events) if index % 25 == 0 and index else even


def average_response(column: int, seeds: int = 40, **events: object) -> np.ndarray:
    """Mean (200,) of one column of the timeline over the two seconds after such an event."""
    total = []
    for seed in range(seeds):
        speaker = Speaker(PLAIN, seed)
        values = np.concatenate([speaker.step(block) for block in blocks(20, **events)])[:, column]
        total.append(values[200:].reshape(-1, 200).mean(0))
    return np.mean(total, axis=0)


def test_accents_nod_the_head_and_raise_the_brows() -> None:
    accent = np.eye(HOPS)[0]
    pitch, brow = (average_response(column, accent=accent) for column in (1, 9))
    assert np.degrees(pitch[5:60].min() - pitch[-40:].mean()) < -0.8
    assert brow[5:60].max() - brow[-40:].mean() > 0.12
    assert 8 <= int(np.argmin(pitch[:80])) <= 30  # the nod's lowest point is 0.1 to 0.3 s after the accent was heard
    assert 8 <= int(np.argmax(brow[:80])) <= 45


def test_a_question_raises_the_brows() -> None:
    asked = average_response(9, ends=True, rises=True)
    told = average_response(9, ends=True)
    assert (asked - told)[20:80].max() > 0.25
    assert abs((asked - told)[-30:].mean()) < 0.1


def test_blinks_prefer_the_ends_of_phrases_and_keep_their_rate() -> None:
    lids = []
    for seed in range(10):
        speaker = Speaker(PLAIN, seed)
        lids.append(np.concatenate([speaker.step(block) for block in blocks(120, ends=True)])[:, 8])
    shut = np.stack(lids) > 0.5
    starts = np.argwhere(shut[:, 1:] & ~shut[:, :-1])[:, 1] % 200 / 100
    assert np.mean(starts < 0.5) > 1.4 * 0.25
    assert 13 <= len(starts) / 20 <= 20


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_people_blink_and_look_as_people(speech: np.ndarray, seed: int) -> None:
    states = moved([speech] * 8, seed=seed)
    shut = curve(states, "eyeBlinkLeft") > 0.5
    assert 10 <= (shut[1:] & ~shut[:-1]).sum() / (len(states) / 25 / 60) <= 25
    aside = np.degrees([state.gaze for state in states]) + degrees(states)[:, :2]
    assert 0.6 < np.mean(np.linalg.norm(aside, axis=1) < 7) < 0.99
    open_share = np.mean(curve(states, "eyeBlinkLeft") < 0.2)
    assert open_share > 0.85


@pytest.mark.parametrize("seed", [0, 3])
def test_heads_move_as_much_as_people(speech: np.ndarray, seed: int) -> None:
    """Bounds: half the least to the most of the real talking clips, in windows of 10 s."""
    angles = degrees(moved([speech] * 6, seed=seed))
    deviation = np.mean([window.std(0) for window in np.array_split(angles, 6)], axis=0)
    speed = (np.diff(angles, axis=0) * 25).std(0)
    assert np.all((deviation > (1.5, 1.0, 0.7)) & (deviation < (9.0, 5.5, 3.3)))
    assert np.all((speed > (8, 6, 3)) & (speed < (40, 36, 25)))
    assert np.abs(angles).max() < 24


def test_nothing_jumps_at_any_rate(speech: np.ndarray) -> None:
    for rate in (25, 60, 120):
        angles = degrees(moved([speech], rate=rate))
        assert np.abs(np.diff(angles, axis=0)).max() * rate < 150
        turn = np.diff(angles, 2, axis=0) * rate * rate
        assert np.percentile(np.abs(turn), 99) < 1500


def test_the_motion_is_the_same_at_any_rate(speech: np.ndarray) -> None:
    slow, fast = degrees(moved([speech])), degrees(moved([speech], rate=100))
    np.testing.assert_allclose(slow, fast[::4][: len(slow)], atol=1e-4)


def test_silence_is_calmer_than_speech(speech: np.ndarray) -> None:
    talk, rest = (degrees(moved(sound)) for sound in ([speech] * 5, quiet(55)))
    assert np.diff(rest, axis=0).std() < 0.75 * np.diff(talk, axis=0).std()
    assert rest.std(0).min() > 0.2


def test_cuts_do_not_matter_and_seeds_do(speech: np.ndarray) -> None:
    whole, cut = moved([speech]), moved(np.array_split(speech, 333))
    for name in ("curves", "rotation", "translation", "gaze"):
        np.testing.assert_array_equal([getattr(s, name) for s in whole], [getattr(s, name) for s in cut])
    assert np.abs(degrees(whole) - degrees(moved([speech], seed=1))).max() > 1


@pytest.mark.parametrize("rate", [25, 30, 60])
def test_it_reads_at_most_a_tenth_of_a_second_ahead(rate: int) -> None:
    read = 0

    def source() -> Iterator[np.ndarray]:
        nonlocal read
        for _ in range(600):
            read += 80
            yield np.zeros(80, np.float32)

    for frame, _ in enumerate(presence(source(), Fraction(rate), PLAIN, 0)):
        assert read / RATE <= frame / rate + 0.1 + 1e-9


def test_gains_of_zero_turn_parts_off(speech: np.ndarray) -> None:
    still = moved([speech], PresenceSettings(head_motion=0, brows=0, gaze_motion=0, blinks_per_minute=0))
    assert all(np.allclose(state.rotation, np.eye(3), atol=1e-6) and not state.gaze.any() for state in still)
    assert not np.any([state.translation for state in still])
    assert not np.any([state.curves for state in still])
    half = degrees(moved([speech], PresenceSettings(head_motion=0.5)))
    np.testing.assert_allclose(half, 0.5 * degrees(moved([speech])), atol=0.02)


def test_memory_does_not_grow_with_the_sound(speech: np.ndarray) -> None:
    peaks = []
    for repeats in (1, 2, 8):
        tracemalloc.start()
        for _ in presence((speech for _ in range(repeats)), Fraction(5), PLAIN, 0):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.1 * peaks[1] + 50_000


@pytest.mark.slow
def test_an_hour_stays_in_bounds(speech: np.ndarray) -> None:
    states = presence((speech for _ in range(330)), Fraction(5), PLAIN, 7)
    angles = np.abs(np.degrees([angles_from_rotation(state.rotation) for state in states]))
    assert np.all(angles.max(0) < (26, 19, 16))
    first, last = angles[:3000].mean(0), angles[-3000:].mean(0)
    np.testing.assert_allclose(first, last, rtol=0.4)
