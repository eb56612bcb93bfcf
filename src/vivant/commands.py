"""One function per command, and its options; every default is the library's own."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, UseAppendAction, arg

from vivant import provenance
from vivant.animation import Driver, PictureSettings, RenderSettings, check_output, parse_rate, render
from vivant.bench import BenchSettings, bench_table
from vivant.distill_commands import DistillOptions, distill
from vivant.errors import SettingsError
from vivant.export_commands import ExportOptions, export
from vivant.live_commands import LiveOptions, live
from vivant.media.container import spare_inputs
from vivant.media.image import write_image
from vivant.motion.camera import parse_camera
from vivant.motion.edits import BlinkMode, EditSettings, GazeMode
from vivant.motion.files import check_place, save_motion
from vivant.motion.speech.speak import SpeechSettings
from vivant.motion.track import TrackSettings, track
from vivant.portrait.open import open_portrait
from vivant.portrait.portrait import Portrait
from vivant.portrait.preflight import inspect_record, overlay
from vivant.progress import shown_progress
from vivant.real3d_commands import Real3DOptions
from vivant.speech_commands import SpeechOptions, VoiceOptions, said, speech
from vivant.tha_commands import (
    AlignOptions,
    CharacterOptions,
    PoseOptions,
    ProfileOptions,
    align_drawing,
    make_profile,
    open_drawn,
    pose,
)
from vivant.training_commands import EvaluateOptions, TrainOptions, evaluate, train
from vivant.view_commands import ViewOptions, view
from vivant.weights import store
from vivant.weights.store import Stored

Output = Annotated[Path, arg(aliases=["-o"])]
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
    output: Output
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
    """A camera that goes around the head: orbit:DEGREES or circle:DEGREES, with :SECONDS of one round if you like."""
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
            track=TrackSettings(_neutral(self.neutral), self.motion_mode, self.driver_face, self.face_model),
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
            avatar=self.avatar,
            avatar_settings=self.avatar_settings(),
            fps=None if self.fps is None else parse_rate(self.fps),
            start=self.start,
            duration=self.duration,
            quality=self.quality,
            provenance=self.provenance,
        )

    def avatar_settings(self) -> Any:
        """The avatar's own settings; raises `SettingsError`."""
        if self.avatar == "tha":
            return self.drawn.settings(self.picture)
        return self.deep.settings(fast=self.drawn.fast) if self.avatar == "real3d" else None

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
        return replace(edits, limit_yaw=yaw, limit_pitch=pitch) if self.avatar == "real3d" else edits

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
        check_output(options.output, [options.picture], drivers, settings)
        cast = list(zip(_open_faces(options, len(drivers)), drivers, strict=True))
        _warn(dict.fromkeys(line for portrait, _ in cast for line in _worth_saying(portrait)))
        with shown_progress("animate", as_json=options.json) as progress:
            report = render(cast, options.output, settings, progress)
    _warn(report.notes)
    if options.json:
        print(json.dumps({"event": "result", **asdict(report), "frames_per_second": round(report.speed, 2)}))
    else:
        size = f"{report.width}x{report.height}, {report.frames} frames, {report.seconds:.2f} s"
        print(f"{report.output}  ({size}; {report.speed:.1f} frames/s)")
    return 0


def _open_faces(options: AnimateOptions, drivers: int) -> list[Portrait]:
    if options.avatar == "tha":
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


def _worth_saying(portrait: Portrait) -> Iterable[str]:
    notes = (note for note in portrait.notes if note.level != "info")
    return (note.what + (f": {note.advice}" if note.advice else "") for note in notes)


@dataclass(frozen=True)
class TrackOptions:
    """Write the motion of the face in a video to a file."""

    video: Positional[Path]
    """The video."""
    output: Output
    """The motion file; its extension decides the format unless --format is given."""
    format: Literal["npz", "json", "csv"] | None = None
    """npz keeps everything, json is plain, csv has the columns of Live Link Face."""
    fps: str | None = None
    """Frames per second of the motion; none: the video's."""
    motion_mode: Literal["relative", "absolute"] = TrackSettings.mode
    """relative: motion from the face's own rest; absolute: the pose as it is."""
    neutral: str = "auto"
    """Second at which the face is at rest; auto finds one."""
    face: str = TrackSettings.face
    """Which face: largest, left, right, centre, or a number from the left."""
    face_model: Path | None = TrackSettings.model_file
    """A face_landmarker.task for measured expression scores."""
    json: bool = False
    """Print progress and the result as one JSON object per line on stdout."""
    debug: bool = False
    """Show the traceback of an error."""


def track_video(options: TrackOptions) -> int:
    """`vivant track`"""
    output = options.output
    if options.format is not None and output.suffix.lower() != f".{options.format}":
        output = output.with_name(f"{output.name}.{options.format}")
    check_place(output)
    settings = TrackSettings(_neutral(options.neutral), options.motion_mode, options.face, options.face_model)
    rate = None if options.fps is None else parse_rate(options.fps)
    with shown_progress("track", as_json=options.json) as progress:
        motion = track(options.video, settings, rate, progress=progress)
    save_motion(output, motion)
    missing = int((~motion.present).sum())
    if "notes" in motion.meta:
        _warn([f"{options.video}: {motion.meta['notes']}"])
    if missing:
        _warn([f"{options.video}: no face in {missing} of {len(motion)} frames; the last state was held"])
    if options.json:
        record = {"output": str(output), "frames": len(motion), "held": missing, "rate": str(motion.rate)}
        print(json.dumps({"event": "result", **record, "seconds": motion.seconds}))
    else:
        print(f"{output}  ({len(motion)} frames, {motion.seconds:.2f} s)")
    return 0


@dataclass(frozen=True)
class InspectOptions:
    """Say what was found in a picture, what suits it, and what to do about it."""

    picture: Positional[Path]
    """The portrait."""
    face: str = "largest"
    """Which face: largest, left, right, centre, or a number from the left."""
    overlay: Path | None = None
    """Write a picture of what was found."""
    face_model: Path | None = TrackSettings.model_file
    """A face_landmarker.task for measured expression scores."""
    json: bool = False
    """Print everything as a JSON object."""
    debug: bool = False
    """Show the traceback of an error."""


def inspect(options: InspectOptions) -> int:
    """`vivant inspect`"""
    if options.overlay is not None:
        spare_inputs(options.overlay, [options.picture])
    portrait = open_portrait(options.picture, face=options.face, model_file=options.face_model)
    if options.overlay is not None:
        write_image(options.overlay, overlay(portrait))
    if options.json:
        print(json.dumps(inspect_record(portrait)))
        return 0
    width, height = portrait.size
    print(f"{options.picture}: {width}x{height}, {len(portrait.faces)} face{'s' * (len(portrait.faces) != 1)}")
    for note in portrait.notes:
        print(f"  {note.level:8} {note.what}" + (f" -> {note.advice}" if note.advice else ""))
    if options.overlay is not None:
        print(f"  overlay  {options.overlay}")
    return 0


@dataclass(frozen=True)
class VerifyOptions:
    """Say whether a file or a folder of PNG is marked as synthetic; exit status 0 marked, 1 not, 2 error."""

    file: Positional[Path]
    """A video, an animation, a picture, or a folder of PNG."""
    json: bool = False
    """Print everything as a JSON object."""
    debug: bool = False
    """Show the traceback of an error."""


MEANING = {
    "trusted": "signed by this installation and unchanged since",
    "valid": "unchanged since it was signed, by a signer that is not known here",
    "invalid": "present, but the file was changed or the signature is wrong",
    "none": "none",
}


def verify(options: VerifyOptions) -> int:
    """`vivant verify`"""
    marks = provenance.read_marks(options.file)
    if options.json:
        print(json.dumps({"file": str(options.file), "synthetic": marks.synthetic, **asdict(marks)}))
    else:
        print(f"{options.file}: {'marked as synthetic' if marks.synthetic else 'not marked as synthetic'}")
        print(f"  C2PA manifest  {MEANING.get(marks.state, marks.state)}")
        details = {"source type": marks.source_type, "made by": marks.generator, "signer": marks.signer}
        details |= {"problems": ", ".join(marks.problems), "comment": marks.comment}
        for name, text in details.items():
            if text:
                print(f"  {name:13}  {text}")
    return 0 if marks.synthetic else 1


@dataclass(frozen=True)
class BenchOptions:
    """Print this machine's figures."""

    bench: BenchSettings = field(default_factory=BenchSettings)
    json: bool = False
    """Print the figures as a JSON object."""
    debug: bool = False
    """Show the traceback of an error."""


def bench(options: BenchOptions) -> int:
    """`vivant bench`"""
    rows = bench_table(options.bench)
    if options.json:
        print(json.dumps({"event": "result", **{row.name: row.value for row in rows}}))
    else:
        for row in rows:
            print(f"{row.name:34} {row.value:9.1f} {row.unit:9} {row.remark}".rstrip())
    return 0


@dataclass(frozen=True)
class WeightsOptions:
    """Import published weights, and look after those that were imported.

    import geneface|real3d|tha3|tha4|metrics|ict-facekit FOLDER, list, show NAME, verify [NAME]; exit status of verify:
    0 whole, 1 not.
    """

    action: Positional[Literal["import", "list", "show", "verify"]]
    """What to do."""
    words: Positional[tuple[str, ...]] = ()
    """import: the system, and the folder or file of its checkpoints; show, verify: a name as list shows it."""
    bfm: Path | None = None
    """import real3d: the folder of the Basel face model's files, which the networks need beside their own."""
    licence: str = "not told"
    """import: the licence of the weights, kept with them."""
    json: bool = False
    """Print everything as one JSON object per line."""
    debug: bool = False
    """Show the traceback of an error."""


def weights(options: WeightsOptions) -> int:
    """`vivant weights`"""
    wanted = {"import": (2,), "list": (0,), "show": (1,), "verify": (0, 1)}[options.action]
    if len(options.words) not in wanted:
        raise SettingsError(f"weights {options.action} takes other words; see vivant weights --help")
    if options.action == "import":
        found = _import_weights(options.words[0], Path(options.words[1]), options)
    else:
        found = [store.show(name) for name in options.words] or store.list_stored()
    problems = {one.name: store.verify(one) if options.action == "verify" else [] for one in found}
    for one in found:
        if options.json:
            print(json.dumps({**asdict(one), "path": str(one.path), "problems": problems[one.name]}))
        else:
            _print_weights(one, problems[one.name], whole=options.action == "show")
    return int(any(problems.values()))


def _import_weights(system: str, place: Path, options: WeightsOptions) -> Sequence[Stored]:
    """Everything stored from the checkpoints at `place`."""
    from vivant.avatars.real3d import released as real3d
    from vivant.avatars.real3d.face_store import store_face
    from vivant.avatars.tha.networks import released as tha
    from vivant.evaluate import syncnet
    from vivant.motion.speech.networks import released
    from vivant.training.real3d.heads import stored as heads
    from vivant.weights.release import import_weights

    if options.bfm is not None and system != real3d.SYSTEM:
        raise SettingsError(f"--bfm goes with import {real3d.SYSTEM}; leave it out")
    if system == heads.SYSTEM:
        return [heads.import_head(place)]
    known = [*released.releases(), *syncnet.releases(), *tha.releases(), *real3d.releases()]
    systems = list(dict.fromkeys(release.system for release in known))
    if system not in systems:
        raise SettingsError(f"there is no system {system!r}; give one of {', '.join(systems)} and {heads.SYSTEM}")
    faces = [] if options.bfm is None else [store_face(options.bfm, options.licence)]
    done = import_weights(place, [release for release in known if release.system == system], options.licence)
    _warn(f"not imported: {line}" for line in done.left)
    return [*faces, *done.stored]


def _print_weights(stored: Stored, problems: Iterable[str], *, whole: bool) -> None:
    print(f"{stored.name:42} {stored.tensors:5} tensors {stored.numbers / 1e6:8.2f} M numbers")
    if whole:
        for name, text in {**asdict(stored.origin), "file": stored.path}.items():
            print(f"  {name:14} {text}")
    for problem in problems:
        print(f"  damaged: {problem}")


COMMANDS: dict[str, tuple[Callable[[Any], int], type[Any]]] = {
    "animate": (animate, AnimateOptions),
    "track": (track_video, TrackOptions),
    "speech": (speech, SpeechOptions),
    "view": (view, ViewOptions),
    "live": (live, LiveOptions),
    "pose": (pose, PoseOptions),
    "align": (align_drawing, AlignOptions),
    "profile": (make_profile, ProfileOptions),
    "distill": (distill, DistillOptions),
    "export": (export, ExportOptions),
    "inspect": (inspect, InspectOptions),
    "verify": (verify, VerifyOptions),
    "bench": (bench, BenchOptions),
    "weights": (weights, WeightsOptions),
    "train": (train, TrainOptions),
    "evaluate": (evaluate, EvaluateOptions),
}


def _neutral(text: str) -> float | None:
    if text == "auto":
        return None
    try:
        return float(text)
    except ValueError:
        raise SettingsError(f"neutral {text!r} is no time; give seconds, or auto") from None


def _warn(lines: Iterable[str]) -> None:
    for line in lines:
        print(f"vivant: warning: {' '.join(line.split())}", file=sys.stderr)
