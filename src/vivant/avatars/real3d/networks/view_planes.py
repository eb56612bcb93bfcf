"""One picture to a field in its own view space: the network behind the packaged 3-D heads.

A U-Net turns picture, mask and the fitted face mesh into three planes: one that is pixel-aligned with the picture, and
two that look from above and from the side and are pooled from its middle. Any point of the box gathers their features
at its own place and at the place of its left-right partner, since faces are nearly symmetric (as PIFu gathers pixels:
Saito et al., 2019; planes as in EG3D: Chan et al., 2022), and a small decoder says how dense it is there, what colour,
and how far to trust the picture's own pixel and that of the partner instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.real3d.view_space import HALF, camera_from_view, mirrored

INPUTS = 10
"""Red, green, blue, mask, inside; of the face mesh its place on the model (3), its w, whether it is there."""
COLOUR, MASK, MESH = slice(0, 3), slice(3, 4), slice(8, 10)
MESH_STEEP, FACE_DEPTH = 4.0, 0.6
"""How steeply density falls before the face mesh, and how far behind it the face is solid; 1 are 3.75 cm."""
OCTAVES = 6
"""Of the waves that tell the decoder where in the head a point is."""


@dataclass(frozen=True)
class ViewPlanesConfig:
    """Sizes of the packaged network."""

    side: int = 256
    """Of the picture."""
    widths: tuple[int, ...] = (32, 64, 128, 256, 256)
    """Channels at a half of the picture's side, a quarter..."""
    features: int = 32
    deep: int = 32
    """Steps along w of the pooled planes."""
    hidden: int = 128
    """Width of the decoder."""


class Planes(NamedTuple):
    """A picture as a field, with what of the picture is looked up directly."""

    front: Tensor
    """(N, features, side / 2, side / 2): u across, v up."""
    above: Tensor
    """(N, features, deep, side / 8): u across, w up."""
    beside: Tensor
    """(N, features, deep, side / 8): v across, w up."""
    picture: Tensor
    """(N, 10, side, side), the input."""


class Field(NamedTuple):
    """What is at points."""

    density: Tensor
    """(N, M) logit of being inside."""
    own: Tensor
    """(N, M, 3) colour by the network alone, 0..1."""
    colour: Tensor
    """(N, M, 3) the same mixed with pixels of the picture."""
    trust: Tensor
    """(N, M, 2) share of the pixel in the line of sight, and of the partner's in what is left."""


class ViewPlanes(nn.Module):
    """Picture to planes."""

    def __init__(self, config: ViewPlanesConfig = ViewPlanesConfig()) -> None:
        super().__init__()
        self.config = config
        widths, features = config.widths, config.features
        self.stem = nn.Conv2d(INPUTS, widths[0], 4, 2, 1)
        self.first = nn.Conv2d(widths[0], widths[0], 3, 1, 1)
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(Step(a, b, 2) for a, b in pairs)
        self.middle = Step(widths[-1], widths[-1], 1)
        self.thin = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in reversed(pairs))
        self.up = nn.ModuleList(Step(a, a, 1) for a, _ in reversed(pairs[1:]))
        self.last = nn.Conv2d(widths[0], features, 3, 1, 1)
        pooled = 2 * widths[2]
        self.above, self.beside = (
            nn.Sequential(nn.Conv1d(pooled, pooled, 3, 1, 1), nn.SiLU(), nn.Conv1d(pooled, features * config.deep, 1))
            for _ in range(2)
        )

    def forward(self, picture: Tensor) -> Planes:
        """`picture` (N, 10, side, side), see `INPUTS`; colours -1..1, 0 outside of the mask."""
        x = F.silu(self.stem(picture))
        kept = [x + F.silu(self.first(x))]
        for step in self.down:
            kept.append(step(kept[-1]))
        x = pooled = self.middle(kept.pop())
        for thin, step in zip(self.thin, [*self.up, nn.SiLU()], strict=True):
            x = step(_twice(thin(x)) + kept.pop())
            pooled = x if x.shape[1] == self.config.widths[2] else pooled
        above, beside = self._pooled(self.above, pooled, 2), self._pooled(self.beside, pooled, 3)
        return Planes(self.last(x).float(), above.float(), beside.float(), picture)

    def _pooled(self, layers: nn.Module, x: Tensor, axis: int) -> Tensor:
        """Mean and maximum of (N, C, H, W) along an `axis` as a line (N, features, deep, H or W)."""
        line: Tensor = layers(torch.cat([x.mean(axis), x.amax(axis)], 1))
        return line.reshape(len(line), self.config.features, self.config.deep, -1)


class Step(nn.Module):
    """Two convolutions around which the input is carried on."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.carry = nn.Conv2d(inputs, outputs, stride, stride)
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.norm = nn.GroupNorm(8, outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        result: Tensor = self.carry(x) + self.second(F.silu(self.norm(self.first(x))))
        return result


class ViewDecoder(nn.Module):
    """Planes at points to what is there."""

    def __init__(self, config: ViewPlanesConfig = ViewPlanesConfig()) -> None:
        super().__init__()
        inputs = 2 * config.features + 2 * 2 + 3 + 3 + 6 * OCTAVES
        self.layers = nn.ModuleList(nn.Linear(n, config.hidden) for n in (inputs, config.hidden, config.hidden))
        self.out = nn.Linear(config.hidden, 6)
        with torch.no_grad():
            self.out.weight *= 0.1  # begins as a typical head that shows its own pixels
            self.out.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 0.0, 1.5, 0.0]))

    def forward(self, planes: Planes, points: Tensor, rotation: Tensor) -> Field:
        """View `points` (N, M, 3) of heads that stand at `rotation` (N, 3, 3) in their pictures."""
        partners = mirrored(points, rotation)
        here, there = (self._gathered(planes, places) for places in (points, partners))
        head = camera_from_view(points, rotation) @ rotation
        mesh = here[0][..., -2:]
        x = torch.cat([here[0], there[0], points, _waves(head)], -1)
        for layer in self.layers:
            x = F.silu(layer(x))
        out = self.out(x).float()
        own, trust = out[..., 1:4].sigmoid(), out[..., 4:].sigmoid()
        rest = own + trust[..., 1:] * (there[1] - own)
        return Field(
            out[..., 0] + typical(head, *mesh.unbind(-1)), own, rest + trust[..., :1] * (here[1] - rest), trust
        )

    def _gathered(self, planes: Planes, points: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, M, features + 2) with the distance to the face mesh, and pixels (N, M, 3), at `points`."""
        u, v, w = points.unbind(-1)
        summed = _at(planes.front, u, -v) + _at(planes.above, u, w) + _at(planes.beside, v, w)
        pixels = _at(planes.picture, u, -v)
        mesh = pixels[..., MESH]
        ahead = 4 * (w[..., None] * mesh[..., 1:] - mesh[..., :1])
        return torch.cat([summed, ahead, mesh[..., 1:]], -1), pixels[..., COLOUR] / 2 + 0.5


def _at(plane: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """`plane` (N, C, H, W) at places (N, M): (N, M, C); the border goes on beyond it."""
    places = torch.stack([across, down], -1)[:, None].to(plane.dtype)
    return F.grid_sample(plane, places, padding_mode="border", align_corners=False)[:, :, 0].mT


def typical(head: Tensor, ahead: Tensor, covered: Tensor) -> Tensor:
    """Logit (N, M) of being inside of a typical head at `head` (N, M, 3) centimetres; the network tells the difference.

    An egg, a neck, a bust, and the face mesh in front, where it is `covered` (N, M); `ahead` of it nothing is.
    """
    x, y, z = head.unbind(-1)
    egg = 1 - (x / 8.4).square() - ((y - 2.5) / 11.5).square() - ((z + 5) / 10).square()
    neck = torch.minimum(1 - (x / 6).square() - ((z + 6) / 6).square(), -y / 10)
    bust = torch.minimum(1 - (x / 22).square() - ((z + 6) / 8).square(), (-13 - y) / 5)
    body = 4 * torch.stack([egg, neck, bust]).amax(0).clamp(min=-2)
    front = torch.where(ahead > -FACE_DEPTH, -MESH_STEEP * ahead, body)
    return torch.where(covered > 0.5, torch.minimum(torch.maximum(front, body), -MESH_STEEP * ahead), body)


def _waves(head: Tensor) -> Tensor:
    """Where in the head points at `head` (N, M, 3) centimetres are, as waves (N, M, 3 + 6 OCTAVES)."""
    head = head / HALF
    waves = [head * (2**octave * torch.pi / 2) for octave in range(OCTAVES)]
    return torch.cat([head, *(f(wave) for wave in waves for f in (torch.sin, torch.cos))], -1)


def _twice(x: Tensor) -> Tensor:
    """(N, C, H, W) to (N, C, 2 H, 2 W)."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
