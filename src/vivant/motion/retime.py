"""From irregular time stamps to a constant rate, and from one rate to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import count

import numpy as np

from vivant.face.pose import rotation_from_vector, vector_from_rotation
from vivant.motion.state import FaceState, Floats

LAST_PICTURE = 1.5
"""Longest time in seconds that the last picture of a clip may stand."""


def at_rate(
    timed: Iterable[tuple[float, FaceState]], rate: Fraction, seconds: float | None = None
) -> Iterator[FaceState]:
    """States at the times 0, 1/rate, 2/rate ... between the states of `timed`, holding the first and the last.

    `timed` gives (seconds, state) with growing times; it is read as the frames are asked for. The sequence ends with
    the last frame whose time is at most that of the last state, or after `seconds` (rounded to frames, at least one).
    """
    frames = None if seconds is None else max(1, round(seconds * rate))
    source = iter(timed)
    before = next(source, None)
    if before is None:
        return
    after: tuple[float, FaceState] | None = before
    for index in count():
        time = float(index / rate)
        while after is not None and after[0] < time:
            before, after = after, next(source, None)
        if frames is None and after is None:
            # A time stamp rounded to milliseconds must not cost the frame that it stands for.
            if index and time - before[0] > 0.002:
                return
        elif frames is not None and index >= frames:
            return
        yield _state_at(time, before, after or before)


def until_end(timed: Iterable[tuple[float, FaceState]], end: float) -> Iterator[tuple[float, FaceState]]:
    """`timed`, and its last state once more at `end` seconds: the last picture of a clip stands until the clip ends.

    A gap of more than `LAST_PICTURE` seconds is no standing picture but missing film, and stays out.
    """
    last: tuple[float, FaceState] | None = None
    for last in timed:
        yield last
    if last is not None and 0 < end - last[0] < LAST_PICTURE:
        yield end, last[1]


def _state_at(time: float, before: tuple[float, FaceState], after: tuple[float, FaceState]) -> FaceState:
    span = after[0] - before[0]
    share = 1.0 if span <= 0 else float(np.clip((time - before[0]) / span, 0.0, 1.0))
    return blend_states(before[1], after[1], share)


def blend_states(first: FaceState, second: FaceState, share: float) -> FaceState:
    """The state `share` (0..1) of the way from `first` to `second`; rotations turn about one axis (slerp)."""
    if share <= 0 or first is second:
        return first
    if share >= 1:
        return second
    turn = vector_from_rotation(first.rotation.T @ second.rotation)
    return FaceState(
        _mix(first.curves, second.curves, share),
        np.asarray(first.rotation @ rotation_from_vector(turn * np.float32(share)), np.float32),
        _mix(first.translation, second.translation, share),
        _mix(first.gaze, second.gaze, share),
        _mix_dense(first.dense, second.dense, share),
        first.present if share < 0.5 else second.present,
    )


def _mix(first: Floats, second: Floats, share: float) -> Floats:
    """(...): `share` of the way from `first` to `second`."""
    return np.asarray(first + np.float32(share) * (second - first), np.float32)


def _mix_dense(first: Floats | None, second: Floats | None, share: float) -> Floats | None:
    """Where only one side knows the mesh (468, 3), the nearer decides; half a mesh would be a jump towards neutral."""
    if first is None or second is None:
        return first if share < 0.5 else second
    return _mix(first, second, share)
