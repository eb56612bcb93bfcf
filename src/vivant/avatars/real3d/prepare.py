"""Everything that the networks see of a portrait, at 512 x 512: made once, before any frame is drawn.

    crop       the square of the portrait around the face
    classes    what each of its pixels shows
    pictures   the square itself, head, torso and background of it

A drawn frame goes back to its place as `Frame(pixels, layers.crop)`; points by `crop.from_window`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.real3d.crop import CropSettings, crop_portrait, face_window
from vivant.avatars.real3d.layers import TORSO, background_of, head_picture, torso_picture
from vivant.errors import FaceNotFoundError
from vivant.face.landmarks import OVAL
from vivant.face.pose import angles_from_rotation
from vivant.face.tracker import FaceLandmarks
from vivant.face.window import Window
from vivant.portrait.fill import fill_background, smooth_background
from vivant.portrait.matte import CutOut, cut_out
from vivant.portrait.person import over_grey
from vivant.portrait.portrait import Note, Portrait
from vivant.portrait.segment import ClassMap, class_map

Bytes = NDArray[np.uint8]

SMALLEST_FACE = 24.0
"""Pixels; smaller faces have no eyes or lips to speak of."""
LEAST_INSIDE = 0.7
"""Share of the face's outline that lies inside the picture."""
PROFILE = 50.0
"""Degrees of yaw from which half of the face is made up."""
LITTLE_TORSO, LITTLE_BACKGROUND = 0.02, 0.02
"""Shares of the square."""


Filling = Literal["texture", "smooth", "nearest"]
"""texture: with the texture of what is around; smooth: in its colours only, at once; nearest: as published."""


@dataclass(frozen=True)
class LayerSettings:
    """How a portrait is made ready."""

    crop: CropSettings = field(default_factory=CropSettings)
    segmenter: Path | None = None
    """MediaPipe's selfie_multiclass_256x256.tflite; without it the class map is made by the project's own means."""
    filling: Filling = "texture"
    """How the background goes on behind the person."""


@dataclass(frozen=True)
class Layers:
    """What the networks see; sRGB bytes of the same size, 512 x 512 by default."""

    picture: Bytes
    """(H, W, 3) the square, light grey where the portrait is transparent."""
    head: Bytes
    """(H, W, 3) hair, face and what is worn on it, else black."""
    torso: Bytes
    """(H, W, 3) neck and clothes, continued behind the head, else black."""
    background: Bytes
    """(H, W, 3) without the person."""
    classes: Bytes
    """(H, W) 0..5; see `vivant.portrait.classes`."""
    crop: Window
    """Where the square lies in the portrait's picture; its columns and rows are the layers' size."""
    portrait: Portrait
    """The portrait cut to the square: landmarks, pose and mask in pixels of the layers."""
    cut: CutOut
    """The person of that portrait without background."""
    notes: tuple[Note, ...] = ()
    """What will show in the result; preflight's own notes are the portrait's."""


def prepare_layers(portrait: Portrait, settings: LayerSettings = LayerSettings()) -> Layers:
    """Cut `portrait` around its face and take it apart.

    Raises FaceNotFoundError if the face is too small or mostly outside the picture, WeightsError if the file of the
    segmenter cannot be used.
    """
    _check(portrait)
    window = face_window(portrait, settings.crop)
    cropped = crop_portrait(portrait, window)
    cut = cut_out(cropped)
    picture, shown = over_grey(cropped.picture), class_map(cropped, settings.segmenter, cut)
    return Layers(
        picture=picture,
        head=head_picture(picture, shown.classes),
        torso=torso_picture(picture, shown.classes).picture,
        background=_background(cropped, picture, shown, settings),
        classes=shown.classes,
        crop=window,
        portrait=cropped,
        cut=cut,
        notes=_notes(cropped, shown),
    )


def _background(cropped: Portrait, picture: Bytes, shown: ClassMap, settings: LayerSettings) -> Bytes:
    """What is behind the person of `picture` (H, W, 4), as (H, W, 3)."""
    if settings.filling == "nearest":
        return background_of([(picture, shown.person)]).picture
    person = CutOut(picture, shown.person.astype(np.float32))
    return smooth_background(cropped, person) if settings.filling == "smooth" else fill_background(cropped, person)


def _check(portrait: Portrait) -> None:
    tall = FaceLandmarks(portrait.landmarks).extent
    if tall < SMALLEST_FACE:
        raise FaceNotFoundError(
            f"{portrait.name}: the face is only {tall:.0f} pixels high; use a picture in which it has 120 or more"
        )
    outline = portrait.landmarks[list(OVAL), :2]
    inside = float(((outline >= 0) & (outline <= portrait.size)).all(1).mean())
    if inside < LEAST_INSIDE:
        raise FaceNotFoundError(
            f"{portrait.name}: {100 * (1 - inside):.0f} % of the face's outline lies outside the picture; "
            "use a picture with the whole face in it"
        )


def _notes(cropped: Portrait, shown: ClassMap) -> tuple[Note, ...]:
    notes = []
    if (yaw := abs(float(np.degrees(angles_from_rotation(cropped.pose.rotation)[0])))) > PROFILE:
        what = f"the head is turned by {yaw:.0f} degrees: the far half of the face will be made up"
        notes.append(Note("problem", what, "use a picture that faces the camera"))
    if np.isin(shown.classes, TORSO).mean() < LITTLE_TORSO:
        what = "hardly any neck or clothes are to be seen: the head will float over the background"
        notes.append(Note("warning", what, "use a picture that shows the shoulders"))
    if (~shown.person).mean() < LITTLE_BACKGROUND:
        what = "hardly any background is to be seen: what the head uncovers will be a flat colour"
        notes.append(Note("info", what, "name a background picture, or use a picture with more room around the head"))
    return tuple(notes)
