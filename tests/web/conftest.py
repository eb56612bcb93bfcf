"""A page that is served as any static server would, and a browser that looks at it."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from characters import made_up

from vivant.web.export import export_web


class Quiet(SimpleHTTPRequestHandler):
    """Notes what is asked for instead of printing it."""

    def log_message(self, format: str, *arguments: object) -> None: ...


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of `folder`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a character that was made up."""
    place = tmp_path_factory.mktemp("web") / "page"
    export_web(place, made_up())
    return place


Launch = Callable[..., Any]


@pytest.fixture(scope="session")
def launch() -> Iterator[Launch]:
    """Starts Chromium with arguments; the test is skipped where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="no playwright")
    with api.sync_playwright() as tools:
        started: list[Any] = []

        def start(*arguments: str) -> Any:
            for path in (None, "/usr/bin/chromium"):
                try:
                    started.append(tools.chromium.launch(executable_path=path, args=["--no-sandbox", *arguments]))
                    return started[-1]
                except api.Error:
                    continue
            pytest.skip("no chromium")

        yield start
        for one in started:
            one.close()


def ask_node(folder: Path, question: str, *files: Path) -> bytes:
    """What node.mjs answers about the scripts in `folder`; the test is skipped without node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node")
    command = [node, str(Path(__file__).parent / "node.mjs"), str(folder), question, *map(str, files)]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
