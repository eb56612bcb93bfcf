"""The 45 numbers that pose a Talking Head Anime character: names, ranges, order (THA3 and THA4)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vivant.errors import SettingsError

Floats = NDArray[np.float32]
Category = Literal["eyebrow", "eye", "iris", "mouth", "gaze", "face", "body", "breathing"]

EYEBROW = slice(0, 12)
"""What the eyebrow network reads of a pose."""
FACE = slice(12, 39)
"""What the face network reads."""
ROTATION = slice(39, 45)
"""What the networks of head and body read."""


@dataclass(frozen=True)
class Parameter:
    """One number of the pose; left and right are the character's."""

    name: str
    category: Category
    low: float = 0.0
    high: float = 1.0


def _parameters() -> Iterator[Parameter]:
    groups: tuple[tuple[Category, str], ...] = (
        ("eyebrow", "eyebrow_troubled eyebrow_angry eyebrow_lowered eyebrow_raised eyebrow_happy eyebrow_serious"),
        ("eye", "eye_wink eye_happy_wink eye_surprised eye_relaxed eye_unimpressed eye_raised_lower_eyelid"),
        ("iris", "iris_small"),
    )
    for category, names in groups:
        for name in names.split():
            yield from (Parameter(f"{name}_{side}", category) for side in ("left", "right"))
    vowels = "mouth_aaa mouth_iii mouth_uuu mouth_eee mouth_ooo mouth_delta"
    corners = "mouth_lowered_corner_left mouth_lowered_corner_right mouth_raised_corner_left mouth_raised_corner_right"
    yield from (Parameter(name, "mouth") for name in f"{vowels} {corners} mouth_smirk".split())
    yield from (Parameter(name, "gaze", -1.0) for name in ("iris_rotation_x", "iris_rotation_y"))
    yield from (Parameter(name, "face", -1.0) for name in ("head_x", "head_y", "neck_z"))
    yield from (Parameter(name, "body", -1.0) for name in ("body_y", "body_z"))
    yield Parameter("breathing", "breathing")


PARAMETERS = tuple(_parameters())
INDEX: Mapping[str, int] = {parameter.name: place for place, parameter in enumerate(PARAMETERS)}
LOW = np.array([parameter.low for parameter in PARAMETERS], np.float32)
HIGH = np.array([parameter.high for parameter in PARAMETERS], np.float32)


def pose_of(values: Mapping[str, float]) -> Floats:
    """The pose (45,) with `values` by name and 0 elsewhere.

    A name without its side, such as eye_wink, sets both sides. Raises SettingsError for an unknown name and for a
    number outside the parameter's range.
    """
    pose = np.zeros(len(PARAMETERS), np.float32)
    for name, value in values.items():
        for one in _named(name):
            place = INDEX[one]
            if not LOW[place] <= value <= HIGH[place]:  # also refuses what is not a number
                raise SettingsError(f"{name} = {value:g}, but it must be within {LOW[place]:g}..{HIGH[place]:g}")
            pose[place] = value
    return pose


def _named(name: str) -> tuple[str, ...]:
    if name in INDEX:
        return (name,)
    both = (f"{name}_left", f"{name}_right")
    if both[0] in INDEX:
        return both
    raise SettingsError(f"{name!r} is not a parameter of a pose; {meant(name, INDEX)}")


def meant(name: str, known: Iterable[str]) -> str:
    """What a user may have meant by `name`: the nearest of `known`, or any of them."""
    known = list(known)
    near = difflib.get_close_matches(name, known, 3, 0.5)
    return f"did you mean {', '.join(near)}?" if near else f"they are {', '.join(known)}"
