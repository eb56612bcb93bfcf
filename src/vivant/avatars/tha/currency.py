"""The currency of faces, 52 curves and a head, exchanged for the 45 numbers that pose an anime character.

A FaceState is seen from the viewer (x right, y up, z toward the viewer); Left and Right of the curves are the person's.
The character copies the state as it stands, like every other avatar: a nose that turns to the right border of the
driver's picture turns to the right border of the result. The published puppeteers mirror their camera and then do so.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.tha.angles import angles_of
from vivant.avatars.tha.constants import Constants
from vivant.avatars.tha.pose import HIGH, INDEX, LOW
from vivant.avatars.tha.profile import Profile
from vivant.avatars.tha.vowels import vowel_weights
from vivant.errors import SettingsError
from vivant.face import arkit
from vivant.face.model import load_face_model
from vivant.motion.idle import BREATH_HEIGHT, BREATH_SECONDS, NECK, Breath
from vivant.motion.state import LOOK_RADIANS, FaceState

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Curves = dict[str, float]

SOFT_FROM = 0.6
"""Share of a head's range up to which the character follows as it is; further on it nears the end softly."""
LEAN = 1.25
"""body_z per inter-ocular distance that the whole head moves aside: half of what would cover the distance."""
LEAST = 0.2
"""eyeWide and mouthPucker that calm faces and plain speech show; a character's would be large eyes, a kiss."""
LIPS_PART = (0.1, 1.3)
"""Centimetres between the lips of the face model at which a character's mouth begins to open, and is open."""
LIPS_WIDE = 1.2
"""Centimetres by which a mouth is wider at which a half open aaa becomes eee."""
PARTED = 0.3
"""Opening of the mouth (0..1) over which vowels fade in and a frown fades out; the published exchange switches."""
SIDES = ("left", "right")
VOWELS = slice(INDEX["mouth_aaa"], INDEX["mouth_ooo"] + 1)
JAW = arkit.INDEX["jawOpen"]
ROUND = [arkit.INDEX["mouthFunnel"], arkit.INDEX["mouthPucker"]]
FROWNS = slice(arkit.INDEX["mouthFrownLeft"], arkit.INDEX["mouthFrownRight"] + 1)
CALM = [arkit.INDEX[name] for name in ("eyeWideLeft", "eyeWideRight", "mouthPucker")]
LOWER_LIP = slice(arkit.INDEX["mouthLowerDownLeft"], arkit.INDEX["mouthLowerDownRight"] + 1)
LOWERED = slice(INDEX["mouth_lowered_corner_left"], INDEX["mouth_lowered_corner_right"] + 1)


def pose_of_curves(curves: Floats, angles: Sequence[float] | Doubles, constants: Constants = Constants()) -> Floats:
    """The pose (45,) of `curves` (52,) 0..1 and a head turned by `angles` (3,), as the published puppeteers make it.

    `angles` are radians about x, y and z in the fixed axes, applied in this order (see `angles_of`): x > 0 lowers the
    face, y > 0 turns it to the viewer's right, z > 0 leans it counter-clockwise as seen. Breathing is 0; nothing is
    smoothed. Source: the iFacialMocap and MediaPipe puppeteers of THA3 and THA4, as in their published code.
    """
    c = dict(zip(arkit.CURVES, curves.tolist(), strict=True))
    smile = (c["mouthSmileLeft"] + c["mouthSmileRight"]) / 2 + c["mouthShrugUpper"]
    happy = _ramp(smile, *constants.smile)
    pose = np.zeros(len(INDEX))
    _brows(pose, c, happy, _clamp(smile), constants)
    _eyes(pose, c, happy, constants)
    _mouth(pose, c, constants)
    _both(pose, "mouth_raised_corner", (_clamp(smile), _clamp(smile)))
    turns = (math.degrees(angle) / full for angle, full in zip(angles, constants.head_degrees, strict=True))
    x, y, z = (_clamp(turn, -1.0) for turn in turns)
    pose[INDEX["head_x"] : INDEX["body_z"] + 1] = (-x, -y, z, -y, z)
    return pose.astype(np.float32)


def pose_of_state(state: FaceState, profile: Profile) -> Floats:
    """The pose (45,) of `state` as `profile` wants it, within every parameter's range; depends on nothing else.

    Beyond the published exchange, which reads the jaw alone: the mouth opens as far as the lips part in the face
    model, without jumps, and a wide one says eee; gaze comes from `state.gaze`; the head nears the ends of its range
    softly, and leans the body where it moves aside; its lift over the neck is the breath, see `breathe`.
    """
    state, constants = profile.relative(state), profile.constants
    parted, widened = (_lips() @ state.curves).tolist()
    opening = _ramp(parted, *LIPS_PART)
    curves = _settled(state.curves, opening, constants)
    ranges = [math.radians(full) for full in constants.head_degrees]
    turns = [angle / full for angle, full in zip(angles_of(state.rotation), ranges, strict=True)]
    pose = pose_of_curves(curves, [full * _soft(turn) for turn, full in zip(turns, ranges, strict=True)], constants)
    spread = _clamp(widened / LIPS_WIDE) * (1 - opening) * pose[INDEX["mouth_aaa"]]
    pose[INDEX["mouth_aaa"]] -= spread
    pose[INDEX["mouth_eee"]] = spread
    shown = _clamp(opening / PARTED)
    pose[VOWELS] *= shown
    pose[LOWERED] = (1 - shown) * _share(float(curves[FROWNS].sum()), constants.mouth_frown_max)
    right, up = state.gaze / LOOK_RADIANS * constants.eye_rotation
    pose[INDEX["iris_rotation_x"]], pose[INDEX["iris_rotation_y"]] = up, -right
    aside, lift, _ = shift_of(state)
    pose[INDEX["body_z"]] = _soft(turns[2] - LEAN * aside)
    if state.dense is None:  # in a video the head's height is measured, and moves by more than breath
        pose[INDEX["breathing"]] = lift / BREATH_HEIGHT
    return np.minimum(np.maximum(pose * profile.gain, LOW), HIGH)


def shift_of(state: FaceState) -> Doubles:
    """Where the head's foot stands beside its place at rest (3,), in inter-ocular distances: right, up, near.

    Turning about the neck moves the head too; that part is taken off. Drivers that know no place leave it at 0.
    """
    if not state.translation.any():
        return np.zeros(3)
    return np.asarray(state.translation - (NECK - state.rotation @ NECK), np.float64)


def breathe(
    states: Iterable[FaceState], rate: Fraction, per_minute: float = 60 / BREATH_SECONDS, seed: int = 0
) -> Iterator[FaceState]:
    """`states` of any driver at `rate`, made to breath calmly, for characters; the head's own rise and fall is lost.

    Time has no place in a state and a drawing must not depend on earlier ones: the lift of the head carries the breath.
    Raises SettingsError unless 0 <= per_minute <= 60.
    """
    if not 0 <= per_minute <= 60:
        raise SettingsError(f"{per_minute:g} breaths per minute cannot be; give 0 to 60")
    breath = Breath(float(1 / rate) * per_minute * BREATH_SECONDS / 60, np.random.default_rng([seed, 9]))
    for state in states:
        lift = BREATH_HEIGHT * min(breath.step(), 1.0) if per_minute else 0.0
        aside, _, near = shift_of(state)
        place = NECK - state.rotation @ NECK + (aside, lift, near)
        yield replace(state, translation=place.astype(np.float32), dense=None)


def _settled(curves: Floats, opening: float, constants: Constants) -> Floats:
    """Curves (52,) as the published exchange understands them, of a mouth that is open by `opening` 0..1.

    A mouth that opens without rounding lowers its lower lip; what calm faces show too counts for nothing.
    """
    settled = curves.copy()
    start, full = constants.jaw_open
    settled[JAW] = start + opening * (full - start)
    rounding = max(float(curves[ROUND[0]]), float(curves[ROUND[1]]))
    settled[LOWER_LIP] = np.maximum(settled[LOWER_LIP], 0.5 * opening * (1 - rounding))
    settled[CALM] = np.maximum(settled[CALM] - LEAST, 0.0) / (1 - LEAST)
    return settled


@functools.cache
def _lips() -> Floats:
    """(2, 52) centimetres by which each curve parts the lips, and widens the mouth, in the packaged face model."""
    moved = load_face_model().basis
    upper, lower, right, left = 13, 14, 61, 291
    return np.stack([moved[:, upper, 1] - moved[:, lower, 1], moved[:, left, 0] - moved[:, right, 0]])


def _brows(pose: Doubles, c: Curves, happy: float, smile: float, constants: Constants) -> None:
    """Set the eyebrows of `pose` (45,)."""
    down = [_share(c[f"browDown{side}"], constants.eyebrow_down_max) for side in ("Left", "Right")]
    _both(pose, f"eyebrow_{constants.eyebrow_down_mode}", ((1 - happy) * down[0], (1 - happy) * down[1]))
    inner = c["browInnerUp"]
    _both(pose, "eyebrow_raised", (_clamp(inner + c["browOuterUpLeft"]), _clamp(inner + c["browOuterUpRight"])))
    _both(pose, "eyebrow_happy", (smile * happy, smile * happy))


def _eyes(pose: Doubles, c: Curves, happy: float, constants: Constants) -> None:
    """Set lids and irises of `pose` (45,)."""
    for side, curve_side in zip(SIDES, ("Left", "Right"), strict=True):
        blink = _share(c[f"eyeBlink{curve_side}"], constants.eye_blink_max)
        closing = "eye_wink" if constants.wink_mode == "normal" else "eye_relaxed"
        pose[INDEX[f"{closing}_{side}"]] = (1 - happy) * blink
        pose[INDEX[f"eye_happy_wink_{side}"]] = happy * blink
        pose[INDEX[f"eye_surprised_{side}"]] = _share(c[f"eyeWide{curve_side}"], constants.eye_surprised_max)
        squint = _ramp(c[f"cheekSquint{curve_side}"], *constants.cheek_squint)
        pose[INDEX[f"eye_raised_lower_eyelid_{side}"]] = squint
    _both(pose, "iris_small", constants.iris_small)
    up = c["eyeLookUpLeft"] + c["eyeLookUpRight"] - c["eyeLookDownLeft"] - c["eyeLookDownRight"]
    left = c["eyeLookInLeft"] - c["eyeLookOutLeft"] - c["eyeLookInRight"] + c["eyeLookOutRight"]
    pose[INDEX["iris_rotation_x"]] = _clamp(up / 2 * constants.eye_rotation, -1.0)
    pose[INDEX["iris_rotation_y"]] = _clamp(left / 2 * constants.eye_rotation, -1.0)


def _mouth(pose: Doubles, c: Curves, constants: Constants) -> None:
    """Set the mouth of `pose` (45,)."""
    opening = _ramp(c["jawOpen"], *constants.jaw_open)
    if opening == 0:
        frown = _share(c["mouthFrownLeft"] + c["mouthFrownRight"], constants.mouth_frown_max)
        _both(pose, "mouth_lowered_corner", (frown, frown) if constants.frown else (0.0, 0.0))
        return
    lower = _clamp(c["mouthLowerDownLeft"] + c["mouthLowerDownRight"])
    aaa, iii, uuu, ooo = vowel_weights(np.array([opening, lower, c["mouthFunnel"], c["mouthPucker"]]))
    rounded, wide = _clamp(uuu + ooo), _ramp(c["mouthFunnel"], *constants.mouth_funnel)
    values = {"aaa": aaa, "iii": iii, "uuu": rounded * (1 - wide), "ooo": rounded * wide}
    for name, value in values.items():
        pose[INDEX[f"mouth_{name}"]] = value


def _both(pose: Doubles, group: str, values: tuple[float, float]) -> None:
    """Set left and right of a `group` of two of `pose` (45,)."""
    first = INDEX[f"{group}_left"]
    pose[first : first + 2] = values


def _clamp(value: float, low: float = 0.0) -> float:
    return min(max(value, low), 1.0)


def _share(value: float, most: float) -> float:
    """`value` as a share of `most`, 0..1; 0 where `most` is not positive."""
    return _clamp(value / most) if most > 0 else 0.0


def _ramp(value: float, start: float, full: float) -> float:
    """0 at `start`, 1 at `full`; 0 where they do not grow."""
    return _share(value - start, full - start)


def _soft(value: float) -> float:
    """`value` up to SOFT_FROM, from there on ever slower to -1 or 1."""
    over = max(abs(value) - SOFT_FROM, 0.0)
    return math.copysign(min(abs(value), SOFT_FROM) + (1 - SOFT_FROM) * math.tanh(over / (1 - SOFT_FROM)), value)
