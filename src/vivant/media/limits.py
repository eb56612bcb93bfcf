"""Bounds on what is read: checked before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The largest inputs that are accepted; a larger one raises `MediaError` with the limit in its message."""

    max_pixels: int = 120_000_000
    """Width times height of a picture. Above 178 million Pillow's own bound applies."""
    max_video_pixels: int = 4096 * 4096
    """Width times height of one frame of a video (4K is 3840 * 2160)."""
    max_seconds: float = 4 * 3600.0
    """Length of the video or sound that is asked for."""
    max_channels: int = 16
    """Sound channels."""
    max_bytes: int = 64 * 2**30
    """Size of the file."""


DEFAULT_LIMITS = Limits()
