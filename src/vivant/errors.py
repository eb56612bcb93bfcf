"""The errors that vivant raises for reasons outside its own code.

Each message says what was wrong and what to do about it, in one line. The command line prints that line and
exits with status 2; a library caller catches `VivantError`.
"""

from __future__ import annotations


class VivantError(Exception):
    """Base of every error that a user can cause or mend."""


class MediaError(VivantError):
    """A picture, video or sound cannot be read or written, or is larger than the limits allow."""


class FaceNotFoundError(VivantError):
    """No usable face in a picture, or in any frame of a video."""


class MotionError(VivantError):
    """A motion file or motion array is malformed."""


class WeightsError(VivantError):
    """Weights are missing, damaged, refused, or do not fit the network."""


class SettingsError(VivantError):
    """An option has a value that cannot work, or two options exclude each other."""


class MissingExtraError(VivantError):
    """An optional package is needed; the message names the extra that installs it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; install it with: pip install 'vivant[{extra}]'")
