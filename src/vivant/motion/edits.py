"""Edits of a running Motion: plain generators over face states, each with a bounded look-ahead.

`apply_edits` chains them in the order that makes sense: mend gaps, smooth, gain, blink, camera, limit, gaze.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

import numpy as np

from vivant.errors import SettingsError
from vivant.face.arkit import INDEX, group
from vivant.face.landmarks import EYE_LEFT, EYE_RIGHT, MESH_COUNT
from vivant.face.model import load_face_model
from vivant.face.pose import angles_from_rotation, rotation_from_angles, rotation_from_vector, vector_from_rotation
from vivant.motion.camera import CameraPath, seen_from
from vivant.motion.idle import Blinks
from vivant.motion.measure import set_looks
from vivant.motion.retime import blend_states
from vivant.motion.state import FaceState, Floats
from vivant.smooth import eased

BlinkMode = Literal["keep", "auto", "off"]
GazeMode = Literal["driver", "camera", "fixed"]

EYE_CURVES = group("eye")
LOOK_CURVES = group("eyeLook")
MOUTH_CURVES = (*group("mouth"), *group("jaw"), INDEX["tongueOut"])
BROW_CURVES = group("brow")
OTHER_CURVES = (*group("cheek"), *group("nose"))
BLINKS = (INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"])

SMOOTH_SIGMA = 1.2
"""Frames at 25 per second of the calm signal that smoothing leans to, at amount 1."""
NOISE = {"rotation": 0.009, "translation": 0.0035, "depth": 0.018, "gaze": 0.018, "curves": 0.045, "dense": 0.042}
"""What counts as noise at amount 1 (radians, inter-ocular distances, the same, radians, 0..1, cm): one and a half times
what the tracker shows on a still picture with camera noise. Deviations above it are motion and are kept: a plain
Gaussian of the same calm loses 1 to 3 dB when real frames are redrawn, this one nothing."""
HOLD_SECONDS = 0.4
EASE_SECONDS = 0.6
RETURN_SECONDS = 0.4
"""Times of a gap: the last state is held, eased to neutral, and after the gap eased to the live state."""
LARGEST_GAZE = 0.5
"""Radians; beyond it the iris leaves the eye opening."""
SOFT_FROM = 0.6
"""Share of a limit up to which motion passes unchanged."""


@dataclass(frozen=True)
class EditSettings:
    """What is changed between the driver and the avatar; the defaults suit a video driver. Angles in radians."""

    smooth: float = 1.0
    """0 none, 1 calms the trembling of the tracker, up to 10 for a dreamy motion."""
    expression: float = 1.0
    """Gain of everything but the eyes and the head."""
    mouth: float = 1.0
    """Gain of mouth and jaw, on top of `expression`."""
    head: float = 1.0
    """Gain of the head's rotation and translation."""
    brows: float = 1.0
    """Gain of the brows, on top of `expression`."""
    blink: BlinkMode = "keep"
    """keep the driver's blinks, replace them by automatic ones, or keep the eyes open."""
    blinks_per_minute: float = 15.0
    gaze: GazeMode = "driver"
    """The driver's gaze, into the camera however the head turns, or a fixed direction of the head."""
    gaze_direction: tuple[float, float] = (0.0, 0.0)
    """To the viewer's right and up, for "fixed"."""
    limit_yaw: float = float(np.radians(25))
    """Largest turn to either side of the neutral head; approached softly."""
    limit_pitch: float = float(np.radians(15))
    limit_roll: float = float(np.radians(35))
    limit_shift: float = 1.0
    """Largest displacement along each axis, in inter-ocular distances."""
    seed: int = 0
    """Of the automatic blinks."""
    camera: CameraPath = field(default_factory=CameraPath)
    """The way of a camera around the head."""
    keep_distance: bool = False
    """The head comes no nearer and goes no farther: distances that are read from a video tremble."""

    def __post_init__(self) -> None:
        for name in ("smooth", "expression", "mouth", "head", "brows"):
            _check(name, getattr(self, name), 10.0)
        _check("blinks per minute", self.blinks_per_minute, 60.0)
        for name in ("limit_yaw", "limit_pitch", "limit_roll"):
            _check(name, getattr(self, name), np.pi)
        _check("limit_shift", self.limit_shift, 100.0)
        if self.blink not in ("keep", "auto", "off"):
            raise SettingsError(f"blink {self.blink!r} is unknown; use keep, auto or off")
        if self.gaze not in ("driver", "camera", "fixed"):
            raise SettingsError(f"gaze {self.gaze!r} is unknown; use driver, camera or fixed")
        if not np.abs(self.gaze_direction).max() <= np.pi / 2:
            right, up = np.degrees(self.gaze_direction)
            raise SettingsError(f"gaze direction {right:g} {up:g} is outside -90..90 degrees")


def _check(name: str, value: float, most: float) -> None:
    if not 0 <= value <= most:
        raise SettingsError(f"{name} {value} is outside 0..{most:g}")


def apply_edits(states: Iterable[FaceState], rate: Fraction, settings: EditSettings) -> Iterator[FaceState]:
    """All edits of `settings` on `states` at `rate`; one state out for each one in, at most a second later."""
    edited = ease_gaps(states, rate)
    edited = smooth(edited, rate, settings.smooth)
    edited = gain(edited, settings.expression, settings.mouth, settings.head, settings.brows)
    edited = at_one_distance(edited) if settings.keep_distance else edited
    edited = blink(edited, rate, settings.blink, settings.blinks_per_minute, settings.seed)
    edited = seen_from(edited, rate, settings.camera)
    edited = limit(edited, settings.limit_yaw, settings.limit_pitch, settings.limit_roll, settings.limit_shift)
    return gaze(edited, settings.gaze, settings.gaze_direction)


# Gaps


def ease_gaps(states: Iterable[FaceState], rate: Fraction) -> Iterator[FaceState]:
    """Fill the frames that are not `present`.

    A gap shorter than `HOLD_SECONDS` is bridged from the state before to the state after it. In a longer one the last
    state is held that long, then eased to neutral, and when the face is back, eased to it. A gap at the start is
    neutral. All filled frames stay marked as not present.
    """
    hold = max(1, round(HOLD_SECONDS * rate))
    ease, back = float(EASE_SECONDS * rate), float(RETURN_SECONDS * rate)
    last: FaceState | None = None  # what was seen last before the gap
    shown = FaceState()
    waiting = 0  # frames of the gap that are not yet out
    gone = 0  # frames of the gap that are out
    since = np.inf  # frames since the face came back from a long gap
    for state in states:
        if not state.present:
            waiting += 1
            if waiting + gone <= hold and last is not None:
                continue
            for _ in range(waiting):
                gone += 1
                shown = _faded(last, (gone - hold) / ease)
                yield shown
            waiting = 0
            continue
        if waiting and last is not None:
            for index in range(waiting):
                yield replace(blend_states(last, state, (index + 1) / (waiting + 1)), present=False)
        elif gone:
            since = 0.0
        waiting = gone = 0
        since += 1
        last = state if since >= back else replace(blend_states(shown, state, eased(since / back)), present=True)
        yield last
    for _ in range(waiting):
        gone += 1
        yield _faded(last, (gone - hold) / ease)


def _faded(last: FaceState | None, share: float) -> FaceState:
    """The state of a gap, `share` of the way from the last state to neutral."""
    if last is None:
        return FaceState(present=False)
    neutral = FaceState(dense=None if last.dense is None else np.zeros_like(last.dense))
    return replace(blend_states(last, neutral, eased(share)), present=False)


# Smoothing


def smooth(states: Iterable[FaceState], rate: Fraction, amount: float) -> Iterator[FaceState]:
    """Calm the tracker's trembling without delay (zero phase) and without rounding off real motion.

    Each part of the face leans from its measured value to a Gaussian mean around it, fully where the two differ by
    less than the noise and hardly where they differ by more. `amount` scales the width of the mean and the noise.
    The look-ahead is three standard deviations, `3.6 * amount` frames at 25 per second.
    """
    if amount <= 0:
        yield from states
        return
    sigma = SMOOTH_SIGMA * amount * float(rate) / 25
    reach = int(np.ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2).astype(np.float32)
    for centre, window in _windows(states, reach):
        offset = reach - centre
        used = weights[offset : offset + len(window)]
        yield _calmed(window, centre, used / used.sum(), amount)


def _windows(states: Iterable[FaceState], reach: int) -> Iterator[tuple[int, list[FaceState]]]:
    """(position of a state in its window, window) for every state; windows are cut at both ends of the sequence."""
    window: deque[FaceState] = deque()
    centre = 0
    for state in states:
        window.append(state)
        if len(window) > centre + reach:
            yield centre, list(window)
            if centre == reach:
                window.popleft()
            else:
                centre += 1
    while centre < len(window):
        yield centre, list(window)
        if centre == reach:
            window.popleft()
        else:
            centre += 1


def _calmed(window: list[FaceState], centre: int, weights: Floats, amount: float) -> FaceState:
    """The state in the middle of a window, drawn to the mean by `weights` (W,)."""
    state = window[centre]
    noise = {name: value * amount for name, value in NOISE.items()}
    # The mean of rotations is taken around the centre's, where it is a plain mean of small vectors.
    turns = vector_from_rotation(np.stack([state.rotation.T @ other.rotation for other in window]))
    turn = _lean(np.zeros(3, np.float32), weights @ turns, noise["rotation"])
    dense = state.dense
    if dense is not None:
        meshes = np.stack([dense if other.dense is None else other.dense for other in window])
        mean = np.tensordot(weights, meshes, 1).astype(np.float32)
        dense = _lean_regions(dense, mean, noise["dense"])
    curves = np.stack([other.curves for other in window])
    place, mean_place = state.translation, _mean(window, weights, "translation")
    aside = _lean(place[:2], mean_place[:2], noise["translation"])
    depth = _lean(place[2:], mean_place[2:], noise["depth"])  # read from the size, ten times as uncertain
    return replace(
        state,
        curves=_lean_each(state.curves, weights @ curves, noise["curves"]),
        rotation=np.asarray(state.rotation @ rotation_from_vector(turn), np.float32),
        translation=np.concatenate([aside, depth]),
        gaze=_lean(state.gaze, _mean(window, weights, "gaze"), noise["gaze"]),
        dense=dense,
    )


def _mean(window: list[FaceState], weights: Floats, name: str) -> Floats:
    """The mean of one field (N,) of a window's states by `weights` (W,)."""
    return np.asarray(weights @ np.stack([getattr(state, name) for state in window]), np.float32)


def _lean(value: Floats, mean: Floats, noise: float) -> Floats:
    """`value` (N,) drawn to `mean` as one, by how small their distance is."""
    apart = value - mean
    distance = float((apart * apart).sum())
    return np.asarray(mean + apart * np.float32(distance / (distance + noise**2)), np.float32)


def _lean_each(value: Floats, mean: Floats, noise: float) -> Floats:
    """The same for each number of (N,) on its own."""
    apart = value - mean
    return np.asarray(mean + apart * (apart**2 / (apart**2 + noise**2)), np.float32)


def _lean_regions(value: Floats, mean: Floats, noise: float) -> Floats:
    """The same for meshes (468, 3), region by region so that neighbouring points move together."""
    shares = face_regions()
    apart = value - mean
    square = (shares.T @ (apart * apart).sum(1)) / shares.sum(0)
    keep = shares @ (square / (square + noise**2))
    return np.asarray(mean + apart * keep[:, None], np.float32)


# Gains


@functools.cache
def face_regions() -> Floats:
    """Shares (468, 4) of mouth, brows, eyes and the rest in each point of the mesh; each row sums to one.

    A point belongs to the curves that move it most, so the borders are as soft as the face's own.
    """
    basis = load_face_model().basis[:, :MESH_COUNT]
    power = [
        (basis[list(curves)] ** 2).sum(2).max(0) for curves in (MOUTH_CURVES, BROW_CURVES, EYE_CURVES, OTHER_CURVES)
    ]
    total = np.stack([*power[:3], power[3] + 0.001], 1)
    shares = np.asarray(total / total.sum(1, keepdims=True), np.float32)
    shares[[*EYE_RIGHT, *EYE_LEFT]] = (0, 0, 1, 0)  # a smile moves the lower lids too, but they belong to the eyes
    shares.flags.writeable = False
    return shares


def gain(
    states: Iterable[FaceState], expression: float = 1.0, mouth: float = 1.0, head: float = 1.0, brows: float = 1.0
) -> Iterator[FaceState]:
    """Scale the motion: `expression` all but eyes and head, `mouth` and `brows` on top of it, `head` turn and shift."""
    if (expression, mouth, head, brows) == (1.0, 1.0, 1.0, 1.0):
        yield from states
        return
    curve_gains = np.full(len(INDEX), expression, np.float32)
    curve_gains[list(MOUTH_CURVES)] *= mouth
    curve_gains[list(BROW_CURVES)] *= brows
    curve_gains[list(EYE_CURVES)] = 1.0
    dense_gains = face_regions() @ np.array([expression * mouth, expression * brows, 1.0, expression], np.float32)
    for state in states:
        yield replace(
            state,
            curves=np.clip(state.curves * curve_gains, 0.0, 1.0),
            rotation=rotation_from_vector(vector_from_rotation(state.rotation) * np.float32(head)),
            translation=np.asarray(state.translation * np.float32(head), np.float32),
            dense=None if state.dense is None else np.asarray(state.dense * dense_gains[:, None], np.float32),
        )


def at_one_distance(states: Iterable[FaceState]) -> Iterator[FaceState]:
    """`states` whose heads move across the picture, but not toward the viewer or away."""
    for state in states:
        yield replace(state, translation=state.translation * np.array([1, 1, 0], np.float32))


# Eyes


def blink(
    states: Iterable[FaceState], rate: Fraction, mode: BlinkMode = "keep", per_minute: float = 15.0, seed: int = 0
) -> Iterator[FaceState]:
    """keep: as driven. off: eyes stay open. auto: open but for blinks of its own, the same for the same `seed`."""
    if mode == "keep":
        yield from states
        return
    blinks = Blinks(per_minute if mode == "auto" else 0.0, float(1 / rate), np.random.default_rng(seed))
    for state in states:
        yield _with_blink(state, blinks.step())


def _with_blink(state: FaceState, closed: float) -> FaceState:
    """The state with its own blink taken out and lids `closed` 0..1 instead."""
    curves = state.curves.copy()
    own = float(curves[list(BLINKS)].mean())
    curves[list(BLINKS)] = closed
    if state.dense is None:
        return replace(state, curves=curves)
    # Half open lids are an expression, closed ones a blink: the lids' own displacement goes as far as they close.
    eyes = face_regions()[:, 2:3]
    kept = state.dense * (1 - eyes * max(eased((own - 0.15) / 0.35), closed))
    lids = load_face_model().basis[list(BLINKS), :MESH_COUNT].sum(0)
    return replace(state, curves=curves, dense=np.asarray(kept + closed * lids, np.float32))


def gaze(
    states: Iterable[FaceState], mode: GazeMode = "driver", direction: tuple[float, float] = (0.0, 0.0)
) -> Iterator[FaceState]:
    """driver: as driven. camera: the eyes stay on the viewer while the head turns. fixed: `direction` in the head."""
    for state in states:
        if mode == "driver":
            yield state
            continue
        wanted = np.array(direction) if mode == "fixed" else _to_camera(state.rotation)
        look = np.clip(wanted, -LARGEST_GAZE, LARGEST_GAZE).astype(np.float32)
        curves = state.curves.copy()
        set_looks(curves, look)
        yield replace(state, gaze=look, curves=curves)


def _to_camera(rotation: Floats) -> Floats:
    """Yaw and pitch (2,) from the head's axis to the camera."""
    ahead = rotation[2]  # the camera's axis in the axes of the head
    return np.array([np.arctan2(ahead[0], ahead[2]), np.arcsin(np.clip(ahead[1], -1, 1))], np.float32)


# Limits


def limit(
    states: Iterable[FaceState], yaw: float, pitch: float, roll: float = np.pi, shift: float = np.inf
) -> Iterator[FaceState]:
    """Keep the head within `yaw`, `pitch`, `roll` (radians) and `shift` (inter-ocular distances), approached softly."""
    for state in states:
        angles = angles_from_rotation(state.rotation)
        soft = [_soft(value, most) for value, most in zip(angles, (yaw, pitch, roll), strict=True)]
        moved = np.array([_soft(float(value), shift) for value in state.translation], np.float32)
        turned = state.rotation if np.allclose(soft, angles, atol=1e-6) else rotation_from_angles(*soft)
        yield replace(state, rotation=turned, translation=moved)


def _soft(value: float, most: float) -> float:
    """`value` up to `SOFT_FROM` of `most`, beyond it ever slower up to `most`; smooth in value and slope."""
    start = SOFT_FROM * most
    if abs(value) <= start:
        return value
    room = most - start
    return float(np.sign(value) * (start + room * np.tanh((abs(value) - start) / room))) if room > 0 else 0.0
