"""Speed of the full Talking Head Anime systems beside a plain loop that calculates as published.

    python benchmarks/tha_posers.py [--system tha3/standard] [--weights FOLDER] [--picture girl.png] [--cores 1]
    python benchmarks/tha_posers.py --system tha4/teacher --device cuda

Without weights the networks hold random numbers: times are the same, but such networks amplify every rounding some
thousand times, so that dB between exact and fast are far below those of trained ones. Frames take turns between the
ways, and the median of each counts. "a head slider" and "a mouth slider" change one number from frame to frame.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from tha_plain import PlainPoser

from vivant.avatars.tha.networks.blocks import Heads
from vivant.avatars.tha.networks.released import releases
from vivant.avatars.tha.networks.unet import UNet
from vivant.avatars.tha.picture import Bytes, picture_of_tensor, tensor_of_picture
from vivant.avatars.tha.pose import HIGH, INDEX, LOW
from vivant.avatars.tha.posers import VARIANTS, FullPoser, assemble, open_networks
from vivant.media.image import read_image

FLOW = 0.02
"""Random flows are scaled by this, or nothing of the picture would remain."""


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", choices=VARIANTS, default="tha3/standard")
    parser.add_argument("--weights", type=Path, help="a folder of published files; without it random numbers")
    parser.add_argument("--picture", type=Path, help="512 x 512 RGBA; without it a drawn head")
    parser.add_argument("--cores", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", help="cuda: exact and fast on a GPU, beside the plain loop there")
    parser.add_argument("--frames", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.cores)
    networks = open_networks(options.system, options.weights) if options.weights else random_networks(options.system)
    picture = read_image(options.picture).pixels if options.picture else drawn_head()
    where = f"{options.cores} cores" if options.device == "cpu" else torch.cuda.get_device_name(options.device)
    print(f"{options.system}, {where}, ms per frame of 512 x 512, median of {options.frames}")
    measure(networks, picture, options)


@torch.inference_mode()
def measure(networks: dict[str, Any], picture: Bytes, options: argparse.Namespace) -> None:
    """Print one line for each way, all measured in turns."""
    premultiplied, device, frames = options.system.startswith("tha4"), options.device, options.frames
    for network in networks.values():
        network.eval().requires_grad_(False).to(device)
    plain = PlainPoser(networks, premultiplied=premultiplied)
    before = plain.prepare(tensor_of_picture(picture, premultiplied=premultiplied).to(device))
    posers = [
        assemble(copy.deepcopy(networks), premultiplied=premultiplied, fast=fast, device=device)
        for fast in (False, True)
    ]
    exact = posers[0]
    random = np.random.default_rng(0)
    poses = (LOW + random.random((frames + 1, len(LOW))) * (HIGH - LOW)).astype(np.float32)

    def plainly(pose: Any) -> Bytes:
        image = plain.draw(before, torch.from_numpy(pose)[None].to(device))
        return picture_of_tensor(image, premultiplied=premultiplied)

    ways: dict[str, Callable[[Any], Bytes]] = {"plain loop": plainly}
    ways |= {name: drawer(poser, picture) for name, poser in zip(("exact", "fast"), posers, strict=True)}
    for slider in ("mouth_aaa", "head_x"):
        ways[f"exact, only {slider}"] = dragged(exact, picture, poses[0], slider)
    times, drawn = in_turns(ways, poses)
    print(f"{'':24}{'ms':>8}{'ratio':>8}{'dB to the plain loop':>24}")
    for name in ways:
        ms, ratio = times[name], times["plain loop"] / times[name]
        near = (
            ""
            if name == "plain loop" or "only" in name
            else f"{min(map(decibels, drawn[name], drawn['plain loop'])):24.1f}"
        )
        print(f"{name:24}{ms:8.0f}{ratio:8.2f}{near}")


def in_turns(ways: dict[str, Callable[[Any], Bytes]], poses: Any) -> tuple[dict[str, float], dict[str, list[Bytes]]]:
    """Median milliseconds of each way, and what it drew; the first pose warms up."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    drawn: dict[str, list[Bytes]] = {name: [] for name in ways}
    for pose in poses:
        for name, draw in ways.items():
            start = time.perf_counter()
            drawn[name].append(draw(pose))
            times[name].append(1000 * (time.perf_counter() - start))
    return {name: median(found[1:]) for name, found in times.items()}, drawn


def drawer(poser: FullPoser, picture: Bytes) -> Callable[[Any], Bytes]:
    """Draw any pose."""
    prepared = poser.prepare(picture)
    return lambda pose: poser.draw(prepared, pose)


def dragged(poser: FullPoser, picture: Bytes, start: Any, slider: str) -> Callable[[Any], Bytes]:
    """Draw the first pose with one number of another."""
    prepared = poser.prepare(picture)
    place = INDEX[slider]

    def draw(pose: Any) -> Bytes:
        changed = start.copy()
        changed[place] = pose[place]
        return poser.draw(prepared, changed)

    return draw


def decibels(one: Bytes, other: Bytes) -> float:
    """PSNR of bytes."""
    error = np.mean((one.astype(float) - other.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-6)))


def random_networks(system: str) -> dict[str, Any]:
    """The networks of a system by our names, with random numbers and gentle flows."""
    torch.manual_seed(0)
    variant = VARIANTS[system][0]
    networks = {}
    for release in releases():
        if f"{release.system}/{release.network}".startswith(f"{variant}/"):
            networks[release.network] = network = release.build()
            for parameter in network.parameters():
                scale = parameter[0].numel() ** -0.5 if parameter.dim() > 1 else 0.1
                parameter.data.normal_(1.0 if parameter.dim() == 1 and parameter.mean() == 1 else 0.0, scale)
            for module in network.modules():
                if isinstance(module, Heads) and "flow" in module.convs:
                    module.convs["flow"].weight.data *= FLOW
                elif isinstance(module, UNet):
                    module.leave.weight.data[4:6] *= FLOW
                    module.leave.bias.data[4:6] *= FLOW
    return networks


def drawn_head() -> Bytes:
    """A disc for a head and a body below it, with soft colours and no background."""
    y, x = np.mgrid[:512, :512].astype(np.float32)
    head = np.hypot(x - 256, y - 128) < 64
    body = (np.abs(x - 256) < 40 + 0.3 * (y - 180)) & (y > 180)
    colour = 127 + 100 * np.stack([np.sin(x / 31 + y / 57 + turn) for turn in (0, 2, 4)], -1)
    alpha = 255 * (head | body)
    return np.dstack([colour, alpha]).astype(np.uint8)


if __name__ == "__main__":
    main()
