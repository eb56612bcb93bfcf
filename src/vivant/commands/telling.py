"""What commands say beside their results."""

from __future__ import annotations

import sys
from collections.abc import Iterable


def warn(lines: Iterable[str]) -> None:
    """One line each on stderr."""
    for line in lines:
        print(f"vivant: warning: {' '.join(line.split())}", file=sys.stderr)
