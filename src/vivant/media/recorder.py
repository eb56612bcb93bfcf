"""Recording what is shown live: pictures that come at any time become a film of a constant rate."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vivant.media.writer import FrameWriter

Bytes = NDArray[np.uint8]

LONGEST_GAP = 5.0
"""Seconds that one picture may stand; a machine that slept does not write hours."""


@dataclass
class Recorder:
    """Writes each picture for as long as it stood."""

    writer: FrameWriter
    rate: Fraction
    _started: float | None = None
    _due: int = 0
    _picture: Bytes | None = None

    def show(self, picture: Bytes, time: float) -> None:
        """Take the picture (H, W, 4) that stands from `time` seconds on; times must not go back."""
        if self._started is None or self._picture is None:
            self._started = time
        else:
            self._stand(self._picture, time - self._started)
        self._picture = picture

    def finish(self) -> None:
        """Write the last picture once; call it before the writer is closed."""
        if self._picture is not None:
            self.writer.write(self._picture)
            self._picture = None

    def _stand(self, picture: Bytes, until: float) -> None:
        """Write `picture` (H, W, 3 or 4) as often as is due `until` then."""
        frames = round(until * self.rate)
        if frames - self._due > LONGEST_GAP * self.rate and self._started is not None:
            lost = frames - self._due - 1
            self._started += float(lost / self.rate)
            frames -= lost
        while self._due < frames:
            self.writer.write(picture)
            self._due += 1
