"""The commands around speech: `vivant speech`, and its options that `vivant animate` shares."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from tyro.conf import Positional, arg

from vivant.animation import parse_rate
from vivant.commands.telling import warn
from vivant.errors import SettingsError
from vivant.face.pose import angles_from_rotation
from vivant.media.container import spare_inputs
from vivant.motion.files import check_place, save_motion
from vivant.motion.motion import Motion
from vivant.motion.speech.choice import SpeechModel, open_mouth
from vivant.motion.speech.emotion import EmotionName
from vivant.motion.speech.hear import hear
from vivant.motion.speech.speak import SpeechSettings
from vivant.motion.state import FaceState
from vivant.progress import shown_progress


@dataclass(frozen=True)
class VoiceOptions:
    """How a voice moves the face."""

    emotion: EmotionName = SpeechSettings.emotion
    """The mood of the face while it speaks and listens."""
    emotion_strength: float = SpeechSettings.emotion_strength
    """0 none, 1 clear, up to 1.5."""
    temperature: float | None = SpeechSettings.temperature
    """How much the mouth varies from seed to seed: 0 the most likely motion, up to 1; none: what suits the model."""
    speech_model: SpeechModel = "builtin"
    """builtin, signal (the first version, without a network), or a published network, which needs --weights."""
    weights: Path | None = None
    """Weights of a published network: a folder, or a name of vivant weights list."""
    voice: str = "en"
    """For --text: a language such as en, de, fr, cmn, with a timbre (en+f3), or flite:slt; see
    vivant speech --list-voices."""


@dataclass(frozen=True)
class SpeechOptions:
    """Turn a voice into the motion of a face: a sound, a video, a text, or the microphone."""

    sound: Positional[Path | None] = None
    """A sound or a video; leave it out with --text and --live."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The motion file; its extension decides the format unless --format is given."""
    text: str | None = None
    """Say this text by an offline engine."""
    format: Literal["npz", "json", "csv"] | None = None
    """npz keeps everything, json is plain, csv has the columns of Live Link Face."""
    fps: str = "25"
    """States per second, such as 25, 29.97 or 60."""
    how: VoiceOptions = field(default_factory=VoiceOptions)
    mouth_gain: float = SpeechSettings.mouth_gain
    """Gain of mouth and jaw, 0..3."""
    head_motion: float = SpeechSettings.head_motion
    """Gain of the head's motion, 0..3."""
    brows: float = SpeechSettings.brows
    """Gain of the brows, 0..3."""
    gaze_motion: float = SpeechSettings.gaze_motion
    """Gain of the glances, 0..3."""
    blink: float = SpeechSettings.blinks_per_minute
    """Blinks per minute, 0..60."""
    seed: int = SpeechSettings.seed
    """Chooses all that is random: the same seed gives the same result."""
    live: bool = False
    """Listen to the microphone; every state is printed at once as a line of JSON. Ctrl-C ends it."""
    seconds: float | None = None
    """With --live: stop after so many seconds."""
    device: str | None = None
    """With --live: number or name of the microphone."""
    udp: str | None = None
    """With --live: send the lines to HOST:PORT, one per datagram, instead of printing them."""
    list_devices: bool = False
    """Show the microphones."""
    list_voices: bool = False
    """Show the voices for --text."""
    json: bool = False
    """Print progress and the result as one JSON object per line on stdout."""
    debug: bool = False
    """Show the traceback of an error."""

    def settings(self) -> SpeechSettings:
        """The library's settings for these options; raises `SettingsError`."""
        return SpeechSettings(
            rate=parse_rate(self.fps),
            seed=self.seed,
            mouth_gain=self.mouth_gain,
            head_motion=self.head_motion,
            brows=self.brows,
            gaze_motion=self.gaze_motion,
            blinks_per_minute=self.blink,
            temperature=self.how.temperature,
            emotion=self.how.emotion,
            emotion_strength=self.how.emotion_strength,
        )

    def place(self) -> Path | None:
        """The motion file with its extension."""
        if self.output is None or self.format is None or self.output.suffix.lower() == f".{self.format}":
            return self.output
        return self.output.with_name(f"{self.output.name}.{self.format}")


def speech(options: SpeechOptions) -> int:
    """`vivant speech`"""
    if options.list_devices or options.list_voices:
        return _list(options)
    if sum((options.sound is not None, options.text is not None, options.live)) != 1:
        raise SettingsError("give one of a sound file, --text and --live")
    place, settings = options.place(), options.settings()
    if place is not None:
        check_place(place)
    if options.live:
        return _live(options, place, settings)
    if place is None:
        raise SettingsError("say where the motion goes, such as -o motion.npz")
    mouth = open_mouth(options.how.speech_model, options.how.weights, settings)
    with ExitStack() as stack:
        sound = options.sound or stack.enter_context(said(options.text or "", options.how.voice))
        spare_inputs(place, [sound])
        progress = stack.enter_context(shown_progress("speech", as_json=options.json))
        motion = hear(sound, settings, mouth, progress)
    save_motion(place, motion)
    if "notes" in motion.meta:
        warn([motion.meta["notes"]])
    _report(place, motion, as_json=options.json)
    return 0


@contextmanager
def said(text: str, voice: str) -> Iterator[Path]:
    """A sound file of `text`, for as long as the block lasts; raises what `text.say` raises."""
    from vivant.motion.speech.text import Manner, say

    with tempfile.TemporaryDirectory(prefix="vivant-") as folder:
        path = Path(folder, "text.wav")
        say(text, path, Manner(voice))
        yield path


def _live(options: SpeechOptions, place: Path | None, settings: SpeechSettings) -> int:
    from vivant.motion.speech.live import Microphone, limited, live_states

    if options.how.speech_model != "builtin" or options.how.weights is not None:
        raise SettingsError("live speech uses the built-in model; leave --speech-model and --weights out")
    device = int(options.device) if options.device is not None and options.device.isdecimal() else options.device
    kept: list[FaceState] = []
    with ExitStack() as stack:
        show: Callable[[str], object] = stack.enter_context(_sender(options.udp)) if options.udp else _print_line
        microphone = stack.enter_context(Microphone(device))
        try:
            for index, state in enumerate(live_states(limited(microphone, options.seconds), settings)):
                show(json.dumps(state_record(state, float(index / settings.rate))))
                if place is not None:
                    kept.append(state)
        except KeyboardInterrupt:
            print("vivant: stopped", file=sys.stderr)
    if microphone.dropped:
        warn([f"{microphone.dropped * 0.02:.2f} s of sound were lost"])
    if place is not None and kept:
        save_motion(place, Motion.from_states(settings.rate, kept, {"driver": "microphone"}))
    return 0


def state_record(state: FaceState, seconds: float) -> dict[str, object]:
    """A state as plain numbers: seconds, curves (52,), degrees of yaw, pitch, roll, inter-ocular distances, gaze."""
    return {
        "time": round(seconds, 4),
        "curves": [round(float(value), 4) for value in state.curves],
        "head": [round(float(value), 3) for value in np.degrees(angles_from_rotation(state.rotation))],
        "translation": [round(float(value), 4) for value in state.translation],
        "gaze": [round(float(value), 3) for value in np.degrees(state.gaze)],
    }


def _print_line(line: str) -> None:
    print(line, flush=True)


@contextmanager
def _sender(address: str) -> Iterator[Callable[[str], object]]:
    """A function that sends a line to HOST:PORT as a datagram."""
    import socket

    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise SettingsError(f"udp {address!r} is no address; write HOST:PORT, such as 127.0.0.1:9000")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        yield lambda line: way.sendto(line.encode(), (host, int(port)))


def _list(options: SpeechOptions) -> int:
    rows: Iterable[tuple[str, str]]
    if options.list_voices:
        from vivant.motion.speech.text import list_voices

        rows = list_voices()
    else:
        from vivant.motion.speech.live import list_devices

        rows = [(str(number), f"{name} ({rate} Hz)") for number, name, rate in list_devices()]
    for name, text in rows:
        print(json.dumps({"name": name, "text": text}) if options.json else f"{name:12} {text}")
    return 0


def _report(place: Path, motion: Motion, *, as_json: bool) -> None:
    if as_json:
        record = {"output": str(place), "frames": len(motion), "rate": str(motion.rate), "seconds": motion.seconds}
        print(json.dumps({"event": "result", **record}))
    else:
        print(f"{place}  ({len(motion)} frames, {motion.seconds:.2f} s)")
