"""Speed and memory of the main job, beside a plain loop that does the same: python benchmarks/relief.py

The plain loop decodes, tracks, draws, composes and encodes one frame after the other, and composes whole frames in
NumPy. Each figure comes from a process of its own, bound to one or two cores where the system can do that.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vivant.animation import Driver, PictureSettings, RenderSettings, render
from vivant.avatars import open_avatar
from vivant.bench import bench_motion, bench_picture, median_ms
from vivant.compose import Bytes, Composer, cut_view
from vivant.media.image import write_image
from vivant.media.video import open_video
from vivant.media.writer import SoundTrack, open_writer
from vivant.motion.edits import EditSettings, apply_edits
from vivant.motion.retime import at_rate
from vivant.motion.track import track_frames
from vivant.portrait.layout import view
from vivant.portrait.open import open_portrait

SPEECH = Path(__file__).resolve().parent.parent / "examples" / "speech.flac"
SQUARE = PictureSettings("face", 512)


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", type=Path, help="a portrait; without it scikit-image's astronaut")
    parser.add_argument("--video", type=Path, help="a driver; without it a talking face made by vivant")
    parser.add_argument("--minutes", type=float, default=1.0, help="length of the long driver of the memory test")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(STEPS[options.step](options.folder)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_inputs(folder, options)
        print_table(measure_all(folder, options.minutes), options.minutes)


def make_inputs(folder: Path, options: argparse.Namespace) -> None:
    """face.png, wide.png (1920x1080), drive.mp4 (10 s) and long.mp4."""
    portrait = open_portrait(bench_picture(options.picture))
    write_image(folder / "face.png", portrait.picture)
    side = cv2.resize(portrait.picture, None, fx=1080 / portrait.size[1], fy=1080 / portrait.size[1])
    margin = max(0, 1920 - side.shape[1])
    wide = cv2.copyMakeBorder(side, 0, 0, margin // 2, margin - margin // 2, cv2.BORDER_REFLECT)
    write_image(folder / "wide.png", np.asarray(wide[:, :1920], np.uint8))
    driver = options.video
    if driver is None:
        driver = folder / "spoken.mp4"
        render([(portrait, Driver(audio=SPEECH))], driver, RenderSettings(picture=SQUARE))
    loop(driver, folder / "drive.mp4", 10.0)
    loop(driver, folder / "long.mp4", 60 * options.minutes)


def loop(source: Path, target: Path, seconds: float) -> None:
    """`source` again and again, as one film of that length."""
    with open_video(source) as video:
        rate, size = video.info.rate, (video.info.width, video.info.height)
    frames = round(seconds * rate)
    with open_writer(target, size, rate, audio=SoundTrack(SPEECH)) as writer:
        while writer.count < frames:
            with open_video(source) as video:
                for frame in video:
                    if writer.count < frames:
                        writer.write(frame.pixels)


def measure_all(folder: Path, minutes: float) -> dict[str, Any]:
    """All figures by name; some steps give several."""
    found: dict[str, Any] = {}
    for step in STEPS:
        cores = 1 if step == "draw" else 2
        found[step] = child(folder, step, cores)
        print(f"  {step}: {found[step]}", file=sys.stderr)
    found["help"] = sorted(seconds_of([*command(), "--help"]) for _ in range(7))[3]
    found["first"] = first_frame(folder)
    found["peak_short"] = peak_megabytes(folder, "drive.mp4")
    found["peak_long"] = peak_megabytes(folder, "long.mp4")
    return found


def child(folder: Path, step: str, cores: int) -> Any:
    """The result of one step in a process of its own on that many cores."""
    words = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, preexec_fn=bind(cores))
    return json.loads(done.stdout)


def bind(cores: int) -> Any:
    """What a child calls before it starts: keep to so many cores."""

    def keep() -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])

    return keep


def step_draw(folder: Path) -> dict[str, float]:
    """Milliseconds per frame at 512x512: drawing, composing, and composing whole frames in NumPy."""
    cv2.setNumThreads(1)
    portrait = open_portrait(folder / "face.png")
    window = view(portrait, "face", 512)
    avatar, composer = open_avatar(), Composer(portrait, window)
    prepared = avatar.prepare(portrait, window)
    states = bench_motion(4.0)
    frames = [avatar.draw(prepared, state) for state in states[:20]]
    still = cut_view(portrait.picture, window)
    return {
        "draw": median_ms(lambda state: avatar.draw(prepared, state), states),
        "compose": median_ms(lambda frame: composer.compose([frame]), frames * 3),
        "plain": median_ms(lambda frame: plain_compose(still, frame, window), frames * 3),
    }


def plain_compose(still: Bytes, frame: Any, window: Any) -> Bytes:
    """The obvious way: a float layer and a float mask as large as the picture."""
    layer, mask = np.zeros(still.shape, np.float32), np.zeros((*still.shape[:2], 1), np.float32)
    density = window.columns / window.width
    left, top = round((frame.window.x - window.x) * density), round((frame.window.y - window.y) * density)
    width, height = round(frame.window.width * density), round(frame.window.height * density)
    layer[top : top + height, left : left + width] = cv2.resize(frame.pixels, (width, height))
    mask[top : top + height, left : left + width] = 1
    return np.asarray(still * (1 - mask) + layer * mask, np.uint8)


def step_square(folder: Path) -> float:
    """Frames per second, 512x512."""
    return overlapped(folder, "face.png", SQUARE)


def step_square_plain(folder: Path) -> float:
    """The same by the plain loop."""
    return plain_loop(folder, "face.png", SQUARE)


def step_wide(folder: Path) -> float:
    """Frames per second, pasted back into 1920x1080."""
    return overlapped(folder, "wide.png", PictureSettings())


def step_wide_plain(folder: Path) -> float:
    """The same by the plain loop."""
    return plain_loop(folder, "wide.png", PictureSettings())


def overlapped(folder: Path, picture: str, look: PictureSettings) -> float:
    """Frames per second of `render` between the first and the last frame."""
    portrait = open_portrait(folder / picture)
    driver = Driver(video=folder / "drive.mp4")
    report = render([(portrait, driver)], folder / "out.mp4", RenderSettings(picture=look))
    return (report.frames - 1) / (report.elapsed - report.first_frame)


def plain_loop(folder: Path, picture: str, look: PictureSettings) -> float:
    """Frames per second of one stage after the other, between the first and the last frame."""
    portrait = open_portrait(folder / picture)
    window = view(portrait, look.crop, look.size)
    avatar = open_avatar()
    prepared = avatar.prepare(portrait, window)
    still = cut_view(portrait.picture, window)
    started = 0.0
    with open_video(folder / "drive.mp4") as video:
        rate = video.info.rate
        states = apply_edits(at_rate(track_frames(video), rate), Fraction(rate), EditSettings())
        with open_writer(folder / "plain.mp4", (window.columns, window.rows), rate) as film:
            for state in states:
                film.write(plain_compose(still, avatar.draw(prepared, state), window))
                started = started or time.perf_counter()
    return (film.count - 1) / (time.perf_counter() - started)


STEPS = {
    "draw": step_draw,
    "square": step_square,
    "square_plain": step_square_plain,
    "wide": step_wide,
    "wide_plain": step_wide_plain,
}


def command() -> list[str]:
    """The installed `vivant`."""
    return [str(Path(sys.executable).parent / "vivant")]


def animate_words(folder: Path, driver: str) -> list[str]:
    """`vivant animate` of the square, with progress on stdout."""
    words = ["animate", str(folder / "face.png"), "--video", str(folder / driver), "-o", str(folder / "out.mp4")]
    return [*command(), *words, "--crop", "face", "--size", "512", "--json"]


def seconds_of(words: list[str]) -> float:
    """How long a command takes."""
    started = time.perf_counter()
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def first_frame(folder: Path) -> float:
    """Seconds from the start of the process to the report of its first frame, the better of two."""
    found = []
    for _ in range(2):
        started = time.perf_counter()
        words = animate_words(folder, "drive.mp4")
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=bind(2)) as process:
            assert process.stdout is not None
            process.stdout.readline()
            found.append(time.perf_counter() - started)
            process.terminate()
    return min(found)


PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""Measures from a small process: the kernel counts the memory of the process that starts another as the other's."""


def peak_megabytes(folder: Path, driver: str) -> float:
    """Peak memory of a whole `vivant animate`."""
    words = [sys.executable, "-c", PEAK, *animate_words(folder, driver)]
    peak = int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    return peak / (1024 if sys.platform != "darwin" else 1024 * 1024)


def print_table(found: dict[str, Any], minutes: float) -> None:
    """The figures, their bounds, and the plain loop beside them."""
    draw = found["draw"]
    whole, plain = draw["draw"] + draw["compose"], draw["draw"] + draw["plain"]
    rows = [
        ("draw + compose 512x512, 1 core", f"{whole:.1f} ms", "25 ms", f"{plain:.1f} ms", plain / whole),
        (
            "  of which compose",
            f"{draw['compose']:.2f} ms",
            "3 ms",
            f"{draw['plain']:.2f} ms",
            draw["plain"] / draw["compose"],
        ),
        speed_row("end to end 512x512, 2 cores", found["square"], 25, found["square_plain"]),
        speed_row("end to end into 1080p, 2 cores", found["wide"], 12, found["wide_plain"]),
        ("first frame after process start", f"{found['first']:.2f} s", "3 s", "", None),
        ("vivant --help", f"{found['help']:.2f} s", "0.4 s", "", None),
        ("peak memory, 10 s of driver", f"{found['peak_short']:.0f} MB", "1200 MB", "", None),
        (f"peak memory, {minutes:g} min of driver", f"{found['peak_long']:.0f} MB", "1200 MB", "", None),
    ]
    print("| figure | measured | bound | plain loop | ratio |\n| --- | --- | --- | --- | --- |")
    for name, value, bound, other, ratio in rows:
        print(f"| {name.strip()} | {value} | {bound} | {other} | {'' if ratio is None else f'{ratio:.1f}x'} |")
    print(f"\npeak memory, long to short driver: {found['peak_long'] / found['peak_short']:.2f}")


def speed_row(name: str, value: float, bound: float, plain: float) -> tuple[str, str, str, str, float]:
    """A row of frames per second."""
    return name, f"{value:.1f} frames/s", f"{bound} frames/s", f"{plain:.1f} frames/s", value / plain


if __name__ == "__main__":
    main()
