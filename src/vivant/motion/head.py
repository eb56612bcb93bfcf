"""A head that is led by another motion than the face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

from vivant.motion.motion import Motion
from vivant.motion.retime import at_rate
from vivant.motion.state import FaceState


def led_by(states: Iterable[FaceState], leader: Motion, rate: Fraction) -> Iterator[FaceState]:
    """`states` at `rate` with the turn and the place of the head in `leader`; their number stays.

    A shorter leader is played to and fro. Where it shows no face, it gives what it holds there.
    """
    timed = ((float(index / leader.rate), leader[index]) for index in range(len(leader)))
    heads = [(state.rotation, state.translation) for state in at_rate(timed, rate, leader.seconds)]
    for index, state in enumerate(states):
        place = index % (2 * len(heads))
        rotation, translation = heads[min(place, 2 * len(heads) - 1 - place)]
        yield replace(state, rotation=rotation, translation=translation)
