"""How well the speech driver keeps time: `python benchmarks/speech_timing.py [folder of samples]`.

On synthetic speech with known phoneme times it counts lips that close at p, b, m, mouths that open at open vowels and
rest in pauses; then it delays the sound by one second and looks whether the motion follows. A mouth that only follows
loudness runs along as a yardstick. "others closed" counts vowels and consonants made with open lips.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivant.face.arkit import CURVES, INDEX, group
from vivant.media.audio import read_audio
from vivant.motion.speech.speak import SpeechSettings, speak
from vivant.motion.speech.voice import Passage
from vivant.motion.state import FaceState

Floats = NDArray[np.float32]

VOICES = ("a06_timed_en", "a07_timed_es")
RATE = Fraction(25)
CLOSED, OPEN, REST = 0.15, 0.40, 0.05
"""Shares of the 90th percentile of the lip gap in speech."""
SETTLING = 0.20
"""Seconds at both ends of a pause in which the mouth may still move."""


@dataclass(frozen=True)
class Timing:
    """What was measured on one voice; shares are 0..1."""

    bilabials_closed: float
    vowels_open: float
    pauses_at_rest: float
    others_closed: float


def main(folder: Path) -> None:
    """Print one table for all voices."""
    print(f"{'voice':14s} {'mouth':10s} {'p b m closed':>13s} {'others closed':>14s} {'open vowels':>12s} {'rest':>6s}")
    for voice in VOICES:
        sound = load(folder / f"{voice}.wav")
        segments = json.loads((folder / f"{voice}.json").read_text())["segments"]
        for name, mouth in (("loudness", loudness_mouth), ("vivant", None)):
            gap = lip_gaps(list(speak([sound], SpeechSettings(RATE), mouth)))
            found = measure(gap, segments)
            print(
                f"{voice:14s} {name:10s} {found.bilabials_closed:13.0%} {found.others_closed:14.0%}"
                f" {found.vowels_open:12.0%} {found.pauses_at_rest:6.0%}"
            )
    print()
    print(f"{'voice':14s} {'delay frames':>13s} {'r':>7s} {'blinks/min':>11s} {'x real time (CPU)':>18s}")
    for voice in VOICES:
        sound = load(folder / f"{voice}.wav")
        frames, likeness = delay_of_motion(sound)
        start = time.process_time()
        states = list(speak([sound] * 4))
        speed = 4 * len(sound) / 16000 / (time.process_time() - start)
        print(f"{voice:14s} {frames:13d} {likeness:7.3f} {blinks_per_minute(states):11.1f} {speed:18.0f}")


def load(path: Path) -> Floats:
    """The whole sound of `path`, mono 16 kHz."""
    return np.concatenate(list(read_audio(path, rate=16000)))


def lip_gaps(states: list[FaceState]) -> Floats:
    """Distance of the inner lips (N,) in centimetres above that of the neutral face."""
    from vivant.face.model import displacement_from_curves, load_face_model

    model = load_face_model()
    moved = np.stack([displacement_from_curves(model, state.curves)[[13, 14]] for state in states])
    return np.asarray(moved[:, 0, 1] - moved[:, 1, 1], np.float32)


def measure(gap: Floats, segments: list[tuple[float, float, str, str]]) -> Timing:
    """Compare lip gaps (N,) at `RATE` with the times of phonemes, each within one frame."""
    times = np.arange(len(gap)) / float(RATE)
    spoken = np.zeros(len(gap), bool)
    for start, end, _, kind in segments:
        spoken |= (times >= start) & (times < end) & (kind != "silence")
    unit = float(np.percentile(gap[spoken], 90))
    closed, opened, rest, wrong = [], [], [], []
    for start, end, _, kind in segments:
        reach = 1 / float(RATE) if kind != "silence" else -SETTLING
        inside = gap[(times >= start - reach) & (times <= end + reach)]
        if kind == "bilabial":
            closed.append(inside.min() <= CLOSED * unit)
        elif kind == "open_vowel":
            opened.append(inside.max() >= OPEN * unit)
        elif kind == "silence" and len(inside):
            rest.extend(np.abs(inside) <= REST * unit)
        if kind not in ("bilabial", "labiodental", "silence"):
            wrong.append(np.interp((start + end) / 2, times, gap) <= CLOSED * unit)
    return Timing(*(float(np.mean(x)) for x in (closed, opened, rest, wrong)))


def delay_of_motion(sound: Floats) -> tuple[int, float]:
    """Frames off and correlation when the sound comes one second later."""
    mouth = list(group("jaw") + group("mouth"))
    plain = np.stack([state.curves[mouth] for state in speak([sound])])
    late = np.stack([state.curves[mouth] for state in speak([np.zeros(16000, np.float32), sound])])
    shifts = range(15, 36)
    length = len(plain) - 12
    scores = [float(np.corrcoef(plain[:length].ravel(), late[k : k + length].ravel())[0, 1]) for k in shifts]
    return shifts[int(np.argmax(scores))] - 25, max(scores)


def blinks_per_minute(states: list[FaceState]) -> float:
    """Closings of the left lid per minute of `states` at `RATE`."""
    shut = np.array([state.curves[INDEX["eyeBlinkLeft"]] for state in states]) > 0.5
    return float((shut[1:] & ~shut[:-1]).sum() / (len(states) / float(RATE) / 60))


def loudness_mouth(passages: Iterable[Passage], rate: Fraction) -> Iterator[Floats]:
    """The plain yardstick: the jaw follows the loudness of the last 40 ms."""
    sound = np.concatenate([passage.sound for passage in passages])
    for frame in range(int(np.ceil(len(sound) / 16000 * rate))):
        centre = int(frame / rate * 16000)
        near = sound[max(centre - 320, 0) : centre + 320]
        curves = np.zeros(len(CURVES), np.float32)
        curves[INDEX["jawOpen"]] = min(1.0, 3.0 * float(np.sqrt(np.mean(near**2))))
        yield curves


if __name__ == "__main__":
    default = os.environ.get("VIVANT_SAMPLES_DIR", Path(__file__).resolve().parents[2] / "shared" / "samples")
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(default) / "audio")
