"""The Basel face model with its surface: what code images and fits to landmarks need beside the coefficients.

landmarks   the vertex at each of the 468 points of MediaPipe's mesh
eyes        the triangles that fill the openings of the eyes; code images leave them out
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.errors import WeightsError
from vivant.face.bfm import EXPRESSIONS, IDENTITIES, KEYPOINTS, BaselFace
from vivant.face.landmarks import MESH_COUNT
from vivant.face.pncc import CodeMesh

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class BaselMesh:
    """A Basel face of N vertices and its surface of M triangles. Arrays are shared: do not write into them."""

    face: BaselFace
    colours: Floats
    """(N, 3) 0..1, the code of each vertex; see `face.pncc`."""
    triangles: NDArray[np.int32]
    """(M, 3) vertex numbers."""
    eyes: Ints
    """(E,) numbers of the triangles that fill the openings of the eyes."""
    landmarks: Ints
    """(468,) the vertex of each point of MediaPipe's mesh, -1 where there is none (the sides of the oval)."""

    def __post_init__(self) -> None:
        count = len(self.face.mean)
        parts = (
            (self.triangles, (len(self.triangles), 3), 0, count),
            (self.eyes, (len(self.eyes),), 0, len(self.triangles)),
            (self.landmarks, (MESH_COUNT,), -1, count),
            (self.face.keypoints, (KEYPOINTS,), 0, count - 1),  # one less: see `shifted_keypoints`
        )
        if any(a.shape != shape or (a.size and not low <= a.min() <= a.max() < high) for a, shape, low, high in parts):
            raise WeightsError("the index files do not fit the Basel face model; take all of one release")
        if self.colours.shape != (count, 3) or not np.isfinite(self.colours).all():
            raise WeightsError(f"the colour code of the Basel face model is no table of {count} colours; get it again")

    @functools.cached_property
    def code_mesh(self) -> CodeMesh:
        """The surface with holes for eyes, as code images show it."""
        return CodeMesh(self.colours, np.delete(self.triangles, self.eyes, axis=0))

    @property
    def shifted_keypoints(self) -> Ints:
        """(68,) the vertices that the published key points name: each the one *after* the true landmark.

        The published code takes MATLAB's numbers, which count from 1, as they are, and its networks learned from that.
        """
        return self.face.keypoints + 1

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything by name, `mean` (V, 3) and so on, to be stored; `mesh_from_arrays` is the way back."""
        own = {name: getattr(self, name) for name in ("colours", "triangles", "eyes", "landmarks")}
        return own | {name: getattr(self.face, name) for name in ("mean", "identity", "expression", "keypoints")}


def mesh_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> BaselMesh:
    """The mesh whose `arrays`, `mean` (V, 3) and so on, these are; raises WeightsError where one is amiss."""
    try:
        numbers = {name: arrays[name].astype(np.float32) for name in ("mean", "identity", "expression", "colours")}
        indices = {name: arrays[name].astype(np.int64) for name in ("keypoints", "eyes", "landmarks")}
        triangles = arrays["triangles"].astype(np.int32)
    except KeyError as error:
        raise WeightsError(f"the stored face model has no {error.args[0]}; import it again") from error
    count, colours = len(numbers["mean"]), numbers.pop("colours")
    shapes = {"mean": (count, 3), "identity": (count, 3, IDENTITIES), "expression": (count, 3, EXPRESSIONS)}
    for name, shape in shapes.items():
        if numbers[name].shape != shape:
            raise WeightsError(f"the stored face model's {name} is {numbers[name].shape}, not {shape}; import it again")
    face = BaselFace(**numbers, keypoints=indices.pop("keypoints"))
    return BaselMesh(face, colours, triangles, **indices)
