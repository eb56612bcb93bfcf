"""The background goes on behind a person: first in the colours around, then with their texture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.face.tracker import FaceLandmarks
from vivant.portrait.matte import CutOut
from vivant.portrait.pixels import fitted_size, scale_bytes, scale_floats
from vivant.portrait.portrait import Portrait

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]

FILL_PIXELS = 300_000
"""Size at which the surface is found; it is smooth."""
SWEEPS = 12
"""Relaxations of the surface at each scale."""


def fill_background(portrait: Portrait, cutout: CutOut) -> Bytes:
    """The background (H, W, 3) with the texture that is around the person where the person was."""
    return fill(np.ascontiguousarray(portrait.picture[..., :3]), _covered(portrait, cutout))


def fill(picture: Bytes, covered: Flags, doubtful: Flags | None = None) -> Bytes:
    """`picture` (H, W, 3), where it is `covered` (H, W) made up from the colours and the texture around.

    Of what is `doubtful` (H, W) no texture is taken, as long as there is other.
    """
    from vivant.portrait.texture import continue_texture  # loads numba

    return continue_texture(picture, _surface(picture, covered), covered, doubtful)


def smooth_background(portrait: Portrait, cutout: CutOut) -> Bytes:
    """The background (H, W, 3) with a surface without bumps where the person was."""
    covered = _covered(portrait, cutout)
    picture = np.ascontiguousarray(portrait.picture[..., :3])
    return np.where(covered[..., None], _surface(picture, covered), picture)


def _covered(portrait: Portrait, cutout: CutOut) -> Flags:
    """Where (H, W) the person is, or so near that loose hairs may be."""
    reach = max(3, round(0.05 * FaceLandmarks(portrait.landmarks).extent)) | 1
    return np.asarray(cv2.dilate((cutout.alpha > 0.01).astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0)


def _surface(picture: Bytes, covered: Flags) -> Bytes:
    """(H, W, 3) that goes on evenly from `picture` (H, W, 3) where it is `covered` (H, W)."""
    height, width = covered.shape
    if covered.mean() > 0.999:
        return np.broadcast_to(picture.mean((0, 1)).astype(np.uint8), picture.shape).copy()
    size = fitted_size(width, height, min(1.0, float(np.sqrt(FILL_PIXELS / (height * width)))))
    known = (scale_floats(covered.astype(np.float32), size) == 0).astype(np.float32)
    small = even_surface(scale_bytes(picture, size).astype(np.float32), known)
    return scale_bytes(np.asarray(np.clip(small + 0.5, 0, 255), np.uint8), (width, height))


def even_surface(colour: Floats, known: Floats) -> Floats:
    """Fill where `known` (h, w) is 0 by a surface without bumps: coarse to fine, relaxed at every scale."""
    height, width = known.shape
    if min(height, width) <= 4:
        mean = (colour * known[..., None]).sum((0, 1)) / max(float(known.sum()), 1e-6)
        return np.where(known[..., None] > 0, colour, mean).astype(np.float32)
    half = ((width + 1) // 2, (height + 1) // 2)
    share = scale_floats(known, half)
    mean = scale_floats(colour * known[..., None], half)
    below = even_surface(mean / np.maximum(share, 1e-6)[..., None], (share > 0.2).astype(np.float32))
    free = 1 - known[..., None]
    filled = colour * known[..., None] + free * scale_floats(below, (width, height))
    for _ in range(SWEEPS):
        filled += free * (cv2.blur(filled, (3, 3), borderType=cv2.BORDER_REFLECT) - filled)
    return np.asarray(filled, np.float32)
