"""Light of a picture: spherical harmonics from all around, and one directional key light that throws shadows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vivant.face.normals import even_directions

Floats = NDArray[np.float32]

WAYS = 22
"""Directions from which the light of all around is taken."""


@dataclass(frozen=True)
class Light:
    """Linear light; a white wall that faces an even surround of 1 is as bright as 1."""

    key: Floats
    """(3,) unit, toward the light."""
    key_colour: Floats
    """(3,)"""
    harmonics: Floats
    """(9, 3) radiance by real spherical harmonics of the degrees 0 to 2, without their constants: 1, y, z, x, xy,
    yz, 3z2-1, xz, x2-y2."""

    def radiance(self, ways: Floats) -> Floats:
        """What comes from the unit `ways` (N, 3), (N, 3), never negative."""
        x, y, z = ways.T
        basis = np.stack([np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], 1)
        return np.asarray(np.maximum(basis @ self.harmonics, 0), np.float32)

    def mean(self) -> Floats:
        """(3,) radiance over all directions."""
        return np.asarray(self.radiance(directions()).mean(0), np.float32)


@cache
def directions() -> Floats:
    """(22, 3), see `even_directions`."""
    return even_directions(WAYS)


def draw_light(rng: np.random.Generator) -> Light:
    """Light as in portraits: mostly from above and in front, warm or cool, soft or hard."""
    yaw, height = np.deg2rad(rng.normal(0, 42)), np.deg2rad(rng.uniform(5, 55))
    key = np.array([np.sin(yaw) * np.cos(height), np.sin(height), np.cos(yaw) * np.cos(height)])
    hard = rng.beta(1.6, 1.6)
    warmth, fill_warmth = rng.normal(0, 0.10), rng.normal(0, 0.08)
    key_colour = np.array([1 + warmth, 1.0, 1 - warmth]) * (0.25 + 0.75 * hard)
    fill = np.array([1 + fill_warmth, 1.0, 1 - fill_warmth]) * (0.75 - 0.55 * hard)
    harmonics = np.zeros((9, 3))
    harmonics[0] = 1
    harmonics[1] = rng.uniform(0.1, 0.55) + rng.normal(0, 0.05, 3)
    harmonics[2] = rng.uniform(0.0, 0.5) + rng.normal(0, 0.04, 3)
    harmonics[3] = rng.normal(0, 0.3) + rng.normal(0, 0.06, 3)
    harmonics[4:] = rng.normal(0, 0.10, (5, 1)) + rng.normal(0, 0.03, (5, 3))
    front = max(float(key[2]), 0.2) * key_colour.mean() + fill.mean() * (1 + 0.5 * harmonics[2].mean())
    strength = rng.uniform(0.65, 1.05) / front
    return Light(
        key.astype(np.float32), (key_colour * strength).astype(np.float32), (harmonics * fill * strength).astype("f4")
    )
