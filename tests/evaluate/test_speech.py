"""The table of speech: mouths of known quality get the marks that they deserve."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vivant.errors import SettingsError
from vivant.evaluate.speech import Row, at_least, between, evaluate_speech, table
from vivant.evaluate.timed import Hits, Mouths, Segment, Timing, mouths, pooled, read_segments, timing
from vivant.face.arkit import CURVES, INDEX
from vivant.motion.state import FaceState

SEGMENTS = [
    Segment(0.0, 1.0, "silence"),
    Segment(1.0, 1.2, "open_vowel"),
    Segment(1.2, 1.32, "bilabial"),
    Segment(1.32, 1.6, "rounded"),
    Segment(1.6, 1.72, "labiodental"),
    Segment(1.72, 2.0, "other"),
    Segment(2.0, 3.0, "silence"),
]
TIMES = np.arange(75) / 25


def face(gap: float = 0.0, width: float = 6.0, lower: float = -1.0) -> Mouths:
    """The same mouth all the time."""
    return Mouths(np.full(75, gap), np.full(75, width), np.full(75, lower))


def obedient() -> Mouths:
    """A mouth that does what every phoneme asks for."""
    found = face(width=6.0)
    for one in SEGMENTS:
        here = (one.start <= TIMES) & (one.end > TIMES)
        found.gap[here] = {"open_vowel": 1.0, "other": 0.8, "rounded": 0.5, "labiodental": 0.3}.get(one.kind, 0.0)
        found.width[here] = 5.0 if one.kind == "rounded" else 6.0
        found.lower[here] = -0.1 if one.kind == "labiodental" else -1.0
    return found


def shares(mouth: Mouths) -> dict[str, float]:
    return {name: hits.share for name, hits in timing(mouth, SEGMENTS, 25.0)._asdict().items()}


def test_marks() -> None:
    good = {"closed": 1, "opened": 1, "narrowed": 1, "bitten": 1, "rested": 1}
    assert shares(obedient()) == good | {"wrongly_closed": 0}
    yawning = shares(face(gap=1.0))
    assert {name: yawning[name] for name in good} == dict.fromkeys(good, 0) | {"opened": 1}
    early = obedient()
    early = Mouths(*(np.roll(values, -10) for values in (early.gap, early.width, early.lower)))
    assert shares(early)["closed"] == 0


def test_voices_are_pooled_by_their_phonemes() -> None:
    one, other = (Timing(*[Hits(*count)] * 6) for count in ((1, 1), (0, 3)))
    assert pooled([one, other]).closed.share == 0.25
    assert np.isnan(Hits(0, 0).share)


def test_mouths_follow_the_curves() -> None:
    states = []
    for name in ("jawOpen", "mouthPucker"):
        curves = np.zeros(len(CURVES), np.float32)
        curves[INDEX[name]] = 0.5
        states.append(FaceState(curves, np.eye(3, dtype=np.float32), np.zeros(3, np.float32), np.zeros(2, np.float32)))
    found = mouths([*states, FaceState(np.zeros(len(CURVES), np.float32))])
    assert found.gap[0] > 1 > 0.1 > abs(found.gap[2])
    assert found.width[1] < 0.95 * found.width[2]
    assert found.lower[0] < -1


def test_segments_are_read_or_refused(samples: Path, tmp_path: Path) -> None:
    found = read_segments(samples / "audio" / "a06_timed_en.json")
    assert found[1] == Segment(1.0, 1.095, "bilabial")
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"segments": [[0, 1, "a"]]}))
    with pytest.raises(SettingsError, match=r"a\.json"):
        read_segments(path)


def test_bars() -> None:
    assert at_least(0.5).row("a", "b", 0.6, 0.4) == Row("a", "b", ">= 0.5", 0.6, 0.4, True)
    assert between(0.8, 1.25).row("a", "b", 1.3).met is False
    assert at_least(0.5).row("a", "b", float("nan")).met is None
    text = table([at_least(0.5).row("lips", "voice", 0.4, 0.3)])
    assert text.splitlines()[1].split() == ["lips", "voice", ">=", "0.5", "0.400", "0.300", "NO"]


@pytest.mark.slow
def test_the_quick_table(samples: Path) -> None:
    from vivant.evaluate.speech import EvaluateSettings

    rows = evaluate_speech(samples, EvaluateSettings(quick=True, seeds=(0,)))
    found = {(row.measure, row.subject): row for row in rows}
    assert found["at rest in pauses", "a06_timed_en"].met
    assert found["  frames off", "a07_timed_es"].builtin == 0
    assert found["mouth gap against the truth", "v02_talk_512_mpeg4"].builtin > 0.4
    assert found["blinks per minute", "a01..a05"].met
    assert found["live: sound in to state out, s", "a06, 95 %"].builtin < 1.0


def test_missing_samples(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--samples"):
        evaluate_speech(tmp_path)
