"""Which part of a portrait becomes the picture that is written: the face, the bust or the whole."""

from __future__ import annotations

from typing import Literal

from vivant.errors import SettingsError
from vivant.face.tracker import FaceLandmarks
from vivant.face.window import Window
from vivant.portrait.portrait import Portrait

Crop = Literal["face", "bust", "whole"]

FACE_HEIGHTS = 2.0
BUST_HEIGHTS = 3.2
FACE_EYES = 0.45
"""Height of the eyes in the face crop, as a share of the crop from its top; in the bust crop they stand higher."""
BUST_EYES = 0.36
SMALLEST = 64
LARGEST = 4096
DEFAULT_SIZE = 512


def view(portrait: Portrait, crop: Crop = "whole", size: int | None = None) -> Window:
    """The window that `crop` names; `size` is the side of a square crop or the longer side of the whole picture.

    Raises SettingsError if `size` lies outside 64..4096 pixels.
    """
    if crop == "whole":
        return whole_view(portrait, size)
    return face_view(portrait, size) if crop == "face" else bust_view(portrait, size)


def face_view(portrait: Portrait, size: int | None = None) -> Window:
    """A square of two face heights around the head, drawn with `size` (default 512) pixels a side."""
    return _square(portrait, FACE_HEIGHTS, FACE_EYES, size)


def bust_view(portrait: Portrait, size: int | None = None) -> Window:
    """A square of 3.2 face heights: head and shoulders, drawn with `size` (default 512) pixels a side."""
    return _square(portrait, BUST_HEIGHTS, BUST_EYES, size)


def whole_view(portrait: Portrait, size: int | None = None) -> Window:
    """The whole picture at its own resolution or with `size` pixels on the longer side, at most 4096.

    Columns and rows are even, as video wants them; the picture is fitted by cutting off at most one row and column.
    """
    width, height = portrait.size
    longer = min(LARGEST, max(width, height)) if size is None else checked_size(size)
    scale = longer / max(width, height)
    columns, rows = (max(2, 2 * int(side * scale / 2 + 1e-6)) for side in (width, height))
    # Cut off what is left over instead of squeezing the picture.
    return Window(0.0, 0.0, min(width, columns / scale), min(height, rows / scale), columns, rows)


def _square(portrait: Portrait, heights: float, eyes: float, size: int | None) -> Window:
    """A square that holds the face upright in its middle; moved or made smaller to stay inside the picture."""
    pixels = DEFAULT_SIZE if size is None else 2 * (checked_size(size) // 2)
    x0, y0, x1, y1 = FaceLandmarks(portrait.landmarks).box
    tall = max(y1 - y0, x1 - x0)
    width, height = portrait.size
    # Never below what holds the face itself, even where the picture does not reach as far.
    side = max(min(heights * tall, width, height), min(heights, 1.3) * tall)
    eye_line = float(portrait.landmarks[[33, 133, 362, 263], 1].mean())
    x = _kept_inside((x0 + x1 - side) / 2, side, width)
    y = _kept_inside(eye_line - eyes * side, side, height)
    return Window(x, y, side, side, pixels, pixels)


def _kept_inside(start: float, side: float, extent: int) -> float:
    if side >= extent:
        return (extent - side) / 2
    return min(max(start, 0.0), extent - side)


def checked_size(size: int) -> int:
    """`size` in pixels; raises `SettingsError` where no picture is so small or large."""
    if not SMALLEST <= size <= LARGEST:
        raise SettingsError(f"size {size} is outside {SMALLEST}..{LARGEST} pixels; choose a number between them")
    return size
