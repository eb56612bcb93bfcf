"""Draws a scene of heads: light at the vertices once, then a picture for every camera, with four samples per pixel.

Nearness (one by the depth) is linear on the screen and tells which triangle is seen. Shadows are maps of depth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vivant.face.raster import FAR
from vivant.training.real3d.heads import cover, kernels
from vivant.training.real3d.heads.camera import cube_from_head, head_from_cube, project
from vivant.training.real3d.heads.light import Light, directions
from vivant.training.real3d.heads.mesh import BODY_CLASS, HAIR, HAIR_CLASS, SKIN, Mesh, with_normals

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]

MAP, COARSE_MAP = 448, 144
"""Sides of the key light's shadow map, and of those of the light from all around."""
SAMPLES = 2
"""A pixel has this many samples squared."""
RUN = 64
"""Triangles of some neighbouring strands."""
FAR_DEPTH = 10.0
"""Depth in the cube's units where nothing is seen."""
MIDDLE: Floats = np.array([0.0, -4.0, 0.0], np.float32)
"""Of the shadow maps, in cm."""


@dataclass(frozen=True)
class Look:
    """Textures of a person and what else a picture needs beside the mesh."""

    skin: Bytes
    """(H, W, 4) square root of linear albedo, and gloss."""
    cloth: Bytes
    """(H, W, 3)"""
    eye: Bytes
    """(H, W, 3)"""
    gloss: tuple[float, float, float]
    """Of skin, hair and garment."""
    jaw: tuple[float, float, float]
    """Height in cm below which skin is the body's: at z = 0, its slope along z, and the most it is, behind."""


@dataclass(frozen=True)
class Lit:
    """A mesh with the light at its vertices: all that is the same for every camera."""

    mesh: Mesh
    table: Floats
    """(N, 18), see `kernels`."""
    shadow: Floats
    """(448, 448) height above the middle towards the key light."""
    light: Light
    look: Look


@dataclass(frozen=True)
class Drawn:
    """One picture."""

    picture: Bytes
    """(S, S, 3) sRGB."""
    classes: Bytes
    """(S, S) 0..5."""
    head: Bytes
    """(S, S) share of hair, face and accessories, 0..255."""
    depth: Floats
    """(S, S) along the camera's axis in the cube's units, `FAR_DEPTH` where there is nothing."""


def light_up(mesh: Mesh, look: Look, light: Light) -> Lit:
    """Bake the light from all around at the vertices, with what stands in its way, and the key light's shadow map."""
    mesh = with_normals(mesh)
    baked = np.zeros((len(mesh.points), 4), np.float32)
    points, ways, seen = mesh.points - MIDDLE, directions(), np.empty_like(mesh.points)
    thinned = _thinned(mesh)
    for way, radiance in zip(ways, light.radiance(ways), strict=True):
        axes = _axes(way)
        depth = _depth_map(points, thinned, axes, COARSE_MAP, seen)
        cover.bake(points, mesh.normal, depth, axes, radiance, baked)
    share = baked[:, 3:] * np.float32(4 / len(ways))  # of an open sky: the mean of n.l over the sphere is 1 / 4
    here = baked[:, :3] * np.float32(4 / len(ways))
    # What does not come from the sky comes, weaker and warmer, from what hides it.
    bounce = (1 - np.clip(share, 0, 1)) * light.mean() * np.array([0.20, 0.13, 0.10], np.float32)
    table = np.concatenate([mesh.place, mesh.colour, mesh.normal, mesh.way, here + bounce, points], 1)
    shadow = _depth_map(points, mesh.triangles, _axes(light.key), MAP, seen)
    return Lit(mesh, np.ascontiguousarray(table, np.float32), shadow, light, look)


def draw(lit: Lit, camera: Floats, backdrop: Floats) -> Drawn:
    """The scene seen by `camera` (25,) before `backdrop` (S, S, 3), linear light."""
    size = len(backdrop)
    samples = size * SAMPLES
    screen = project(cube_from_head(lit.mesh.points), camera, samples)
    ids, nearness = _visible(screen, lit.mesh.triangles, samples)
    colour = np.zeros((samples, samples, 3), np.float32)
    mesh, look, light = lit.mesh, lit.look, lit.light
    eye = head_from_cube(camera[:16].reshape(4, 4)[:3, 3])
    numbers = np.array([*light.key, *light.key_colour, *(eye - MIDDLE), *look.gloss, *look.jaw], np.float32)
    textures = (look.skin, look.cloth, look.eye)
    seen = (mesh.triangles, mesh.material, mesh.kind)
    kernels.shade(ids, screen, lit.table, seen, (*textures, lit.shadow, _axes(light.key), numbers), colour)
    reduced = np.empty((size, size, 3), np.float32)
    maps = np.empty((size, size, 2), np.uint8)
    kernels.reduce_samples(colour, ids, backdrop, reduced, maps)
    near = nearness.reshape(size, SAMPLES, size, SAMPLES).max((1, 3))
    depth = np.where(near > 0, 1 / np.maximum(near, np.float32(0.05)), np.float32(FAR_DEPTH))
    return Drawn(encode(reduced), maps[..., 0], maps[..., 1], depth.astype(np.float32))


def only(lit: Lit, kinds: tuple[int, ...]) -> Lit:
    """What is left of the scene without the triangles of other classes; skin counts by where its corners are."""
    height, slope, behind = lit.look.jaw
    place = lit.mesh.place[lit.mesh.triangles].mean(1)
    below = place[:, 1] < np.minimum(height + slope * place[:, 2], behind)
    kind = np.where((lit.mesh.material == SKIN) & below, BODY_CLASS, lit.mesh.kind)
    kept = np.isin(kind, kinds)
    mesh = replace(
        lit.mesh,
        triangles=np.ascontiguousarray(lit.mesh.triangles[kept]),
        material=lit.mesh.material[kept],
        kind=lit.mesh.kind[kept],
    )
    return replace(lit, mesh=mesh)


def encode(linear: Floats) -> Bytes:
    """sRGB bytes (...) of linear light (...); what is brighter than 0.7 is compressed to end at white."""
    steps = np.clip(linear * np.float32(4096 / 4), 0, 4095).astype(np.uint16)
    return _tone()[steps]


def decode(srgb: Bytes) -> Floats:
    """Linear light (...) of sRGB bytes (...)."""
    value = np.arange(256) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear.astype(np.float32)[srgb])


def _tone() -> Bytes:
    """The table (4096,) of `encode`."""
    light = (np.arange(4096) + 0.5) / 1024
    over = np.maximum(light - 0.7, 0)
    light = np.where(light > 0.7, 0.7 + 0.3 * (1 - np.exp(-over / 0.45)), light)
    srgb = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray((srgb * 255).round().astype(np.uint8))


def _visible(screen: Floats, triangles: Ints, size: int) -> tuple[Ints, Floats]:
    """Number of the nearest triangle (S, S), -1 for none, and its nearness, 0 for none."""
    ids, nearness = np.full((size, size), -1, np.int32), np.zeros((size, size), np.float32)
    cover.cover(screen, triangles, nearness, ids)
    return ids, nearness


def _thinned(mesh: Mesh) -> Ints:
    """The triangles (T, 3) with every third run of strands, without brows and lashes: enough for soft light."""
    kept = (mesh.material != HAIR) | ((mesh.kind == HAIR_CLASS) & (np.arange(len(mesh.triangles)) // RUN % 3 == 0))
    return np.ascontiguousarray(mesh.triangles[kept])


def _depth_map(points: Floats, triangles: Ints, axes: Floats, size: int, seen: Floats) -> Floats:
    """Height towards the third of `axes` (3, 3), `FAR` where nothing is; `seen` (N, 3) is room to work in."""
    depth = np.full((size, size), FAR, np.float32)
    cover.along(points, axes, np.float32(size / (2 * cover.SHADOW_SPAN)), seen)
    cover.cover(seen, triangles, depth, np.empty((0, 0), np.int32))
    return depth


def _axes(way: Floats) -> Floats:
    """(3, 3) rows: two directions across `way` (3,) and `way` itself."""
    across = np.cross(way, [0.0, 1.0, 0.0] if abs(way[1]) < 0.9 else [1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    return np.asarray(np.stack([across, np.cross(way, across), way]), np.float32)
