"""The Basel face model of 2009 as Deep3DFaceRecon, GeneFace and Real3D-Portrait cut it; the user's own copy.

    identity     (T, 80)      coefficients, N(0, 1) over people
    expression   (T, 64)      coefficients, 0 is the neutral face
    offsets      (T, K, 3)    decimetres from the mean face; x to the viewer's right, y up, z toward the viewer

The model may not be handed on: its owner gives it to those who register (https://faces.dmi.unibas.ch/bfm), and the
published projects say how the file of this form is made from it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.errors import WeightsError

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

FILE = "BFM_model_front.mat"
IDENTITIES, EXPRESSIONS, KEYPOINTS = 80, 64, 68
MOST_VERTICES = 200_000
MAX_FILE_BYTES = 2**30
OUTER_CORNERS = (36, 45)
"""The outer eye corners among the 68 key points."""
NEUTRAL: Floats = np.zeros((1, IDENTITIES), np.float32)


@dataclass(frozen=True)
class BaselFace:
    """A mean face of N vertices and how its coefficients move them."""

    mean: Floats
    """(N, 3) decimetres; their mean is 0."""
    identity: Floats
    """(N, 3, 80) decimetres per unit."""
    expression: Floats
    """(N, 3, 64) decimetres per unit."""
    keypoints: Ints
    """(68,) the vertex of each of iBUG's 68 landmarks, counted from 0."""

    @property
    def inter_ocular(self) -> float:
        """Distance of the outer eye corners of the mean face in decimetres."""
        right, left = self.mean[self.keypoints[list(OUTER_CORNERS)]]
        return float(np.linalg.norm(left - right))

    def neutral(self, identity: Floats) -> Floats:
        """Vertices (N, 3) in decimetres of the neutral face of `identity` (80,)."""
        return self.mean + _moved(self.identity, identity)

    def expressed(self, neutral: Floats, expression: Floats) -> Floats:
        """Vertices (N, 3) of a `neutral` face (N, 3) with `expression` (64,); some 3 ms for the released model."""
        return neutral + _moved(self.expression, expression)

    def offsets(self, vertices: Ints, expression: Floats, identity: Floats = NEUTRAL) -> Floats:
        """Offsets (T, K, 3) of `vertices` (K,) for coefficients (T, 64) and (T, 80) or (1, 80)."""
        moved = np.einsum("kce,te->tkc", self.expression[vertices], expression)
        return np.asarray(moved + np.einsum("kci,ti->tkc", self.identity[vertices], identity), np.float32)


def _moved(basis: Floats, coefficients: Floats) -> Floats:
    """Offsets (N, 3): one product of a flat matrix is three times as fast as one for each vertex."""
    flat = basis.reshape(-1, basis.shape[-1]) @ np.asarray(coefficients, np.float32)
    return np.asarray(flat.reshape(-1, 3))


@functools.lru_cache(1)
def read_basel_face(path: Path) -> BaselFace:
    """Read `BFM_model_front.mat`, of MATLAB's version 5 to 7; about 130 MB in memory.

    Raises WeightsError for a file that is missing, damaged or of another form; its sizes are checked before it is read.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise WeightsError(f"{path}: too large for a Basel face model; get it again")
        arrays = _read_arrays(path)
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot be read ({error.strerror or error}); give the folder with {FILE}"
        ) from error
    numbers = [arrays[name].astype(np.float32) for name in ("meanshape", "idBase", "exBase")]
    keypoints = arrays["keypoints"].astype(np.int64).ravel() - 1  # MATLAB counts from 1
    mean = numbers[0].reshape(-1, 3)
    if keypoints.min() < 0 or keypoints.max() >= len(mean) or not all(np.isfinite(array).all() for array in numbers):
        raise WeightsError(f"{path}: its numbers are no face; get it again")
    return BaselFace(
        mean - mean.mean(0), numbers[1].reshape(*mean.shape, -1), numbers[2].reshape(*mean.shape, -1), keypoints
    )


def _read_arrays(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat, whosmat

    try:
        shapes = {name: shape for name, shape, kind in whosmat(path) if kind in ("double", "single", "int32", "int64")}
        numbers = int(np.prod(shapes.get("meanshape", (0,)), dtype=np.float64))
        wanted = {"idBase": (numbers, IDENTITIES), "exBase": (numbers, EXPRESSIONS), "keypoints": (1, KEYPOINTS)}
        fits = all(shapes.get(name) == shape for name, shape in wanted.items())
        if not fits or numbers % 3 or not 0 < numbers <= 3 * MOST_VERTICES:
            raise WeightsError(f"{path}: not the Basel face model in Deep3DFaceRecon's form; its arrays are {shapes}")
        arrays: dict[str, Any] = loadmat(path, variable_names=[*wanted, "meanshape"])
    except (WeightsError, OSError):
        raise
    except Exception as error:  # scipy raises many kinds for damaged files
        raise WeightsError(f"{path}: not a whole MATLAB file ({type(error).__name__}); get it again") from error
    return arrays
