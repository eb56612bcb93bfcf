"""The head itself as a mesh for the painter: skin, sockets, eyeballs, teeth, gums and tongue of ICT-FaceKit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vivant.face.ict import REGIONS, IctHead
from vivant.training.real3d.heads.mesh import EYE, FACE_CLASS, SKIN, WET, Mesh, join, surface
from vivant.training.real3d.heads.texture import linear_of

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

SKIN_REGIONS = ("face", "head_neck", "eye_sockets")
EYE_RADIUS = 1.519
"""In cm."""
WET_COLOURS = {
    "mouth_socket": linear_of(120, 52, 48),
    "gums_tongue": linear_of(176, 92, 88),
    "teeth_upper": linear_of(232, 222, 200),
    "teeth_lower": linear_of(226, 214, 190),
}


@dataclass(frozen=True)
class Body:
    """What of the head does not depend on person and expression."""

    rest: Mesh
    """The mean head; its points are those of `used`."""
    used: Ints
    """(N,) their numbers in the model."""
    skin: Ints
    """(T, 3) triangles of the skin, in the model's numbers."""
    rims: tuple[Ints, Ints]
    """Vertices of the model around the left and the right eye's opening."""

    def mesh(self, points: Floats, teeth: float) -> Mesh:
        """The head with `points` (26719, 3) cm; `teeth` darkens and yellows them, 0..1."""
        stain = np.array([1 - 0.15 * teeth, 1 - 0.22 * teeth, 1 - 0.42 * teeth], np.float32)
        first, end = REGIONS["teeth_upper"][0], REGIONS["teeth_lower"][1]
        tooth = (self.used >= first) & (self.used < end)
        colour = np.where(tooth[:, None], self.rest.colour * stain, self.rest.colour)
        return replace(self.rest, points=np.ascontiguousarray(points[self.used]), colour=colour.astype(np.float32))


def open_body(model: IctHead) -> Body:
    """Everything that `model` gives the painter."""
    parts, used = [], []
    for region in (*SKIN_REGIONS, *WET_COLOURS, "eye_left", "eye_right"):
        numbers, triangles = np.unique(model.triangles(region), return_inverse=True)
        place = model.neutral[numbers]
        material, colour = SKIN, np.ones(3, np.float32)
        if region in WET_COLOURS:
            material, colour = WET, WET_COLOURS[region]
        elif region.startswith("eye_") and region not in SKIN_REGIONS:
            side = int(region == "eye_right")
            material, place = EYE, _in_own_axes(place - model.eye_centre[side], model.eye_axis[side]) / EYE_RADIUS
        parts.append(surface(model.neutral[numbers], triangles.reshape(-1, 3), place, colour, material, FACE_CLASS))
        used.append(numbers)
    skin = np.concatenate([model.triangles(region) for region in SKIN_REGIONS])
    first, end = REGIONS["face"][:2]
    sockets = np.unique(model.triangles("eye_sockets"))
    rim = sockets[(sockets >= first) & (sockets < end)]
    left = model.neutral[rim, 0] > 0
    # Parts that share an edge share its vertices too, so that the skin has no seams in its shading.
    return _welded(join(parts), np.concatenate(used), skin.astype(np.int32), (rim[left], rim[~left]))


def _welded(mesh: Mesh, used: Ints, skin: Ints, rims: tuple[Ints, Ints]) -> Body:
    """The body whose vertices `used` (V,) stand for those of the model, each once."""
    _, first, same = np.unique(used, return_index=True, return_inverse=True)
    chosen = {name: getattr(mesh, name)[first] for name in ("points", "place", "colour", "way", "normal")}
    triangles = same.reshape(-1)[mesh.triangles].astype(np.int32)
    return Body(replace(mesh, triangles=triangles, **chosen), used[first].astype(np.int32), skin, rims)


def _in_own_axes(points: Floats, axis: Floats) -> Floats:
    """`points` (N, 3) turned about y so that `axis` becomes z."""
    cos, sin = axis[2] / np.hypot(axis[0], axis[2]), axis[0] / np.hypot(axis[0], axis[2])
    about = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]], np.float32)
    return np.asarray(points @ about.T, np.float32)
