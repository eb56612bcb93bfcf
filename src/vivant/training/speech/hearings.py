"""The corpus as the mouth network meets it: minutes of one voice, heard in several ways, with gestures and phonemes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from vivant.media.audio import read_audio
from vivant.motion.speech.coarticulation import Manner, gestures_of_phones
from vivant.motion.speech.front_end import HOP, WINDOW, analyse, loudness
from vivant.motion.speech.sound import RATE
from vivant.training.speech import rooms
from vivant.training.speech.corpus import Utterance

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]

KINDS = (
    "",
    "p b m ɸ β",
    "f v ɱ ʋ",
    "t d n θ ð ɾ ʈ ɖ ɳ ɽ ɗ",
    "s z ɕ ʑ",
    "ʃ ʒ ʂ ʐ",
    "l ɫ ɬ ɭ r j ʝ ç ʎ ɲ c ɟ",
    "k g ŋ x ɣ q ɢ χ ʁ ɴ ʀ h ɦ ħ ʔ",
    "w ɥ ʍ u o ʊ ʉ",
    "ɹ ɻ ɚ ɝ y ø œ ʏ ɵ",
    "i e ɪ ɨ",
    "ə ɯ ɤ ɘ ɜ",
    "ɛ ʌ ɔ ɞ",
    "a ɑ æ ɐ ɒ ɶ",
)
"""Phonemes that look alike, by the first letter of their symbol; the network learns to tell them apart on the way."""
GAP_SECONDS = (0.0, 1.6)
"""Silence between two utterances."""


@dataclass(frozen=True)
class Hearing:
    """Some utterances of one voice in a row, heard in one way."""

    voice: str
    levels: Halves
    """(2 T, 64) decibels, as of `front_end.analyse`."""
    tone: Halves
    """(2 T, 2)"""
    gestures: Halves
    """(T, 7), 50 per second."""
    kinds: NDArray[np.uint8]
    """(T,) place in `KINDS` of the phoneme that sounds."""
    peak: float
    """Loudness of the loudest twentieth of the rows, decibels."""


@dataclass(frozen=True)
class HearingSettings:
    """How the corpus is heard."""

    ways: int = 2
    """Hearings of every utterance."""
    carried: float = 0.6
    """Share that comes through rooms, telephones, coders; the rest is clean."""
    together: int = 8
    """Utterances in a row."""
    workers: int = 2
    seed: int = 0


def hearings(utterances: Sequence[Utterance], settings: HearingSettings = HearingSettings()) -> Iterator[Hearing]:
    """Every utterance of the corpus `settings.ways` times, in rows of the same voice; the order is fixed."""
    voices = defaultdict(list)
    for utterance in utterances:
        voices[utterance.engine, utterance.voice].append(utterance)
    rows = [
        members[start : start + settings.together]
        for members in voices.values()
        for start in range(0, len(members), settings.together)
    ]
    tasks = rows * settings.ways
    seeds = [[settings.seed, number] for number in range(len(tasks))]
    with ProcessPoolExecutor(settings.workers, get_context("spawn")) as pool:
        yield from pool.map(hear, tasks, seeds, repeat(settings.carried), chunksize=4)


def hear(row: Sequence[Utterance], seed: Sequence[int], carried: float) -> Hearing:
    """The utterances of `row`, one after the other with gaps, faster or slower, and maybe from afar."""
    draw = np.random.default_rng(seed)
    sound, phones = _string_together(row, draw)
    percent = int(draw.integers(86, 119))
    sound, factor = rooms.faster(sound, percent), percent / 100
    if draw.random() < carried:
        sound = _carried(sound, draw)
    phones = [(start / factor, end / factor, ipa) for start, end, ipa in phones]
    manner = Manner(
        effort=float(draw.uniform(0.040, 0.052)),
        jaw=float(draw.uniform(0.88, 1.12)),
        lips=float(draw.uniform(0.88, 1.12)),
        rounding=float(draw.uniform(0.9, 1.1)),
    )
    frames = len(sound) // (2 * HOP)
    padded = np.concatenate([np.zeros(WINDOW - HOP, np.float32), sound[: frames * 2 * HOP]])
    levels, tone = analyse(padded)
    gestures = gestures_of_phones(phones, frames * 0.02, manner)[::2][:frames]
    return Hearing(
        f"{row[0].engine}:{row[0].voice}",
        levels.astype(np.float16),
        tone.astype(np.float16),
        gestures.astype(np.float16),
        _kinds(phones, frames),
        float(np.quantile(loudness(levels), 0.95)),
    )


def _string_together(
    row: Sequence[Utterance], draw: np.random.Generator
) -> tuple[Floats, list[tuple[float, float, str]]]:
    pieces: list[Floats] = []
    phones: list[tuple[float, float, str]] = []
    at = 0
    for utterance in row:
        sound = np.concatenate([np.zeros(0, np.float32), *read_audio(utterance.sound, rate=RATE)])
        loudest = float(np.abs(sound).max()) + 1e-6
        gap = np.zeros(int(draw.uniform(*GAP_SECONDS) * draw.uniform() * RATE), np.float32)
        pieces += [sound * float(draw.uniform(0.25, 0.7)) / loudest, gap]
        start = at / RATE
        phones += [(start + phone.start, start + phone.end, phone.ipa) for phone in utterance.phones]
        at += len(sound) + len(gap)
        phones.append((start + len(sound) / RATE, at / RATE, ""))
    return np.concatenate(pieces), _joined_silences(phones)


def _joined_silences(phones: Sequence[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """Silences that touch become one, since long pauses look different from short ones."""
    result: list[tuple[float, float, str]] = []
    for start, end, ipa in phones:
        if not ipa and result and not result[-1][2]:
            result[-1] = (result[-1][0], end, "")
        elif end > start:
            result.append((start, end, ipa))
    return result


def _carried(sound: Floats, draw: np.random.Generator) -> Floats:
    """The sound as it arrives: in a room mostly, sometimes by telephone or coded as well."""
    if draw.random() < 0.75:
        sound = rooms.in_room(sound, draw)
    chance = draw.random()
    if chance < 0.12:
        return rooms.by_telephone(sound)
    if chance < 0.4:
        return rooms.by_opus(sound, int(draw.choice([8000, 12000, 16000, 24000])))
    return np.clip(sound * 1.5, -0.6, 0.6) if chance < 0.5 else sound


def _kinds(phones: Sequence[tuple[float, float, str]], frames: int) -> NDArray[np.uint8]:
    result = np.zeros(frames, np.uint8)
    places = {letter: place for place, letters in enumerate(KINDS) for letter in letters.split()}
    for start, end, ipa in phones:
        half = max(len(ipa) // 2, 1) if len(ipa) > 1 else len(ipa)
        middle = (start + end) / 2
        for low, high, part in ((start, middle, ipa[:half]), (middle, end, ipa[half:] or ipa)):
            kind = next((places[letter] for letter in part if letter in places), 0 if not ipa else 7)
            result[round(low * 50) : round(high * 50)] = kind
    return result
