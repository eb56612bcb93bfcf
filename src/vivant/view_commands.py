"""`vivant view`: the still head from other sides, as a film or a sheet of views."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from tyro.conf import Positional, arg

from vivant import provenance
from vivant.animation import PictureSettings, animate, write
from vivant.avatars import open_avatar
from vivant.avatars.avatar import Avatar
from vivant.errors import SettingsError
from vivant.face.pose import rotation_from_angles
from vivant.media.container import spare_inputs
from vivant.motion.camera import CameraPath, parse_camera, seen_from
from vivant.motion.state import FaceState
from vivant.portrait.layout import Crop
from vivant.portrait.open import open_portrait
from vivant.portrait.portrait import Portrait
from vivant.progress import Progress, shown_progress

Bytes = NDArray[np.uint8]

RATE = Fraction(25)
YAWS, PITCHES = (-45, -30, -15, 0, 15, 30, 45), (20, 0, -20)
"""Degrees of the columns and rows of a sheet."""
CELL = 256
"""Pixels of a view on the sheet, if no size is given."""
SHEETS = (".png", ".jpg", ".jpeg", ".webp")
MOST_SECONDS = 600.0
AVATAR = "relief"


@dataclass(frozen=True)
class ViewOptions:
    """Show the still head of a picture from other sides.

    .mp4, .webm, .mov or .gif: a film of a camera that goes around the head; .png, .jpg or .webp: a sheet of views.
    """

    picture: Positional[Path]
    """The portrait."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The film or the sheet to write."""
    camera: str = "orbit:30"
    """The camera's way: orbit:DEGREES, circle:DEGREES, each with :SECONDS of one round if you like."""
    seconds: float = 4.0
    """Length of the film."""
    face: str = "largest"
    """Which face of the picture: largest, left, right, centre, or a number from the left."""
    crop: Crop = "bust"
    """A square around face or bust, or the whole picture."""
    size: int | None = None
    """Pixels of the longer side of the film, or of one view of the sheet."""
    background: str = "keep"
    """keep, blur, none (transparent), a colour such as #20a040, or a picture file."""
    provenance: bool = True
    """Mark the files as synthetic."""
    json: bool = False
    """Print progress and the result as one JSON object per line on stdout."""
    debug: bool = False
    """Show the traceback of an error."""


def view(options: ViewOptions) -> int:
    """`vivant view`"""
    output, path = _checked(options), parse_camera(options.camera)
    portrait, avatar = open_portrait(options.picture, face=options.face), open_avatar(AVATAR)
    with shown_progress("view", as_json=options.json) as progress:
        if output.suffix.lower() in SHEETS:
            mark = provenance.made_by(AVATAR) if options.provenance else None
            provenance.write_picture(output, sheet(avatar, portrait, options, progress), mark)
        else:
            _film(avatar, portrait, options, path, progress)
    print(json.dumps({"event": "result", "output": str(output)}) if options.json else output)
    return 0


def _checked(options: ViewOptions) -> Path:
    """The file to write; raises SettingsError where it cannot be."""
    if options.output is None:
        raise SettingsError("say where the views go: -o turn.mp4, or -o sheet.png")
    if not 0 < options.seconds <= MOST_SECONDS:
        raise SettingsError(f"seconds {options.seconds:g} is no length; give more than 0, up to {MOST_SECONDS:g}")
    spare_inputs(options.output, [options.picture])
    return options.output


def _film(avatar: Avatar[Any], portrait: Portrait, options: ViewOptions, path: CameraPath, progress: Progress) -> None:
    assert options.output is not None
    count = max(1, round(options.seconds * RATE))
    states = seen_from((FaceState() for _ in range(count)), RATE, path)
    look = PictureSettings(options.crop, options.size, options.background)
    frames = _counted(animate(portrait, states, avatar, look, RATE), count, progress)
    write(options.output, frames, RATE, mark_origin=options.provenance, avatar=AVATAR)


def sheet(avatar: Avatar[Any], portrait: Portrait, options: ViewOptions, progress: Progress) -> Bytes:
    """Views (rows, columns, 4) from `PITCHES`, above first, and `YAWS`."""
    turns = [rotation_from_angles(*np.radians([yaw, pitch, 0.0])) for pitch, yaw in product(PITCHES, YAWS)]
    states = [FaceState(rotation=turn) for turn in turns]
    look = PictureSettings(options.crop, options.size or CELL, options.background)
    cells = list(_counted(animate(portrait, states, avatar, look, RATE), len(states), progress))
    rows = [cells[at : at + len(YAWS)] for at in range(0, len(cells), len(YAWS))]
    return np.vstack([np.hstack(row) for row in rows])


def _counted(pictures: Iterable[Bytes], count: int, progress: Progress) -> Iterator[Bytes]:
    for number, picture in enumerate(pictures, 1):
        yield picture
        progress(number, count)
