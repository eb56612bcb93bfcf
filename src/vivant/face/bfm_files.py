"""The files of the Basel face model as Real3D-Portrait and GeneFace lay them out, in the user's own folder.

    BFM_model_front.mat                  the cut of 35 709 vertices; or what it is made from:
        01_MorphableModel.mat            the Basel face model 2009 itself
        Exp_Pca.bin, std_exp.txt         the expressions of Guo et al. 2018
        BFM_front_idx.mat, BFM_exp_idx.mat, facemodel_info.mat      index lists of Deep3DFaceRecon
    index_mp468_from_mesh35709.npy       MediaPipe's points on it (of the published versions the newest is taken too)
    bfm_left_eye_faces.npy, bfm_right_eye_faces.npy     the triangles that fill the eyes
    ncc_code.npy                         the colour code; computed where it is missing

Vertex and triangle numbers count from 1 in all but the table of MediaPipe's points.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.errors import WeightsError
from vivant.face.bfm import EXPRESSIONS, FILE, IDENTITIES, MAX_FILE_BYTES, MOST_VERTICES, BaselFace, read_basel_face
from vivant.face.bfm_mesh import BaselMesh
from vivant.face.landmarks import MESH_COUNT
from vivant.face.pncc import coordinate_colours

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

ORIGINAL, EXPRESSION_BASIS, EXPRESSION_SIGMAS = "01_MorphableModel.mat", "Exp_Pca.bin", "std_exp.txt"
FRONT, TRIM, INFO = "BFM_front_idx.mat", "BFM_exp_idx.mat", "facemodel_info.mat"
ORIGINALS = (ORIGINAL, EXPRESSION_BASIS, EXPRESSION_SIGMAS, FRONT, TRIM, INFO)
MESH_TABLES = tuple(f"index_mp468_from_mesh35709{version}.npy" for version in ("", "_v3.1", "_v3"))
EYES = ("bfm_left_eye_faces.npy", "bfm_right_eye_faces.npy")
CODE = "ncc_code.npy"
DECIMETRES = 1e-5
"""Decimetres in a micrometre, the unit of the original."""
DEEPEST, MOST_FILES = 2, 20_000
MAX_TABLE_BYTES = 2**24
BASEL = "register at https://faces.dmi.unibas.ch/bfm, its owner may not let it be handed on"
DEEP3D = "it comes with Deep3DFaceRecon"
ARCHIVE = "it comes with the BFM archive of Real3D-Portrait"
SOURCES = {
    ORIGINAL: BASEL,
    EXPRESSION_BASIS: "it comes with the coarse data of Guo et al.'s 3DFace",
    **dict.fromkeys((EXPRESSION_SIGMAS, FRONT, TRIM, INFO), DEEP3D),
    MESH_TABLES[0]: f"{ARCHIVE}, or take {MESH_TABLES[1]}, which comes with its code (deep_3drecon/BFM)",
    **dict.fromkeys(EYES, ARCHIVE),
}
"""Where the user gets each file."""


@dataclass(frozen=True)
class BaselFolder:
    """The files of a user's folder by name."""

    place: Path
    paths: dict[str, Path]

    def path(self, *names: str) -> Path:
        """The first of `names` that is there; raises WeightsError that says where the file comes from."""
        found = next((self.paths[name] for name in names if name in self.paths), None)
        if found is None:
            raise WeightsError(f"{self.place}: no {names[0]} in it; {SOURCES[names[0]]}")
        return found


def read_basel_mesh(place: Path) -> BaselMesh:
    """The face model of the folder `place`, in which the files at the top may lie two folders deep; about 130 MB.

    Raises WeightsError with one line that names the file which is missing or wrong, and says where it comes from.
    """
    folder = find_basel_files(place)
    if FILE in folder.paths:
        face, triangles = read_basel_face(folder.paths[FILE]), _triangles(folder.paths[FILE])
    elif any(name in folder.paths for name in ORIGINALS):
        face, triangles = build_basel_face(folder)
    else:
        raise WeightsError(f"{place}: neither {FILE} in it nor the {ORIGINAL} that it is made from; {BASEL}")
    table = _numbers(folder.path(*MESH_TABLES), MESH_COUNT)
    eyes = np.concatenate([_numbers(folder.path(name)) - 1 for name in EYES])
    try:
        return BaselMesh(face, _colours(folder, face.mean), triangles, eyes, np.maximum(table, -1))
    except WeightsError as error:
        raise WeightsError(f"{place}: {error}") from None


def build_basel_face(folder: BaselFolder) -> tuple[BaselFace, NDArray[np.int32]]:
    """Face and triangles (T, 3) made from the original files, as Deep3DFaceRecon cuts them; raises WeightsError."""
    paths = {name: folder.path(name) for name in ORIGINALS}
    shape = _read_mat(paths[ORIGINAL], ("shapeMU", "shapePC", "shapeEV"))
    front, trim = _index(paths[FRONT], "idx"), _index(paths[TRIM], "trimIndex")
    keypoints = _index(paths[INFO], "keypoints")
    modes = _expression_basis(paths[EXPRESSION_BASIS], len(trim))
    try:
        rows = trim[front]
        mean = shape["shapeMU"].reshape(-1, 3)[rows] * DECIMETRES
        identity = shape["shapePC"][:, :IDENTITIES] * (shape["shapeEV"].ravel()[:IDENTITIES] * DECIMETRES)
        identity = identity.reshape(-1, 3, IDENTITIES)[rows]
        expression = modes.reshape(EXPRESSIONS, -1, 3)[:, front].transpose(1, 2, 0)
    except (ValueError, IndexError) as error:
        raise WeightsError(f"{folder.place}: {ORIGINAL} and the index files do not fit each other ({error})") from error
    expression = expression * (_sigmas(paths[EXPRESSION_SIGMAS]) * DECIMETRES)
    arrays = [np.ascontiguousarray(array, np.float32) for array in (mean - mean.mean(0), identity, expression)]
    if not all(np.isfinite(array).all() for array in arrays):
        raise WeightsError(f"{folder.place}: the numbers of {ORIGINAL} or {EXPRESSION_BASIS} are no face; get it again")
    return BaselFace(arrays[0], arrays[1], arrays[2], keypoints), _triangles(paths[INFO])


def find_basel_files(place: Path) -> BaselFolder:
    """Every file of `place` at most two folders deep; of two with one name the first in order. Raises WeightsError."""
    if not place.is_dir():
        raise WeightsError(f"{place}: no folder; give the one with {FILE}")
    paths: dict[str, Path] = {}
    seen = 0
    for here, folders, names in os.walk(place):
        folders[:] = sorted(folders) if len(Path(here).relative_to(place).parts) < DEEPEST else []
        seen += len(names)
        if seen > MOST_FILES:
            raise WeightsError(f"{place}: more than {MOST_FILES} files; give the folder with the face model alone")
        for name in names:
            paths.setdefault(name, Path(here, name))
    return BaselFolder(place, paths)


def _read_mat(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Numeric arrays `names` of a MATLAB file, whose sizes are checked before they are read."""
    from scipy.io import loadmat, whosmat

    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise WeightsError(f"{path}: too large for a file of the Basel face model; get it again")
        shapes = {name: shape for name, shape, _ in whosmat(path)}
        missing = [name for name in names if name not in shapes]
        if missing:
            raise WeightsError(f"{path}: no array {missing[0]} in it; get the file again")
        if any(np.prod(shapes[name], dtype=np.float64) * 4 > MAX_FILE_BYTES for name in names):
            raise WeightsError(f"{path}: its arrays are too large for a face model; get it again")
        read = loadmat(path, variable_names=list(names))
        return {name: np.asarray(read[name]) for name in names if read[name].dtype.kind in "iuf" or _refuse(path, name)}
    except WeightsError:
        raise
    except Exception as error:  # scipy raises many kinds for damaged files
        raise WeightsError(f"{path}: not a whole MATLAB file ({type(error).__name__}); get it again") from error


def _refuse(path: Path, name: str) -> bool:
    raise WeightsError(f"{path}: its {name} holds no numbers; get it again")


def _index(path: Path, name: str) -> Ints:
    """The numbers `name` (N,) of a MATLAB file, which count from 1, as ours that count from 0."""
    numbers = _read_mat(path, (name,))[name].astype(np.int64).ravel() - 1
    if not numbers.size or numbers.min() < 0:
        raise WeightsError(f"{path}: its {name} does not count vertices from 1; get it again")
    return np.asarray(numbers)


def _triangles(path: Path) -> NDArray[np.int32]:
    """The triangles (T, 3) of a MATLAB file."""
    triangles = _read_mat(path, ("tri",))["tri"]
    if triangles.ndim != 2 or triangles.shape[1] != 3 or len(triangles) > 3 * MOST_VERTICES:
        raise WeightsError(f"{path}: its tri is {triangles.shape}, no list of triangles; get it again")
    return triangles.astype(np.int32) - 1


def _expression_basis(path: Path, vertices: int) -> Floats:
    """(64, 3 V) micrometres of V `vertices`: a count, an unused mean face, and as many modes, 4 bytes each."""
    count = int(np.fromfile(path, np.int32, 1)[0]) if path.stat().st_size >= 4 else 0
    expected = 4 + 12 * vertices * (count + 1)
    if not EXPRESSIONS <= count <= 1000 or path.stat().st_size != expected:
        raise WeightsError(f"{path}: not {count} expressions of {vertices} vertices; get it again")
    modes = np.fromfile(path, np.float32, EXPRESSIONS * 3 * vertices, offset=4 + 12 * vertices)
    return modes.reshape(EXPRESSIONS, -1)


def _sigmas(path: Path) -> NDArray[np.float64]:
    """The standard deviations (64,) of the expressions."""
    try:
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise ValueError("too large")
        sigmas = np.array(path.read_text(encoding="ascii").split(), np.float64)[:EXPRESSIONS]
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: no list of numbers ({error}); get it again") from error
    if len(sigmas) < EXPRESSIONS:
        raise WeightsError(f"{path}: {len(sigmas)} numbers, fewer than {EXPRESSIONS}; get it again")
    return sigmas


def _numbers(path: Path, count: int | None = None) -> Ints:
    """Whole numbers (N,) of an .npy file, flat."""
    array = _read_npy(path)
    if array.dtype.kind not in "iu" or (count is not None and array.size != count):
        raise WeightsError(f"{path}: not a list of {count or ''} vertex or triangle numbers; get it again")
    return array.astype(np.int64).ravel()


def _colours(folder: BaselFolder, mean: Floats) -> Floats:
    """The colours (V, 3) of a code image, of the folder or of the `mean` face (V, 3)."""
    if CODE not in folder.paths:
        return coordinate_colours(mean)
    colours = _read_npy(folder.paths[CODE])
    colours = colours.T if colours.shape == mean.T.shape else colours
    if colours.shape != mean.shape or colours.dtype.kind != "f" or not 0 <= colours.min() <= colours.max() <= 1:
        raise WeightsError(f"{folder.paths[CODE]}: no code of {len(mean)} vertices; remove it, it can be computed")
    return np.ascontiguousarray(colours, np.float32)


def _read_npy(path: Path) -> NDArray[Any]:
    try:
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise ValueError("too large")
        return np.asarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise WeightsError(f"{path}: not a whole .npy file of numbers ({error}); get it again") from error
