"""Avatars: what draws a Portrait in the states of a Motion; one folder per method."""

from __future__ import annotations

from typing import Any

from vivant.avatars.avatar import Avatar
from vivant.errors import SettingsError

AVATARS = ("relief", "real3d", "tha")
"""Names that `open_avatar` knows."""


def open_avatar(name: str = "relief", settings: Any = None) -> Avatar[Any]:
    """The avatar called `name`; `settings` is its own settings object, or None for the defaults.

    Raises `SettingsError` for an unknown name.
    """
    if name == "relief":
        from vivant.avatars.relief.relief import Relief

        return Relief(settings)
    if name == "real3d":
        from vivant.avatars.real3d.real3d import Real3D, Real3DSettings
        from vivant.avatars.relief.relief import Relief

        return Real3D(settings or Real3DSettings(), Relief())
    if name == "tha":
        from vivant.avatars.tha.tha import Tha

        return Tha(settings)
    raise SettingsError(f"avatar {name!r} is unknown; the avatars are: {', '.join(AVATARS)}")
