"""What every avatar offers: prepare a portrait once, then draw it in any state.

A new avatar is a folder beside this file with a class that has these two methods; see docs/architecture.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vivant.face.window import Window
from vivant.motion.state import FaceState
from vivant.portrait.portrait import Portrait

__all__ = ["Avatar", "Frame", "Window"]

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """One drawn picture."""

    pixels: Bytes
    """(rows, columns, 4) RGBA, sRGB, straight alpha."""
    window: Window
    """The part of the portrait's picture that the pixels replace."""


P = TypeVar("P")


class Avatar(Protocol[P]):
    """Draws a portrait in the states of a Motion; `P` is the avatar's own prepared form of a portrait."""

    def prepare(self, portrait: Portrait, view: Window, *, cutout: bool = False) -> P:
        """Do everything that does not depend on the state, once per portrait and view.

        `view` is the whole output picture: the avatar draws no finer than its pixels and no more than its area.
        With `cutout` the frames cover the whole view and carry the person's alpha instead of the background.
        """
        ...

    def draw(self, prepared: P, state: FaceState) -> Frame:
        """Draw one state; must not depend on earlier calls."""
        ...
