"""What commands say beside their results."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from vivant.portrait.portrait import Note
from vivant.progress import Progress


def warn(lines: Iterable[str]) -> None:
    """One line each on stderr."""
    for line in lines:
        print(f"vivant: warning: {' '.join(line.split())}", file=sys.stderr)


def warn_at_first(lines: Iterable[str], progress: Progress) -> Progress:
    """`progress` that tells `lines` before its first report: what fails before that, says only why it does."""
    left = list(lines)

    def report(done: int, total: int | None) -> None:
        warn(left)
        left.clear()
        progress(done, total)

    return report


def worth_saying(notes: Iterable[Note]) -> list[str]:
    """What is wrong according to `notes`, and what to do; those that only inform are left out."""
    found = (note for note in notes if note.level != "info")
    return [note.what + (f": {note.advice}" if note.advice else "") for note in found]
