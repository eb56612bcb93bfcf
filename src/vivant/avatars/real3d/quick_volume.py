"""Volume rendering on processors: the numbers of `volume.march` step by step, ten times as fast or more.

The decoder's first layer is linear, and so is reading planes: it goes over the planes first, once a frame, instead of
over every sample. The planes x z and z x are one plane, turned; they are added. What is left for a sample is to read
2 x 4 places, softplus, and one product for its density. Colours are made only of the samples that are seen, and none
are taken where less light than `DARK` is left; so a picture may be off by some DARK, and by the rounding of sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivant.avatars.real3d.networks.radiance_decoder import RadianceDecoder
from vivant.nn.rows import together
from vivant.nn.threads import one_thread

if TYPE_CHECKING:
    from vivant.avatars.real3d.volume_kernels import Field

Floats = NDArray[np.float32]

DARK = 1e-5
"""Light that is neglected: of a ray's last samples, and of all its faint ones together."""
TILE = (16, 2)
"""Rows and columns of pixels that are followed one after another: rays below each other read the same of plane x z."""
BLOCK = TILE[0] * TILE[1]
"""Rays whose samples are in the cache at a time."""
SLAB = 16
"""Rows of a plane that go through the first layer at a time."""


def suits(planes: Tensor, decoder: RadianceDecoder) -> bool:
    """Whether `march` can take these: single precision on a processor, square planes (N, 3, C, H, H), no gradient."""
    tensors = [planes, *decoder.parameters()]
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        return False
    plain = all(tensor.device.type == "cpu" and tensor.dtype == torch.float32 for tensor in tensors)
    return plain and planes.shape[-1] == planes.shape[-2]


def march(
    planes: Tensor, decoder: RadianceDecoder, origins: Tensor, directions: Tensor, depths: Tensor, u: Tensor
) -> tuple[Tensor, Tensor]:
    """Rays through one field's `planes` (3, C, S, S); all in the order of `tiled`, so that neighbours read the same.

    `origins` (R, 3) and what a ray moves by in a unit of depth, `directions` (R, 3), are in sides of the cube, from its
    middle. Coarse samples are at `depths` (R, K), ascending; fine ones at the shares `u` (R, F). Returns features
    (R, colours), -1..1, and pixels (R, 4): weight, mean depth (no number without weight), least and greatest depth.
    """
    from vivant.avatars.real3d.volume_kernels import Field

    size = planes.shape[-1]
    out, bias = decoder.out.effective().detach(), decoder.out.bias.detach()
    opaque = torch.cat([out[0], bias[:1]]).numpy()
    field = Field(_table(planes.detach(), decoder), opaque, np.float32(DARK))
    lines = torch.cat([origins * size + (size + 1) / 2, directions * size], 1).numpy()
    followed = (lines, depths.numpy(), u.numpy())
    features, pixels = torch.empty(len(lines), len(out) - 1), torch.empty(len(lines), 4)
    _each(partial(_follow, field, followed, (out[1:].T, bias[1:]), (features, pixels)), range(0, len(lines), BLOCK))
    return features, pixels


def tiled(size: int) -> Tensor:
    """The pixels (S * S,) of a picture of `size` S, tile by tile."""
    row, column = np.divmod(np.arange(size * size), size)
    return torch.from_numpy(np.lexsort((row, column, column // TILE[1], row // TILE[0])))


def _table(planes: Tensor, decoder: RadianceDecoder) -> Floats:
    """What the first layer makes of `planes` (3, C, S, S): (2, S + 2, S + 2, width), with a border of no features."""
    size = planes.shape[-1]
    # The mean of the three planes is a sum of two with a third of the weights.
    weight, bias = decoder.hidden.effective().detach() / 3, decoder.hidden.bias.detach()
    biases = (bias, torch.zeros_like(bias))
    table = torch.empty(2, size + 2, size + 2, len(weight))
    for part, border in zip(table, biases, strict=True):
        part[0], part[-1], part[:, 0], part[:, -1] = border, border, border, border

    def fill(slabs: Iterator[int]) -> None:
        for first in slabs:
            rows = slice(first, min(first + SLAB, size))
            deep = planes[1, :, rows] + planes[2, :, :, rows].mT
            for part, slab, own in zip(table, (planes[0, :, rows], deep), biases, strict=True):
                made = torch.addmm(own, slab.flatten(1).T, weight.T)
                part[1:-1, 1:-1][rows] = made.reshape(-1, size, len(weight))

    _each(fill, range(0, size, SLAB))
    return np.asarray(table.numpy())


def _follow(
    field: Field,
    followed: tuple[Floats, Floats, Floats],
    colours: tuple[Tensor, Tensor],
    made: tuple[Tensor, Tensor],
    blocks: Iterator[int],
) -> None:
    """Blocks of rays, by their first: `followed` (R, ...) is lines, depths, shares; `made` (R, C) features, pixels."""
    from vivant.avatars.real3d import volume_kernels as kernels

    samples = BLOCK * (followed[1].shape[1] + followed[2].shape[1])
    rows, shown = torch.empty(samples, field.table.shape[3]), torch.empty(samples, made[0].shape[1])
    seen, ends = np.empty(samples, np.float32), np.empty(BLOCK, np.int32)
    memory, features, pixels = rows.numpy(), made[0].numpy(), made[1].numpy()
    weight, bias = colours
    for first in blocks:
        block = slice(first, min(first + BLOCK, len(features)))
        own = ends[: block.stop - first]
        kernels.trace(field, *(part[block] for part in followed), memory, (seen, own, pixels[block]))
        count = int(own[-1])
        torch.addmm(bias, rows[:count], weight, out=shown[:count])
        kernels.shade(shown[:count].numpy(), seen, own, features[block])


def _each(work: Callable[[Iterator[int]], None], items: Iterable[int]) -> None:
    """Let every core take the next of `items` for as long as there are any."""
    left = iter(items)

    def share() -> None:
        with torch.inference_mode(), one_thread():  # which a thread does not take over from its caller
            work(left)

    together(share for _ in range(torch.get_num_threads()))
