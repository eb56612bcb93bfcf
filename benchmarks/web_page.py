"""The page of a character in headless Chromium: python benchmarks/web_page.py CHARACTER [--detail auto low medium high]

CHARACTER is a published folder or a .vivant file. The folder is served by http.server, without any special header.
Pictures per second are counted in the page while every picture is of another random pose, and while idling; ms is what
one worker takes for a picture; dB is the PSNR of the RGBA bytes, colours premultiplied, against the exact student, over
random poses and over tracks of real faces; the first frame is counted from the call for the page. Needs playwright and
a Chromium. With --draw gpu one picture is drawn at a time, and a page that finds no graphics card waits for ever.
"""

from __future__ import annotations

import argparse
import base64
import tempfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tha_student import random_poses, squared, tracked

from vivant.avatars.tha.character import load_character
from vivant.avatars.tha.student import StudentPoser
from vivant.web.export import SIDES, export_web

Floats = NDArray[np.float32]
SECONDS = 5
CHANGE = """poses => { let n = 0; vivant.wanted = () => poses[n++ % poses.length]; }"""
PLAIN = """const known = WebAssembly.validate;
WebAssembly.validate = code => !code.includes(147) && known(code); // 147 begins the product of bytes
"""
COUNT = "() => Number(document.documentElement.dataset.frames)"
PICTURE = """async pose => {
    const frame = () => new Promise(done => requestAnimationFrame(done));
    vivant.wanted = () => pose;
    await frame();
    do await frame(); while (vivant.pool.shown < vivant.pool.number);
    const { data } = document.getElementById("picture").getContext("2d").getImageData(0, 0, 512, 512);
    const read = new FileReader();
    return new Promise(done => {
        read.onload = () => done(read.result.split(",")[1]);
        read.readAsDataURL(new Blob([data]));
    });
}"""


class Quiet(SimpleHTTPRequestHandler):
    """Prints nothing."""

    def log_message(self, format: str, *arguments: object) -> None: ...


def main() -> None:
    """Export, look, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("character", type=Path)
    parser.add_argument("--detail", nargs="*", choices=["auto", *SIDES], default=["auto", *SIDES])
    parser.add_argument("--poses", type=int, default=8, help="random poses that are compared")
    parser.add_argument("--tracks", nargs="*", type=Path, default=[], help=".npz tracks with blendshapes, see the kit")
    parser.add_argument("--chromium", help="its program, by default playwright's own")
    parser.add_argument(
        "--draw", choices=["cpu", "gpu"], default="cpu", help="gpu: by WebGPU, the same at every detail"
    )
    parser.add_argument("--plain", action="store_true", help="as in a browser without relaxed SIMD")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    print("| detail | MB | first frame s | pictures/s | idling | ms a picture | dB, random | dB, tracked |")
    print("|---|---|---|---|---|---|---|---|")
    with sync_playwright() as tools:
        chromium = tools.chromium.launch(
            executable_path=options.chromium, args=["--no-sandbox", "--enable-unsafe-webgpu"]
        )
        for detail in options.detail:
            with tempfile.TemporaryDirectory() as place:
                print(row(chromium, detail, Path(place) / "page", options), flush=True)
        chromium.close()


def row(chromium: Any, detail: str, folder: Path, options: argparse.Namespace) -> str:
    """One line of the table."""
    character = load_character(options.character)
    size = export_web(folder, character, detail=detail)  # type: ignore[arg-type]
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = chromium.new_page()
    if options.plain:
        page.add_init_script(PLAIN)
    start = time.perf_counter()
    page.goto(f"http://127.0.0.1:{server.server_address[1]}/?draw={options.draw}")
    page.wait_for_selector("html[data-frames]")
    first = time.perf_counter() - start
    while options.draw == "gpu" and page.evaluate("vivant.pool === vivant.workers"):
        page.wait_for_timeout(1000)
    idling = rate(page)
    page.evaluate(CHANGE, random_poses(50).tolist())
    changing, spent = rate(page), page.evaluate("vivant.pool.ms")
    exact = StudentPoser(character)
    sets = [
        random_poses(options.poses),
        np.concatenate([np.empty((0, 45)), *(tracked(p)[::8] for p in options.tracks)]),
    ]
    likeness = " | ".join(f"{decibels(page, exact, poses):.1f}" if len(poses) else "-" for poses in sets)
    page.close()
    server.shutdown()
    return f"| {detail} | {size / 1e6:.1f} | {first:.2f} | {changing:.1f} | {idling:.1f} | {spent:.0f} | {likeness} |"


def rate(page: Any) -> float:
    """Pictures per second over some seconds, the first one left out."""
    page.wait_for_timeout(1000)
    before, start = page.evaluate(COUNT), time.perf_counter()
    page.wait_for_timeout(1000 * SECONDS)
    return float((page.evaluate(COUNT) - before) / (time.perf_counter() - start))


def decibels(page: Any, exact: StudentPoser, poses: Floats) -> float:
    """Likeness of the page's canvas to the exact student over `poses` (N, 45)."""
    errors = []
    for pose in poses.astype(np.float32):
        data = base64.b64decode(page.evaluate(PICTURE, pose.tolist()))
        pixels = np.frombuffer(data, np.uint8).reshape(512, 512, 4)
        errors.append(squared(pixels, exact.draw(pose))[0])
    return float(-10 * np.log10(np.mean(errors)))


if __name__ == "__main__":
    main()
