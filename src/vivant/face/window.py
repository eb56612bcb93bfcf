"""Window: a rectangle of a picture and the pixels that it is drawn with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """A rectangle of the portrait's picture, and how many pixels it is drawn with."""

    x: float
    """Left edge in picture pixels; may lie outside the picture."""
    y: float
    """Top edge in picture pixels."""
    width: float
    """Extent in picture pixels."""
    height: float
    """Extent in picture pixels."""
    columns: int
    """Pixels of a drawn frame across."""
    rows: int
    """Pixels of a drawn frame down."""
