"""Real3D-Portrait's frame: the quick way, exact and fast, beside a loop that follows the publication step by step.

    python benchmarks/real3d.py [--weights] [--cores 2] [--frames 3] [--seed 0] [--tiles 1] [--device cuda]

The published sizes, pictures of 512 x 512. The plain loop makes every frame as published: all of the motion adapter,
the volume step by step, torso and background encoded anew; only the planes of the portrait are kept, as there. The
others keep what depends on the portrait. All see the same inputs in turns; the least time of each part counts, since
other work on the machine only adds. On a graphics card exact and fast frames are one compiled function, so that only
their whole is timed, and the first of each takes minutes. The line of planes says what a portrait costs once. MB is the
memory that a way takes beyond what it holds at rest, the greater of portrait and frame. Without --weights (those that
vivant weights import stored) the networks hold random numbers: times are the same. dB is the PSNR of frames against the
plain loop's, peak 2; "largest" the largest difference of a channel in -1..1.
"""

from __future__ import annotations

import argparse
import copy
import ctypes
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vivant.avatars.real3d.camera import camera_of_pose
from vivant.avatars.real3d.networks.card_generator import CardGenerator
from vivant.avatars.real3d.networks.generator import RGB, Generator
from vivant.avatars.real3d.networks.quick_generator import quickened
from vivant.avatars.real3d.released import NAME
from vivant.avatars.real3d.volume import VolumeSettings, render
from vivant.weights.store import load_stored

PEAK = Path("/proc/self/clear_refs")
"""Where Linux is told to count the peak of memory anew."""
PARTS = ("adapter", "volume", "super-resolution")
DENSE = 3.3
"""Added to the density of a random field, which then stops two thirds of the light, as heads do."""


class Given(NamedTuple):
    """What a portrait and a frame bring."""

    head: Tensor
    codes: tuple[Tensor, Tensor]
    pictures: tuple[Tensor, Tensor, Tensor]
    source: Tensor
    code: Tensor
    camera: Tensor
    target: Tensor

    def on(self, device: str) -> Given:
        """The same on `device`."""
        return Given(
            *(tuple(one.to(device) for one in part) if isinstance(part, tuple) else part.to(device) for part in self)
        )


class Timed(NamedTuple):
    """A frame, and seconds of each part."""

    frame: Tensor
    seconds: tuple[float, ...]


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", action="store_true", help="those that were imported, not random numbers")
    parser.add_argument("--cores", type=int, default=torch.get_num_threads())
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tiles", type=int, default=1, help="of the exact and the fast way")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    options = parser.parse_args()
    torch.set_num_threads(options.cores)
    torch.manual_seed(options.seed)
    what = given(np.random.default_rng(options.seed)).on(options.device)
    if options.device != "cpu":
        print(torch.cuda.get_device_name(options.device))
    with torch.inference_mode():
        network = trained() if options.weights else Generator()
        network.to(options.device).eval().requires_grad_(False)
        measure(network if options.weights else normed(network, what), what, options)


def measure(network: Generator, what: Given, options: argparse.Namespace) -> None:
    """Print one line for each way, all measured in turns."""
    networks = {"plain loop": network}
    for name, fast in (("exact", False), ("fast", True)):
        networks[name] = quickened(copy.deepcopy(network), fast=fast, tiles=options.tiles)
    once = {name: planes_of(one, what) for name, one in networks.items()}
    print("planes of the portrait, ms: " + ", ".join(f"{name} {1000 * one[0]:.1f}" for name, one in once.items()))
    planes = network.planes(what.head)
    ways: dict[str, Callable[[], Timed]] = {"plain loop": lambda: plainly(network, what, planes)}
    for name in ("exact", "fast"):
        ways[name] = quickly(networks[name], what, options.tiles)
    seconds: dict[str, list[tuple[float, ...]]] = {name: [] for name in ways}
    drawn: dict[str, Tensor] = {}
    taken = {name: one[1] for name, one in once.items()}
    for _ in range(options.frames + 1):  # the first warms up
        for name, draw in ways.items():
            before = rest()
            drawn[name], times = draw()
            taken[name] = max(taken[name], peak() - before)
            seconds[name].append(times)
    print(
        f"{'ms':12}" + "".join(f"{part:>17}" for part in (*PARTS, "frame", "frames/s", "ratio", "MB", "largest", "dB"))
    )
    plain = np.sum(np.min(seconds["plain loop"][1:], 0))
    for name, found in seconds.items():
        least = np.min(found[1:], 0)
        parts = [f"{1000 * value:17.1f}" for value in least] if len(least) == len(PARTS) else [" " * 17] * len(PARTS)
        numbers = (1000 * least.sum(), 1 / least.sum(), plain / least.sum(), taken[name])
        line = "".join(parts) + "".join(
            f"{number:17.{digits}f}" for number, digits in zip(numbers, (1, 1, 2, 0), strict=True)
        )
        apart = (drawn[name].clamp(-1, 1) - drawn["plain loop"].clamp(-1, 1)).double()
        near = f"{apart.abs().max():17.2g}{-10 * np.log10(float(apart.square().mean()) / 4 + 1e-20):17.1f}"
        print(f"{name:12}" + line + near * (name != "plain loop"))


def planes_of(network: Generator, what: Given) -> tuple[float, float]:
    """Seconds of a portrait's planes, the second time, and MB that they take."""
    for _ in range(2):
        before, start = rest(), now()
        network.planes(what.head)
        seconds = now() - start
    return seconds, peak() - before


def rest() -> float:
    """MB that are held; from here on `peak` is counted."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated() / 2**20
    if not PEAK.exists():
        return 0.0
    ctypes.CDLL(None).malloc_trim(0)
    PEAK.write_text("5")
    return held("VmRSS")


def peak() -> float:
    """Most MB that were held since `rest`; 0 where the system does not say."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return held("VmHWM") if PEAK.exists() else 0.0


def held(what: str) -> float:
    """MB of the process, by the kernel's name."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) / 1024


def now() -> float:
    """Seconds, once everything that was asked for is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def plainly(network: Generator, what: Given, planes: Tensor) -> Timed:
    """As published."""
    steps = [now()]
    moved = planes + network.motion_adapter(torch.cat((*what.codes, what.code), 1))
    steps.append(now())
    rendered = render(moved, what.camera, network.decoder, VolumeSettings(plain=True))
    steps.append(now())
    still = network.super_resolution.still(*what.pictures)
    features = rendered.features
    given = (features, features[:, :RGB], rendered.weights, still, what.source, what.target)
    frame = network.super_resolution(*given).frame
    steps.append(now())
    return Timed(frame, tuple(np.diff(steps)))


def quickly(network: Generator, what: Given, tiles: int) -> Callable[[], Timed]:
    """As the avatar does."""
    person = network.meet(what.head, what.codes, what.pictures, what.source)
    settings = VolumeSettings(chunk=-(-(VolumeSettings.size**2) // tiles))

    def whole() -> Timed:
        start = now()
        frame = network.draw(person, what.code, what.camera, what.target, settings=settings).frame
        return Timed(frame, (now() - start,))

    def draw() -> Timed:
        steps = [now()]
        moved = network.moved(person, what.code)
        steps.append(now())
        rendered = render(moved, what.camera, network.decoder, settings)
        steps.append(now())
        features = rendered.features
        given = (features, features[:, :RGB], rendered.weights, person.still, person.source, what.target)
        frame = network.super_resolution(*given).frame
        steps.append(now())
        return Timed(frame, tuple(np.diff(steps)))

    return whole if isinstance(network, CardGenerator) else draw


def given(random: np.random.Generator) -> Given:
    """Smooth random pictures, a turned head."""

    def picture(channels: int = 3) -> Tensor:
        small = torch.from_numpy(random.uniform(-1, 1, (1, channels, 16, 16)).astype(np.float32))
        return torch.nn.functional.interpolate(small, (512, 512), mode="bicubic").clamp(-1, 1)

    classes = torch.nn.functional.one_hot(picture(6).argmax(1), 6).permute(0, 3, 1, 2).float()
    camera = camera_of_pose(np.array([[0.1, 0.3, 0.0]], np.float32), np.zeros((1, 3), np.float32))
    source = torch.from_numpy(random.uniform(-0.5, 0.5, (1, 68, 3)).astype(np.float32))
    pictures = (picture(), picture(), classes)
    head, first, second, code = (picture() for _ in range(4))
    return Given(head, (first, second), pictures, source, code, torch.from_numpy(camera), source + 0.03)


def normed(network: Generator, what: Given) -> Generator:
    """Random numbers, normed by what the layers make of `what`, else frames leave every range; a dense field."""
    network.decoder.out.bias[0] = DENSE
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.momentum = None  # the statistics become those of what is seen
    network.train()
    network(what.head, torch.cat((*what.codes, what.code), 1), what.camera, what.pictures, (what.source, what.target))
    return network.eval()


def trained() -> Generator:
    """The imported weights."""
    network = Generator()
    load_stored(network, NAME)
    return network


if __name__ == "__main__":
    main()
