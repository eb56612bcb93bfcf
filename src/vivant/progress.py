"""Progress of long jobs: the library reports plain counts, the command line shows them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

Progress = Callable[[int, int | None], None]
"""Called with the number of finished frames and the number of all frames, or None where that is unknown."""

_JSON_SECONDS = 0.5
"""Least time between two lines of machine-readable progress."""


def no_progress(done: int, total: int | None) -> None:
    """Show nothing."""


@contextmanager
def shown_progress(label: str, *, as_json: bool) -> Iterator[Progress]:
    """Progress as JSON lines on stdout, as a bar on a terminal's stderr, or not at all."""
    if as_json:
        yield json_progress(sys.stdout)
    elif sys.stderr.isatty():
        with _bar(label) as progress:
            yield progress
    else:
        yield no_progress


def json_progress(stream: TextIO, clock: Callable[[], float] = time.monotonic) -> Progress:
    """Writes one JSON object per line to `stream`: frames, total, seconds, frames per second, remaining seconds."""
    start = clock()
    last = start

    def report(done: int, total: int | None) -> None:
        nonlocal last
        now = clock()
        if now - last < _JSON_SECONDS and done not in (1, total):
            return
        last = now
        rate = done / max(now - start, 1e-6)
        line = {
            "event": "progress",
            "frames": done,
            "total": total,
            "seconds": round(now - start, 3),
            "frames_per_second": round(rate, 2),
            "remaining_seconds": None if total is None or not done else round((total - done) / rate, 1),
        }
        stream.write(json.dumps(line) + "\n")
        stream.flush()

    return report


@contextmanager
def _bar(label: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    rate = TextColumn("{task.fields[rate]:5.1f} frames/s")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, rate=0.0)
        start = time.monotonic()

        def report(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total, rate=done / max(time.monotonic() - start, 1e-6))

        yield report
