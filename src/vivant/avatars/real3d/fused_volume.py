"""Volume rendering for graphics cards: `volume.march` in few large steps, which a compiler fuses.

As in `quick_volume`, the decoder's first layer goes over the planes, and the planes x z and z x become one. A sample
then reads two places of two maps: eight lookups, their sum and softplus are one pass over all samples of all rays.
Nothing is brought in order but densities and weights, and nothing waits for the processor.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vivant.avatars.real3d.networks.radiance_decoder import STRETCH, RadianceDecoder


class Field(NamedTuple):
    """A radiance field; S is the side of its planes."""

    table: Tensor
    """(N, 2, S + 2, S + 2, C): the first layer's sums, without bias, over the planes x y and x z; zeros beyond."""
    bias: Tensor
    """(C,)"""
    opaque: Tensor
    """(C,) float32: weights of the second layer for the density"""
    weight: Tensor
    """(colours, C): the others"""
    shift: Tensor
    """(1 + colours,), its bias"""
    side: float
    """Of the cube."""


class Points(NamedTuple):
    """What samples (N, R, S) give: density (N, R, S) float32, colours (N, R, S, colours) before the sigmoid."""

    density: Tensor
    colours: Tensor


def field_of(planes: Tensor, decoder: RadianceDecoder, side: float, dtype: torch.dtype) -> Field:
    """The field of `planes` (N, 3, C, S, S), read in numbers of `dtype`."""
    # The mean of the three planes is a sum of two with a third of the weights.
    flat = torch.stack((planes[:, 0], planes[:, 1] + planes[:, 2].mT), 1)
    table = torch.einsum("npchw,oc->nphwo", flat.to(dtype), (decoder.hidden.effective() / 3).to(dtype))
    table = F.pad(table, (0, 0, 1, 1, 1, 1))
    weight = decoder.out.effective()
    return Field(table, decoder.hidden.bias, weight[0], weight[1:].to(dtype), decoder.out.bias, side)


def points_of(field: Field, origins: Tensor, directions: Tensor, depths: Tensor) -> Points:
    """The field at `depths` (N, R, S) along rays of `origins` and unit `directions` (N, R, 3)."""
    at = (origins[:, :, None] + depths[..., None] * directions[:, :, None]) / field.side
    hidden = F.softplus(looked_up(field.table, at) + field.bias)
    # The density is a sum in the same pass as the lookups; beside it, colours are as many as cards like.
    density = (hidden * field.opaque).sum(-1) + field.shift[0]
    dtype = field.weight.dtype
    return Points(density, F.linear(hidden.to(dtype), field.weight, field.shift[1:].to(dtype)))


def looked_up(table: Tensor, at: Tensor) -> Tensor:
    """Sums of `table` (N, 2, S + 2, S + 2, C) at places `at` (N, R, K, 3), sides of the cube from its middle.

    (N, R, K, C) float32, bilinear.
    """
    width, flat = table.shape[2], table.flatten(0, 3)
    place = (at * (width - 2) + (width - 1) / 2).nan_to_num(0).clamp(0, width - 1)
    first = place.floor().clamp(max=width - 2)
    share, corner = place - first, first.long()
    maps = 2 * torch.arange(len(table), device=table.device)[:, None, None]
    found = torch.zeros_like(at[..., :1])
    for number, axis in enumerate((1, 2)):
        # Columns are x, rows are y in the first map and z in the second.
        start = ((maps + number) * width + corner[..., axis]) * width + corner[..., 0]
        across, down = share[..., :1], share[..., axis : axis + 1]
        upper = torch.lerp(flat[start].float(), flat[start + 1].float(), across)
        lower = torch.lerp(flat[start + width].float(), flat[start + width + 1].float(), across)
        found = found + torch.lerp(upper, lower, down)
    return found


def composed(points: tuple[Points, Points], shares: Tensor) -> Tensor:
    """Features (N, R, colours), -1..1, of coarse and fine `points` by the `shares` (N, R, S) that each has of a ray."""
    found = -1 - 2 * STRETCH * shares.sum(-1, keepdim=True)
    counts = [part.density.shape[-1] for part in points]
    for part, share in zip(points, torch.split(shares, counts, -1), strict=True):
        found = found + 2 * (1 + 2 * STRETCH) * (share[..., None] * torch.sigmoid(part.colours.float())).sum(2)
    return found
