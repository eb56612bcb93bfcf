"""A character as a folder of files that any static server can serve: it lives in the visitor's browser.

index.html, *.js, page.css   the page
engine.wasm                  draws, see engine.c; engine_relaxed.wasm where the browser has relaxed SIMD
character.bin                drawing and networks, packed by gzip, see pack.py
character.json               names and ranges of the parameters, constants of the webcam, notes
webcam/                      MediaPipe's tracker, only where the user names its files
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from vivant.avatars.tha.character import Character
from vivant.avatars.tha.constants import Constants
from vivant.avatars.tha.pose import PARAMETERS
from vivant.avatars.tha.vowels import SHAPES, SPARSITY, candidates
from vivant.errors import SettingsError

BUDGET = 12 * 2**20
"""Bytes that a folder should stay below."""
MOST_BYTES = 64 * 2**20
"""Of any one file of the tracker."""
TRACKER = {
    "vision_bundle.mjs": "vision_bundle.mjs",
    "wasm/vision_wasm_internal.js": "vision.js",
    "wasm/vision_wasm_internal.wasm": "vision.wasm",
}
"""Files of the npm package @mediapipe/tasks-vision, and their names in the folder."""
MODEL = "face_landmarker.task"


Detail = Literal["auto", "low", "medium", "high"]
SIDES: dict[Detail, tuple[int, int]] = {"low": (48, 128), "medium": (64, 128), "high": (128, 256)}
"""Points on a side that the networks' two coarser levels are computed on; published are 128 and 256."""


@dataclass(frozen=True)
class Tracker:
    """The user's own copy of MediaPipe for the page."""

    package: Path
    """The unpacked npm package @mediapipe/tasks-vision."""
    model: Path
    """face_landmarker.task"""


def export_web(folder: Path, character: Character, tracker: Tracker | None = None, detail: Detail = "auto") -> int:
    """Write the page of `character` as a new or empty `folder`, whole or not at all; returns its bytes.

    `detail`: one of SIDES, or what the live engine finds that the character needs.

    Raises SettingsError where the folder holds other files or a file of the `tracker` is missing, WeightsError where
    the weights do not fit.
    """
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"{folder}: it is a file; name a new folder")
    if folder.exists() and any(folder.iterdir()) and not is_page(folder):
        raise SettingsError(f"{folder}: it holds other files; name a new folder")
    if not folder.parent.is_dir():
        raise SettingsError(f"{folder}: cannot be written; there is no folder {folder.parent}")
    content = dict(_content(character, tracker, detail))
    temporary = folder.parent / f".vivant-{secrets.token_hex(6)}.part"
    try:
        for name, data in content.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    except OSError as error:
        raise SettingsError(
            f"{folder}: cannot be written ({error.strerror}); check the folder {folder.parent}"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(temporary)
    return sum(len(data) for data in content.values())


def is_page(folder: Path) -> bool:
    """Whether `folder` is one that `export_web` wrote, and so may be replaced."""
    return all((folder / name).is_file() for name in ("index.html", "engine.wasm", "character.bin", "character.json"))


def _content(character: Character, tracker: Tracker | None, detail: Detail) -> Iterator[tuple[str, bytes]]:
    from vivant.avatars.tha.live_student import LiveStudent  # torch takes time to load
    from vivant.web.pack import pack

    sides = LiveStudent(character).sides if detail == "auto" else SIDES[detail]
    page = files("vivant.web").joinpath("page")
    yield from ((file.name, file.read_bytes()) for file in page.iterdir() if file.is_file())
    yield "character.bin", gzip.compress(pack(character, sides), mtime=0)
    yield "character.json", json.dumps(described(character, webcam=tracker is not None)).encode()
    if tracker is not None:
        for name, ours in TRACKER.items():
            data = _read(tracker.package / name, "the npm package @mediapipe/tasks-vision, unpacked")
            if ours.endswith(".wasm"):
                ours, data = f"{ours}.gz", gzip.compress(data, mtime=0)
            yield f"webcam/{ours}", data
        yield f"webcam/{MODEL}", _read(tracker.model, f"MediaPipe's {MODEL}")


def described(character: Character, *, webcam: bool) -> dict[str, Any]:
    """What the page's scripts are told: everything that Python and they must agree on."""
    parts = {name: part.round(9).tolist() for name, part in vars(candidates()).items()}
    return {
        "parameters": [asdict(one) for one in PARAMETERS],
        "constants": asdict(Constants()),
        "vowels": {**parts, "shapes": SHAPES.tolist(), "sparsity": SPARSITY},
        "notes": dict(character.notes),
        "webcam": webcam,
    }


def _read(path: Path, what: str) -> bytes:
    if not path.is_file():
        raise SettingsError(f"{path}: no such file; give {what}")
    if path.stat().st_size > MOST_BYTES:
        raise SettingsError(f"{path}: too large; give {what}")
    return path.read_bytes()
