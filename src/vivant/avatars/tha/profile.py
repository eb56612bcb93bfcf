"""A user's profile: the neutral face and the gains that fit one person to one character, kept as a TOML file."""

from __future__ import annotations

import math
import os
import secrets
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.tha.angles import angles_of, rotation_of
from vivant.avatars.tha.constants import OWN, Constants
from vivant.avatars.tha.pose import PARAMETERS, meant
from vivant.avatars.tha.smoother import Smoothing, nearest_rotation
from vivant.errors import SettingsError
from vivant.face import arkit
from vivant.motion.state import FaceState

Floats = NDArray[np.float32]
T = TypeVar("T")

LARGEST_NEUTRAL = 0.8
"""A curve that rests higher than this would have no room left to move."""
LARGEST_GAIN = 10.0
LARGEST_FILE = 64 * 1024
FEWEST_STATES = 5
STEADY_DEGREES = 6.0
"""Half of the states of a calibration must lie this near to their middle."""


@dataclass(frozen=True, eq=False)
class Profile:
    """How the states of one user become the poses of one character."""

    neutral: FaceState = field(default_factory=FaceState)
    """The user's face at rest as the driver reports it; its curves, rotation, translation and gaze are taken off."""
    gains: Mapping[str, float] = field(default_factory=dict)
    """Gain 0..10 of a parameter, a pair such as eye_wink, or a category such as mouth; the most particular counts."""
    constants: Constants = OWN
    smoothing: Smoothing = field(default_factory=Smoothing)
    """For live drivers; files are smoothed without delay by `motion.edits`."""

    def __post_init__(self) -> None:
        known = dict.fromkeys(name for one in PARAMETERS for name in _names(one.name, one.category))
        for name, gain in self.gains.items():
            if name not in known:
                raise SettingsError(f"gain of {name!r}: there is no such parameter or category; {meant(name, known)}")
            if not 0 <= gain <= LARGEST_GAIN:
                raise SettingsError(f"gain of {name!r} is {gain:g}; give 0 to {LARGEST_GAIN:g}")

    @cached_property
    def gain(self) -> Floats:
        """(45,) gain of each parameter."""
        found = [
            next((g for n in _names(one.name, one.category) if (g := self.gains.get(n)) is not None), 1.0)
            for one in PARAMETERS
        ]
        return np.array(found, np.float32)

    def relative(self, state: FaceState) -> FaceState:
        """`state` with the user's own face at rest taken for neutral."""
        rest = np.minimum(self.neutral.curves, LARGEST_NEUTRAL)
        return replace(
            state,
            curves=np.maximum(state.curves - rest, 0.0) / (1.0 - rest),
            rotation=self.neutral.rotation.T @ state.rotation,
            translation=state.translation - self.neutral.translation,
            gaze=state.gaze - self.neutral.gaze,
        )


def calibrate(states: Iterable[FaceState], profile: Profile | None = None) -> Profile:
    """`profile` (or the default one) with the neutral face of somebody who looks ahead calmly during `states`.

    A second or more of them; medians, so that a blink does not matter. Raises SettingsError for fewer than 5 states
    with a face, and for a head
    that does not keep still.
    """
    seen = [state for state in states if state.present]
    if len(seen) < FEWEST_STATES:
        raise SettingsError(f"{len(seen)} states with a face are too few to calibrate by; face the camera for a second")
    turns = np.stack([state.rotation for state in seen])
    middle = nearest_rotation(np.median(turns, axis=0))
    apart = np.degrees(np.arccos(np.clip((np.einsum("nij,ij->n", turns, middle) - 1) / 2, -1, 1)))
    if np.median(apart) > STEADY_DEGREES:
        raise SettingsError("the head moved during the calibration; look straight ahead and keep still, then try again")
    neutral = FaceState(
        curves=np.median([state.curves for state in seen], axis=0).astype(np.float32),
        rotation=middle,
        translation=np.median([state.translation for state in seen], axis=0).astype(np.float32),
        gaze=np.median([state.gaze for state in seen], axis=0).astype(np.float32),
    )
    return replace(profile or Profile(), neutral=neutral)


def save_profile(path: str | Path, profile: Profile) -> None:
    """Write `profile` as TOML, under a temporary name first; raises OSError where the folder cannot be written."""
    neutral = profile.neutral
    tables: dict[str, Mapping[str, Any]] = {
        "neutral": {
            "head_degrees": np.degrees(angles_of(neutral.rotation)),
            "gaze_degrees": np.degrees(neutral.gaze),
            "translation": neutral.translation,
        },
        "neutral.curves": {name: value for name, value in zip(arkit.CURVES, neutral.curves, strict=True) if value > 0},
        "gains": profile.gains,
        "constants": _table(profile.constants),
        "smoothing": _table(profile.smoothing),
    }
    lines = ["# profile of vivant: a neutral face, gains and smoothing"]
    for title, table in tables.items():
        lines += ["", f"[{title}]", *(f"{name} = {_toml(value)}" for name, value in table.items())]
    path = Path(path)
    temporary = path.with_name(f".vivant-{secrets.token_hex(6)}.part")
    try:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load_profile(path: str | Path) -> Profile:
    """Read what `save_profile` wrote, or what a user wrote by hand: every table and every entry may be left out.

    Raises SettingsError, naming the file and the entry, for anything that is no profile.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise SettingsError(f"{path}: too large for a profile; give a file that vivant saved")
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: not a profile in TOML: {error}") from None
    try:
        return _profile(read)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None


def _profile(read: Mapping[str, Any]) -> Profile:
    _known(read, ("neutral", "gains", "constants", "smoothing"), "table")
    neutral = _sub(read, "neutral")
    _known(neutral, ("head_degrees", "gaze_degrees", "translation", "curves"), "entry of [neutral]")
    given = _sub(neutral, "curves")
    _known(given, arkit.CURVES, "curve")
    curves = np.array([min(max(_like(0.0, given.get(name, 0.0), name), 0.0), 1.0) for name in arkit.CURVES], np.float32)
    head, place = (_like((0.0,) * 3, neutral.get(n, [0, 0, 0]), n) for n in ("head_degrees", "translation"))
    gaze = _like((0.0, 0.0), neutral.get("gaze_degrees", [0, 0]), "gaze_degrees")
    rest = FaceState(
        curves, rotation_of(np.radians(head)), np.array(place, np.float32), np.radians(gaze).astype(np.float32)
    )
    gains = {name: _like(0.0, value, name) for name, value in _sub(read, "gains").items()}
    return Profile(rest, gains, _filled(OWN, _sub(read, "constants")), _filled(Smoothing(), _sub(read, "smoothing")))


def _names(name: str, category: str) -> tuple[str, str, str]:
    """What a parameter answers to, the most particular first."""
    return name, name.removesuffix("_left").removesuffix("_right"), category


def _table(settings: Any) -> dict[str, Any]:
    return {one.name: getattr(settings, one.name) for one in fields(settings)}


def _filled(default: T, given: Mapping[str, Any]) -> T:
    """`default`, a dataclass, with the entries that are given."""
    table = _table(default)
    _known(given, table, "entry")
    return replace(default, **{name: _like(table[name], value, name) for name, value in given.items()})  # type: ignore[type-var]


def _like(default: T, value: Any, name: str) -> T:
    """`value` if it is of the kind of `default`: a text, a truth, a number, or as many numbers."""
    if isinstance(default, tuple):
        if not isinstance(value, list) or len(value) != len(default):
            raise SettingsError(f"{name} must be {len(default)} numbers")
        return tuple(_like(part, one, name) for part, one in zip(default, value, strict=True))  # type: ignore[return-value]
    if isinstance(default, float):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise SettingsError(f"{name} must be a number")
        return float(value)  # type: ignore[return-value]
    if type(value) is not type(default):
        raise SettingsError(f"{name} must be {'true or false' if isinstance(default, bool) else 'a text'}")
    return value


def _sub(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise SettingsError(f"[{name}] must be a table")
    return found


def _known(given: Iterable[str], known: Iterable[str], kind: str) -> None:
    for name in set(given) - set(known):
        raise SettingsError(f"there is no {kind} {name!r}")


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, np.ndarray)):
        return f"[{', '.join(_toml(one) for one in value)}]"
    return f"{value:.7g}" if isinstance(value, np.floating) else repr(float(value))
