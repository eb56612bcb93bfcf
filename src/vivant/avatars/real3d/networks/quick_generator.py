"""`Generator` for inference: what depends on weights alone is worked out once."""

from __future__ import annotations

from vivant.avatars.real3d.networks.generator import Generator
from vivant.avatars.real3d.networks.plane_blocks import folded
from vivant.avatars.real3d.networks.quick_super_resolution import quickened as quickened_super_resolution


def quickened(network: Generator, *, fast: bool = False) -> Generator:
    """`network` itself, made quick: it can then learn no more, and its state is not to be stored.

    `fast`: the super-resolution, most of the work, calculates in bfloat16.
    """
    network.eval().requires_grad_(False)
    network.image_to_plane = folded(network.image_to_plane)
    network.motion_adapter = folded(network.motion_adapter)
    quick = quickened_super_resolution(network.super_resolution, fast=fast)
    network.super_resolution = quick  # type: ignore[assignment]
    return network
