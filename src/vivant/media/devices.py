"""Devices: a webcam in; a window and a virtual camera out."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.errors import MediaError, MissingExtraError, SettingsError
from vivant.media.opaque import Colour, Opaque
from vivant.media.video import VideoFrame

Bytes = NDArray[np.uint8]
Point = Callable[[float, float], None]

_ESCAPE = (27, ord("q"))


@dataclass
class Camera:
    """A webcam by its number, or a video file or stream in its place; use with `with`, iterate for its pictures.

    The times of its pictures are seconds of `time.perf_counter`.
    """

    device: int | str = 0
    size: tuple[int, int] = (640, 480)
    """Width and height that are asked for; the camera may give others."""
    _capture: Any = None

    def __enter__(self) -> Self:
        """Open the camera; raises MediaError if there is none or another program has it."""
        self._capture = cv2.VideoCapture(self.device)
        if not self._capture.isOpened():
            self._capture.release()
            raise MediaError(f"no camera {self.device!r}; connect one, close other programs that use it, or --device")
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        for name, side in zip((cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT), self.size, strict=True):
            self._capture.set(name, side)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._capture.release()

    def __iter__(self) -> Iterator[VideoFrame]:
        """Pictures as they come, RGB; a file at its own speed. Ends with the file, or when the camera is pulled out."""
        step = 0.0
        if isinstance(self.device, str) and Path(self.device).is_file():
            step = 1 / max(float(self._capture.get(cv2.CAP_PROP_FPS)), 1.0)
        due = 0.0
        while True:
            there, picture = self._capture.read()
            if not there:
                return
            if step:
                time.sleep(max(due - time.perf_counter(), 0.0))
                now = time.perf_counter()
                due = (due if now - due < step else now) + step
            yield VideoFrame(time.perf_counter(), cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))


@dataclass
class Window:
    """A window on the screen; Escape, q or its close button end it. Use with `with`, from the main thread only."""

    title: str = "vivant"
    colour: Colour | None = None
    """Behind transparent parts; none: a checker."""
    point: Point | None = None
    """Told where the mouse is: -1..1 to the viewer's right and up."""

    def __enter__(self) -> Self:
        """Open the window; raises MediaError where there is no screen."""
        if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise MediaError("there is no screen for a window; use --to browser, or --to vcam")
        self._opaque, self._size = Opaque(self.colour), (1, 1)
        try:
            cv2.namedWindow(self.title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        except cv2.error:
            raise MediaError("this build of OpenCV has no windows; use --to browser, or --to vcam") from None
        if self.point is not None:
            cv2.setMouseCallback(self.title, self._mouse)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cv2.destroyAllWindows()

    def show(self, picture: Bytes) -> bool:
        """Show `picture` (H, W, 4) RGBA; False when the user has closed the window."""
        rows, columns = picture.shape[:2]
        if self._size != (columns, rows):
            self._size = (columns, rows)
            cv2.resizeWindow(self.title, columns, rows)
        cv2.imshow(self.title, cv2.cvtColor(self._opaque(picture), cv2.COLOR_RGB2BGR))
        pressed = cv2.waitKey(1) & 0xFF
        return pressed not in _ESCAPE and cv2.getWindowProperty(self.title, cv2.WND_PROP_VISIBLE) >= 1

    def _mouse(self, event: int, x: int, y: int, flags: int, data: object) -> None:
        if self.point is not None:
            columns, rows = self._size
            self.point(2 * x / columns - 1, 1 - 2 * y / rows)


@dataclass
class VirtualCamera:
    """A camera that video calls and OBS can choose; use with `with`."""

    rate: float = 30.0
    colour: Colour = (0, 177, 64)
    """Behind transparent parts: cameras have no alpha. The usual green by default."""
    device: str | None = None
    """Such as /dev/video2; none: the first that fits."""
    _camera: Any = None

    def __enter__(self) -> Self:
        """Look for the package. Raises MissingExtraError without pyvirtualcam."""
        try:
            import pyvirtualcam
        except ImportError:
            raise MissingExtraError("pyvirtualcam", "live") from None
        self._package, self._opaque = pyvirtualcam, Opaque(self.colour)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._camera is not None:
            self._camera.close()

    @property
    def name(self) -> str:
        """What the other program calls the camera, once there was a picture."""
        return "" if self._camera is None else str(self._camera.device)

    def show(self, picture: Bytes) -> bool:
        """Send `picture` (H, W, 4) RGBA; always True. Raises MediaError if this system has no virtual camera."""
        rows, columns = picture.shape[:2]
        if self._camera is None:
            self._camera = self._open(columns, rows)
        if (self._camera.width, self._camera.height) != (columns, rows):
            raise SettingsError(f"a camera cannot change its size to {columns}x{rows}; start it again")
        self._camera.send(self._opaque(picture))
        return True

    def _open(self, columns: int, rows: int) -> Any:
        pixels = self._package.PixelFormat.RGB
        try:
            return self._package.Camera(columns, rows, self.rate, fmt=pixels, device=self.device)
        except (RuntimeError, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:160]
            raise MediaError(
                f"no virtual camera ({reason}); install OBS, on Linux load the module v4l2loopback"
            ) from None
