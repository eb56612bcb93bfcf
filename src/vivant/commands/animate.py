"""`vivant animate`: a picture moved by a video, a voice or a motion; every default is the library's own."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, UseAppendAction, arg

from vivant.animation import Driver, PictureSettings, RenderSettings, check_output, parse_rate, render
from vivant.avatars.tha.tha import is_character
from vivant.commands.real3d import Real3DOptions
from vivant.commands.speech import VoiceOptions, said
from vivant.commands.telling import warn, warn_at_first, worth_saying
from vivant.commands.tha import CharacterOptions, announce, open_drawn
from vivant.commands.track import parse_neutral
from vivant.errors import SettingsError
from vivant.motion.camera import parse_camera
from vivant.motion.edits import BlinkMode, EditSettings, GazeMode
from vivant.motion.speech.speak import SpeechSettings
from vivant.motion.track import TrackSettings
from vivant.portrait.open import open_portrait
from vivant.portrait.portrait import Portrait
from vivant.progress import shown_progress

DEEP_LIMITS = (45.0, 25.0)
"""Largest yaw and pitch in degrees of a head with depth, which can turn further than a picture."""


@dataclass(frozen=True)
class AnimateOptions:
    """Animate a picture by a video, a sound or a motion file.

    The extension of the output decides: .mp4 (H.264), .webm (VP9, alpha), .mov (ProRes 4444, alpha), .gif, .webp,
    or none for a folder of PNG.
    """

    picture: Positional[Path]
    """The portrait: PNG, JPEG, WebP, TIFF, HEIC, AVIF ..."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """The file or folder to write."""
    video: UseAppendAction[tuple[Path, ...]] = ()
    """Drive by the face in this video."""
    audio: UseAppendAction[tuple[Path, ...]] = ()
    """Drive by the voice in this sound or video."""
    text: str | None = None
    """Drive by this text, said by an offline engine in the voice of --voice."""
    motion: UseAppendAction[tuple[Path, ...]] = ()
    """Drive by this motion file (.npz, .json, .csv)."""
    face: str = "largest"
    """Which face of the picture: largest, left, right, centre, a number from the left, or all: then give one driver
    per face, from left to right, all --video before --audio before --motion."""
    look: PictureSettings = field(default_factory=PictureSettings)
    expression: float = EditSettings.expression
    """Gain of everything but eyes and head."""
    mouth: Annotated[float, arg(aliases=["--mouth-gain"])] = EditSettings.mouth
    """Gain of mouth and jaw, on top of --expression."""
    brows: float = EditSettings.brows
    """Gain of the brows, on top of --expression."""
    head: Annotated[float, arg(aliases=["--head-motion"])] = EditSettings.head
    """Gain of the head's motion."""
    pose: Path | None = RenderSettings.pose
    """Turn and place the head as in this motion file, to and fro where it is shorter; none: as the driver does."""
    keep_distance: bool = EditSettings.keep_distance
    """The head comes no nearer and goes no farther: distances that are read from a video tremble."""
    blink: BlinkMode = EditSettings.blink
    """keep the driver's blinks, replace them by automatic ones, or keep the eyes open."""
    blinks_per_minute: float = EditSettings.blinks_per_minute
    """Rate of automatic blinks, and of a voice's."""
    how: VoiceOptions = field(default_factory=VoiceOptions)
    gaze: GazeMode = EditSettings.gaze
    """The driver's gaze, into the camera however the head turns, or fixed in the head."""
    gaze_direction: tuple[float, float] = EditSettings.gaze_direction
    """For --gaze fixed: degrees to the viewer's right, and up."""
    smooth: float = EditSettings.smooth
    """0 none, 1 calms the trembling of the tracker, up to 10 for a dreamy motion."""
    motion_mode: Literal["relative", "absolute"] = TrackSettings.mode
    """relative: motion from the driver's own rest; absolute: the driver's pose as it is."""
    neutral: str = "auto"
    """Second at which the driver's face is at rest, counted from --start; auto finds one."""
    driver_face: str = TrackSettings.face
    """Which face of the video: largest, left, right, centre, or a number from the left."""
    face_model: Path | None = TrackSettings.model_file
    """A face_landmarker.task for measured expression scores; none: the models inside MediaPipe."""
    seed: int = SpeechSettings.seed
    """Chooses all that is random: the same seed gives the same result."""
    camera: str = "still"
    """A camera that goes around the head: orbit:DEGREES or circle:DEGREES, with :SECONDS of one round if you like.

    Head and camera together near 45 degrees softly with real3d, 25 with relief.
    """
    start: float = RenderSettings.start
    """Seconds of the driver to leave out."""
    duration: float | None = RenderSettings.duration
    """Seconds of the driver to use."""
    fps: str | None = None
    """Frames per second of the result, such as 25, 29.97 or 30000/1001; none: the driver's."""
    avatar: str = RenderSettings.avatar
    """What draws: relief; real3d, a head with depth; or tha, for drawn characters."""
    drawn: CharacterOptions = field(default_factory=CharacterOptions)
    deep: Real3DOptions = field(default_factory=Real3DOptions)
    quality: int | None = RenderSettings.quality
    """0..100, higher is better and larger."""
    provenance: bool = RenderSettings.provenance
    """Marks that say that the file is synthetic: C2PA manifest and comment."""
    json: bool = False
    """Print progress and the result as one JSON object per line on stdout."""
    debug: bool = False
    """Show the traceback of an error."""

    def settings(self) -> RenderSettings:
        """The library's settings for these options; raises `SettingsError`."""
        return RenderSettings(
            picture=self.look,
            edits=self.edits(),
            track=TrackSettings(parse_neutral(self.neutral), self.motion_mode, self.driver_face, self.face_model),
            speech=SpeechSettings(
                seed=self.seed,
                blinks_per_minute=self.blinks_per_minute,
                temperature=self.how.temperature,
                emotion=self.how.emotion,
                emotion_strength=self.how.emotion_strength,
            ),
            speech_model=self.how.speech_model,
            speech_weights=self.how.weights,
            pose=self.pose,
            avatar=self.painter,
            avatar_settings=self.avatar_settings(),
            fps=None if self.fps is None else parse_rate(self.fps),
            start=self.start,
            duration=self.duration,
            quality=self.quality,
            provenance=self.provenance,
        )

    @property
    def painter(self) -> str:
        """The avatar that draws; a character's file or folder says so itself."""
        return "tha" if is_character(self.picture) else self.avatar

    @property
    def pictures(self) -> list[Path]:
        """The portrait, and what is read to draw it."""
        return [path for path in (self.picture, *self.drawn.files) if path is not None]

    def avatar_settings(self) -> Any:
        """The avatar's own settings; raises `SettingsError`."""
        self.drawn.check_used(self.painter)
        if self.painter == "tha":
            return self.drawn.settings(self.picture)
        return self.deep.settings(fast=self.drawn.fast) if self.painter == "real3d" else None

    def edits(self) -> EditSettings:
        """What is changed between driver and avatar; raises `SettingsError`."""
        right, up = (math.radians(angle) for angle in self.gaze_direction)
        edits = EditSettings(
            camera=parse_camera(self.camera),
            smooth=self.smooth,
            expression=self.expression,
            mouth=self.mouth,
            head=self.head,
            brows=self.brows,
            blink=self.blink,
            blinks_per_minute=self.blinks_per_minute,
            gaze=self.gaze,
            gaze_direction=(right, up),
            seed=self.seed,
            keep_distance=self.keep_distance,
        )
        yaw, pitch = map(math.radians, DEEP_LIMITS)
        return replace(edits, limit_yaw=yaw, limit_pitch=pitch) if self.painter == "real3d" else edits

    def drivers(self, said: Sequence[Path]) -> list[Driver]:
        """All drivers, `said` is the sound of the text; raises `SettingsError` for none, or several for one face."""
        found = [Driver(video=path) for path in self.video]
        found += [Driver(audio=path) for path in self.audio]
        found += [Driver(motion=path) for path in self.motion]
        found += [Driver(audio=path) for path in said]
        if not found:
            raise SettingsError("nothing drives the picture; give one of --video, --audio, --text and --motion")
        if len(found) > 1 and self.face != "all":
            raise SettingsError(
                f"{len(found)} drivers for one face; give one of --video, --audio and --motion, or --face all"
            )
        return found


def animate(options: AnimateOptions) -> int:
    """`vivant animate`"""
    with ExitStack() as stack:
        text = [] if options.text is None else [stack.enter_context(said(options.text, options.how.voice))]
        drivers, settings = options.drivers(text), options.settings()
        check_output(options.output, options.pictures, drivers, settings)
        cast = list(zip(_open_faces(options, len(drivers)), drivers, strict=True))
        seen = dict.fromkeys(line for portrait, _ in cast for line in worth_saying(portrait.notes))
        if options.painter == "tha":
            announce(settings.avatar_settings)
        with shown_progress("animate", as_json=options.json) as progress:
            report = render(cast, options.output, settings, warn_at_first(seen, progress))
    warn(report.notes)
    if options.json:
        print(json.dumps({"event": "result", **asdict(report), "frames_per_second": round(report.speed, 2)}))
    else:
        size = f"{report.width}x{report.height}, {report.frames} frames, {report.seconds:.2f} s"
        print(f"{report.output}  ({size}; {report.speed:.1f} frames/s)")
    return 0


def _open_faces(options: AnimateOptions, drivers: int) -> list[Portrait]:
    if options.painter == "tha":
        return [open_drawn(options.picture)]
    choice = "1" if options.face == "all" else options.face
    first = open_portrait(options.picture, face=choice, model_file=options.face_model)
    if options.face != "all":
        return [first]
    if len(first.faces) != drivers:
        raise SettingsError(
            f"{options.picture}: the number of faces is {len(first.faces)}, that of drivers {drivers}; "
            "give one per face, from left to right"
        )
    others = (
        open_portrait(options.picture, face=str(number), model_file=options.face_model)
        for number in range(2, drivers + 1)
    )
    return [first, *others]
