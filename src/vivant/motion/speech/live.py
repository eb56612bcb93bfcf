"""A microphone drives the face: sound in, states out, a quarter of a second later at most."""

from __future__ import annotations

import queue
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.errors import MediaError, MissingExtraError
from vivant.motion.speech.choice import open_mouth
from vivant.motion.speech.sound import RATE
from vivant.motion.speech.speak import SpeechSettings, speak
from vivant.motion.state import FaceState

Floats = NDArray[np.float32]

BLOCK = 320
"""Samples of one block of the microphone: 20 ms."""
WAITING = 50
"""Blocks that may wait; more are dropped, the oldest first, so that the face never falls behind."""


@dataclass
class Microphone:
    """Blocks (320,) of mono 16 kHz sound from an input device, until it is closed."""

    device: int | str | None = None
    """Number or part of the name of the device; None: the system's default."""
    dropped: int = 0
    """Blocks that were lost because nobody took them in time."""
    _waiting: queue.Queue[Floats | None] = field(default_factory=lambda: queue.Queue(WAITING))
    _stream: Any = None

    def __enter__(self) -> Microphone:
        """Start to record. Raises MissingExtraError without sounddevice, MediaError without a usable device."""
        devices = _sounddevice()
        try:
            self._stream = devices.InputStream(
                samplerate=RATE,
                blocksize=BLOCK,
                channels=1,
                dtype="float32",
                device=self.device,
                callback=self._take,
            )
            self._stream.start()
        except (devices.PortAudioError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise MediaError(f"no microphone ({reason}); vivant speech --list-devices shows what there is") from None
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop recording; whoever waits for a block gets the end."""
        if self._stream is not None:
            self._stream.stop()
            self._stream.close()
            self._stream = None
        self._put(None)

    def __iter__(self) -> Iterator[Floats]:
        while (block := self._waiting.get()) is not None:
            yield block

    def _take(self, sound: Floats, frames: int, time: object, status: object) -> None:
        self._put(sound[:, 0].copy())

    def _put(self, block: Floats | None) -> None:
        while True:
            try:
                return self._waiting.put_nowait(block)
            except queue.Full:
                try:
                    self._waiting.get_nowait()
                    self.dropped += 1
                except queue.Empty:
                    continue


def live_states(blocks: Iterable[Floats], settings: SpeechSettings = SpeechSettings()) -> Iterator[FaceState]:
    """States at `settings.rate` of the sound in `blocks` (n,) mono 16 kHz, each at most 0.25 s of sound behind.

    State k is for the time k / rate of the sound.
    """
    return speak(blocks, settings, open_mouth("builtin", None, settings, live=True))


def limited(blocks: Iterable[Floats], seconds: float | None) -> Iterator[Floats]:
    """`blocks` until `seconds` of sound have passed; all of them for None."""
    left = None if seconds is None else round(seconds * RATE)
    for block in blocks:
        yield block if left is None else block[:left]
        if left is not None:
            left -= len(block)
            if left <= 0:
                return


def list_devices() -> list[tuple[int, str, Fraction]]:
    """Number, name and usual samples per second of every input device. Raises MissingExtraError."""
    devices = _sounddevice()
    return [
        (number, str(device["name"]), Fraction(round(device["default_samplerate"])))
        for number, device in enumerate(devices.query_devices())
        if device["max_input_channels"] > 0
    ]


def _sounddevice() -> Any:
    try:
        import sounddevice
    except (ImportError, OSError):  # OSError: the package is there, the library PortAudio is not
        raise MissingExtraError("sounddevice (with the library PortAudio)", "live") from None
    return sounddevice
