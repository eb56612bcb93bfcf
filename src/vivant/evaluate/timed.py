"""Lips against phonemes: measures on speech whose phoneme times are known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vivant.errors import SettingsError
from vivant.face.model import displacement_from_curves, load_face_model
from vivant.motion.state import FaceState

Doubles = NDArray[np.float64]

CLOSED, OPEN, REST = 0.15, 0.40, 0.15
"""Shares of the 90th percentile of the lip gap in speech."""
SETTLING = 0.20
"""Seconds at both ends of a pause in which the mouth may still move."""
NARROW = 0.97
"""Share of the usual width of a speaking mouth that a rounded vowel must fall below."""
BITE = 0.25
"""Height in cm of the lower inner lip below the upper teeth's edge at which f and v are made.

The edge lies at the neutral inner upper lip: at rest the lips meet there."""


@dataclass(frozen=True)
class Segment:
    """A phoneme of known time."""

    start: float
    end: float
    kind: str
    """silence, bilabial, labiodental, open_vowel, rounded, front_vowel, other."""


@dataclass(frozen=True)
class Mouths:
    """The mouth over time, from the face model."""

    gap: Doubles
    """(N,) distance of the inner lips in cm above that of the neutral face."""
    width: Doubles
    """(N,) distance of the corners in cm."""
    lower: Doubles
    """(N,) height of the lower inner lip in cm above the neutral upper one's."""


class Hits(NamedTuple):
    """How often something happened that should."""

    hits: int
    tries: int

    @property
    def share(self) -> float:
        """0..1, not a number without a try."""
        return self.hits / self.tries if self.tries else float("nan")


class Timing(NamedTuple):
    """What was measured on one voice."""

    closed: Hits
    """p b m: lips closed within one frame."""
    wrongly_closed: Hits
    """Other phonemes (but f, v) in whose middle the lips are closed."""
    opened: Hits
    """Open vowels that open the mouth."""
    narrowed: Hits
    """Rounded vowels that narrow it."""
    bitten: Hits
    """f and v that bring the lower lip to the teeth."""
    rested: Hits
    """Frames in pauses at rest."""


def pooled(voices: Sequence[Timing]) -> Timing:
    """All phonemes of all `voices` together."""
    return Timing._make(Hits(*np.sum(parts, axis=0).tolist()) for parts in zip(*voices, strict=True))


def read_segments(path: Path) -> list[Segment]:
    """The phonemes in the .json beside a timed sound. Raises SettingsError if it is none."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["segments"]
        return [Segment(float(start), float(end), str(kind)) for start, end, _, kind in rows]
    except (OSError, KeyError, TypeError, ValueError):
        raise SettingsError(f"{path}: no phoneme times; write rows [start, end, phoneme, class] as segments") from None


def mouths(states: Sequence[FaceState]) -> Mouths:
    """The mouth of each state."""
    model = load_face_model()
    upper, lower, right, left = 13, 14, 61, 291
    moved = np.stack([displacement_from_curves(model, state.curves)[[upper, lower, right, left]] for state in states])
    placed = moved + model.neutral[[upper, lower, right, left]]
    return Mouths(
        gap=np.asarray(moved[:, 0, 1] - moved[:, 1, 1], np.float64),
        width=np.asarray(np.linalg.norm(placed[:, 2] - placed[:, 3], axis=1), np.float64),
        lower=np.asarray(placed[:, 1, 1] - model.neutral[upper, 1], np.float64),
    )


def timing(mouth: Mouths, segments: Sequence[Segment], rate: float) -> Timing:
    """Compare mouths at `rate` per second with `segments`, each within one frame."""
    times = np.arange(len(mouth.gap)) / rate
    spoken = np.zeros(len(times), bool)
    for one in segments:
        spoken |= (times >= one.start) & (times < one.end) & (one.kind != "silence")
    unit, usual = float(np.percentile(mouth.gap[spoken], 90)), float(np.median(mouth.width[spoken]))

    def near(one: Segment, reach: float) -> NDArray[np.bool_]:
        """Which frames (T,) lie within `reach` seconds of a segment."""
        return (times >= one.start - reach) & (times <= one.end + reach)

    def share(kind: str, values: Doubles, limit: float, *, below: bool) -> Hits:
        """How often `values` (T,) reach a limit in segments of a kind."""
        extreme = [(values[near(one, 1 / rate)]) for one in segments if one.kind == kind]
        hits = [(part.min() <= limit) if below else (part.max() >= limit) for part in extreme if len(part)]
        return _count(hits)

    others = [one for one in segments if one.kind not in ("bilabial", "labiodental", "silence")]
    middles = np.interp([(one.start + one.end) / 2 for one in others], times, mouth.gap)
    pauses = [np.abs(mouth.gap[near(one, -SETTLING)]) for one in segments if one.kind == "silence"]
    return Timing(
        closed=share("bilabial", mouth.gap, CLOSED * unit, below=True),
        wrongly_closed=_count(middles <= CLOSED * unit),
        opened=share("open_vowel", mouth.gap, OPEN * unit, below=False),
        narrowed=share("rounded", mouth.width, NARROW * usual, below=True),
        bitten=share("labiodental", mouth.lower, -BITE, below=False),
        rested=_count(np.concatenate([np.zeros(0), *pauses]) <= REST * unit),
    )


def _count(hits: Sequence[bool] | NDArray[np.bool_]) -> Hits:
    """How many of `hits` (N,) are true."""
    return Hits(int(np.sum(hits)), len(hits))
