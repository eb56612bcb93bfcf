"""The class map of a portrait: by MediaPipe's multiclass selfie segmenter where the user names its file, else by parts.

MediaPipe's file (selfie_multiclass_256x256.tflite, Apache-2.0) is not packaged. See `classes` for the classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.errors import WeightsError
from vivant.face.tracker import quiet_stderr
from vivant.portrait.classes import BACKGROUND, NAMES
from vivant.portrait.matte import CutOut, cut_out
from vivant.portrait.parts import map_parts
from vivant.portrait.person import over_grey
from vivant.portrait.portrait import Portrait

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]

MODEL = "MediaPipe's selfie_multiclass_256x256.tflite"
LARGEST_FILE = 64 * 1024 * 1024
"""Bytes; the published file has a quarter of this."""
VEIL = 0.1
"""Alpha from which a person leaves a trace in the background."""
ELSEWHERE = 0.05
"""Where the soft mask of the chosen person is below this, the pixels of a second person count as background."""


@dataclass(frozen=True)
class ClassMap:
    """What each pixel of a portrait shows."""

    classes: Bytes
    """(H, W) 0..5; see `vivant.portrait.classes`."""
    person: Flags
    """(H, W): where anything of the person shows, be it hair too thin to count."""


def class_map(portrait: Portrait, model_file: Path | None = None, cut: CutOut | None = None) -> ClassMap:
    """The class map of `portrait`, at the size of its picture.

    Without a `model_file` it is made from the person's matte (that of `cut`, where it is known), the landmarks and the
    picture's colours, which works best around 512 x 512; see `map_parts` for what that cannot tell. Raises
    WeightsError if the file cannot be used.
    """
    picture = over_grey(portrait.picture)
    if model_file is None:
        alpha = (cut or cut_out(portrait)).alpha
        return ClassMap(map_parts(picture, portrait.landmarks, portrait.pose, alpha), alpha > VEIL)
    classes = segment_file(picture, model_file)
    if len(portrait.faces) > 1:
        classes[portrait.person < ELSEWHERE] = BACKGROUND
    return ClassMap(classes, classes != BACKGROUND)


def segment_file(picture: Bytes, model_file: Path) -> Bytes:
    """The class map (H, W) of `picture` (H, W, 3) sRGB by the segmenter in `model_file`.

    Raises WeightsError if the file is missing, damaged or no segmenter of these six classes.
    """
    from mediapipe import Image, ImageFormat

    with quiet_stderr(), _open_segmenter(model_file) as segmenter:
        result = segmenter.segment(Image(image_format=ImageFormat.SRGB, data=np.ascontiguousarray(picture)))
        classes = np.array(result.category_mask.numpy_view(), np.uint8).reshape(picture.shape[:2])
        count = len(result.confidence_masks)
    if count != len(NAMES):
        raise WeightsError(f"{model_file}: this segmenter has {count} classes instead of {len(NAMES)}; use {MODEL}")
    return classes


def _open_segmenter(model_file: Path) -> Any:
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.ImageSegmenterOptions(
        base_options=BaseOptions(model_asset_buffer=_read_model(model_file)),
        output_category_mask=True,
        output_confidence_masks=True,
    )
    try:
        return vision.ImageSegmenter.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        raise WeightsError(f"{model_file}: MediaPipe cannot open this as an image segmenter; use {MODEL}") from error


def _read_model(model_file: Path) -> bytes:
    """The file's bytes, if MediaPipe can be trusted with them: one without metadata would end the process."""
    if not model_file.is_file():
        raise WeightsError(f"{model_file}: no such file; name {MODEL}, or leave it out")
    if model_file.stat().st_size > LARGEST_FILE:
        raise WeightsError(f"{model_file}: too large for a segmenter; use {MODEL}")
    data = model_file.read_bytes()
    if data[4:8] != b"TFL3" or b"TFLITE_METADATA" not in data:
        raise WeightsError(f"{model_file}: this is no TensorFlow Lite model with metadata; use {MODEL}")
    return data
