"""One face through a video: found in a key frame, in tiles if it is small, then followed from frame to frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivant.errors import SettingsError
from vivant.face.tracker import FaceLandmarks, FaceTracker
from vivant.media.video import VideoFrame

Bytes = NDArray[np.uint8]

CHOICES = ("largest", "left", "right", "centre")
MOST_FACES = 6
TILE_SIDES = (0.67, 0.4, 0.25)
"""Sides of the search tiles in short sides of the picture, tried in turn; a face must fill 12 % of its tile."""
SMALLEST_TILE = 100
CROP_SIDE = 2.4
"""Side of the followed square in face sizes."""
NEAR_SIDE = 5.0
"""The same of the square in which a small face is sought that has just been lost."""
DEAD_ZONE = 0.28
"""The square moves when the face is off its centre by more than this share of the side, or has grown or shrunk so."""
SEARCH_PAUSE = 0.4
"""Seconds between searches in tiles while no face is there: one costs as much as many frames."""


@dataclass(frozen=True)
class Square:
    """The part of the picture in which the tracker looks."""

    left: int
    top: int
    side: int

    def cut(self, picture: Bytes) -> Bytes:
        """The pixels (side, side, 3), black outside the picture."""
        height, width = picture.shape[:2]
        x0, y0 = max(self.left, 0), max(self.top, 0)
        x1, y1 = min(self.left + self.side, width), min(self.top + self.side, height)
        if (x1 - x0, y1 - y0) == (self.side, self.side):
            return picture[y0:y1, x0:x1]
        crop = np.zeros((self.side, self.side, 3), np.uint8)
        if x1 > x0 and y1 > y0:
            crop[y0 - self.top : y1 - self.top, x0 - self.left : x1 - self.left] = picture[y0:y1, x0:x1]
        return crop

    def place(self, face: FaceLandmarks) -> FaceLandmarks:
        """A face found in `cut` in the coordinates of the whole picture."""
        return replace(face, points=face.points + np.array([self.left, self.top, 0], np.float32))

    def holds(self, face: FaceLandmarks) -> bool:
        """Whether the face is still well inside and of about the size that the square was made for."""
        x0, y0, x1, y1 = face.box
        off = max(abs((x0 + x1) / 2 - self.left - self.side / 2), abs((y0 + y1) / 2 - self.top - self.side / 2))
        growth = max(x1 - x0, y1 - y0) * CROP_SIDE / self.side
        return off < DEAD_ZONE * self.side / 2 and 1 - DEAD_ZONE < growth < 1 + DEAD_ZONE

    @classmethod
    def around(cls, face: FaceLandmarks, sizes: float = CROP_SIDE) -> Square:
        """A square of `sizes` face sizes with the face in its middle."""
        x0, y0, x1, y1 = face.box
        side = max(16, round(max(x1 - x0, y1 - y0) * sizes))
        return cls(round((x0 + x1 - side) / 2), round((y0 + y1 - side) / 2), side)


def follow_face(
    frames: Iterable[VideoFrame], choice: str = "largest", model_file: Path | None = None
) -> Iterator[tuple[float, FaceLandmarks | None]]:
    """(time, face in picture pixels or None) for each frame, in order.

    `choice` is "largest", "left", "right", "centre" or a number counted from the left, from 1; it decides once, in the
    first frame with a face. Raises SettingsError for another choice or a number that is not there.
    """
    check_choice(choice)
    with ExitStack() as engines:
        follower = _Follower(engines, choice, model_file)
        for frame in frames:
            yield frame.time, follower.follow(frame)


class _Follower:
    """What is known of the followed face from frame to frame."""

    def __init__(self, engines: ExitStack, choice: str, model_file: Path | None) -> None:
        self._engines = engines
        self._model_file = model_file
        self._searcher = self._open(False, MOST_FACES)
        self._tracker: FaceTracker | None = None
        self._choice = choice
        self._chosen: FaceLandmarks | None = None
        self._square: Square | None = None
        self._searched = -np.inf

    def _open(self, moving: bool, faces: int) -> FaceTracker:
        return self._engines.enter_context(FaceTracker(moving=moving, faces=faces, model_file=self._model_file))

    def follow(self, frame: VideoFrame) -> FaceLandmarks | None:
        """The followed face in `frame`."""
        found = _track(self._tracker, frame, self._square) if self._tracker else None
        if found is None:
            found = self._find(frame)
        elif self._tracker and self._square and not self._square.holds(found):
            self._square = Square.around(found)
            self._tracker.forget()
        self._chosen = found or self._chosen
        return found

    def _find(self, frame: VideoFrame) -> FaceLandmarks | None:
        """Search the whole frame, and from time to time in tiles."""
        faces = _look(self._searcher, frame.pixels, self._chosen if self._square else None)
        if not faces and frame.time - self._searched >= SEARCH_PAUSE:
            self._searched = frame.time
            faces = find_in_tiles(self._searcher, frame.pixels)
        found = _same(faces, self._chosen) if self._chosen else pick(faces, self._choice)
        if found is None:
            return None
        small = self._square is not None or _needs_square(found, faces, frame.pixels)
        self._square = Square.around(found) if small else None
        # The searcher's landmarks are rough; as a first frame they would be false motion in all others.
        self._tracker = self._tracker or self._open(True, 1)
        self._tracker.forget()
        return _track(self._tracker, frame, self._square) or found


def _track(tracker: FaceTracker, frame: VideoFrame, square: Square | None) -> FaceLandmarks | None:
    faces = tracker.find(square.cut(frame.pixels) if square else frame.pixels, frame.time)
    if not faces:
        return None
    return square.place(faces[0]) if square else faces[0]


def _look(searcher: FaceTracker, picture: Bytes, before: FaceLandmarks | None) -> tuple[FaceLandmarks, ...]:
    """The faces of `picture` (H, W, 3) around the place where a small one was seen `before`, else all of them."""
    if before is not None:
        near = Square.around(before, NEAR_SIDE)
        faces = tuple(near.place(face) for face in searcher.find(near.cut(picture)))
        if faces:
            return faces
    return searcher.find(picture)


def find_in_tiles(searcher: FaceTracker, picture: Bytes) -> tuple[FaceLandmarks, ...]:
    """The faces of `picture` (H, W, 3) that are too small in the whole, by overlapping tiles, large ones first."""
    height, width = picture.shape[:2]
    for share in TILE_SIDES:
        side = round(share * min(height, width))
        if side < SMALLEST_TILE:
            break
        tiles = (Square(x, y, side) for y in _steps(height, side) for x in _steps(width, side))
        faces = _distinct(tile.place(face) for tile in tiles for face in searcher.find(tile.cut(picture)))
        if faces:
            return faces
    return ()


def _steps(length: int, side: int) -> list[int]:
    """Starts of tiles that cover `length` and overlap by at least a third."""
    count = 1 + int(np.ceil(max(length - side, 0) / (side * 2 / 3)))
    return [round(start) for start in np.linspace(0, length - side, count)] if count > 1 else [0]


def _distinct(faces: Iterable[FaceLandmarks]) -> tuple[FaceLandmarks, ...]:
    kept: list[FaceLandmarks] = []
    for face in faces:
        if all(np.linalg.norm(_centre(face) - _centre(other)) > 0.5 * other.extent for other in kept):
            kept.append(face)
    return tuple(kept)


def _centre(face: FaceLandmarks) -> NDArray[np.float64]:
    """The middle (2,) of a face."""
    x0, y0, x1, y1 = face.box
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2])


def check_choice(choice: str) -> None:
    """Raise SettingsError unless `choice` is a way to choose a face."""
    if choice not in CHOICES and not (choice.isascii() and choice.isdigit() and int(choice) > 0):
        raise SettingsError(f"face {choice!r} is unknown; use {', '.join(CHOICES)}, or a number from the left, from 1")


def pick(faces: tuple[FaceLandmarks, ...], choice: str) -> FaceLandmarks | None:
    """The chosen one of `faces`, None if there are none; raises SettingsError for a number that is not there."""
    if not faces:
        return None
    across = sorted(faces, key=lambda face: float(_centre(face)[0]))
    middle = np.mean([_centre(face)[0] for face in (across[0], across[-1])])
    if choice.isdigit():
        if int(choice) > len(across):
            raise SettingsError(f"face {choice} does not exist; the driver shows {len(across)}, counted from the left")
        return across[int(choice) - 1]
    if choice == "centre":
        return min(faces, key=lambda face: abs(float(_centre(face)[0]) - float(middle)))
    return {"left": across[0], "right": across[-1]}.get(choice, max(faces, key=lambda face: face.extent))


def _same(faces: tuple[FaceLandmarks, ...], before: FaceLandmarks) -> FaceLandmarks | None:
    """The face that is most likely the one of `before`, after it was lost."""

    def distance(face: FaceLandmarks) -> float:
        apart = float(np.linalg.norm(_centre(face) - _centre(before))) / before.extent
        return apart + abs(float(np.log(face.extent / before.extent)))

    return min(faces, key=distance, default=None)


def _needs_square(face: FaceLandmarks, faces: tuple[FaceLandmarks, ...], picture: Bytes) -> bool:
    """The tracker keeps a lone large face; beside others or when small it must not see all of (H, W, 3)."""
    return len(faces) > 1 or face.extent < 0.15 * max(picture.shape[:2])
