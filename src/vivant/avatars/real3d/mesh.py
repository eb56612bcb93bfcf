"""The surface of a head's radiance field: where its density passes a threshold, with the field's own colours.

Marching cubes (Lewiner et al., 2003, by scikit-image) over a grid of the cube that the planes span.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivant.avatars.real3d.networks.radiance_decoder import RadianceDecoder
from vivant.avatars.real3d.volume import field_at
from vivant.errors import MissingExtraError, SettingsError

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

GRID = 192
"""Places of the grid along each side."""
DENSE = 10.0
"""Raw density of the surface: light falls to a tenth within a quarter of the cube's side."""
METRES = 0.1 / 0.27
"""Of a side of the cube: the face model's decimetres are 0.27 of it."""
TOGETHER = 2**18
"""Places that are looked up at a time."""


@dataclass(frozen=True)
class HeadMesh:
    """A closed surface with colours."""

    vertices: Floats
    """(N, 3) metres, x to the viewer's right, y up, z toward the viewer; the cube's middle is 0."""
    triangles: Ints
    """(T, 3) counter-clockwise from outside."""
    colours: Bytes
    """(N, 3) sRGB."""


@torch.inference_mode()
def head_mesh(planes: Tensor, decoder: RadianceDecoder, grid: int = GRID, dense: float = DENSE) -> HeadMesh:
    """The surface of the field of `planes` (1, 3, C, S, S).

    Raises MissingExtraError without scikit-image and SettingsError where the field is nowhere so dense.
    """
    try:
        from skimage.measure import marching_cubes
    except ImportError as error:
        raise MissingExtraError("scikit-image", "mesh") from error
    density = _density(planes, decoder, grid)
    if not density.min() < dense < density.max():
        raise SettingsError(f"the field has no surface of density {dense:g}; are its weights trained?")
    # Empty rims close the surface where the cube cuts it.
    padded = np.pad(density, 1, constant_values=min(float(density.min()), dense - 1.0))
    found, triangles, _, _ = marching_cubes(  # type: ignore[no-untyped-call]
        padded, dense, gradient_direction="descent"
    )
    places = ((found - 0.5) / grid - 0.5).astype(np.float32)
    return HeadMesh(places * np.float32(METRES), triangles.astype(np.int32), _colours(planes, decoder, places))


def _density(planes: Tensor, decoder: RadianceDecoder, grid: int) -> Floats:
    """(G, G, G) raw density by x, y, z at the middles of cells, G = `grid`."""
    axis = (torch.arange(grid) + 0.5) / grid - 0.5
    result = np.empty((grid, grid * grid), np.float32)
    flat = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    for row, x in enumerate(axis):
        points = torch.cat((x.expand(len(flat), 1), flat), 1)
        result[row] = field_at(planes, points[None], decoder).density[0, :, 0].numpy()
    return result.reshape(grid, grid, grid)


def _colours(planes: Tensor, decoder: RadianceDecoder, places: Floats) -> Bytes:
    """Colours (N, 3) of the field at `places` (N, 3)."""
    parts = [
        field_at(planes, part[None], decoder).colour[0, :, :3]
        for part in torch.split(torch.from_numpy(places), TOGETHER)
    ]
    colours: Bytes = (torch.cat(parts).clamp(0, 1) * 255 + 0.5).byte().numpy()
    return colours
