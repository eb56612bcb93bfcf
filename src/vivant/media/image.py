"""Pictures in and out: any common format to upright sRGB, and atomic writing."""

from __future__ import annotations

import io
import os
import secrets
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.errors import MediaError, SettingsError, VivantError
from vivant.media.container import check_file
from vivant.media.limits import DEFAULT_LIMITS, Limits
from vivant.media.opaque import WHITE, Opaque

if TYPE_CHECKING:
    from PIL.Image import Image

Bytes = NDArray[np.uint8]

# Formats whose decoders only decode: no interpreters (EPS), and none that takes any text for a picture (TGA).
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "AVIF")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_ORIENTATION = 0x0112
_STRIP = 4_000_000
"""Pixels that are converted at a time, so that a conversion never holds a second whole picture."""
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
PICTURES = (*_SUFFIXES, ".heic", ".avif")
"""Extensions of files that are meant as pictures."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture."""

    pixels: Bytes
    """(H, W, 4) RGBA, sRGB, straight alpha, upright; pixels of alpha 0 carry the colour of their surroundings."""
    notes: tuple[str, ...] = ()
    """What a user should know, one sentence each."""


def read_image(path: Path, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """Read a picture file (PNG, JPEG, WebP, GIF, BMP, TIFF, PPM, JPEG 2000, HEIC, AVIF), recognised by its content.

    EXIF orientation is applied, a colour profile converted to sRGB, 16 bits per channel scaled to 8.
    Raises `MediaError` if the file is no picture, damaged or truncated, or larger than `limits`.
    """
    resolved = check_file(path, limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's warnings about size and metadata: the limits decide here
            return _read(path, resolved.read_bytes() if _is_heif(resolved) else resolved, limits)
    except (VivantError, MemoryError):
        raise
    except Exception as error:  # decoders of untrusted bytes raise whatever they like
        raise _explain(path, error, limits) from None


def write_image(path: Path, pixels: Bytes) -> None:
    """Write (H, W, 3) or (H, W, 4) uint8 sRGB, straight alpha, under a temporary name and rename it at the end.

    JPEG and BMP hold no alpha: what is transparent lies over white. Raises `SettingsError` for an unknown extension
    and `MediaError` if the folder does not exist or cannot be written.
    """
    from PIL import Image

    Image.init()
    if path.suffix.lower() not in _SUFFIXES:
        raise SettingsError(f"{path}: unknown picture extension {path.suffix!r}; known are {' '.join(_SUFFIXES)}")
    if pixels.shape[2] == 4 and path.suffix.lower() in (".jpg", ".jpeg", ".bmp"):
        pixels = Opaque(WHITE)(pixels)
    buffer = io.BytesIO()
    format_name = Image.registered_extensions()[path.suffix.lower()]
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"quality": 95}}.get(format_name, {})
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format=format_name, **options)
    write_whole(path, buffer.getbuffer())


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file under a temporary name and rename it at the end; raises `MediaError` where that fails."""
    temporary = path.parent / f".vivant-{secrets.token_hex(6)}.part"
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        raise MediaError(f"{path}: cannot be written: {error.strerror}; check the folder {path.parent}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _read(path: Path, source: Path | bytes, limits: Limits) -> Picture:
    notes: list[str] = []
    pixels = _decode(path, source, limits, notes)
    _fill_hidden(pixels)
    return Picture(pixels, tuple(notes))


def _decode(path: Path, source: Path | bytes, limits: Limits, notes: list[str]) -> Bytes:
    """Upright sRGB (H, W, 4), straight alpha."""
    image = _open_heif(path, source, limits) if isinstance(source, bytes) else _open(path, source, limits)
    if getattr(image, "n_frames", 1) > 1 and image.format in ("GIF", "PNG", "WEBP", "AVIF"):
        notes.append("animated picture: the first frame is used")
    orientation = image.getexif().get(_ORIENTATION, 1)
    image.load()
    return np.ascontiguousarray(_upright(_to_rgba(image, notes), orientation))


def _open(path: Path, source: Path, limits: Limits) -> Image:
    from PIL import Image

    Image.init()  # `formats` are looked up among the decoders that are loaded
    image = Image.open(source, formats=_FORMATS)
    _check_size(path, image.size, limits)
    return image


def _open_heif(path: Path, source: bytes, limits: Limits) -> Image:
    import pillow_heif

    heif = pillow_heif.open_heif(io.BytesIO(source))
    _check_size(path, heif.size, limits)
    image: Image = heif.to_pillow()  # already turned upright; its EXIF orientation says so
    return image


def _is_heif(resolved: Path) -> bool:
    with resolved.open("rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def _check_size(path: Path, size: tuple[int, int], limits: Limits) -> None:
    if size[0] * size[1] > limits.max_pixels:
        raise MediaError(
            f"{path}: {size[0]}x{size[1]} pixels, more than the limit of {limits.max_pixels}; make it smaller"
        )


def _explain(path: Path, error: Exception, limits: Limits) -> MediaError:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return MediaError(f"{path}: not a picture that can be read; use PNG, JPEG, WebP, TIFF, HEIC or AVIF")
    if isinstance(error, Image.DecompressionBombError):
        return MediaError(f"{path}: too many pixels, the limit is {limits.max_pixels}; make it smaller")
    reason = " ".join(str(error).split()) or type(error).__name__
    if "truncated" in reason or "incomplete" in reason.lower():
        return MediaError(f"{path}: the picture is truncated (its end is missing); copy the file again")
    return MediaError(f"{path}: the picture is damaged and cannot be decoded: {reason}")


def _to_rgba(image: Image, notes: list[str]) -> Bytes:
    """Convert strip by strip; (H, W, 4) uint8 in sRGB, not yet turned upright."""
    width, height = image.size
    pixels = np.empty((height, width, 4), np.uint8)
    convert = _profile_transform(image, notes)
    rows = max(1, _STRIP // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        strip.info = image.info  # carries the transparent colour of palette pictures
        pixels[top : top + rows] = _strip_to_rgba(strip, convert)
    return pixels


def _strip_to_rgba(strip: Image, convert: _Transform | None) -> Bytes:
    """(H, W, 4) in sRGB of a strip of the picture."""
    strip = _eight_bits(strip)
    rgba = np.array(strip.convert("RGBA"))
    if convert is not None:
        rgba[..., :3] = convert(strip)
    return rgba


def _eight_bits(image: Image) -> Image:
    """Scale 16-bit greys by 1/257; Pillow would clip them at 255. (It reads 16-bit colours as their high bytes.)"""
    from PIL import Image

    if image.mode == "F":
        raise MediaError("floating-point pictures have no defined white; save it with 8 or 16 bits per channel")
    if image.mode == "I" or image.mode.startswith("I;"):
        deep = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        return Image.fromarray(((deep + 128) // 257).astype(np.uint8))
    return image


class _Transform:
    """From the colours of an embedded profile to sRGB."""

    def __init__(self, profile: bytes, mode: str) -> None:
        from PIL import ImageCms

        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        self.is_srgb = "srgb" in ImageCms.getProfileDescription(source).lower()
        self._mode = mode
        self._cms = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")

    def __call__(self, image: Image) -> Bytes:
        """sRGB (H, W, 3) of `image`."""
        converted = self._cms.apply(image if image.mode == self._mode else image.convert(self._mode))
        return np.asarray(converted)


def _profile_transform(image: Image, notes: list[str]) -> _Transform | None:
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    if not profile:
        return None
    grey = image.mode in ("L", "LA", "1", "I") or image.mode.startswith("I;")
    mode = "CMYK" if image.mode == "CMYK" else "L" if grey else "RGB"
    try:
        transform = _Transform(profile, mode)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append("the colour profile cannot be used and is ignored: colours may be slightly off")
        return None
    return None if transform.is_srgb else transform


def _upright(pixels: Bytes, orientation: int) -> Bytes:
    """Apply EXIF orientation 1..8 to (H, W, 4); anything else counts as 1."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _fill_hidden(pixels: Bytes) -> None:
    """Give fully transparent pixels of (H, W, 4) the colour of their surroundings, in place.

    Whatever colour a file hides there would come out at every edge as soon as the picture is scaled.
    """
    hidden = pixels[..., 3] == 0
    if not hidden.any():
        return
    height, width = hidden.shape
    scale = min(1.0, 512 / max(height, width))
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    shown = (~hidden).astype(np.float32)
    weight = cv2.resize(shown, small, interpolation=cv2.INTER_AREA)
    colour = np.stack(
        [cv2.resize(pixels[..., c] * shown, small, interpolation=cv2.INTER_AREA) for c in range(3)], axis=-1
    )
    filled = np.clip(_spread(colour, weight) + 0.5, 0, 255).astype(np.uint8)
    pixels[..., :3][hidden] = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)[hidden]


def _spread(colour: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill where `weight` is 0 from ever coarser averages; `colour` (h, w, 3) is multiplied by `weight` (h, w)."""
    height, width = weight.shape
    known = colour / np.maximum(weight, 1e-6)[..., None]
    if max(height, width) == 1 or weight.min() > 0:
        return np.asarray(known, np.float32)
    half = (max(1, width // 2), max(1, height // 2))
    coarse = _spread(
        np.asarray(cv2.resize(colour, half, interpolation=cv2.INTER_AREA), np.float32),
        np.asarray(cv2.resize(weight, half, interpolation=cv2.INTER_AREA), np.float32),
    )
    behind = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(weight[..., None] > 1e-3, known, behind).astype(np.float32)
