"""The published networks of Real3D-Portrait that draw: our name, key table, and the network in its released sizes."""

from __future__ import annotations

from vivant.avatars.real3d.networks.generator import Generator
from vivant.weights import real3d
from vivant.weights.release import Release

SYSTEM, NETWORK = "real3d", "generator"
NAME = f"{SYSTEM}/{NETWORK}"


def releases() -> tuple[Release, ...]:
    """Every network that can be imported."""
    return (Release(SYSTEM, NETWORK, real3d.generator(), Generator),)
