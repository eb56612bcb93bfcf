"""vivant: one portrait, a video or a voice, a living picture.

    import vivant

    portrait = vivant.open_portrait("face.jpg")
    motion = vivant.track("drive.mp4")
    avatar = vivant.open_avatar("relief")
    vivant.write("out.mp4", vivant.animate(portrait, motion, avatar), motion.rate, sound="drive.mp4")

The names are loaded when they are first used: importing vivant itself costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vivant.animation import Driver as Driver
    from vivant.animation import PictureSettings as PictureSettings
    from vivant.animation import RenderSettings as RenderSettings
    from vivant.animation import animate as animate
    from vivant.animation import render as render
    from vivant.animation import write as write
    from vivant.avatars import open_avatar as open_avatar
    from vivant.errors import VivantError as VivantError
    from vivant.motion.edits import EditSettings as EditSettings
    from vivant.motion.edits import apply_edits as apply_edits
    from vivant.motion.files import load_motion as load_motion
    from vivant.motion.files import save_motion as save_motion
    from vivant.motion.idle import idle as idle
    from vivant.motion.motion import Motion as Motion
    from vivant.motion.speech.speak import SpeechSettings as SpeechSettings
    from vivant.motion.speech.speak import speak as speak
    from vivant.motion.state import FaceState as FaceState
    from vivant.motion.track import TrackSettings as TrackSettings
    from vivant.motion.track import track as track
    from vivant.portrait.open import open_portrait as open_portrait
    from vivant.portrait.portrait import Portrait as Portrait

_HOME = {
    "Driver": "vivant.animation",
    "EditSettings": "vivant.motion.edits",
    "FaceState": "vivant.motion.state",
    "Motion": "vivant.motion.motion",
    "PictureSettings": "vivant.animation",
    "Portrait": "vivant.portrait.portrait",
    "RenderSettings": "vivant.animation",
    "SpeechSettings": "vivant.motion.speech.speak",
    "TrackSettings": "vivant.motion.track",
    "VivantError": "vivant.errors",
    "animate": "vivant.animation",
    "apply_edits": "vivant.motion.edits",
    "idle": "vivant.motion.idle",
    "load_motion": "vivant.motion.files",
    "open_avatar": "vivant.avatars",
    "open_portrait": "vivant.portrait.open",
    "render": "vivant.animation",
    "save_motion": "vivant.motion.files",
    "speak": "vivant.motion.speech.speak",
    "track": "vivant.motion.track",
    "write": "vivant.animation",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'vivant' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
