"""The numbers of the exchange between faces and poses that a user may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vivant.errors import SettingsError


@dataclass(frozen=True)
class Constants:
    """How the published puppeteers exchange; pairs are (where it starts, where it is full)."""

    eyebrow_down_mode: Literal["angry", "troubled", "lowered", "serious"] = "angry"
    """The brows that lowered brows become."""
    wink_mode: Literal["normal", "relaxed"] = "normal"
    """The closing that a blink becomes."""
    smile: tuple[float, float] = (0.4, 0.6)
    """Smile at which the eyes begin to close happily, and wholly do."""
    cheek_squint: tuple[float, float] = (0.1, 0.7)
    jaw_open: tuple[float, float] = (0.1, 0.4)
    mouth_funnel: tuple[float, float] = (0.25, 0.5)
    """Funnel at which a rounded mouth turns from uuu to ooo."""
    eye_surprised_max: float = 0.5
    eye_blink_max: float = 0.8
    eyebrow_down_max: float = 0.4
    mouth_frown_max: float = 0.6
    eye_rotation: float = 1 / 0.75
    iris_small: tuple[float, float] = (0.0, 0.0)
    """left, right; nothing in a face drives it."""
    head_degrees: tuple[float, float, float] = (15.0, 10.0, 15.0)
    """Turns about x, y and z at which head_x, head_y and neck_z are full."""
    frown: bool = True
    """False leaves the corners of a closed mouth up, as THA4's iFacialMocap puppeteer does by an inverted test."""

    def __post_init__(self) -> None:
        if self.eyebrow_down_mode not in ("angry", "troubled", "lowered", "serious"):
            raise SettingsError(
                f"eyebrow_down_mode {self.eyebrow_down_mode!r} is unknown; use angry, troubled, lowered or serious"
            )
        if self.wink_mode not in ("normal", "relaxed"):
            raise SettingsError(f"wink_mode {self.wink_mode!r} is unknown; use normal or relaxed")


OWN = Constants(eye_surprised_max=0.7)
"""Constants for the curves of this project's trackers, whose eyes are wide more easily than a phone's."""
