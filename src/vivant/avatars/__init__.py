"""Avatars: what draws a Portrait in the states of a Motion; one folder per method."""

from __future__ import annotations

from typing import Any

from vivant.avatars.avatar import Avatar
from vivant.errors import SettingsError

AVATARS = ("relief", "real3d", "tha")
"""Names that `open_avatar` knows."""


def check_avatar(name: str) -> None:
    """Raise `SettingsError` if there is no avatar called `name`; nothing is opened."""
    if name not in AVATARS:
        raise SettingsError(f"avatar {name!r} is unknown; the avatars are: {', '.join(AVATARS)}")


def open_avatar(name: str = "relief", settings: Any = None) -> Avatar[Any]:
    """The avatar called `name`; `settings` is its own settings object, or None for the defaults.

    Raises `SettingsError` for an unknown name.
    """
    check_avatar(name)
    if name == "tha":
        from vivant.avatars.tha.tha import Tha

        return Tha(settings)
    from vivant.avatars.relief.relief import Relief

    if name == "relief":
        return Relief(settings)
    from vivant.avatars.real3d.real3d import Real3D, Real3DSettings

    return Real3D(settings or Real3DSettings(), Relief())
