"""Speed, likeness and memory of the student engines beside the plain loop: python benchmarks/tha_student.py CHARACTER

CHARACTER is a published folder or a .vivant file. The plain loop is the networks as their description reads, in
PyTorch on the same cores. The engines take turns frame by frame, so that whatever else the machine does hits all of
them; times are medians, and the least. dB is the PSNR of the RGBA bytes, colours premultiplied, against the exact
engine; each memory figure comes from a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vivant.avatars.tha.character import Character, load_character
from vivant.avatars.tha.currency import pose_of_curves
from vivant.avatars.tha.live_student import LiveStudent
from vivant.avatars.tha.networks.face_student import FACE_COLUMNS, FACE_POSE, FACE_ROWS
from vivant.avatars.tha.picture import picture_of_tensor, tensor_of_picture
from vivant.avatars.tha.pose import HIGH, LOW
from vivant.avatars.tha.student import StudentPoser
from vivant.face import arkit

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Draw = Callable[[Floats], Bytes]


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("character", type=Path)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--frames", type=int, default=20, help="frames that are timed")
    parser.add_argument("--poses", type=int, default=200, help="random poses that are compared")
    parser.add_argument("--tracks", nargs="*", type=Path, default=[], help=".npz tracks with blendshapes, see the kit")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        print(json.dumps(peak_memory(options.character, options.engine, options.cores)))
        return
    character = load_character(options.character)
    print_speed(character, options)
    print_likeness(character, options)


def plain(character: Character, cores: int) -> Draw:
    """The networks without any preparation, one after the other."""
    torch.set_num_threads(cores)
    face, body = character.networks()
    picture = tensor_of_picture(character.picture, premultiplied=True)

    def draw(pose: Floats) -> Bytes:
        given = torch.from_numpy(pose)[None]
        image = picture.clone()
        image[:, :, FACE_ROWS, FACE_COLUMNS] = face(given[:, FACE_POSE])
        return picture_of_tensor(body(image, given).blended, premultiplied=True)

    return draw


MAKERS: dict[str, Callable[[Character, int], Draw]] = {
    "plain loop": plain,
    "exact": lambda character, cores: StudentPoser(character, cores=cores).draw,
    "live": lambda character, cores: LiveStudent(character, cores=cores).draw,
    "live, float32 only": lambda character, cores: LiveStudent(character, cores=cores, kind=torch.float32).draw,
}
LIVE = {"live": None, "live, float32 only": torch.float32}
COLOURS = ((1, 1, 1), (0, 0, 0), (0, 1, 0))


def print_speed(character: Character, options: argparse.Namespace) -> None:
    """Milliseconds of a frame, frames a second, ratios, memory."""
    draws = {name: make(character, options.cores) for name, make in MAKERS.items()}
    poses = random_poses(options.frames + 1)
    seconds: dict[str, list[float]] = {name: [] for name in draws}
    for pose in poses:
        for name, draw in draws.items():
            start = time.perf_counter()
            draw(pose)
            seconds[name].append(time.perf_counter() - start)
    base = np.median(seconds["plain loop"][1:])
    print("| engine | ms a frame | least | frames/s | x plain | peak memory MB |")
    print("|---|---|---|---|---|---|")
    for name, all_times in seconds.items():
        times = all_times[1:]  # the first one compiles
        middle = float(np.median(times))
        command = [sys.executable, __file__, str(options.character), "--cores", str(options.cores), "--engine", name]
        speed = f"{middle * 1e3:.1f} | {min(times) * 1e3:.1f} | {1 / middle:.1f} | {base / middle:.1f}"
        print(f"| {name} | {speed} | {json.loads(subprocess.check_output(command)):.0f} |", flush=True)


def print_likeness(character: Character, options: argparse.Namespace) -> None:
    """Differences of the exact engine from the networks, and of the live ones from the exact one."""
    exact = StudentPoser(character, cores=options.cores)
    print(f"\nexact against plain, greatest difference of the output (-1..1): {worst(character, exact):.1e}")
    lives = {name: LiveStudent(character, cores=options.cores, kind=kind) for name, kind in LIVE.items()}
    sets = {f"{options.poses} random": random_poses(options.poses)} | {
        path.stem: tracked(path) for path in options.tracks
    }
    print(
        "\n| poses | engine | dB | worst frame | over white | over black | over green |\n|---|---|---|---|---|---|---|"
    )
    for label, poses in sets.items():
        errors: dict[str, list[list[float]]] = {name: [] for name in lives}
        for pose in poses:
            wanted = exact.draw(pose)
            for name, live in lives.items():
                errors[name].append(squared(live.draw(pose), wanted))
        for name, rows in errors.items():
            mean, most = -10 * np.log10(np.mean(rows, 0)), -10 * np.log10(np.max(rows, 0)[0])
            print(f"| {label} | {name} | {mean[0]:.1f} | {most:.1f} | {mean[1]:.1f} | {mean[2]:.1f} | {mean[3]:.1f} |")


def worst(character: Character, exact: StudentPoser) -> float:
    """The greatest difference of the blended output over 8 random poses."""
    face, body = character.networks()
    found = 0.0
    for pose in random_poses(8):
        given = torch.from_numpy(pose)[None]
        image = tensor_of_picture(character.picture, premultiplied=True)
        image[:, :, FACE_ROWS, FACE_COLUMNS] = face(given[:, FACE_POSE])
        found = max(found, float(np.abs(exact.outputs(pose).blended - body(image, given).blended[0].numpy()).max()))
    return found


def squared(a: Bytes, b: Bytes) -> list[float]:
    """Mean squared errors: premultiplied RGBA, then over each of the COLOURS."""
    light = [part.astype(np.float32) / 255 for part in (a, b)]
    for part in light:
        part[..., :3] *= part[..., 3:]
    errors = [float(((light[0] - light[1]) ** 2).mean())]
    for colour in COLOURS:
        one, other = (part[..., :3] + (1 - part[..., 3:]) * np.array(colour, np.float32) for part in light)
        errors.append(float(((one - other) ** 2).mean()))
    return errors


def random_poses(count: int) -> Floats:
    """(count, 45) uniform over each parameter's range."""
    random = np.random.default_rng(0)
    return (LOW + random.random((count, len(LOW))) * (HIGH - LOW)).astype(np.float32)


def tracked(path: Path) -> Floats:
    """Every fourth pose of a track of MediaPipe's blendshapes, as the published puppeteer makes them."""
    with np.load(path) as track:
        names = track["blendshape_names"].tolist()
        order = [names.index(name) if name in names else names.index("_neutral") for name in arkit.CURVES]
        curves, turns = track["blendshapes"][::4][:, order], np.radians(track["yaw_pitch_roll"][::4])
    poses = [pose_of_curves(c, (-p, y, r)) for c, (y, p, r) in zip(curves.astype(np.float32), turns, strict=True)]
    return np.array(poses)


def peak_memory(path: Path, engine: str, cores: int) -> float:
    """MB that this process has taken after some frames."""
    draw = MAKERS[engine](load_character(path), cores)
    for pose in random_poses(5):
        draw(pose)
    # The kernel's own high-water mark: getrusage would count the process that started this one as well.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
