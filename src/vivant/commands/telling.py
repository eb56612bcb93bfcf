"""What commands say beside their results."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from vivant.portrait.portrait import Note


def warn(lines: Iterable[str]) -> None:
    """One line each on stderr."""
    for line in lines:
        print(f"vivant: warning: {' '.join(line.split())}", file=sys.stderr)


def worth_saying(notes: Iterable[Note]) -> list[str]:
    """What is wrong according to `notes`, and what to do; those that only inform are left out."""
    found = (note for note in notes if note.level != "info")
    return [note.what + (f": {note.advice}" if note.advice else "") for note in found]
