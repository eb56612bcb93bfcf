"""Stand-ins for tests that are not about faces or drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.avatar import Frame
from vivant.compose import cut_view
from vivant.face.pose import HeadPose
from vivant.face.window import Window
from vivant.motion.speech.live import BLOCK
from vivant.motion.state import FaceState
from vivant.portrait.portrait import Portrait


def make_portrait(picture: NDArray[np.uint8], box: tuple[float, float, float, float] | None = None) -> Portrait:
    """A portrait of `picture` (H, W, 3 or 4) with landmarks spread over `box`; no face is looked for."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = box or (0.3 * width, 0.3 * height, 0.7 * width, 0.7 * height)
    if picture.shape[2] == 3:
        picture = np.dstack([picture, np.full((height, width), 255, np.uint8)])
    points = np.random.default_rng(0).uniform((x0, y0, 0), (x1, y1, 1), (478, 3)).astype(np.float32)
    person = np.zeros((height, width), np.float32)
    person[int(y0) : int(y1), int(x0) : int(x1)] = 1.0
    pose = HeadPose(1.0, np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    return Portrait(np.ascontiguousarray(picture), points, pose, person, faces=((x0, y0, x1, y1),))


@dataclass(frozen=True)
class Cut:
    """The part of a picture that `ShiftAvatar` moves."""

    pixels: NDArray[np.uint8]
    window: Window


class ShiftAvatar:
    """Shifts the window around the face to the right by as many pixels as the state's translation says."""

    def __init__(self, margin: float = 8.0, coarse: int = 1) -> None:
        self.margin = margin
        self.coarse = coarse

    def prepare(self, portrait: Portrait, view: Window, *, cutout: bool = False) -> Cut:
        """Cut the window out; with `cutout` the whole view, with the person's alpha."""
        picture = portrait.picture
        if cutout:
            picture = np.dstack([picture[..., :3], (portrait.person * 255).astype(np.uint8)])
            return Cut(cut_view(picture, view), view)
        x0, y0, x1, y1 = portrait.faces[0]
        density = view.columns / view.width
        left, top = (round((edge - self.margin - first) * density) for edge, first in ((x0, view.x), (y0, view.y)))
        columns, rows = (round((size + 2 * self.margin) * density) for size in (x1 - x0, y1 - y0))
        window = Window(
            view.x + left / density,
            view.y + top / density,
            columns / density,
            rows / density,
            columns // self.coarse,
            rows // self.coarse,
        )
        return Cut(cut_view(picture, window), window)

    def draw(self, prepared: Cut, state: FaceState) -> Frame:
        """The window's pixels, rolled; the border stays as it is."""
        pixels = prepared.pixels.copy()
        inner = pixels[2:-2, 2:-2]
        inner[:] = np.roll(inner, round(float(state.translation[0])), axis=1)
        return Frame(pixels, prepared.window)


class Stream:
    """An input device of sounddevice that hears what it is told."""

    opened: Stream | None = None

    def __init__(self, callback: Any, **settings: Any) -> None:
        if settings["device"] == "broken":
            raise ValueError("No input device\nmatching 'broken'")
        self.callback, self.settings, self.running = callback, settings, False
        Stream.opened = self

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def close(self) -> None:
        assert not self.running

    def play(self, sound: np.ndarray) -> None:
        for start in range(0, len(sound), BLOCK):
            self.callback(sound[start : start + BLOCK, None], BLOCK, None, None)
