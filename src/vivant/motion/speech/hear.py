"""hear: a sound file becomes a Motion, as `track` makes one of a video."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from vivant.media.audio import probe_audio, read_audio
from vivant.media.limits import DEFAULT_LIMITS, Limits
from vivant.motion.motion import Motion
from vivant.motion.speech.mouth import Mouth
from vivant.motion.speech.sound import RATE
from vivant.motion.speech.speak import SpeechSettings, speak

T = TypeVar("T")


def hear(
    path: str | Path,
    settings: SpeechSettings = SpeechSettings(),
    mouth: Mouth | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Motion:
    """The Motion of a face that says the sound (or the sound of the video) at `path`, `settings.rate` per second.

    `mouth` replaces the built-in mouth, see `choice.open_mouth`; `progress` gets the frames done and to expect. Memory
    grows with the Motion only, 260 bytes per frame. What a user should know of the file is in `meta["notes"]`.
    Raises MediaError if there is no sound or it cannot be read.
    """
    path = Path(path)
    expected = max(1, round(probe_audio(path, limits).seconds * settings.rate))
    sound = read_audio(path, RATE, limits)
    try:
        states = _counted(speak(sound, settings, mouth), expected, progress)
        motion = Motion.from_states(settings.rate, states, {"driver": path.name})
    finally:
        sound.close()
    notes = {"notes": "; ".join(sound.notes)} if sound.notes else {}
    return replace(motion, meta=motion.meta | notes)


def _counted(items: Iterable[T], total: int, progress: Callable[[int, int | None], None] | None) -> Iterator[T]:
    done = 0
    for done, item in enumerate(items, 1):
        yield item
        if progress is not None and done % 50 == 0:
            progress(done, max(total, done))
    if progress is not None:
        progress(done, done)
