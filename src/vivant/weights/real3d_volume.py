"""Key table of the published decoder of Real3D-Portrait's radiance field."""

from __future__ import annotations

from vivant.weights.keys import KeyTable, affine


def radiance_decoder() -> KeyTable:
    """To RadianceDecoder; keys without `decoder.`."""
    return affine("net.0", "hidden") | affine("net.2", "out")
