"""Meshes with what the painter needs to know of every vertex, and how parts are put together.

Points are centimetres of the head frame: x to the viewer's right, y up, z toward the viewer. `place` is where a point
was on the mean head at rest: textures are looked up there, so that they stick to the skin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vivant.face.normals import vertex_normals

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

SKIN, EYE, WET, HAIR, CLOTH, HARD = range(6)
"""Materials: skin and what is painted on it; an eyeball; teeth, gums and tongue; strands; a garment; frames."""
BACKGROUND, HAIR_CLASS, BODY_CLASS, FACE_CLASS, CLOTHES_CLASS, OTHER_CLASS = range(6)
"""Classes of the maps, those of MediaPipe's multiclass segmenter."""


@dataclass(frozen=True)
class Mesh:
    """A part of a scene, or all of it."""

    points: Floats
    """(N, 3) cm."""
    triangles: Ints
    """(T, 3), counter-clockwise seen from outside; strands are seen from both sides."""
    place: Floats
    """(N, 3) where textures are looked up: cm of the mean head at rest; of an eyeball, in its own axes and radius."""
    colour: Floats
    """(N, 3) linear albedo; of skin, garments and eyeballs a factor to the texture's."""
    way: Floats
    """(N, 3) of strands, the unit direction from the root; of everything else 0, and normals come from triangles."""
    normal: Floats
    """(N, 3) of strands, the unit direction away from the head; computed for everything else."""
    material: Ints
    """(T,) one of the materials."""
    kind: Ints
    """(T,) one of the classes; skin of the face becomes body below the jaw."""


def surface(points: Floats, triangles: Ints, place: Floats, colour: Floats, material: int, kind: int) -> Mesh:
    """A closed or open surface of one material and class; `colour` (3,) or (N, 3)."""
    nothing = np.zeros_like(points)
    full = np.broadcast_to(colour, points.shape).astype(np.float32)
    count = len(triangles)
    return Mesh(
        np.asarray(points, np.float32),
        np.asarray(triangles, np.int32),
        np.asarray(place, np.float32),
        full,
        nothing,
        nothing,
        np.full(count, material, np.int32),
        np.full(count, kind, np.int32),
    )


def join(parts: Sequence[Mesh]) -> Mesh:
    """All parts as one mesh."""
    starts = np.cumsum([0, *(len(part.points) for part in parts)])
    triangles = [part.triangles + np.int32(start) for part, start in zip(parts, starts[:-1], strict=True)]
    fields = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("points", "place", "colour", "way", "normal", "material", "kind")
    }
    return Mesh(triangles=np.concatenate(triangles), **fields)


def with_normals(mesh: Mesh) -> Mesh:
    """The mesh with unit normals of its surfaces, weighted by area; strands keep theirs."""
    normals = vertex_normals(mesh.points, mesh.triangles)
    strand = (mesh.way != 0).any(1, keepdims=True)
    return replace(mesh, normal=np.where(strand, mesh.normal, normals))


def compact(points: Floats, triangles: Ints) -> tuple[Ints, Ints]:
    """Which points `triangles` use (K,), and the triangles numbered among these."""
    used, renumbered = np.unique(triangles, return_inverse=True)
    return used.astype(np.int32), renumbered.reshape(-1, 3).astype(np.int32)
