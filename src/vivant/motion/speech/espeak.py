"""A child process that speaks with the library espeak-ng: one JSON task per line in, one JSON answer per line out.

    {"text": "Hallo.", "voice": "de", "variant": "f3", "rate": 160, "pitch": 55, "range": 60, "output": "a.wav"}
    {"phones": [[start, end, ipa], ...], "seconds": 1.2}      or  {"error": "no voice xy"}
    {"list": true}
    {"voices": [["de", "German"], ...]}

It runs as `python -m vivant.motion.speech.espeak`: the library is GPL-3, and it and its crashes stay outside of the
caller's process. It comes with the extra `text` (package espeakng-loader), or with Debian's libespeak-ng1.
"""

from __future__ import annotations

import ctypes
import json
import sys
import wave
from itertools import pairwise
from typing import Any

LIBRARY = "libespeak-ng.so.1"
SYNCHRONOUS, PHONEME_EVENTS, PHONEME_IPA, UTF8 = 2, 1, 2, 1
END_OF_EVENTS, PHONEME = 0, 7
RATE, PITCH, RANGE = 1, 3, 4
"""Numbers of espeak_PARAMETER: words per minute, and 0..100."""


class Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


class VoiceEntry(ctypes.Structure):
    """The beginning of espeak_VOICE of speak_lib.h."""

    _fields_ = (("name", ctypes.c_char_p), ("languages", ctypes.c_void_p), ("identifier", ctypes.c_char_p))


HEAR = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))


class Speaker:
    """The library, ready to speak."""

    def __init__(self) -> None:
        path, data = _library()
        self._library = ctypes.CDLL(path)
        place = None if data is None else data.encode()
        self._rate = self._library.espeak_Initialize(SYNCHRONOUS, 0, place, PHONEME_EVENTS | PHONEME_IPA)
        if self._rate <= 0:
            raise OSError("espeak-ng finds no data")
        self._pieces: list[bytes] = []
        self._events: list[tuple[int, str]] = []
        self._hear = HEAR(self._heard)
        self._library.espeak_SetSynthCallback(self._hear)

    def _heard(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, 2 * count))
        place = 0
        while events[place].type != END_OF_EVENTS:
            if events[place].type == PHONEME:
                name = bytes(events[place].name).split(b"\0")[0].decode("utf-8", "ignore")
                self._events.append((events[place].sample, name))
            place += 1
        return 0

    def answer(self, task: dict[str, Any]) -> dict[str, Any]:
        """What a task asks for."""
        return {"voices": self.voices()} if task.get("list") else self.speak(task)

    def speak(self, task: dict[str, Any]) -> dict[str, Any]:
        """Write the sound of one task to its file; the answer has the phones."""
        self._pieces, self._events = [], []
        voice = task["voice"] + (f"+{task['variant']}" if task.get("variant") else "")
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            return {"error": f"no voice {voice}"}
        for parameter, key in ((RATE, "rate"), (PITCH, "pitch"), (RANGE, "range")):
            self._library.espeak_SetParameter(parameter, int(task[key]), 0)
        text = task["text"].encode()
        self._library.espeak_Synth(text, len(text) + 1, 0, 0, 0, UTF8, None, None)
        self._library.espeak_Synchronize()
        sound = b"".join(self._pieces)
        with wave.open(task["output"], "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self._rate)
            file.writeframes(sound)
        seconds = len(sound) / 2 / self._rate
        starts = [(sample / self._rate, name) for sample, name in self._events] + [(seconds, "")]
        phones = [[start, end, name] for (start, name), (end, _) in pairwise(starts) if end > start]
        return {"phones": phones, "seconds": seconds}

    def voices(self) -> list[tuple[str, str]]:
        """Language and name of every voice."""
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(VoiceEntry))
        entries, found = self._library.espeak_ListVoices(None), []
        for place in range(1000):
            if not entries[place]:
                break
            entry = entries[place].contents
            language = ctypes.string_at(entry.languages + 1)  # a priority byte comes first
            found.append((language.decode("utf-8", "ignore"), (entry.name or b"").decode("utf-8", "ignore")))
        return sorted(found)


def _library() -> tuple[str, str | None]:
    """Paths of the library and of its data, None where it knows itself."""
    try:
        import espeakng_loader
    except ImportError:
        return LIBRARY, None
    return str(espeakng_loader.get_library_path()), str(espeakng_loader.get_data_path())


def main() -> None:
    """Answer tasks until the input ends; exit status 3 without the library."""
    try:
        speaker = Speaker()
    except OSError as error:
        print(json.dumps({"error": str(error)}))
        sys.exit(3)
    for line in sys.stdin:
        print(json.dumps(speaker.answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
