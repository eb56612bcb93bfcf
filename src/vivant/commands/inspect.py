"""`vivant inspect` and `vivant verify`: what is in a picture, and how a result is marked."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tyro.conf import Positional

from vivant import provenance
from vivant.media.container import spare_inputs
from vivant.media.image import write_image
from vivant.motion.track import TrackSettings
from vivant.portrait.open import open_portrait
from vivant.portrait.preflight import inspect_record, overlay


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
