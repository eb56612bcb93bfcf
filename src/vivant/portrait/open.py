"""open_portrait: a picture file or array becomes a Portrait."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivant.errors import FaceNotFoundError, SettingsError
from vivant.face.landmarks import MESH_COUNT
from vivant.face.model import load_face_model
from vivant.face.pose import fit_head_pose
from vivant.media.image import read_image
from vivant.media.limits import Limits
from vivant.portrait.find import FoundFace, find_faces
from vivant.portrait.person import over_grey, person_mask
from vivant.portrait.pixels import fitted_size, scale_bytes
from vivant.portrait.portrait import Note, Portrait
from vivant.portrait.preflight import preflight

Bytes = NDArray[np.uint8]

MAX_SIDE = 4096
"""Larger pictures are scaled down to this: no video is written with more."""
_PLAIN = "save it as a plain PNG if this is not what you want"
CHOICES = ("largest", "left", "right", "centre")


@dataclass(frozen=True)
class _Source:
    """A picture on its way to a Portrait."""

    picture: Bytes
    name: str
    notes: tuple[Note, ...]


def open_portrait(
    source: str | Path | Bytes, *, face: str = "largest", model_file: Path | None = None, limits: Limits = Limits()
) -> Portrait:
    """Read a picture, find the face and everything that an avatar needs to know of it.

    source      a file, or (H, W, 3) RGB or (H, W, 4) RGBA uint8, sRGB, straight alpha, upright
    face        which one, where there are several: "largest", "left", "right", "centre", or "1", "2"... from the left
    model_file  a face_landmarker.task, for the 52 measured scores of the source expression
    limits      bounds that are checked before anything is decoded

    A picture that lies on its side is turned upright, one above 4096 pixels scaled down; `notes` says so.
    Raises MediaError for what is no usable picture, FaceNotFoundError without a face, SettingsError for a bad `face`.
    """
    wanted = _parse_choice(face)
    read = _bounded(_read(source, limits))
    faces = find_faces(over_grey(read.picture), model_file=model_file)
    turns = _choose(faces, wanted, read).turns if faces else 0
    if turns:
        read = _turned(read, turns)
        faces = find_faces(over_grey(read.picture), model_file=model_file)
    if not faces:
        raise FaceNotFoundError(
            f"{read.name}: no face found; use a picture in which the whole face is visible, sharp, lit and at least "
            "60 pixels wide, or crop it around the person"
        )
    chosen = _choose(faces, wanted, read)
    portrait = _portrait(read, chosen, faces)
    return replace(portrait, notes=read.notes + preflight(portrait, asked=wanted != "largest"))


def _portrait(read: _Source, chosen: FoundFace, faces: tuple[FoundFace, ...]) -> Portrait:
    neutral = load_face_model().neutral[:MESH_COUNT]
    others = tuple(one.points for one in faces if one is not chosen)
    return Portrait(
        picture=read.picture,
        landmarks=chosen.points,
        pose=fit_head_pose(chosen.points, neutral, np.ones(MESH_COUNT, np.float32)),
        person=person_mask(read.picture, chosen.points, others),
        scores=chosen.scores,
        faces=tuple(one.box for one in sorted(faces, key=lambda one: -one.height)),
        name=read.name,
        confidence=chosen.confidence,
        wobble=chosen.wobble,
    )


def _read(source: str | Path | Bytes, limits: Limits) -> _Source:
    """The picture of a file, or of an array (H, W, 3 or 4)."""
    if isinstance(source, np.ndarray):
        return _Source(with_alpha(source, limits), "the picture", ())
    path = Path(source)
    read = read_image(path, limits)
    return _Source(read.pixels, str(path), tuple(Note("warning", note, _PLAIN) for note in read.notes))


def with_alpha(array: Bytes, limits: Limits) -> Bytes:
    """A picture array (H, W, 3 or 4) uint8 as (H, W, 4); raises SettingsError for anything else or too much of it."""
    if array.ndim != 3 or array.shape[2] not in (3, 4) or array.dtype != np.uint8 or array.size == 0:
        raise SettingsError(
            f"a picture array must be (H, W, 3) or (H, W, 4) uint8, not {array.shape} {array.dtype}; convert it first"
        )
    if array.shape[0] * array.shape[1] > limits.max_pixels:
        raise SettingsError(f"the picture array has more than {limits.max_pixels} pixels; make it smaller")
    opaque = np.full((*array.shape[:2], 1), 255, np.uint8)
    return np.ascontiguousarray(array if array.shape[2] == 4 else np.concatenate([array, opaque], 2))


def _bounded(read: _Source) -> _Source:
    height, width = read.picture.shape[:2]
    scale = MAX_SIDE / max(height, width)
    if scale >= 1:
        return read
    size = fitted_size(width, height, scale)
    note = Note(
        "warning",
        f"the picture has {width}x{height} pixels and is used at {size[0]}x{size[1]}",
        "crop it around the person for more detail",
    )
    return replace(read, picture=scale_bytes(read.picture, size), notes=(*read.notes, note))


def _turned(read: _Source, turns: int) -> _Source:
    degrees = {1: "90 degrees counter-clockwise", 2: "by 180 degrees", 3: "90 degrees clockwise"}[turns]
    note = Note("warning", f"the face is not upright: the picture was turned {degrees}", "turn the file if it is wrong")
    return replace(read, picture=np.ascontiguousarray(np.rot90(read.picture, turns)), notes=(*read.notes, note))


def _parse_choice(face: str) -> str | int:
    text = str(face).strip().lower()
    if text in CHOICES:
        return text
    if text.isascii() and text.isdigit() and int(text) >= 1:
        return int(text)
    raise SettingsError(
        f"face {face!r} is unknown; use {', '.join(CHOICES)}, or a number counted from the left, from 1"
    )


def _choose(faces: tuple[FoundFace, ...], wanted: str | int, read: _Source) -> FoundFace:
    across = sorted(faces, key=lambda one: float(one.centre[0]))
    if isinstance(wanted, int):
        if wanted > len(across):
            raise SettingsError(
                f"{read.name}: face {wanted} does not exist; {len(across)} found, counted from the left"
            )
        return across[wanted - 1]
    middle = np.array([read.picture.shape[1], read.picture.shape[0]], np.float32) / 2
    return {
        "largest": faces[0],
        "left": across[0],
        "right": across[-1],
        "centre": min(across, key=lambda one: float(np.linalg.norm(one.centre - middle))),
    }[str(wanted)]
