"""Volume rendering of a tri-plane with importance sampling (EG3D, Chan et al., 2022; NeRF, Mildenhall et al., 2020).

Two passes along each ray: coarse samples at even distances find where the ray is stopped, fine samples are put there,
and both together give the picture. Nothing is drawn at random unless `Draws` are given: so a still head stays still.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from vivant.avatars.real3d import fused_volume, quick_volume
from vivant.avatars.real3d.camera import rays
from vivant.avatars.real3d.networks.radiance_decoder import Radiance, RadianceDecoder
from vivant.errors import SettingsError

Pair = tuple[Tensor, Tensor]
MISSED = (-1.0, -2.0)
"""Near and far of a ray that does not meet the cube."""
LEAST = 1e-10
"""Light that passes through any step."""
FLOOR = 0.01
"""Weight added to every step before fine samples are put, so that none is left out."""
LEAST_SHARE = 1e-5
"""Share of the weight that a step has at least, and below which a step counts as one."""
FEWEST = 4
"""Coarse samples: the importance of a step is judged by the steps beside it."""


@dataclass(frozen=True)
class VolumeSettings:
    """How rays are sampled; the defaults are the published ones."""

    size: int = 128
    """Rows and columns of the picture."""
    coarse: int = 48
    fine: int = 48
    side: float = 1.0
    """Of the cube that the planes span."""
    together: bool = False
    """Whether pictures of a batch share what the original takes from the whole batch: the distances of rays that miss
    the cube, and the bounds of the depth. Without it a picture does not depend on the others beside it."""
    chunk: int = 0
    """Rays of each picture at a time, to bound memory; what is done within is done again for the gradient. 0: all."""
    plain: bool = False
    """Whether to go step by step even where the quick way would do."""
    fused: torch.dtype | None = None
    """Numbers in which planes are read, by few steps that a compiler for graphics cards fuses; without a gradient."""

    def __post_init__(self) -> None:
        if self.coarse < FEWEST or min(self.fine, self.size) < 1 or self.side <= 0 or self.chunk < 0:
            raise SettingsError(f"{self}: at least {FEWEST} coarse samples and 1 of the others must be asked for")


class Rendered(NamedTuple):
    """Pictures of a field."""

    features: Tensor
    """(N, colours, size, size), about -1..1, -1 where nothing is; the first three are red, green and blue."""
    weights: Tensor
    """(N, 1, size, size), 0..1: how much of the light is stopped."""
    depth: Tensor
    """(N, 1, size, size): mean distance from the camera."""


class Draws(NamedTuple):
    """What is random in training, and in the original always."""

    jitter: Tensor
    """(N, R, coarse), 0..1: how far coarse samples move towards the next."""
    u: Tensor
    """(N, R, fine), 0..1: shares of the coarse weights at which fine samples are put."""
    sizes: tuple[int, int] | None = None
    """Rows and columns that the planes are resized to before the coarse and the fine samples are taken."""


class Rays(NamedTuple):
    """Rays of N pictures, R each, and where they are sampled."""

    origins: Tensor
    """(N, R, 3)"""
    directions: Tensor
    """(N, R, 3) unit"""
    coarse: Tensor
    """(N, R, coarse) distances, ascending"""
    u: Tensor
    """(N, R, fine), see `Draws`"""


class Marched(NamedTuple):
    """What rays found; depths are distances."""

    features: Tensor
    """(N, R, colours)"""
    weights: Tensor
    """(N, R, 1)"""
    depth: Tensor
    """(N, R, 1), no number where the weight is zero"""
    low: Tensor
    """(N, R, 1) of the nearest sample"""
    high: Tensor
    """(N, R, 1) of the farthest sample"""


def random_draws(count: int, settings: VolumeSettings, like: Tensor, generator: torch.Generator | None = None) -> Draws:
    """Draws (N, R, S) for N = `count` pictures, S coarse or fine samples, of the type and on the device of `like`."""
    drawn = [
        torch.rand(count, settings.size**2, samples, generator=generator, dtype=like.dtype, device=like.device)
        for samples in (settings.coarse, settings.fine)
    ]
    return Draws(drawn[0], drawn[1])


def render(
    planes: Tensor,
    cameras: Tensor,
    decoder: RadianceDecoder,
    settings: VolumeSettings = VolumeSettings(),
    draws: Draws | None = None,
) -> Rendered:
    """Pictures of the field of `planes` (N, 3, C, H, W) seen by `cameras` (N, 25); see `VolumeSettings`.

    Differentiable by planes, cameras and decoder. On a processor and without a gradient it goes the quick way.
    """
    sent = _sent(cameras, settings, draws)
    sizes = draws.sizes if draws else None
    if settings.fused is not None:
        field = fused_volume.field_of(planes, decoder, settings.side, settings.fused)
        found = _in_chunks(partial(_march_fused, field), settings, sent)
    elif (
        sizes is None and not settings.plain and quick_volume.suits(planes, decoder) and not sent.origins.requires_grad
    ):
        found = _quick(planes, decoder, settings, sent)
    else:
        found = _in_chunks(partial(march, *_resized(planes, sizes), decoder, settings.side), settings, sent)
    axes = (0, 1, 2) if settings.together else (1, 2)
    ends = found.low.amin(axes, keepdim=True), found.high.amax(axes, keepdim=True)
    depth = torch.clamp(found.depth.nan_to_num(nan=torch.inf), *ends)
    shape = (len(planes), -1, settings.size, settings.size)
    return Rendered(*(part.mT.reshape(shape) for part in (found.features, found.weights, depth)))


def field_at(planes: Tensor, points: Tensor, decoder: RadianceDecoder, side: float = 1.0) -> Radiance:
    """The field of `planes` (N, 3, C, H, W) at `points` (N, M, 3) of the world: colour (N, M, colours), density."""
    result: Radiance = decoder(sample_planes(planes, points, side).mean(1))
    return result


def sample_planes(planes: Tensor, points: Tensor, side: float = 1.0) -> Tensor:
    """`planes` (N, 3, C, H, W) at `points` (N, M, 3): (N, 3, M, C), zero outside of the planes.

    The planes are seen from x y, x z and z x (column before row): the published weights know no plane of y z.
    """
    n, count, channels, height, width = planes.shape
    at = torch.stack([points[..., [0, 1]], points[..., [0, 2]], points[..., [2, 0]]], 1) * (2 / side)
    flat = planes.reshape(n * count, channels, height, width)
    found = F.grid_sample(flat, at.reshape(n * count, 1, -1, 2), padding_mode="zeros", align_corners=False)
    return found.reshape(n, count, channels, -1).mT


def distances(origins: Tensor, directions: Tensor, settings: VolumeSettings) -> tuple[Tensor, Tensor, Tensor]:
    """Where rays (N, R, 3) are sampled from and to, (N, R, 1), and which of them meet the cube (N, R, 1).

    Those that miss it are sampled between the nearest near and the farthest near of those that meet it, as published;
    nowhere where none does.
    """
    near, far = cross_cube(origins, directions, settings.side)
    hit = far > near
    axes = (0, 1, 2) if settings.together else (1, 2)
    lowest = near.where(hit, torch.inf).amin(axes, keepdim=True)
    highest = near.where(hit, -torch.inf).amax(axes, keepdim=True)
    some = lowest.isfinite()
    return near.where(hit, lowest.where(some, 0)), far.where(hit, highest.where(some, 0)), hit


def cross_cube(origins: Tensor, directions: Tensor, side: float) -> tuple[Tensor, Tensor]:
    """Distances (N, R, 1) at which rays (N, R, 3) enter and leave the cube about the origin; else `MISSED`."""
    one, other = (-side / 2 - origins) / directions, (side / 2 - origins) / directions
    near = torch.minimum(one, other).amax(-1, keepdim=True)
    far = torch.maximum(one, other).amin(-1, keepdim=True)
    hit = near <= far
    return near.where(hit, MISSED[0]), far.where(hit, MISSED[1])


def coarse_depths(near: Tensor, far: Tensor, count: int, jitter: Tensor | None = None) -> Tensor:
    """`count` even steps from `near` to `far` (N, R, 1), each moved on by `jitter` (N, R, count) of a step."""
    steps = torch.arange(count, device=near.device, dtype=near.dtype)
    if jitter is not None:
        steps = steps + jitter
    return near + steps * ((far - near) / (count - 1))


def weights_of(depths: Tensor, density: Tensor) -> Tensor:
    """How much of a ray's light each step between two of its S samples stops: (N, R, S) to (N, R, S - 1)."""
    middle = F.softplus((density[..., 1:] + density[..., :-1]) / 2 - 1)
    alpha = 1 - torch.exp(-middle * depths.diff(dim=-1))
    passed = torch.cumprod(1 - alpha + LEAST, -1)
    return alpha * torch.cat([torch.ones_like(passed[..., :1]), passed[..., :-1]], -1)


def fine_depths(depths: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    """Distances (N, R, F) spread as the `weights` (N, R, S - 1) of the steps between `depths` (N, R, S) are.

    `u` (N, R, F) are the shares of the weight to be found, by way of the piecewise constant density of Mildenhall et
    al., section 5.2, smoothed. Without a gradient.
    """
    widest = F.max_pool1d(weights.detach(), 2, 1, padding=1)
    share = (F.avg_pool1d(widest, 2, 1) + FLOOR)[..., 1:-1] + LEAST_SHARE
    reached = F.pad(torch.cumsum(share / share.sum(-1, keepdim=True), -1), (1, 0))
    edges = (depths[..., 1:] + depths[..., :-1]).detach() / 2
    found = torch.searchsorted(reached, u.contiguous(), right=True)
    below, above = (found - 1).clamp(min=0), found.clamp(max=share.shape[-1])
    start, first = reached.gather(-1, below), edges.gather(-1, below)
    width = reached.gather(-1, above) - start
    width = width.where(width >= LEAST_SHARE, 1)
    return first + (u - start) / width * (edges.gather(-1, above) - first)


def march(coarser: Tensor, finer: Tensor, decoder: RadianceDecoder, side: float, sent: Rays) -> Marched:
    """Both passes along rays, step by step; `coarser` and `finer` (N, 3, C, H, W) are the planes of each pass."""
    near = _radiance(coarser, decoder, side, sent, sent.coarse)
    with torch.no_grad():
        found = fine_depths(sent.coarse, weights_of(sent.coarse, near.density[..., 0]), sent.u)
    far = _radiance(finer, decoder, side, sent, found)
    depths, order = torch.cat([sent.coarse, found], -1).sort(-1)
    colour, density = (torch.cat(parts, 2) for parts in zip(near, far, strict=True))
    weights = weights_of(depths, density[..., 0].gather(-1, order))
    features = _shares(weights)[..., None, :] @ colour.gather(2, order[..., None].expand_as(colour))
    return _marched(features[..., 0, :] * 2 - 1, weights, depths)


def _radiance(planes: Tensor, decoder: RadianceDecoder, side: float, sent: Rays, depths: Tensor) -> Radiance:
    """The field at `depths` (N, R, S) along rays: colour (N, R, S, colours) and density (N, R, S, 1)."""
    points = sent.origins[:, :, None] + depths[..., None] * sent.directions[:, :, None]
    found = field_at(planes, points.flatten(1, 2), decoder, side)
    return Radiance(*(part.reshape(*depths.shape, part.shape[-1]) for part in found))


def _sent(cameras: Tensor, settings: VolumeSettings, draws: Draws | None) -> Rays:
    origins, directions = rays(cameras, settings.size)
    near, far, _ = distances(origins, directions, settings)
    depths = coarse_depths(near, far, settings.coarse, draws.jitter if draws else None)
    if draws:
        return Rays(origins, directions, depths, draws.u)
    even = torch.linspace(0, 1, settings.fine, device=depths.device, dtype=depths.dtype)
    return Rays(origins, directions, depths, even.expand(*depths.shape[:2], settings.fine))


def _march_fused(field: fused_volume.Field, sent: Rays) -> Marched:
    """`march` by few steps, for graphics cards."""
    near = fused_volume.points_of(field, sent.origins, sent.directions, sent.coarse)
    found = fine_depths(sent.coarse, weights_of(sent.coarse, near.density), sent.u)
    far = fused_volume.points_of(field, sent.origins, sent.directions, found)
    depths, order = torch.cat([sent.coarse, found], -1).sort(-1)
    weights = weights_of(depths, torch.cat([near.density, far.density], -1).gather(-1, order))
    shares = torch.zeros_like(depths).scatter(-1, order, _shares(weights))
    return _marched(fused_volume.composed((near, far), shares), weights, depths)


def _shares(weights: Tensor) -> Tensor:
    """What each of S samples has of the `weights` (N, R, S - 1) of the steps: a step has the mean of its ends."""
    return (F.pad(weights, (1, 0)) + F.pad(weights, (0, 1))) / 2


def _marched(features: Tensor, weights: Tensor, depths: Tensor) -> Marched:
    """`features` with what the `weights` of steps say of the `depths` between which they lie."""
    total = weights.sum(-1, keepdim=True)
    depth = (weights * (depths[..., 1:] + depths[..., :-1]) / 2).sum(-1, keepdim=True) / total
    return Marched(features, total, depth, depths[..., :1], depths[..., -1:])


def _in_chunks(step: Callable[[Rays], Marched], settings: VolumeSettings, sent: Rays) -> Marched:
    """`march` or the like for some rays at a time."""
    pieces = [
        Rays(*parts)
        for parts in zip(*(torch.split(part, settings.chunk or part.shape[1], 1) for part in sent), strict=True)
    ]
    if len(pieces) > 1 and torch.is_grad_enabled():
        step = partial(checkpoint, step, use_reentrant=False)
    return Marched(*(torch.cat(parts, 1) for parts in zip(*map(step, pieces), strict=True)))


def _quick(planes: Tensor, decoder: RadianceDecoder, settings: VolumeSettings, sent: Rays) -> Marched:
    """`march` of one picture after another on a processor."""
    order = quick_volume.tiled(settings.size)
    back = torch.empty_like(order)
    back[order] = torch.arange(len(order))
    found = []
    for own, origins, directions, depths, u in zip(planes, *sent, strict=True):
        lengths = (origins / settings.side, directions / settings.side, depths, u)
        features, pixels = quick_volume.march(own, decoder, *(part[order] for part in lengths))
        found.append((features[back], *torch.split(pixels[back], 1, 1)))
    return Marched(*(torch.stack(parts) for parts in zip(*found, strict=True)))


def _resized(planes: Tensor, sizes: tuple[int, int] | None) -> Pair:
    """`planes` for the coarse and for the fine samples."""
    if sizes is None:
        return planes, planes
    flat, shape = planes.flatten(0, 1), planes.shape[:3]
    one, other = (F.interpolate(flat, (size, size), mode="bilinear").reshape(*shape, size, size) for size in sizes)
    return one, other
