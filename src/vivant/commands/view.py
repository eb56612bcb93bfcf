"""`vivant view`: the still head from other sides, as a video, a sheet of views, or a mesh."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from tyro.conf import Positional, arg

from vivant import provenance
from vivant.animation import PictureSettings, animate, write
from vivant.avatars import open_avatar
from vivant.avatars.avatar import Avatar
from vivant.avatars.real3d.real3d import Real3D
from vivant.commands.real3d import Real3DOptions
from vivant.commands.telling import warn, worth_saying
from vivant.errors import SettingsError
from vivant.face.pose import rotation_from_angles
from vivant.media.container import check_parent, spare_inputs
from vivant.media.writer import check_place
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


@dataclass(frozen=True)
class ViewOptions:
    """Show the still head of a picture from other sides.

    .mp4, .webm, .mov or .gif: a film of a camera that goes around the head; .png, .jpg or .webp: a sheet of views.
    """

    picture: Positional[Path]
    """The portrait."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The film or the sheet to write."""
    avatar: Literal["relief", "real3d"] = "real3d"
    """What draws: real3d, a head with depth, or relief."""
    camera: str = "orbit:30"
    """The camera's way in a film: orbit:DEGREES, circle:DEGREES, each with :SECONDS of one round if you like.

    It nears the side of the head softly: beyond 42 degrees it goes less far than it says.
    """
    seconds: float = 4.0
    """Length of the film."""
    mesh: Path | None = None
    """Write the head as a mesh with colours (.glb); real3d only."""
    face: str = "largest"
    """Which face of the picture: largest, left, right, centre, or a number from the left."""
    crop: Crop = "bust"
    """A square around face or bust, or the whole picture."""
    size: int | None = None
    """Pixels of the longer side of the film, or of one view of the sheet."""
    background: str = "keep"
    """keep, blur, none (transparent), a colour such as #20a040, or a picture file."""
    head: Real3DOptions = field(default_factory=Real3DOptions)
    fast: bool = False
    """Calculate published networks in numbers of 16 bits: faster, and nearly as exact; as without it on
    processors that have no bfloat16."""
    provenance: bool = True
    """Mark the files as synthetic."""
    json: bool = False
    """Print progress and the result as one JSON object per line on stdout."""
    debug: bool = False
    """Show the traceback of an error."""


def view(options: ViewOptions) -> int:
    """`vivant view`"""
    outputs = _checked(options)
    path = parse_camera(options.camera)
    portrait = open_portrait(options.picture, face=options.face)
    warn(worth_saying(portrait.notes))
    avatar = open_avatar(
        options.avatar, options.head.settings(fast=options.fast) if options.avatar == "real3d" else None
    )
    source_type = provenance.made_by(options.avatar) if options.provenance else None
    with shown_progress("view", as_json=options.json) as progress:
        if options.output is not None and options.output.suffix.lower() in SHEETS:
            provenance.write_picture(options.output, sheet(avatar, portrait, options, progress), source_type)
        elif options.output is not None:
            _film(avatar, portrait, options, path, progress)
        if options.mesh is not None:
            _mesh(options.mesh, avatar, portrait, source_type)
    for place in outputs:
        print(json.dumps({"event": "result", "output": str(place)}) if options.json else place)
    return 0


def _checked(options: ViewOptions) -> Sequence[Path]:
    """The files to write; raises SettingsError where they cannot be."""
    outputs = [place for place in (options.output, options.mesh) if place is not None]
    if not outputs:
        raise SettingsError("say where the views go: -o turn.mp4, -o sheet.png, or --mesh head.glb")
    if options.mesh is not None and options.avatar != "real3d":
        raise SettingsError(f"{options.avatar} has no mesh of a whole head; use --avatar real3d")
    if not 0 < options.seconds <= MOST_SECONDS:
        raise SettingsError(f"seconds {options.seconds:g} is no length; give more than 0, up to {MOST_SECONDS:g}")
    if options.mesh is not None and options.mesh.suffix.lower() != ".glb":
        raise SettingsError(f"{options.mesh}: a mesh is written as .glb; choose such a name")
    if options.output is not None and options.output.suffix.lower() not in SHEETS:
        check_place(options.output)
    elif options.camera != ViewOptions.camera:
        raise SettingsError("a camera moves in films, sheets show the same views of everybody; give -o turn.mp4")
    if len({place.resolve() for place in outputs}) < len(outputs):
        raise SettingsError(f"{options.mesh}: views and mesh have the same name; choose another for one of them")
    for place in outputs:
        spare_inputs(place, [options.picture, Path(options.background)])
        check_parent(place)
    return outputs


def _mesh(place: Path, avatar: Avatar[Any], portrait: Portrait, source_type: str | None) -> None:
    from vivant.media.glb import write_glb

    assert isinstance(avatar, Real3D)
    head = avatar.mesh(portrait)
    comment = "" if source_type is None else provenance.describe(source_type)
    write_glb(place, head.vertices, head.triangles, head.colours, comment)


def _film(avatar: Avatar[Any], portrait: Portrait, options: ViewOptions, path: CameraPath, progress: Progress) -> None:
    assert options.output is not None
    count = max(1, round(options.seconds * RATE))
    states = seen_from((FaceState() for _ in range(count)), RATE, path)
    look = PictureSettings(options.crop, options.size, options.background)
    frames = _counted(animate(portrait, states, avatar, look, RATE), count, progress)
    write(options.output, frames, RATE, mark_origin=options.provenance, avatar=options.avatar)


def sheet(avatar: Avatar[Any], portrait: Portrait, options: ViewOptions, progress: Progress) -> Bytes:
    """Views (rows, columns, 4) from `PITCHES`, above first, and `YAWS`."""
    turns = [rotation_from_angles(*np.radians([yaw, pitch, 0.0])) for pitch, yaw in product(PITCHES, YAWS)]
    states = [FaceState(rotation=turn) for turn in turns]
    look = PictureSettings(options.crop, CELL if options.size is None else options.size, options.background)
    cells = list(_counted(animate(portrait, states, avatar, look, RATE), len(states), progress))
    rows = [cells[at : at + len(YAWS)] for at in range(0, len(cells), len(YAWS))]
    return np.vstack([np.hstack(row) for row in rows])


def _counted(pictures: Iterable[Bytes], count: int, progress: Progress) -> Iterator[Bytes]:
    for number, picture in enumerate(pictures, 1):
        yield picture
        progress(number, count)
