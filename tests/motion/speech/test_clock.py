"""Values every 10 ms become values at frames: counts, times and ends."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivant.motion.speech.clock import at_frames

RATES = [Fraction(25), Fraction(30000, 1001), Fraction(24), Fraction(60), Fraction(7, 2), Fraction(120)]


def blocks(samples: int) -> list[tuple[int, np.ndarray]]:
    """Blocks of 15 steps whose value is their time in seconds."""
    count = ceil(samples / 2400)
    sizes = [2400] * (count - 1) + [samples - 2400 * (count - 1)] if count else []
    return [(size, (np.arange(15)[:, None] + 15.0 * k) / 100) for k, size in enumerate(sizes)]


@given(st.integers(0, 40000), st.sampled_from(RATES), st.floats(-0.08, 0.12))
def test_every_frame_inside_the_sound_gets_its_own_time(samples: int, rate: Fraction, lead: float) -> None:
    values = list(at_frames(blocks(samples), rate, lead))
    assert len(values) == ceil(Fraction(samples, 16000) * rate)
    last = ceil(samples / 2400) * 0.15 - 0.01
    for frame, value in enumerate(values):
        assert value[0] == pytest.approx(min(max(float(frame / rate) + lead, 0.0), last), abs=1e-9)


def test_frames_come_as_soon_as_their_values_are_known() -> None:
    given_blocks = 0

    def source() -> object:
        nonlocal given_blocks
        for block in blocks(48000):
            given_blocks += 1
            yield block

    for frame, _ in enumerate(at_frames(source(), Fraction(25), 0.05)):  # type: ignore[arg-type]
        assert given_blocks * 0.15 <= frame / 25 + 0.05 + 0.17
