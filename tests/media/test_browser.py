"""The page's server: what it gives, to whom, and how little of it."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from vivant.errors import MediaError
from vivant.media.browser import MOST_VIEWERS, Browser


@pytest.fixture
def places() -> list[tuple[float, float]]:
    return []


@pytest.fixture
def browser(places: list[tuple[float, float]]) -> Iterator[Browser]:
    with Browser(0, (255, 0, 0), lambda x, y: places.append((x, y))) as opened:
        yield opened


def picture(value: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(value).integers(0, 256, (20, 30, 4), np.uint8)
    drawn[:10, :, 3] = 0
    return drawn


def ask(
    browser: Browser, path: str, method: str = "GET", body: str | None = None, **head: str
) -> http.client.HTTPResponse:
    way = http.client.HTTPConnection("127.0.0.1", browser.port, timeout=5)
    way.request(method, path, body, {"Host": f"127.0.0.1:{browser.port}", **head})
    return way.getresponse()


def test_a_frame_is_the_picture_byte_by_byte_with_alpha(browser: Browser) -> None:
    browser.show(picture())
    answer = ask(browser, "/frame?after=0")
    assert (answer.status, answer.headers["X-Width"], answer.headers["X-Height"]) == (200, "30", "20")
    assert answer.read() == picture().tobytes()


def test_a_viewer_waits_for_the_next_picture_and_gets_the_newest(browser: Browser) -> None:
    browser.show(picture(1))
    timer = threading.Timer(0.2, lambda: [browser.show(picture(value)) for value in (2, 3, 4)])
    timer.start()
    answer = ask(browser, "/frame?after=1")
    assert int(answer.headers["X-Frame"]) >= 2
    answer.read()
    timer.join()
    assert ask(browser, "/frame?after=1").headers["X-Frame"] == "4"


def test_the_page_and_the_png(browser: Browser) -> None:
    browser.show(picture())
    page = ask(browser, "/")
    assert b"<canvas" in page.read()
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    data = np.frombuffer(ask(browser, "/picture.png").read(), np.uint8)
    decoded = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
    assert (decoded == picture()).all()


def test_the_stream_lays_pictures_over_the_colour(browser: Browser) -> None:
    clear = np.zeros((16, 16, 4), np.uint8)
    browser.show(clear)
    answer = ask(browser, "/stream.mjpg")
    assert answer.readline() == b"--vivant-frame\r\n"
    assert answer.readline() == b"Content-Type: image/jpeg\r\n"
    length = int(answer.readline().split(b":")[1])
    answer.readline()
    shown = cv2.imdecode(np.frombuffer(answer.read(length), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(shown.mean((0, 1)) - [0, 0, 255]).max() < 8  # blue, green, red
    answer.close()


@pytest.mark.parametrize("head", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
@pytest.mark.parametrize("path", ["/", "/frame", "/picture.png", "/stream.mjpg"])
def test_pages_of_other_origins_get_nothing(browser: Browser, path: str, head: dict[str, str]) -> None:
    browser.show(picture())
    answer = ask(browser, path, **head)
    assert (answer.status, answer.read()) == (403, b"")


def test_the_pointer_is_told(browser: Browser, places: list[tuple[float, float]]) -> None:
    assert ask(browser, "/pointer", "POST", "0.5 -0.25").status == 204
    assert places == [(0.5, -0.25)]


@pytest.mark.parametrize("body", ["", "1", "1 2 3", "a b", "\xff"])
def test_a_pointer_that_is_none(browser: Browser, body: str, places: list[tuple[float, float]]) -> None:
    assert ask(browser, "/pointer", "POST", body).status in (400, 403)
    assert places == []


def test_posts_are_bounded_and_only_ours(browser: Browser, places: list[tuple[float, float]]) -> None:
    assert ask(browser, "/pointer", "POST", "1" * 5000).status == 413
    assert ask(browser, "/pointer", "POST", "0 0", Origin="http://evil.example").status == 403
    assert ask(browser, "/frame", "POST", "0 0").status == 403
    assert places == []


@pytest.mark.parametrize(
    "path", ["/nothing", "/../etc/passwd", "//", "/frame/", "/?", "/frame?after=x", "/frame?after=" + "9" * 500]
)
def test_odd_addresses_get_an_answer(browser: Browser, path: str) -> None:
    browser.show(picture())
    assert ask(browser, path).status in (200, 204, 404)


def test_it_listens_on_this_machine_only(browser: Browser) -> None:
    assert browser.url.startswith("http://127.0.0.1:")
    assert browser._server is not None
    assert browser._server.server_address[0] == "127.0.0.1"


def test_more_viewers_than_fit_are_refused_and_the_others_stay(browser: Browser) -> None:
    ways = [socket.create_connection(("127.0.0.1", browser.port)) for _ in range(MOST_VIEWERS + 5)]
    for _ in range(200):
        if browser.refused >= 5:
            break
        time.sleep(0.02)
    assert browser.refused == 5
    for way in ways:
        way.close()
    browser.show(picture())
    for _ in range(50):  # the places of those who have gone become free
        try:
            if ask(browser, "/frame").status == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    pytest.fail("nobody can look any more")


def test_rubbish_on_the_wire_does_not_stop_it(browser: Browser, capfd: pytest.CaptureFixture[str]) -> None:
    for data in (
        b"\0" * 100,
        b"GET\r\n\r\n",
        b"POST /pointer HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", browser.port)) as way:
            way.sendall(data)
    browser.show(picture())
    assert ask(browser, "/frame").status == 200
    assert capfd.readouterr().err == ""


def test_a_taken_port_is_one_clear_line(browser: Browser) -> None:
    with pytest.raises(MediaError, match=rf"port {browser.port} cannot be used .* --web-port"):
        Browser(browser.port).__enter__()


def test_chromium_shows_the_alpha(browser: Browser, tmp_path: Path) -> None:
    api = pytest.importorskip("playwright.sync_api", reason="no playwright")
    drawn = np.zeros((64, 64, 4), np.uint8)
    drawn[:, :32] = (200, 30, 30, 255)
    browser.show(drawn)
    with api.sync_playwright() as tools:
        for path in (None, "/usr/bin/chromium"):
            try:
                chromium = tools.chromium.launch(executable_path=path, args=["--no-sandbox"])
                break
            except api.Error:
                chromium = None
        if chromium is None:
            pytest.skip("no chromium")
        page = chromium.new_page(viewport={"width": 64, "height": 64}, bypass_csp=True)
        page.goto(f"{browser.url}?background=%2300ff00")
        page.wait_for_function("document.querySelector('canvas').width === 64")
        page.wait_for_timeout(200)
        page.add_style_tag(content="p { display: none }")
        page.screenshot(path=str(tmp_path / "page.png"))
        chromium.close()
    shown = cv2.cvtColor(cv2.imread(str(tmp_path / "page.png")), cv2.COLOR_BGR2RGB)
    assert shown[32, 10].tolist() == [200, 30, 30]
    assert shown[32, 50].tolist() == [0, 255, 0]
