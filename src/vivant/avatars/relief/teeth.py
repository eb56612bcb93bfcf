"""Small solids of the mouth's inside: two arches of single teeth, gums and a tongue, in centimetres.

Each solid is built where the lip line is the origin: x to the viewer's right, y up, z toward the viewer, the middle of
the upper incisors' edge at (0, 0, 0). Sizes are roughly those of an adult's crowns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.avatars.relief.light import Light

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Solid:
    """A triangle mesh with a colour at each point."""

    points: Floats
    """(N, 3) centimetres."""
    triangles: Ints
    """(T, 3)."""
    colours: Floats
    """(N, 3) RGB 0..255, light and shade already in them."""


@dataclass(frozen=True)
class Palette:
    """Colours (3,) RGB 0..255 of what is inside a mouth, as they look in full light in one picture."""

    tooth: Floats
    gum: Floats
    tongue: Floats
    cavity: Floats
    """The darkest: where no light comes."""


@dataclass(frozen=True)
class ArchSizes:
    """One half of a row of teeth, from the middle to the back."""

    widths: tuple[float, ...]
    heights: tuple[float, ...]
    points: tuple[float, ...]
    """How far the edge of each tooth rises at its sides: 0 is straight, canines have the most."""
    narrow: float
    """Width of the arch relative to the upper one."""
    lift: float
    """+1 for teeth that hang from above, -1 for teeth that stand."""
    brightness: float


UPPER = ArchSizes(
    widths=(0.86, 0.68, 0.77, 0.70, 0.68, 0.98),
    heights=(1.02, 0.90, 0.98, 0.84, 0.78, 0.74),
    points=(0.05, 0.08, 0.17, 0.12, 0.10, 0.08),
    narrow=1.0,
    lift=1.0,
    brightness=1.0,
)
LOWER = ArchSizes(
    widths=(0.53, 0.58, 0.68, 0.70, 0.71, 1.02),
    heights=(0.86, 0.90, 1.00, 0.86, 0.80, 0.76),
    points=(0.03, 0.04, 0.14, 0.12, 0.10, 0.08),
    narrow=0.91,
    lift=-1.0,
    brightness=0.9,
)
BACK = 2.9
"""Centimetres along the arch over which teeth get dark: cheeks keep the light away."""
CHEEK = 2.8
"""Half the distance between the cheeks at the molars, centimetres."""
SETBACK = 0.32
"""How far the lower incisors bite behind the upper ones."""


def build_arch(sizes: ArchSizes, palette: Palette, light: Light, scale: float) -> Solid:
    """A row of teeth and the gum behind their necks; `scale` is the size of the mouth relative to an adult's."""
    ends = np.cumsum(sizes.widths)
    middles = ends - np.asarray(sizes.widths) / 2
    crowns = [
        _tooth(sizes, palette, light, number, side * float(middle))
        for number, middle in enumerate(middles)
        for side in (-1.0, 1.0)
    ]
    solid = _join([_gum(sizes, palette, light), *crowns])
    return Solid(solid.points * np.float32(scale), solid.triangles, solid.colours)


def build_tongue(palette: Palette, light: Light, scale: float) -> Solid:
    """A tongue at rest, its tip at the origin, rising to the back."""
    across, along = np.meshgrid(np.linspace(-1, 1, 17), np.linspace(0, 1, 15))
    angle = 0.5 * np.pi * along
    half = 1.55 * np.sqrt(1 - (1 - np.minimum(0.06 + along * 1.9, 1.0)) ** 2)
    round_tip = 0.30 * across**2 * (1 - along) ** 2
    dome = 1.0 - 0.55 * across**2 - 0.10 * np.exp(-((across / 0.22) ** 2)) * along
    height = -0.55 + dome * (0.55 * np.sin(angle) ** 0.7 + 0.16 * along**1.5)
    points = np.stack([across * half, height, -0.35 * along - 2.9 * along**1.4 - round_tip], -1).astype(np.float32)
    normals = _normals(points)
    depth = np.exp(-1.6 * along[..., None] ** 1.6) * (1 - 0.4 * np.abs(across[..., None]) ** 2.5)
    depth = depth * (1 - 0.22 * np.exp(-((across[..., None] / 0.16) ** 2)) * np.minimum(3 * along[..., None], 1))
    colours = palette.cavity + (palette.tongue - palette.cavity) * depth * _lit(light, normals, 0.25)[..., None]
    return Solid(points.reshape(-1, 3) * np.float32(scale), quads(points), _flat(colours))


def build_cheeks(lips: Floats, palette: Palette) -> Solid:
    """The inner side of lips and cheeks: from the ring `lips` (N, 3) to the back, where it gets wider and dark."""
    ring = np.concatenate([lips, lips[:1]])
    offset = ring - ring.mean(0)
    deep = np.linspace(0, 1, 4)[:, None]
    fold = 0.9 * np.sqrt(deep) * np.tanh(offset[:, 1] / 0.2)  # behind the lips there is room down to the gums
    inward = deep * (
        np.clip(1.3 * offset[:, 0], -CHEEK, CHEEK) - offset[:, 0]
    )  # back to the molars, however wide the lips
    grid = np.stack([ring[:, 0] + inward, ring[:, 1] + fold, ring[:, 2] - 2.0 * deep], -1)
    grid, deep = grid.astype(np.float32), deep[..., None]
    colours = palette.cavity + (palette.gum - palette.cavity) * 0.8 * (1 - deep) * np.ones((len(ring), 1))
    return Solid(grid.reshape(-1, 3), quads(grid), _flat(np.asarray(colours, np.float32)))


def arch_depth(across: Floats) -> Floats:
    """z of the front of the upper teeth at x = `across` (...), adult size."""
    return np.asarray(-0.24 * across**2 - 0.03 * across**4, np.float32)


def _arch_point(along: Floats, narrow: float) -> tuple[Floats, Floats, Floats]:
    """(x, z, angle of the outward normal from z) at the signed arc length `along` (...)."""
    x = np.linspace(0, 3.6, 200, dtype=np.float32)
    z = arch_depth(x)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    side = np.sign(along)
    found = np.interp(np.abs(along) / narrow, length, x).astype(np.float32)
    slope = 0.48 * found + 0.12 * found**3
    return (side * found * narrow).astype(np.float32), arch_depth(found), (side * np.arctan(slope)).astype(np.float32)


def _tooth(sizes: ArchSizes, palette: Palette, light: Light, number: int, centre: float) -> Solid:
    """One crown: bulging, with rounded corners, darker toward its neighbours and its neck."""
    width, height, point = sizes.widths[number], sizes.heights[number], sizes.points[number]
    u, v = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(0, 1, 9))  # v: 0 at the neck, 1 at the edge
    flare = 0.80 + 0.19 * np.sin(0.5 * np.pi * np.minimum(v / 0.75, 1.0)) - 0.06 * np.maximum(v - 0.8, 0) / 0.2
    x, z, angle = _arch_point((centre + u * flare * width / 2).astype(np.float32), sizes.narrow)
    edge = point * np.abs(u) ** (1.6 if point > 0.1 else 4.0)
    neck = height - 0.16 * u**2
    y = (1 - v) * neck + v * edge
    bulge = 0.13 * (1 - u**2) * (0.6 + 0.4 * v) + 0.10 * np.sin(np.pi * np.minimum(v * 1.05, 1.0)) - 0.12 * v**4
    points = np.stack([x + bulge * np.sin(angle), sizes.lift * y, z + bulge * np.cos(angle)], -1).astype(np.float32)
    if sizes.lift < 0:
        points[..., 2] -= SETBACK
    normals = _normals(points)
    wobble = np.sin(12.9898 * (centre + 3.0 * sizes.lift + 7.0))  # a fixed, irregular shade for each tooth
    far = np.exp(-((abs(centre) / BACK) ** 2.6))
    shade = sizes.brightness * (1.0 + 0.03 * wobble) * far
    shade = (
        shade * (1 - 0.28 * np.abs(u) ** 7) * (1 - 0.14 * (1 - v) ** 2) * (1 - 0.10 * np.maximum(v - 0.75, 0) / 0.25)
    )
    canine = 0.06 if number == 2 else 0.02 * (1 + wobble)
    warm = np.clip(0.06 * (1 - v) + 0.10 * np.abs(u) ** 5 + canine, 0, 1)[..., None]
    tint = palette.tooth * (1 - warm) + warm * (0.6 * palette.tooth + 0.4 * palette.gum)
    colours = tint * (shade * _lit(light, normals, 0.10))[..., None]
    return Solid(points.reshape(-1, 3), quads(points), _flat(np.maximum(colours, palette.cavity)))


def _gum(sizes: ArchSizes, palette: Palette, light: Light) -> Solid:
    """A band behind the necks that fills the corners between them."""
    half = float(sum(sizes.widths)) * 0.98
    along, v = np.meshgrid(np.linspace(-half, half, 41), np.linspace(0, 1, 5))
    x, z, angle = _arch_point(along.astype(np.float32), sizes.narrow)
    back = 0.07 - 0.10 * np.cos(0.5 * np.pi * v)
    y = sizes.lift * (0.66 + 0.9 * v)
    points = np.stack([x + back * np.sin(angle), y, z + back * np.cos(angle)], -1).astype(np.float32)
    points[..., 2] -= SETBACK if sizes.lift < 0 else 0.0
    far = np.exp(-((np.abs(along) / BACK) ** 2.6)) * sizes.brightness
    colours = palette.gum * (far * _lit(light, _normals(points), 0.08))[..., None]
    return Solid(points.reshape(-1, 3), quads(points), _flat(np.maximum(colours, palette.cavity)))


def _lit(light: Light, normals: Floats, gloss: float) -> Floats:
    """Brightness (...) of wet surfaces with these unit normals, seen from the front."""
    half = light.direction + np.array([0.0, 0.0, 1.0], np.float32)
    half = half / np.linalg.norm(half)
    shine = gloss * np.maximum(normals @ half, 0.0) ** 24
    return np.asarray(np.clip(light.shade(normals), 0.3, 1.1) + shine, np.float32)


def _normals(grid: Floats) -> Floats:
    """Unit normals (rows, columns, 3) of a grid of points, on the viewer's side."""
    normals = np.cross(np.gradient(grid, axis=1), np.gradient(grid, axis=0))
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    return np.asarray(normals * np.where(normals[..., 2:] < 0, -1.0, 1.0), np.float32)


def quads(grid: Floats) -> Ints:
    """Triangles (T, 3) of a grid of points in row order."""
    rows, columns = grid.shape[:2]
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, 1:].ravel(), index[1:, :-1].ravel()
    return np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)])


def _flat(colours: Floats) -> Floats:
    """`colours` (..., 3) as (N, 3), in 0..255."""
    return np.asarray(np.clip(colours, 0, 255).reshape(-1, 3), np.float32)


def _join(parts: list[Solid]) -> Solid:
    starts = np.cumsum([0, *(len(part.points) for part in parts[:-1])])
    return Solid(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.triangles + np.int32(start) for part, start in zip(parts, starts, strict=True)]),
        np.concatenate([part.colours for part in parts]),
    )
