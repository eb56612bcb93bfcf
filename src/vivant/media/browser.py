"""A page that shows live pictures: a small server for this machine's own browser, nothing else.

    /            the page: a canvas with alpha, ?background=none|checker|%23rrggbb
    /frame       the newest picture as raw RGBA, held back until it is newer than ?after=N
    /picture.png the newest picture with alpha
    /stream.mjpg the pictures over a colour, for programs that know no page
    /pointer     POST "x y": where the mouse is, -1..1 to the viewer's right and up

Each viewer asks for the next picture when it has shown the last, so slow ones skip and nothing queues.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.errors import MediaError
from vivant.media.devices import Point
from vivant.media.opaque import Colour, Opaque

Bytes = NDArray[np.uint8]

PORT = 8765
MOST_VIEWERS = 16
"""Connections at once."""
HOLD_SECONDS = 2.0
"""Longest time that /frame waits for a newer picture."""
IDLE_SECONDS = 10
"""A connection that says nothing for so long is closed."""
MOST_POSTED = 100
"""Bytes."""
JPEG_QUALITY = 90
BOUNDARY = "vivant-frame"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:"


@dataclass
class Browser:
    """The server; use with `with`. It listens at 127.0.0.1 only and refuses pages of other origins."""

    port: int = PORT
    """0 takes a free one."""
    colour: Colour = (0, 177, 64)
    """Behind transparent parts in /stream.mjpg."""
    point: Point | None = None
    """Told where the mouse is on the page."""
    _number: int = 0
    _picture: Bytes | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _server: _Server | None = None
    _closing: bool = False

    def __enter__(self) -> Self:
        """Start to serve; raises MediaError where the port is taken."""
        try:
            self._server = _Server(("127.0.0.1", self.port), partial(_Handler, self))
        except OSError as error:
            raise MediaError(f"port {self.port} cannot be used ({error.strerror}); choose another --web-port") from None
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="vivant-page", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def refused(self) -> int:
        """Connections that were refused because there were too many."""
        return 0 if self._server is None else self._server.refused

    def show(self, picture: Bytes) -> bool:
        """Offer `picture` (H, W, 4) RGBA, straight alpha, which must not change any more; always True."""
        with self._changed:
            self._number += 1
            self._picture = picture
            self._changed.notify_all()
        return True

    def newer(self, after: int) -> tuple[int, Bytes] | None:
        """Number and pixels (H, W, 3) of the newest picture once newer than `after`; None if none comes for a while."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > after or self._closing, HOLD_SECONDS)
            if self._picture is None or self._number <= after or self._closing:
                return None
            return self._number, self._picture

    @property
    def closing(self) -> bool:
        """Whether viewers should be let go."""
        return self._closing


class _Server(ThreadingHTTPServer):
    """Refuses more than so many connections at once instead of starting a thread for each."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = MOST_VIEWERS

    def __init__(self, *arguments: Any) -> None:
        self._free = threading.BoundedSemaphore(MOST_VIEWERS)
        self.refused = 0
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        self.refused += 1
        with contextlib.suppress(OSError):
            request.settimeout(0.1)
            request.sendall(b"HTTP/1.1 503 Too many viewers\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A viewer that goes away in the middle of an answer is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "vivant", ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True

    def __init__(self, browser: Browser, *arguments: Any) -> None:
        self._browser = browser
        super().__init__(*arguments)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        routes: dict[str, Callable[[], None]] = {
            "/": self._page,
            "/frame": partial(self._frame, address.query),
            "/picture.png": self._png,
            "/stream.mjpg": self._stream,
        }
        if not self._is_ours():
            self._answer(403)
        elif address.path not in routes:
            self._answer(404)
        else:
            routes[address.path]()

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not self._is_ours() or urlsplit(self.path).path != "/pointer" or not length.isdecimal():
            self.close_connection = True
            self._answer(403)
            return
        if int(length) > MOST_POSTED:
            self.close_connection = True
            self._answer(413)
            return
        try:
            x, y = map(float, self.rfile.read(int(length)).split())
        except ValueError:
            self._answer(400)
            return
        if self._browser.point is not None:
            self._browser.point(x, y)
        self._answer(204)

    def _is_ours(self) -> bool:
        """Whether the browser asks for this page itself: other pages must not read it, whatever name they resolve."""
        hosts = {f"{name}:{self._browser.port}" for name in ("127.0.0.1", "localhost")}
        origin = self.headers.get("Origin")
        return self.headers.get("Host") in hosts and (origin is None or origin.removeprefix("http://") in hosts)

    def _page(self) -> None:
        page = files("vivant.media").joinpath("browser.html").read_bytes()
        self._answer(200, page, {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": _POLICY})

    def _frame(self, query: str) -> None:
        after = parse_qs(query).get("after", ["0"])[0]
        found = self._browser.newer(int(after) if after.isdecimal() and len(after) < 16 else 0)
        if found is None:
            self._answer(204)
            return
        number, picture = found
        rows, columns = picture.shape[:2]
        head = {"Content-Type": "application/octet-stream", "X-Frame": number, "X-Width": columns, "X-Height": rows}
        self._answer(200, np.ascontiguousarray(picture).data.cast("B"), head)

    def _png(self) -> None:
        found = self._browser.newer(0)
        if found is None:
            self._answer(503)
            return
        fast = [cv2.IMWRITE_PNG_COMPRESSION, 1]
        data = cv2.imencode(".png", cv2.cvtColor(found[1], cv2.COLOR_RGBA2BGRA), fast)[1]
        self._answer(200, data.tobytes(), {"Content-Type": "image/png"})

    def _stream(self) -> None:
        self.close_connection = True
        self._head(200, {"Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}"})
        opaque, number = Opaque(self._browser.colour), 0
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        while not self._browser.closing:
            found = self._browser.newer(number)
            if found is None:
                continue
            number = found[0]
            data = cv2.imencode(".jpg", cv2.cvtColor(opaque(found[1]), cv2.COLOR_RGB2BGR), quality)[1].tobytes()
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data + b"\r\n")

    def _answer(self, status: int, body: bytes | memoryview = b"", head: dict[str, object] | None = None) -> None:
        self._head(status, {"Content-Length": len(body), **(head or {})})
        if body:
            self.wfile.write(body)

    def _head(self, status: int, head: dict[str, object]) -> None:
        self.send_response(status)
        safe = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        safe |= {"Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "no-referrer"}
        for name, value in {**safe, **head}.items():
            self.send_header(name, str(value))
        self.end_headers()
