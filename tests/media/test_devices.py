"""Devices, with stand-ins for those that a test machine has not."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vivant.errors import MediaError, MissingExtraError, SettingsError
from vivant.media.devices import Camera, VirtualCamera, Window

HALF = np.zeros((40, 60, 4), np.uint8)
HALF[:, :30] = (200, 100, 50, 255)


def test_there_is_no_such_camera() -> None:
    with pytest.raises(MediaError, match=r"no camera 'nothing.mp4'"):
        Camera("nothing.mp4").__enter__()


def test_a_film_in_place_of_a_camera_gives_rgb_with_times(samples: Path) -> None:
    with Camera(str(samples / "videos" / "v01_talk_512_25fps.mp4")) as camera:
        frames = list(islice(camera, 4))
    assert frames[0].pixels.shape == (512, 512, 3)
    assert frames[3].time - frames[0].time > 0.1  # a film is read at its own speed
    first = cv2.VideoCapture(str(samples / "videos" / "v01_talk_512_25fps.mp4")).read()[1]
    assert (frames[0].pixels == first[..., ::-1]).all()


class Screen:
    """What cv2 does with windows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[Any] = []
        self.key, self.visible = 255, 1.0
        self.mouse: Callable[..., None] | None = None
        for name, function in {
            "namedWindow": lambda *_: None,
            "resizeWindow": lambda *_: None,
            "destroyAllWindows": lambda: None,
            "imshow": lambda title, picture: self.shown.append(picture),
            "waitKey": lambda delay: self.key,
            "getWindowProperty": lambda title, which: self.visible,
            "setMouseCallback": lambda title, call: setattr(self, "mouse", call),
        }.items():
            monkeypatch.setattr(cv2, name, function)
        monkeypatch.setenv("DISPLAY", ":0")


def test_a_window_shows_ends_and_tells_the_mouse(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, places = Screen(monkeypatch), []
    with Window(colour=(1, 2, 3), point=lambda x, y: places.append((x, y))) as window:
        assert window.show(HALF)
        assert screen.shown[0][0, 0].tolist() == [50, 100, 200]
        assert screen.shown[0][0, 50].tolist() == [3, 2, 1]
        assert screen.mouse is not None
        screen.mouse(0, 60, 0, 0, None)
        assert places == [(1.0, 1.0)]
        screen.key = 27
        assert not window.show(HALF)
        screen.key, screen.visible = 255, 0.0
        assert not window.show(HALF)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a screen")
def test_no_screen_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MediaError, match="no screen for a window; use --to browser"):
        Window().__enter__()


class FakeCamera:
    device = "/dev/video9"

    def __init__(self, width: int, height: int, fps: float, *, fmt: object, device: str | None) -> None:
        if device == "/dev/none":
            raise RuntimeError("'v4l2loopback' backend: no device")
        self.width, self.height, self.closed = width, height, False
        self.sent: list[Any] = []

    def send(self, picture: Any) -> None:
        self.sent.append(picture)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def virtual(monkeypatch: pytest.MonkeyPatch) -> None:
    package = types.ModuleType("pyvirtualcam")
    package.Camera = FakeCamera  # type: ignore[attr-defined]
    package.PixelFormat = types.SimpleNamespace(RGB="rgb")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyvirtualcam", package)


@pytest.mark.usefixtures("virtual")
def test_a_virtual_camera_gets_opaque_pictures_of_one_size() -> None:
    with VirtualCamera() as camera:
        assert camera.show(HALF)
        made = camera._camera
        assert camera.name == "/dev/video9"
        assert made.sent[0][0, 50].tolist() == [0, 177, 64]
        with pytest.raises(SettingsError, match="cannot change its size"):
            camera.show(HALF[:20])
    assert made.closed


@pytest.mark.usefixtures("virtual")
def test_a_system_without_a_virtual_camera() -> None:
    with VirtualCamera(device="/dev/none") as camera, pytest.raises(MediaError, match=r"no virtual camera .* v4l2loop"):
        camera.show(HALF)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(MissingExtraError, match=r"vivant\[live\]"):
        VirtualCamera().__enter__()
