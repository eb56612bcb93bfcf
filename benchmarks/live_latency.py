"""Latency of the live loop on loopback, packet in to frame out: python benchmarks/live_latency.py [PICTURE ...]

A process of its own plays a phone: sixty iFacialMocap packets a second, each with its number in the head's place. The
time from the moment before a packet is sent until a picture drawn from it (or from a newer one) is with whoever shows
it, here a viewer of the page that asks for frame after frame, is its latency. "age" adds what the plain
figure leaves out: packets that were skipped because a newer one came count until the newer one was shown.

PICTURE is a portrait, whose face is drawn 512 pixels high, or a character (girl.vivant, or a folder), drawn whole;
without one scikit-image's astronaut is drawn.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import threading
import time
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

from vivant.animation import PictureSettings
from vivant.avatars.tha.tha import is_character
from vivant.bench import bench_picture
from vivant.commands.live import DriverOptions, LiveOptions, ShowOptions, open_draw
from vivant.media.browser import Browser
from vivant.motion.live.ifacialmocap import OUTER_EYE_METRES, parse_state
from vivant.motion.live.loop import Draw, LiveReport, LiveSettings, live_frames
from vivant.motion.live.sockets import UdpReader, UdpSettings, udp_states

RATE = 60


def main() -> None:
    """Measure each picture and print a row for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--wait", type=float, metavar="MS", help="also a picture that takes so long and no processor")
    parser.add_argument("--flood", action="store_true", help="another sender sends rubbish as fast as it can")
    options = parser.parse_args()
    drawn = {path.name: open_draw(_options(path)) for path in options.pictures}
    if not drawn:
        drawn = {"portrait 512x512": _portrait()}
    empty = np.zeros((512, 512, 4), np.uint8)
    rows: dict[str, Draw] = {"nothing to draw": lambda state: empty, **drawn}
    if options.wait:
        rows[f"{options.wait:g} ms of waiting"] = _waiting(options.wait / 1000, empty)
    print("| picture | draw ms | frames/s | shown p50 ms | p95 ms | at a viewer p50 ms | p95 ms | age p95 ms |")
    print("|---|---|---|---|---|---|---|---|")
    for name, draw in rows.items():
        print(f"| {name} | {' | '.join(f'{value:.1f}' for value in measure(draw, options))} |", flush=True)


def _options(path: Path) -> LiveOptions:
    look = PictureSettings() if is_character(path) else PictureSettings("face", 512)
    return LiveOptions(path, DriverOptions(), ShowOptions(), look)


def _waiting(seconds: float, picture: np.ndarray) -> Draw:
    def draw(state: object) -> np.ndarray:
        time.sleep(seconds)
        return picture

    return draw


def _portrait() -> Draw:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "portrait.png")
        cv2.imwrite(str(path), cv2.cvtColor(bench_picture(None), cv2.COLOR_RGB2BGR))
        return open_draw(_options(path))


def measure(draw: Draw, options: argparse.Namespace) -> tuple[float, ...]:
    """Draw milliseconds, frames per second, and the percentiles of the table."""
    sent = multiprocessing.Array("d", RATE * (round(options.seconds) + 30), lock=False)
    report, drawing, shown = LiveReport(), [], {}

    def timed(state: object) -> np.ndarray:
        started = time.perf_counter()
        picture = draw(state)  # type: ignore[arg-type]
        drawing.append(time.perf_counter() - started)
        return picture

    with UdpReader(UdpSettings(0)) as reader, Browser(0) as browser:
        stop = threading.Event()
        viewer = threading.Thread(target=_view, args=(browser, shown, stop))
        viewer.start()
        players = [multiprocessing.Process(target=_phone, args=(reader.port, sent), daemon=True)]
        if options.flood:
            players.append(multiprocessing.Process(target=_flood, args=(reader.port,), daemon=True))
        for player in players:
            player.start()
        numbers: list[tuple[int, int, float]] = []
        settings = LiveSettings(seconds=options.seconds)
        with closing(live_frames(udp_states(reader, parse_state), timed, settings, report)) as frames:
            for frame in frames:
                browser.show(frame.picture)
                packet = round(float(frame.state.translation[0]) * OUTER_EYE_METRES * 1e5)
                numbers.append((packet, browser._number, time.perf_counter()))
        for player in players:
            player.terminate()
        stop.set()
        viewer.join()
        if options.flood:
            print(f"  flood: {reader.counts}")
    return _figures(np.array(sent), numbers, shown, drawing, report)


def _figures(
    sent: np.ndarray,
    numbers: list[tuple[int, int, float]],
    shown: dict[int, float],
    drawing: list[float],
    report: LiveReport,
) -> tuple[float, ...]:
    first = len(numbers) // 10  # the first frames warm up
    new: dict[int, tuple[int, float]] = {}
    for packet, frame, when in numbers[first:]:
        if packet > 0:
            new.setdefault(packet, (frame, when))
    out = [when - sent[packet] for packet, (_, when) in new.items()]
    seen = [shown[frame] - sent[packet] for packet, (frame, _) in new.items() if frame in shown]
    order = sorted(new)
    ages = [new[order[np.searchsorted(order, one)]][1] - sent[one] for one in range(order[0], order[-1] + 1)]
    p = [1000 * float(np.percentile(*pair)) for pair in ((out, 50), (out, 95), (seen, 50), (seen, 95), (ages, 95))]
    return (1000 * float(np.median(drawing)), report.rate, *p)


def _view(browser: Browser, shown: dict[int, float], stop: threading.Event) -> None:
    """A viewer that asks for frame after frame, as the page does; notes when each was there."""
    way, after = http.client.HTTPConnection("127.0.0.1", browser.port, timeout=10), 0
    while not stop.is_set():
        way.request("GET", f"/frame?after={after}")
        answer = way.getresponse()
        answer.read()
        if answer.status == 200:
            after = int(answer.headers["X-Frame"])
            shown[after] = time.perf_counter()


def _phone(port: int, sent: object) -> None:
    """Send packets; packet N tells its number as the head's place x = N / 100000 m and notes its time in `sent`."""
    import socket

    way = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    start = time.perf_counter()
    for number in range(1, len(sent)):  # type: ignore[arg-type]
        time.sleep(max(start + number / RATE - time.perf_counter(), 0.0))
        swing = np.sin(number / 15)
        head = f"=head#{5 * swing:.3f},{12 * swing:.3f},0,{number / 1e5:.5f},0,-0.5"
        text = f"jawOpen&{30 + 30 * swing:.0f}|eyeBlink_L&{100 * (number % 120 < 6)}|{head}|"
        sent[number] = time.perf_counter()  # type: ignore[index]
        way.sendto(text.encode(), ("127.0.0.1", port))


def _flood(port: int) -> None:
    import socket

    way = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    way.bind(("127.0.0.2", 0))
    while True:
        way.sendto(b"rubbish" * 10, ("127.0.0.1", port))


if __name__ == "__main__":
    main()
