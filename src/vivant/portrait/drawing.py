"""open_drawing: the picture of a drawn character becomes a Portrait, cut out where its background is flat."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.errors import FaceNotFoundError, MediaError, SettingsError
from vivant.face.model import load_face_model
from vivant.face.pose import HeadPose
from vivant.media.image import Picture, read_image
from vivant.media.limits import Limits
from vivant.portrait.backdrop import lift_off
from vivant.portrait.head import DRAWN, HEAD_PER_FACE, PHOTOGRAPHED, HeadBox, evenness, find_head, head_of_face
from vivant.portrait.matte import CutOut, cut_out
from vivant.portrait.open import MAX_SIDE, with_alpha
from vivant.portrait.person import is_cut_out, person_mask
from vivant.portrait.pixels import fitted_size, scale_bytes
from vivant.portrait.portrait import Note, Portrait

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SMALLEST_HEAD = 24
"""Pixels; below, there is nothing to see."""
SOFT_HEAD = 96
"""Pixels below which the head is enlarged visibly: characters are drawn with 128."""

Way = Literal["own", "flat", "person", "kept"]
BACKGROUND_NOTES: dict[Way, Note] = {
    "flat": Note("info", "the picture has no transparency; its flat background was taken away"),
    "person": Note(
        "warning",
        "the background is not flat; it was taken away as that of a person",
        "look at the result, and cut the character out in a paint program if it is not clean",
    ),
    "kept": Note("warning", "the picture has no transparency", "let the background be taken away"),
}


@dataclass(frozen=True)
class Drawing:
    """A drawn character, cut out, and where its head is."""

    picture: Bytes
    """(H, W, 4) RGBA, sRGB, straight alpha; opaque where the background was to be kept."""
    original: Bytes
    """The same with its background."""
    head: HeadBox
    notes: tuple[Note, ...]
    name: str
    scale: float = 1.0
    """Its pixels for one of the file's; less where that is larger than any avatar needs."""


def open_drawing(
    source: str | Path | Bytes, *, head: HeadBox | None = None, background: bool = True, limits: Limits = Limits()
) -> Drawing:
    """Read a drawing, cut the character out and find its head.

    source      a file, or (H, W, 3 or 4) uint8, sRGB, straight alpha
    head        where the head is, if the user says so
    background  take the background away from a picture without transparency
    limits      bounds that are checked before anything is decoded

    `notes` says what a user should know: what was taken away, an unsure head, a photograph. Raises MediaError for what
    is no picture or too small, FaceNotFoundError where no head is found, SettingsError for a head outside the picture.
    """
    picture, name, notes = _read(source, limits)
    scale = min(1.0, MAX_SIDE / max(picture.shape[:2]))
    if scale < 1.0:
        picture = scale_bytes(picture, fitted_size(picture.shape[1], picture.shape[0], scale))
        head = head and head.scaled(scale)
    lifted = lift_off(picture) if background and not is_cut_out(picture) else None
    seen = picture if lifted is None else lifted.picture
    box = head or find_head(seen)
    if box is None:
        raise FaceNotFoundError(f"{name}: no head found; say where it is: --head LEFT,TOP,SIZE of the square around it")
    box = _checked(box, picture, name)
    if background or is_cut_out(picture):
        seen, way = character_of(picture, box, lifted)
    else:
        seen, way = picture, "kept"
    notes += [BACKGROUND_NOTES[way]] if way in BACKGROUND_NOTES else []
    return Drawing(seen, picture, box, (*notes, *_head_notes(picture, box)), name, scale)


def character_of(picture: Bytes, head: HeadBox, lifted: CutOut | None = None) -> tuple[Bytes, Way]:
    """The character with its `head` cut out of `picture` (H, W, 4), as (H, W, 4) RGBA, and how that was done.

    own: by the picture's own transparency; flat: `lifted` off a flat background, by `lift_off` if it is not given;
    person: as if it were a person, by segmentation and matting.
    """
    if is_cut_out(picture):
        return picture, "own"
    lifted = lifted or lift_off(picture)
    if lifted is not None:
        return _without_rests(lifted.picture, head), "flat"
    pose, points = _stand_in(head)
    return cut_out(Portrait(picture, points, pose, person_mask(picture, points))).picture, "person"


def portrait_of(drawing: Drawing) -> Portrait:
    """`drawing`, background included, as the Portrait that avatars take: the face model stands in for landmarks."""
    pose, points = _stand_in(drawing.head)
    (x0, y0), (x1, y1) = points[:, :2].min(0).tolist(), points[:, :2].max(0).tolist()
    person = drawing.picture[..., 3].astype(np.float32) / 255
    return Portrait(
        drawing.original, points, pose, person, faces=((x0, y0, x1, y1),), notes=drawing.notes, name=drawing.name
    )


def _stand_in(head: HeadBox) -> tuple[HeadPose, Floats]:
    """The face model's pose and points (478, 3) where the face of `head` is."""
    shape = load_face_model().neutral
    low, high = shape[:, :2].min(0), shape[:, :2].max(0)
    scale = 2 * head.size / HEAD_PER_FACE / float((high - low).sum())
    chin, middle = float(low[1]), float(low[0] + high[0]) / 2
    place = np.array([head.x + head.size / 2 - scale * middle, -(head.y + head.size) - scale * chin, 0.0], np.float32)
    pose = HeadPose(scale, np.eye(3, dtype=np.float32), place)
    return pose, pose.picture_from_head(shape)


def drawn_note(portrait: Portrait) -> Note | None:
    """What to say where a `portrait` on its way to another avatar shows a drawn character."""
    if evenness(portrait.picture, head_of_face(portrait.faces[0])) < DRAWN:
        return None
    return Note("info", "this looks like a drawn character", "--avatar tha is made for them")


def _read(source: str | Path | Bytes, limits: Limits) -> tuple[Bytes, str, list[Note]]:
    """The picture (H, W, 3 or 4), its name, and notes on how it was read."""
    if isinstance(source, np.ndarray):
        read, name = Picture(with_alpha(source, limits)), "the drawing"
    else:
        read, name = read_image(Path(source), limits), str(source)
    picture = read.pixels
    if min(picture.shape[:2]) < 2 * SMALLEST_HEAD:
        raise MediaError(f"{name}: {picture.shape[1]}x{picture.shape[0]} pixels are too few to show a character")
    return picture, name, [Note("warning", one) for one in read.notes]


def _without_rests(picture: Bytes, head: HeadBox) -> Bytes:
    """`picture` (H, W, 4) without pieces of background: what hangs on its upper or outer border and not on the head."""
    count, labels, boxes, _ = cv2.connectedComponentsWithStats((picture[..., 3] > 25).astype(np.uint8))
    width = labels.shape[1]
    rows, columns = (slice(max(0, round(at)), max(1, round(at + head.size))) for at in (head.y, head.x))
    inside = np.bincount(labels[rows, columns].ravel(), minlength=count)
    inside[0] = 0
    left, top, right = boxes[:, 0], boxes[:, 1], boxes[:, 0] + boxes[:, 2]
    rest = (left <= 1) | (top <= 1) | (right >= width - 1)
    rest[[0, int(np.argmax(inside))]] = False
    picture[rest[labels], 3] = 0
    return picture


def _checked(box: HeadBox, picture: Bytes, name: str) -> HeadBox:
    """`box` if there can be a head of `picture` (H, W, 3 or 4)."""
    height, width = picture.shape[:2]
    inside = 0 <= box.x + box.size / 2 <= width and 0 <= box.y + box.size / 2 <= height
    if not (inside and SMALLEST_HEAD <= box.size <= 2 * max(width, height)):
        raise SettingsError(
            f"{name}: a head of {box.size:.0f} pixels at {box.x:.0f},{box.y:.0f} cannot be; the picture has "
            f"{width}x{height}, the head needs {SMALLEST_HEAD} or more"
        )
    return box


def _head_notes(picture: Bytes, box: HeadBox) -> list[Note]:
    """What a user should know of the head in `picture` (H, W, 3 or 4)."""
    notes = []
    if box.how in ("outline", "skin"):
        what = "no face was recognised; the head was found by its " + ("outline" if box.how == "outline" else "skin")
        notes.append(Note("warning", what, "look at it with --overlay, and give --head LEFT,TOP,SIZE if it is wrong"))
    if box.size < SOFT_HEAD:
        notes.append(
            Note("warning", f"the head has only {box.size:.0f} pixels and will look soft", "use a larger picture")
        )
    even = evenness(picture, box)
    if even < PHOTOGRAPHED:
        advice = "the built-in avatar suits it better: vivant animate --avatar relief"
        notes.append(Note("warning", "this looks like a photograph or a painting, not like a drawn character", advice))
    elif even >= DRAWN:
        notes.append(Note("info", "drawn in even colours"))
    return notes
