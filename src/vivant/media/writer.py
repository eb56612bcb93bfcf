"""Results out: pictures one by one into a video, an animation or a folder, whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av
import numpy as np
from numpy.typing import NDArray

from vivant.errors import MediaError, SettingsError
from vivant.media.container import check_parent, spare_inputs
from vivant.media.encode import CONTAINERS, ContainerSink, Film, SoundTrack
from vivant.media.gif import GifSink
from vivant.media.opaque import WHITE, Opaque, see_through

__all__ = ["FrameWriter", "SoundTrack", "check_place", "holds_alpha", "holds_sound", "open_writer"]

Bytes = NDArray[np.uint8]

_MAX_SIDE = 16383
_MAX_RATE = 240
_GIF_MAX_RATE = 50
_FRAME_NAME = "frame_{:06d}.png"


class Sink(Protocol):
    """Where frames go; one class per kind of file."""

    def add(self, pixels: Bytes) -> None:
        """Take the next (h, w, 4) frame."""

    def finish(self) -> None:
        """Complete and close the file."""

    def abandon(self) -> None:
        """Close the file as it is; it will be deleted."""


def holds_alpha(path: Path) -> bool:
    """Whether the format of this name can keep transparency. Raises `SettingsError` for an unknown extension."""
    kind = _kind(path)
    return kind in ("folder", ".gif") or CONTAINERS[kind].alpha_pixels is not None


def holds_sound(path: Path) -> bool:
    """Whether the format of this name can keep sound. Raises `SettingsError` for an unknown extension."""
    kind = _kind(path)
    return kind in CONTAINERS and CONTAINERS[kind].sound_codec is not None


def check_place(path: Path, inputs: Iterable[Path | None] = ()) -> None:
    """Raise what `open_writer` would raise for the name `path`, before any work is done; nothing is created.

    Raises `SettingsError` also if the result would take the place of one of `inputs`, the files that are read.
    """
    kind = _kind(path)
    spare_inputs(path, inputs)
    _check_folder(path, folder=kind == "folder")


def open_writer(
    path: Path,
    size: tuple[int, int],
    rate: Fraction,
    *,
    alpha: bool = False,
    audio: SoundTrack | None = None,
    quality: int | None = None,
    comment: str = "",
    seal: Callable[[Path], None] | None = None,
) -> FrameWriter:
    """Open a result for writing; use with `with`, and it appears under `path` when the block ends without an error.

    The extension decides: .mp4 (H.264, AAC), .webm (VP9, Opus), .mov (ProRes 4444, PCM), .gif, .webp, or no
    extension for a folder of PNG. `size` is (width, height); `rate` is kept as it is; `quality` is 0..100, higher is
    better and larger. Sound is cut to the length of the picture and left out where the format has none. `comment` is
    stored in the file (not in GIF and WebP); `seal` may change the complete file before it gets its name.
    Raises `SettingsError` for a request that cannot work and `MediaError` if the place cannot be written.
    """
    kind = _kind(path)
    _check(path, kind, size, rate, quality)
    if alpha and not holds_alpha(path):
        raise SettingsError(f"{path}: this format has no alpha; use .webm, .mov, .webp, .gif or a folder of PNG")
    film = Film(size, Fraction(rate), alpha, audio if holds_sound(path) else None, quality, comment)
    return FrameWriter(Path(path), kind, film, seal)


class FrameWriter:
    """Takes the frames of one result; made by `open_writer`."""

    def __init__(self, path: Path, kind: str, film: Film, seal: Callable[[Path], None] | None = None) -> None:
        self._path, self._kind, self._film, self._seal = path, kind, film, seal
        self._opaque = Opaque(WHITE)
        self._temporary = _claim(path, folder=kind == "folder")
        self.count = 0
        """Frames written so far."""
        try:
            self._sink = self._open_sink()
        except BaseException:
            _remove(self._temporary)
            raise

    def write(self, pixels: Bytes) -> None:
        """Add the next frame, (h, w, 3) or (h, w, 4) uint8 sRGB with straight alpha.

        Without `alpha` transparent pictures are laid over white. Raises `SettingsError` for another shape and
        `MediaError` if it cannot be written (disk full).
        """
        width, height = self._film.size
        if pixels.dtype != np.uint8 or pixels.shape not in ((height, width, 3), (height, width, 4)):
            shape = f"{pixels.dtype} {pixels.shape}"
            raise SettingsError(f"{self._path}: a frame must be uint8 ({height}, {width}, 3 or 4), not {shape}")
        if not self._film.alpha and pixels.shape[2] > 3 and see_through(pixels):
            pixels = self._opaque(pixels)
        try:
            self._sink.add(pixels)
        except (av.FFmpegError, OSError) as error:
            raise self._fault(error) from None
        self.count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is not None:
                self._sink.abandon()
            elif self.count == 0:
                self._sink.abandon()
                raise MediaError(f"{self._path}: there were no frames to write")
            else:
                self._sink.finish()
                if self._seal is not None:
                    self._seal(self._temporary)
                _publish(self._temporary, self._path)
        except (av.FFmpegError, OSError) as fault:
            raise self._fault(fault) from None
        finally:
            _remove(self._temporary)

    def _open_sink(self) -> Sink:
        if self._kind == "folder":
            return _FolderSink(self._temporary, self._film)
        if self._kind == ".gif":
            return GifSink(self._temporary, self._film)
        try:
            return ContainerSink(self._temporary, CONTAINERS[self._kind], self._film)
        except (av.FFmpegError, OSError) as error:
            raise self._fault(error) from None

    def _fault(self, error: BaseException) -> MediaError:
        reason = getattr(error, "strerror", None) or str(error)
        return MediaError(f"{self._path}: cannot be written: {reason}; check the free space of the disk")


@dataclass
class _FolderSink:
    folder: Path
    film: Film
    count: int = 0

    def add(self, pixels: Bytes) -> None:
        """Write one (H, W, 3 or 4) frame."""
        from PIL import Image
        from PIL.PngImagePlugin import PngInfo

        picture = Image.fromarray(pixels if self.film.alpha else np.ascontiguousarray(pixels[..., :3]))
        texts = PngInfo()
        if self.film.comment:
            texts.add_text("Comment", self.film.comment)
        picture.save(self.folder / _FRAME_NAME.format(self.count), compress_level=3, pnginfo=texts)
        self.count += 1

    def finish(self) -> None:
        """Every frame is already complete."""

    def abandon(self) -> None:
        """Nothing is open."""


def _kind(path: Path) -> str:
    """The extension in lower case, or "folder"."""
    suffix = Path(path).suffix.lower()
    known_film = suffix == ".gif" or suffix in CONTAINERS
    if str(path).endswith(("/", os.sep)) or not suffix or (Path(path).is_dir() and not known_film):
        return "folder"
    if not known_film:
        known = " ".join((*CONTAINERS, ".gif"))
        raise SettingsError(f"{path}: unknown extension {suffix!r}; known are {known} and none (a folder of PNG)")
    return suffix


def _check(path: Path, kind: str, size: tuple[int, int], rate: Fraction, quality: int | None) -> None:
    if not all(1 <= side <= _MAX_SIDE for side in size):
        raise SettingsError(f"{path}: size {size[0]}x{size[1]} is not within 1 to {_MAX_SIDE} pixels a side")
    if not 0 < rate <= _MAX_RATE:
        raise SettingsError(f"{path}: {rate} frames per second is not within 0 to {_MAX_RATE}")
    if kind == ".gif" and rate > _GIF_MAX_RATE:
        raise SettingsError(f"{path}: GIF shows at most {_GIF_MAX_RATE} frames per second; lower it or write .webp")
    if quality is not None and not 0 <= quality <= 100:
        raise SettingsError(f"{path}: quality {quality} is not within 0 to 100")


def _claim(path: Path, folder: bool) -> Path:
    """Create a temporary file or folder beside `path`; the proof that results can be written there."""
    _check_folder(path, folder)
    parent = path.parent
    temporary = parent / f".vivant-{secrets.token_hex(6)}.part"
    try:
        if folder:
            temporary.mkdir()
        else:
            temporary.open("xb").close()
    except OSError as error:
        raise MediaError(f"{path}: the folder {parent} cannot be written: {error.strerror}") from None
    return temporary


def _check_folder(path: Path, folder: bool) -> None:
    check_parent(path)
    if not folder and path.is_dir():
        raise MediaError(f"{path}: there is a folder of this name; choose another one")
    if folder and path.exists() and not _only_frames(path):
        raise MediaError(f"{path}: exists and holds other things than frames; choose another name")


def _only_frames(path: Path) -> bool:
    return path.is_dir() and all(p.name.startswith("frame_") and p.suffix == ".png" for p in path.iterdir())


def _publish(temporary: Path, path: Path) -> None:
    """Give the finished result its name, in place of an earlier one."""
    if path.is_dir():
        old = temporary.with_suffix(".old")
        path.rename(old)
        temporary.rename(path)
        shutil.rmtree(old)
    else:
        os.replace(temporary, path)


def _remove(temporary: Path) -> None:
    if temporary.is_dir():
        shutil.rmtree(temporary, ignore_errors=True)
    else:
        temporary.unlink(missing_ok=True)
