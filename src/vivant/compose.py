"""Composing: drawn frames laid over the source picture, or over another background.

What does not move is made once; each picture costs one copy of that, and the area of the drawn window.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.avatar import Frame
from vivant.errors import SettingsError
from vivant.face.window import Window
from vivant.media.image import PICTURES, read_image
from vivant.media.limits import DEFAULT_LIMITS, Limits
from vivant.media.opaque import over
from vivant.media.video import VideoFrame, open_video
from vivant.portrait.fill import smooth_background
from vivant.portrait.matte import CutOut
from vivant.portrait.portrait import Portrait

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

NAMED = ("keep", "blur", "none")
BACKGROUNDS = "keep, blur, none, a colour such as #20a040, a picture file or a video file"
_BLUR = 0.03
"""Standard deviation of the blurred background, in shorter sides of the view."""
_FEATHER = 0.04
"""Width of the edge of a frame drawn coarser than the view, in shorter sides of the frame."""


class Backdrop(Protocol):
    """What stands behind a cut-out person."""

    def at(self, time: float) -> Bytes:
        """The picture (rows, columns, 3) at `time` seconds; the caller does not change it."""
        ...


class Composer:
    """Lays the frames of one or several faces into the whole output picture."""

    def __init__(
        self, portrait: Portrait, view: Window, background: str = "keep", limits: Limits = DEFAULT_LIMITS
    ) -> None:
        """Make everything that stays the same. `background` is one of `BACKGROUNDS`.

        Raises `SettingsError` for another background and `MediaError` if its file cannot be read.
        """
        self.view = view
        self.cutout = background != "keep"
        """Whether the avatar must cut the person out of the picture."""
        self.transparent = background == "none" or (not self.cutout and bool((portrait.picture[..., 3] < 255).any()))
        """Whether the pictures have transparent parts."""
        self._still = cut_view(portrait.picture, view) if not self.cutout else None
        self._backdrop = open_backdrop(portrait, view, background, limits) if self.cutout else None
        self._shares: tuple[Floats, ...] = ()
        self._feather: Floats | None = None

    def compose(self, frames: Sequence[Frame], time: float = 0.0) -> Bytes:
        """The picture (rows, columns, 4) RGBA, straight alpha, with `frames`, one per face, at `time` seconds."""
        if self._still is None:
            return self._over_backdrop(frames, time)
        picture = self._still.copy()
        if len(frames) == 1:
            self._paste(picture, frames[0])
        else:
            self._paste_shared(picture, frames)
        return picture

    def _paste(self, picture: Bytes, frame: Frame) -> None:
        """Lay a frame over its place in `picture` (H, W, 3), soft where it is enlarged."""
        (left, top, right, bottom), pixels = place_frame(frame, self.view)
        area = picture[top:bottom, left:right]
        if pixels.shape[0] * pixels.shape[1] <= frame.pixels.shape[0] * frame.pixels.shape[1]:
            area[:] = pixels
            return
        if self._feather is None or self._feather.shape != pixels.shape[:2]:
            self._feather = feathered_edge(*pixels.shape[:2])
        area[:] = cv2.blendLinear(pixels, area, self._feather, 1 - self._feather)

    def _paste_shared(self, picture: Bytes, frames: Sequence[Frame]) -> None:
        """Where windows overlap, each pixel of `picture` (H, W, 3) belongs to the nearest face."""
        if not self._shares:
            self._shares = nearest_shares([frame.window for frame in frames], self.view)
        for frame, share in zip(frames, self._shares, strict=True):
            (left, top, right, bottom), pixels = place_frame(frame, self.view)
            weight = share[top:bottom, left:right]
            area = picture[top:bottom, left:right]
            area[:] = cv2.blendLinear(pixels, area, weight, 1 - weight)

    def _over_backdrop(self, frames: Sequence[Frame], time: float) -> Bytes:
        """All frames over what stands behind them at `time`: (H, W, 4)."""
        layers = [self._fill_view(frame) for frame in frames]
        if self._backdrop is None or self.transparent:
            return layers[0] if len(layers) == 1 else stack_layers(layers)
        picture = self._backdrop.at(time)
        for layer in layers:
            picture = over(layer, picture)
        return cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA)  # type: ignore[return-value]

    def _fill_view(self, frame: Frame) -> Bytes:
        """A frame's pixels on the whole view (H, W, 4)."""
        (left, top, right, bottom), pixels = place_frame(frame, self.view)
        if pixels.shape[:2] == (self.view.rows, self.view.columns):
            return pixels
        layer = np.zeros((self.view.rows, self.view.columns, 4), np.uint8)
        layer[top:bottom, left:right] = pixels
        return layer


def place_frame(frame: Frame, view: Window) -> tuple[tuple[int, int, int, int], Bytes]:
    """Where a frame lies in a view: left, top, right, bottom in whole pixels; its pixels (h, w, 4) resampled to it."""
    across, down = view.columns / view.width, view.rows / view.height
    window = frame.window
    left, top = round((window.x - view.x) * across), round((window.y - view.y) * down)
    width = max(1, round(window.width * across))
    height = max(1, round(window.height * down))
    pixels = frame.pixels
    if pixels.shape[:2] != (height, width):
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    first_row, first_column = max(0, -top), max(0, -left)
    right, bottom = min(left + width, view.columns), min(top + height, view.rows)
    left, top = max(left, 0), max(top, 0)
    pixels = pixels[first_row : first_row + bottom - top, first_column : first_column + right - left]
    return (left, top, right, bottom), pixels


def cut_view(picture: Bytes, view: Window) -> Bytes:
    """The view's part of `picture` (H, W, 4), drawn with its pixels (rows, columns, 4); edges repeat outside."""
    height, width = picture.shape[:2]
    plain = (view.x, view.y, view.width, view.height) == (0, 0, view.columns, view.rows)
    if plain and view.rows <= height and view.columns <= width:
        return np.ascontiguousarray(picture[: view.rows, : view.columns])
    scale = view.columns / view.width
    if scale < 1:  # averaging first: an affine warp alone would alias
        size = max(1, round(width * scale)), max(1, round(height * scale))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    across, down = picture.shape[1] / width, picture.shape[0] / height
    x_step, y_step = view.width * across / view.columns, view.height * down / view.rows
    matrix = np.array(
        [[x_step, 0, view.x * across + (x_step - 1) / 2], [0, y_step, view.y * down + (y_step - 1) / 2]], np.float64
    )
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(picture, matrix, (view.columns, view.rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


def stack_layers(layers: Sequence[Bytes]) -> Bytes:
    """Several RGBA layers (H, W, 4), straight alpha, the last on top."""
    result = layers[0].astype(np.float32)
    for layer in layers[1:]:
        above = layer[..., 3:].astype(np.float32) / 255
        below = result[..., 3:] / 255 * (1 - above)
        total = above + below
        result[..., :3] = (layer[..., :3] * above + result[..., :3] * below) / np.maximum(total, 1e-6)
        result[..., 3:] = total * 255
    return np.asarray(result + 0.5, np.uint8)


def feathered_edge(rows: int, columns: int) -> Floats:
    """Weights (rows, columns) 0..1 that fall to 0 at the border."""
    width = max(1.0, _FEATHER * min(rows, columns))
    down = np.minimum(np.arange(rows) + 0.5, np.arange(rows)[::-1] + 0.5) / width
    across = np.minimum(np.arange(columns) + 0.5, np.arange(columns)[::-1] + 0.5) / width
    return np.asarray(np.clip(np.minimum(down[:, None], across[None, :]), 0, 1), np.float32)


def nearest_shares(windows: Sequence[Window], view: Window) -> tuple[Floats, ...]:
    """One map (rows, columns) 0..1 per window: how much of each pixel of the view belongs to it.

    Outside all other windows a window owns its pixels; inside several, the one whose centre is nearest in its own size.
    """
    y, x = np.mgrid[0 : view.rows, 0 : view.columns].astype(np.float32) + 0.5
    x, y = view.x + x * (view.width / view.columns), view.y + y * (view.height / view.rows)
    offsets = [
        (np.abs(x - w.x - w.width / 2) / w.width * 2, np.abs(y - w.y - w.height / 2) / w.height * 2) for w in windows
    ]
    closeness = [
        np.where(np.maximum(across, down) <= 1, np.exp(-12 * np.hypot(across, down)), 0) for across, down in offsets
    ]
    shares, behind = [], np.zeros_like(x)
    for own in closeness:
        behind = behind + own
        # Frames are laid one over the other: each takes its part of what is there already.
        shares.append((own / np.maximum(behind, 1e-12)).astype(np.float32))
    return tuple(shares)


def check_background(background: str) -> None:
    """Raise `SettingsError` where `background` is none of `BACKGROUNDS`, before any work is done."""
    if background.startswith("#"):
        parse_colour(background)
    elif background not in NAMED and not Path(background).is_file():
        raise SettingsError(f"background {background!r} is not there; give {BACKGROUNDS}")


def open_backdrop(portrait: Portrait, view: Window, background: str, limits: Limits) -> Backdrop | None:
    """The backdrop that `background` names; None for "none"."""
    if background == "none":
        return None
    if background == "blur":
        return Still(blurred_background(portrait, view))
    if background.startswith("#"):
        return Still(np.full((view.rows, view.columns, 3), parse_colour(background), np.uint8))
    path = Path(background)
    if path.suffix.lower() in PICTURES:
        return Still(cover(read_image(path, limits).pixels[..., :3], view))
    check_background(background)
    return LoopedVideo(path, view, limits)


def parse_colour(text: str) -> tuple[int, int, int]:
    """(red, green, blue) 0..255 of "#rrggbb"; raises `SettingsError` for anything else."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise SettingsError(f"background {text!r} is not a colour; write it as #rrggbb, for example #20a040")
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def blurred_background(portrait: Portrait, view: Window) -> Bytes:
    """The view (rows, columns, 3) without the person, out of focus."""
    colour = np.ascontiguousarray(portrait.picture[..., :3])
    filled = smooth_background(portrait, CutOut(colour, portrait.person))  # out of focus, the rough mask is enough
    opaque = np.dstack([filled, np.full(filled.shape[:2], 255, np.uint8)])
    sharp = cut_view(opaque, view)[..., :3]
    return np.asarray(cv2.GaussianBlur(sharp, (0, 0), _BLUR * min(view.rows, view.columns)), np.uint8)


def cover(picture: Bytes, view: Window) -> Bytes:
    """`picture` (H, W, 3) scaled and cut in the middle so that it fills the view's pixels (rows, columns, 3)."""
    height, width = picture.shape[:2]
    scale = max(view.columns / width, view.rows / height)
    size = max(view.columns, round(width * scale)), max(view.rows, round(height * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(np.ascontiguousarray(picture), size, interpolation=interpolation)
    left, top = (size[0] - view.columns) // 2, (size[1] - view.rows) // 2
    return np.ascontiguousarray(scaled[top : top + view.rows, left : left + view.columns], np.uint8)


class Still:
    """A backdrop that does not move."""

    def __init__(self, picture: Bytes) -> None:
        """Of one `picture` (H, W, 3)."""
        self._picture = picture

    def at(self, time: float) -> Bytes:
        """The same picture (H, W, 3) at every time."""
        return self._picture


class LoopedVideo:
    """A backdrop from a video file, from its beginning again at each end; asked for at times that do not go back."""

    def __init__(self, path: Path, view: Window, limits: Limits) -> None:
        """Open `path`; raises `MediaError` if it is no video."""
        self._path, self._view, self._limits = path, view, limits
        self._frames = self._loop()
        self._shown = next(self._frames)
        self._next = next(self._frames)
        self._picture = cover(self._shown.pixels, view)

    def at(self, time: float) -> Bytes:
        """The frame (H, W, 3) that stands at `time` seconds."""
        moved = False
        while self._next.time <= time + 1e-6:
            self._shown, self._next = self._next, next(self._frames)
            moved = True
        if moved:
            self._picture = cover(self._shown.pixels, self._view)
        return self._picture

    def _loop(self) -> Iterator[VideoFrame]:
        """All frames over and over, with times that go on growing."""
        offset = 0.0
        while True:
            with open_video(self._path, self._limits) as clip:
                for frame in clip:
                    yield VideoFrame(offset + frame.time, frame.pixels)
                offset += max(clip.info.seconds, frame.time + 1e-3)
