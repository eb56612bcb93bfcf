"""`Generator` for inference: what depends on weights alone is worked out once."""

from __future__ import annotations

import torch

from vivant.avatars.real3d.networks.generator import Generator
from vivant.avatars.real3d.networks.plane_blocks import folded
from vivant.avatars.real3d.networks.quick_super_resolution import quickened as quickened_super_resolution
from vivant.avatars.real3d.networks.transformer import Attention, FeedForward
from vivant.nn.cards import compiled


def quickened(network: Generator, *, fast: bool = False, tiles: int = 1) -> Generator:
    """`network` itself, made quick: it can then learn no more, and its state is not to be stored.

    `fast`: the super-resolution, most of the work, calculates in bfloat16; on a graphics card all that is large does.
    The largest layers work in so many `tiles`, one after another, to bound memory.
    """
    network.eval().requires_grad_(False)
    network.image_to_plane = folded(network.image_to_plane)
    network.motion_adapter = folded(network.motion_adapter)
    quick = quickened_super_resolution(network.super_resolution, fast=fast)
    network.super_resolution = quick  # type: ignore[assignment]
    quick.high.bands = tiles
    for module in network.modules():
        if isinstance(module, Attention | FeedForward):
            module.pieces = tiles
    if network.decoder.hidden.weight.device.type == "cpu":
        return network
    from vivant.avatars.real3d.networks.card_generator import CardGenerator

    return CardGenerator(network, torch.bfloat16 if fast else torch.float32, compiled)
