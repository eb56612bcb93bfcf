"""The commands around drawn characters: `vivant pose`, `vivant align`, `vivant profile`, and shared options."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from tyro.conf import Positional, arg

from vivant import provenance
from vivant.avatars.tha.align import SIDE, align, at_home, placement_notes, show_box
from vivant.avatars.tha.angles import angles_of
from vivant.avatars.tha.pose import HIGH, LOW, PARAMETERS, pose_of
from vivant.avatars.tha.profile import Profile, calibrate, load_profile, save_profile
from vivant.avatars.tha.tha import Tha, ThaSettings, is_character, open_character, who_draws
from vivant.commands.telling import warn, worth_saying
from vivant.compose import Composer
from vivant.errors import SettingsError
from vivant.media.container import spare_inputs
from vivant.media.image import write_image
from vivant.media.limits import DEFAULT_LIMITS
from vivant.media.video import open_video
from vivant.motion.files import load_motion
from vivant.motion.state import FaceState
from vivant.motion.track import TrackSettings, track_frames
from vivant.portrait.drawing import open_drawing, portrait_of
from vivant.portrait.head import HeadBox
from vivant.portrait.layout import view
from vivant.portrait.portrait import Portrait
from vivant.progress import Progress, shown_progress

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

WITH_ALPHA = (".png", ".webp", ".tif", ".tiff")
CELL, COLUMNS = 192, 9
"""Pixels of a picture of the contact sheet, and how many stand in a row."""
LONGEST_REST = 60.0
"""Seconds of a calibration."""
PAPER, INK = (244, 244, 244), (40, 40, 40)


@dataclass(frozen=True)
class CharacterOptions:
    """Who draws a character."""

    poser: Literal["auto", "tha4/teacher", "tha3/standard", "tha3/separable", "compact"] = "auto"
    """The system that draws any picture; auto: the best whose weights are there, else the packaged one (compact)."""
    poser_weights: Path | None = None
    """Folder of the published files of the system; none: those that vivant weights import stored."""
    character: Path | None = None
    """A character with networks of its own (a published folder or a .vivant file) that the picture shows."""
    live_engine: bool = False
    """Draw a character of its own by the fast engine, nearly as exact."""
    fast: bool = False
    """Calculate a full system in numbers of 16 bits, about twice as fast, and nearly as exact; as without it on
    processors that have no VNNI."""
    official: bool = False
    """The bytes of the published tools, whose soft edges are too dark."""
    profile: Path | None = None
    """Profile (.toml) with a neutral face, gains and smoothing."""

    @property
    def files(self) -> tuple[Path | None, ...]:
        """What is read beside the picture."""
        return self.poser_weights, self.character, self.profile

    def check_used(self, avatar: str) -> None:
        """Raise SettingsError where `avatar` draws no characters and something was said about one."""
        if avatar != "tha" and replace(self, fast=False) != CharacterOptions():
            raise SettingsError("--poser, --character, --profile and the like are for drawings; give --avatar tha, too")

    def settings(self, picture: Path) -> ThaSettings:
        """The avatar's settings for `picture`, which may be a character itself; raises SettingsError."""
        own = picture if is_character(picture) else self.character
        return ThaSettings(
            character=own,
            poser=None if self.poser == "auto" else self.poser,
            weights=self.poser_weights,
            live=self.live_engine,
            fast=self.fast,
            official=self.official,
            profile=Profile() if self.profile is None else load_profile(self.profile),
        )


def announce(settings: ThaSettings) -> None:
    """Say by what a character is drawn, once it is sure that it can be."""
    print(f"vivant: {who_draws(settings)}", file=sys.stderr)


def open_drawn(picture: Path, head: HeadBox | None = None) -> Portrait:
    """The portrait of a drawing, or of a character's folder or file; raises what `open_drawing` raises."""
    return open_character(picture) if is_character(picture) else portrait_of(open_drawing(picture, head=head))


@dataclass(frozen=True)
class PoseOptions:
    """Draw a character in one pose, or all its poses on one sheet."""

    picture: Positional[Path | None] = None
    """A drawing, or a character: a published folder or a .vivant file."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The picture to write; .png and .webp keep transparency."""
    set: tuple[str, ...] = ()
    """name=value of the parameters that are not at rest, such as head_x=0.5 mouth_aaa=1; a name without _left or
    _right sets both."""
    sheet: bool = False
    """Draw a contact sheet: every parameter at its end, on top of --set."""
    list: bool = False
    """Show the names of the parameters with their ranges."""
    avatar: Literal["tha"] = "tha"
    """What draws."""
    how: CharacterOptions = field(default_factory=CharacterOptions)
    head: str | None = None
    """LEFT,TOP,SIZE of the square around the head, hair to chin, in pixels; none: it is found."""
    size: int | None = None
    """Pixels of the longer side; none: the picture's own."""
    background: str = "keep"
    """keep, blur, none (transparent), a colour such as #20a040, or a picture file."""
    provenance: bool = True
    """Mark the file as synthetic."""
    json: bool = False
    """Print progress and the result as one JSON object per line on stdout."""
    debug: bool = False
    """Show the traceback of an error."""


def pose(options: PoseOptions) -> int:
    """`vivant pose`"""
    if options.list:
        return _list_parameters(as_json=options.json)
    if options.picture is None or options.output is None:
        raise SettingsError("say which picture, and where the result goes: vivant pose girl.png -o posed.png")
    spare_inputs(options.output, [options.picture, *options.how.files, Path(options.background)])
    if options.sheet and options.background not in ("keep", "none"):
        raise SettingsError("a sheet has its own background; leave --background out")
    values = _parse_values(options.set)
    wanted = pose_of(values)
    settings = options.how.settings(options.picture)
    portrait = open_drawn(options.picture, parse_head(options.head))
    warn(worth_saying(portrait.notes))
    avatar = Tha(settings)
    announce(settings)
    if options.sheet:
        with shown_progress("pose", as_json=options.json) as progress:
            result = contact_sheet(avatar, portrait, wanted, progress)
    else:
        window = view(portrait, "whole", options.size)
        composer = Composer(portrait, window, options.background)
        prepared = avatar.prepare(portrait, window, cutout=composer.cutout)
        result = composer.compose([avatar.draw_pose(prepared, wanted)])
    if options.output.suffix.lower() not in WITH_ALPHA and (result[..., 3:] < 255).any():
        warn([f"{options.output}: {options.output.suffix} keeps no transparency, it becomes white; choose .png"])
    provenance.write_picture(options.output, result, provenance.MADE_BY_NETWORK if options.provenance else None)
    _report(options.output, result, values, as_json=options.json)
    return 0


def contact_sheet(avatar: Tha, portrait: Portrait, rest: Floats, progress: Progress) -> Bytes:
    """Every parameter of `avatar` at its end (H, W, 3): brows to iris close up, head and body whole."""
    cells: list[Bytes] = []
    shown = list(_sheet_poses(rest))
    windows = {crop: view(portrait, crop, 2 * CELL) for crop in ("face", "bust")}
    prepared = {crop: avatar.prepare(portrait, window, cutout=True) for crop, window in windows.items()}
    composers = {crop: Composer(portrait, window, "#ffffff") for crop, window in windows.items()}
    for name, posed, crop in shown:
        picture = composers[crop].compose([avatar.draw_pose(prepared[crop], posed)])[..., :3]
        cells.append(_cell(picture, name))
        progress(len(cells), len(shown))
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % COLUMNS)
    return np.vstack([np.hstack(cells[at : at + COLUMNS]) for at in range(0, len(cells), COLUMNS)])


def _sheet_poses(rest: Floats) -> Iterator[tuple[str, Floats, Literal["face", "bust"]]]:
    yield "rest", rest, "bust"
    for place, one in enumerate(PARAMETERS):
        for end in sorted({float(LOW[place]), float(HIGH[place])} - {0.0}, reverse=True):
            moved = rest.copy()
            moved[place] = end
            crop: Literal["face", "bust"] = "bust" if one.category in ("face", "body", "breathing") else "face"
            yield f"{one.name} {end:+.0f}", moved, crop


def _cell(picture: Bytes, name: str) -> Bytes:
    """One picture (CELL + 18, CELL, 3) with its name below."""
    small = cv2.resize(np.ascontiguousarray(picture), (CELL, CELL), interpolation=cv2.INTER_AREA)
    strip = np.full((18, CELL, 3), PAPER, np.uint8)
    cv2.putText(strip, name, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.36, INK, 1, cv2.LINE_AA)
    return np.vstack([np.asarray(small, np.uint8), strip])


@dataclass(frozen=True)
class AlignOptions:
    """Make the picture that characters are drawn from: 512x512 with transparency, the head in its place.

    A flat background is taken away; the head is found by itself, or given.
    """

    drawing: Positional[Path]
    """Any picture of one drawn character that looks ahead."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """The picture to write: .png, .webp or .tif."""
    head: str | None = None
    """LEFT,TOP,SIZE of the square around the head, hair to chin, in pixels; none: it is found."""
    overlay: Path | None = None
    """Write the drawing with the head (red) and the part that is used (blue) drawn in."""
    background: Literal["remove", "keep"] = "remove"
    """What to do about the background of a picture without transparency."""
    json: bool = False
    """Print the result as a JSON object."""
    debug: bool = False
    """Show the traceback of an error."""


def align_drawing(options: AlignOptions) -> int:
    """`vivant align`"""
    if options.output.suffix.lower() not in WITH_ALPHA:
        raise SettingsError(f"{options.output}: a character needs transparency; write {', '.join(WITH_ALPHA[:3])}")
    for place in (options.output, options.overlay):
        if place is not None:
            spare_inputs(place, [options.drawing])
    if options.overlay is not None and options.overlay.resolve() == options.output.resolve():
        raise SettingsError(f"{options.overlay}: result and overlay have the same name; choose another for one of them")
    drawing = open_drawing(options.drawing, head=parse_head(options.head), background=options.background == "remove")
    height, width = drawing.picture.shape[:2]
    head = at_home(drawing.head, (width, height))
    character = align(drawing.picture, head)
    notes = (*drawing.notes, *placement_notes(character))
    if options.overlay is not None:
        write_image(options.overlay, show_box(drawing.picture, head))
    write_image(options.output, character)
    head = head.scaled(1 / drawing.scale)
    if options.json:
        record = {"output": str(options.output), "head": asdict(head), "notes": [asdict(note) for note in notes]}
        print(json.dumps({"event": "result", **record}))
        return 0
    warn(worth_saying(notes))
    print(f"{options.output}  ({SIDE}x{SIDE}; head {head.x:.0f},{head.y:.0f},{head.size:.0f} by {head.how})")
    for note in notes:
        if note.level == "info":
            print(f"  {note.what}")
    return 0


@dataclass(frozen=True)
class ProfileOptions:
    """Fit characters to one user: the neutral face from a video or motion in which nothing is expressed, and gains."""

    driver: Positional[Path | None] = None
    """A video, or a motion file (.npz, .json, .csv) of the user's tracker; leave it out to set gains alone."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The profile to write (.toml), for --profile."""
    base: Path | None = None
    """Begin with this profile."""
    gain: tuple[str, ...] = ()
    """name=value of parameters, pairs such as eye_wink, or categories: eyebrow, eye, iris, mouth, gaze, face, body."""
    start: float = 0.0
    """Second at which the face is at rest."""
    seconds: float = 2.0
    """How long it is."""
    json: bool = False
    """Print the result as a JSON object."""
    debug: bool = False
    """Show the traceback of an error."""


def make_profile(options: ProfileOptions) -> int:
    """`vivant profile`"""
    if options.output is None or options.output.suffix.lower() != ".toml":
        raise SettingsError("say where the profile goes, such as -o me.toml")
    if not (0 <= options.start < float("inf") and 0 < options.seconds <= LONGEST_REST):
        told = f"--start {options.start:g} --seconds {options.seconds:g}"
        raise SettingsError(f"{told} cannot be; start at 0 or later, for up to {LONGEST_REST:g} seconds")
    if options.driver is not None:
        spare_inputs(options.output, [options.driver])
    before = Profile() if options.base is None else load_profile(options.base)
    made = replace(before, gains={**before.gains, **_parse_values(options.gain, "--gain")})
    if options.driver is not None:
        states = resting_states(options.driver, options.start, options.seconds)
        if not states:
            raise SettingsError(f"{options.driver} ends before --start {options.start:g}; start sooner")
        made = calibrate(states, made)
    save_profile(options.output, made)
    x, y, z = np.degrees(angles_of(made.neutral.rotation)).tolist()
    if options.json:
        print(json.dumps({"event": "result", "output": str(options.output), "head_degrees": [x, y, z]}))
    else:
        print(f"{options.output}  (neutral head {x:.1f}, {y:.1f}, {z:.1f} degrees; {len(made.gains)} gains)")
    return 0


def resting_states(driver: Path, start: float, seconds: float) -> Sequence[FaceState]:
    """The states of a motion file or a video between `start` and `start + seconds`, from the camera's axis."""
    if driver.suffix.lower() in (".npz", ".json", ".csv"):
        motion = load_motion(driver)
        first, last = round(start * motion.rate), round((start + seconds) * motion.rate)
        return [motion[index] for index in range(min(first, len(motion)), min(last, len(motion)))]
    with open_video(driver, DEFAULT_LIMITS, start, seconds) as video:
        return [state for _, state in track_frames(video, TrackSettings(mode="absolute"))]


def parse_head(text: str | None) -> HeadBox | None:
    if text is None:
        return None
    try:
        x, y, size = (float(part) for part in text.split(","))
    except ValueError:
        raise SettingsError(f"head {text!r} is no square; write LEFT,TOP,SIZE in pixels, such as 192,64,128") from None
    if not (np.isfinite([x, y, size]).all() and size > 0):
        raise SettingsError(f"head {text!r} is no square; write LEFT,TOP,SIZE in pixels, such as 192,64,128")
    return HeadBox(x, y, size)


def _parse_values(words: Iterable[str], option: str = "--set") -> dict[str, float]:
    values: dict[str, float] = {}
    for word in words:
        name, _, number = word.partition("=")
        try:
            values[name.strip()] = float(number)
        except ValueError:
            raise SettingsError(f"{option} {word!r} says nothing; write name=value, such as head_x=0.5") from None
    return values


def _list_parameters(*, as_json: bool) -> int:
    for one in PARAMETERS:
        if as_json:
            print(json.dumps(asdict(one)))
        else:
            print(f"{one.name:28} {one.low:+.0f} .. {one.high:+.0f}   {one.category}")
    return 0


def _report(output: Path, picture: Bytes, values: dict[str, float], *, as_json: bool) -> None:
    height, width = picture.shape[:2]
    if as_json:
        print(json.dumps({"event": "result", "output": str(output), "width": width, "height": height, "pose": values}))
    else:
        print(f"{output}  ({width}x{height})")
