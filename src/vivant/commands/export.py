"""The command `vivant export`: a character for other programs, as a web page or an ONNX model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from vivant.avatars.tha.character import load_character
from vivant.errors import SettingsError
from vivant.web.export import BUDGET, Detail, Tracker, export_web


@dataclass(frozen=True)
class ExportOptions:
    """Make a character something that other programs run: a page for any static web server, or an ONNX model."""

    character: Positional[Path]
    """A .vivant file, or a published character's folder."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """The folder (web) or the .onnx file to write; a page that is there is replaced."""
    to: Literal["web", "onnx"] = "web"
    """web: a folder with a page, nothing of it asks any other server; onnx: pose (1, 45) in, picture out."""
    webcam: Path | None = None
    """For a page with a webcam: the unpacked npm package @mediapipe/tasks-vision, which is copied into the folder."""
    face_model: Path | None = None
    """MediaPipe's face_landmarker.task, which goes with --webcam."""
    detail: Detail = "auto"
    """Of a page: how finely the engine samples the networks; low is fastest, high the most exact, auto tries out what
    the character needs, see docs."""
    json: bool = False
    """Print the result as a JSON object."""
    debug: bool = False
    """Show the traceback of an error."""


def export(options: ExportOptions) -> int:
    """`vivant export`"""
    tracker = _tracker(options)
    character = load_character(options.character)
    if options.to == "onnx":
        from vivant.avatars.tha.export import export_onnx

        if options.output.suffix.lower() != ".onnx":
            raise SettingsError(f"{options.output}: an ONNX model's name ends in .onnx")
        export_onnx(options.output, character)
        size = options.output.stat().st_size
    else:
        size = export_web(options.output, character, tracker, options.detail)
    if options.json:
        print(json.dumps({"event": "result", "output": str(options.output), "bytes": size}))
        return 0
    print(f"{options.output}  ({size / 1e6:.1f} MB)")
    if options.to == "web":
        if size > BUDGET:
            print("  larger than 12 MB: visitors will wait for it")
        print(f"  look at it: python -m http.server -d {options.output}, then http://localhost:8000/")
    return 0


def _tracker(options: ExportOptions) -> Tracker | None:
    if options.webcam is None and options.face_model is None:
        return None
    if options.to != "web":
        raise SettingsError("--webcam and --face-model are for --to web; leave them out")
    if options.webcam is None or options.face_model is None:
        raise SettingsError(
            "a webcam needs both --webcam (the npm package @mediapipe/tasks-vision) and --face-model"
            " (face_landmarker.task)"
        )
    return Tracker(options.webcam, options.face_model)
