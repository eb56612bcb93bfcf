"""`vivant evaluate`: how well the built-in speech model speaks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, UseAppendAction

from vivant.progress import shown_progress


@dataclass(frozen=True)
class EvaluateOptions:
    """Measure how well the built-in model speaks, against the first version and against real people.

    Prints one row per measure: what it is, what must be reached, what is reached.
    """

    what: Positional[Literal["speech"]] = "speech"
    """What to measure."""
    samples: Path = Path("../shared/samples")
    """The folder of samples: audio, videos, tracks, portraits."""
    timed: Annotated[tuple[Path, ...], UseAppendAction] = ()
    """A further folder of speech with phoneme times: .wav or .flac, each with its .json."""
    quick: bool = False
    """Only what takes a few seconds."""
    strips: Path | None = None
    """Write strips of frames at peaks, pauses and closures of every voice into this folder."""
    json: bool = False
    """Print one JSON object per row."""
    debug: bool = False
    """Show the traceback of an error."""


def evaluate(options: EvaluateOptions) -> int:
    """`vivant evaluate`"""
    from vivant.evaluate.speech import EvaluateSettings, evaluate_speech, table

    settings = EvaluateSettings(timed=options.timed, quick=options.quick, strips=options.strips)
    with shown_progress("evaluate", as_json=options.json) as progress:
        rows = evaluate_speech(options.samples, settings, progress)
    if options.json:
        for row in rows:
            print(json.dumps(asdict(row)))
    else:
        print(table(rows))
    return 0
