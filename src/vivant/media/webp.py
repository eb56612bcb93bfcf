"""Animated WebP in: the one moving format that FFmpeg does not decode."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivant.errors import MediaError, VivantError
from vivant.media.container import check_file, check_seconds
from vivant.media.limits import Limits

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class WebPFrame:
    """One composed frame of an animation."""

    time: float
    """Seconds from the first frame at which it appears."""
    seconds: float
    """How long it stands."""
    pixels: Bytes
    """(H, W, 3) RGB over white."""


def is_webp(path: Path, limits: Limits) -> bool:
    """Whether the content is WebP. Raises `MediaError` if the file cannot be read."""
    with check_file(path, limits).open("rb") as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def read_frames(path: Path, limits: Limits) -> Iterator[WebPFrame]:
    """Decode frame by frame. Raises `MediaError` if the file is damaged or larger than `limits`."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(check_file(path, limits), formats=("WEBP",))
        if image.width * image.height > limits.max_video_pixels:
            raise MediaError(f"{path}: {image.width}x{image.height} pixels, more than {limits.max_video_pixels}")
        time = 0.0
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            pixels = over_white(np.asarray(image.convert("RGBA")))
            seconds = image.info.get("duration", 40) / 1000 or 0.04
            yield WebPFrame(check_seconds(path, time, limits), seconds, pixels)
            time += seconds
    except (VivantError, GeneratorExit, MemoryError):
        raise
    except Exception as error:  # decoders of untrusted bytes raise whatever they like
        raise MediaError(f"{path}: the WebP animation is damaged: {' '.join(str(error).split())}") from None


def over_white(rgba: Bytes) -> Bytes:
    """(H, W, 4) straight alpha to (H, W, 3) over white."""
    alpha = rgba[..., 3:].astype(np.uint16)
    if alpha.min() == 255:
        return np.ascontiguousarray(rgba[..., :3])
    return ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
