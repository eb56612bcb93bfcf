"""ICT-FaceKit (USC Institute for Creative Technologies, MIT licence): a whole head with neck, eyes, mouth and teeth.

    identity     (100,)     standard deviations over people
    curves       (52,)      0..1, in the order of `vivant.face.arkit.CURVES`
    points       (N, 3)     cm; x to the viewer's right (the person's left), y up, z toward the viewer

The model is not part of vivant: a user imports one file, an `.npz` of named arrays (see `ARRAYS`) that holds the
published neutral mesh, its shapes and the place of MediaPipe's landmarks on it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.errors import WeightsError
from vivant.face.arkit import CURVES, INDEX
from vivant.face.pose import fit_similarity, rotation_from_angles

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]
Ints = NDArray[np.int32]

VERTICES, POLYGONS, IDENTITIES, LANDMARKS = 26719, 26384, 100, 478
SHAPES = (
    *("browDown_L", "browDown_R", "browInnerUp_L", "browInnerUp_R", "browOuterUp_L", "browOuterUp_R"),
    *("cheekPuff_L", "cheekPuff_R", "cheekSquint_L", "cheekSquint_R", "eyeBlink_L", "eyeBlink_R"),
    *("eyeLookDown_L", "eyeLookDown_R", "eyeLookIn_L", "eyeLookIn_R", "eyeLookOut_L", "eyeLookOut_R"),
    *("eyeLookUp_L", "eyeLookUp_R", "eyeSquint_L", "eyeSquint_R", "eyeWide_L", "eyeWide_R"),
    *("jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthDimple_L", "mouthDimple_R"),
    *("mouthFrown_L", "mouthFrown_R", "mouthFunnel", "mouthLeft", "mouthLowerDown_L", "mouthLowerDown_R"),
    *("mouthPress_L", "mouthPress_R", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper"),
    *("mouthShrugLower", "mouthShrugUpper", "mouthSmile_L", "mouthSmile_R", "mouthStretch_L", "mouthStretch_R"),
    *("mouthUpperUp_L", "mouthUpperUp_R", "noseSneer_L", "noseSneer_R"),
)
"""The model's 53 expression shapes in its own order; a file may hold more after them."""
MORE_SHAPES = 16
"""As many shapes beyond `SHAPES` are accepted, and not used."""
ARRAYS: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "vertices": ("float32", (VERTICES, 3)),
    "quads": ("int32", (POLYGONS, 4)),
    "expression_deltas": ("float16", (len(SHAPES), VERTICES, 3)),
    "identity_deltas": ("float16", (IDENTITIES, VERTICES, 3)),
    "landmarks68": ("int32", (68,)),
    "eye_center": ("float32", (2, 3)),
    "eye_axis": ("float32", (2, 3)),
    "mediapipe_triangles": ("int32", (LANDMARKS, 3)),
    "mediapipe_bary": ("float32", (LANDMARKS, 3)),
}
"""Type and shape of what is read of a file; the other arrays of the layout are not needed."""
REGIONS: Mapping[str, tuple[int, int, int, int]] = {
    "face": (0, 9409, 0, 9230),
    "head_neck": (9409, 11248, 9230, 11144),
    "mouth_socket": (11248, 13294, 11144, 13226),
    "eye_sockets": (13294, 14062, 13226, 14034),
    "gums_tongue": (14062, 17039, 14034, 17006),
    "teeth_upper": (17039, 19247, 17006, 19250),
    "teeth_lower": (19247, 21451, 19250, 21496),
    "eye_left": (21451, 22221, 21496, 22296),
    "eye_right": (23021, 23791, 23094, 23894),
    "lashes_left": (25351, 26035, 25304, 25844),
    "lashes_right": (26035, 26719, 25844, 26384),
}
"""First vertex, one past the last, first polygon, one past the last. Left and right are the person's."""
MOST_BYTES = 2**28
"""Of one array of a file, unpacked."""
GAZE_RANGE = np.deg2rad(24.0)
"""Turn of an eyeball by a gaze curve of 1: MediaPipe reads 20 degrees as 0.83."""
JAW, CLOSE = INDEX["jawOpen"], INDEX["mouthClose"]


@dataclass(frozen=True)
class IctHead:
    """The model as it is stored."""

    neutral: Floats
    """(26719, 3) cm, the mean head at rest."""
    polygons: Ints
    """(26384, 4) quads, counter-clockwise seen from outside; the fourth of a triangle is -1."""
    expression: Halves
    """(53, 26719, 3) cm per unit, in the order of `SHAPES`."""
    identity: Halves
    """(100, 26719, 3) cm per standard deviation."""
    ibug: Ints
    """(68,) the vertex of each of iBUG's landmarks."""
    eye_centre: Floats
    """(2, 3) cm; the person's left eye, then the right one."""
    eye_axis: Floats
    """(2, 3) the way each eye looks at rest."""
    landmark_triangles: Ints
    """(478, 3) vertices around each of MediaPipe's landmarks."""
    landmark_weights: Floats
    """(478, 3) how much each of them counts; they sum to 1."""

    def triangles(self, region: str) -> Ints:
        """(T, 3) triangles of one of `REGIONS`, numbered as in `neutral`."""
        _, _, first, end = REGIONS[region]
        quads = self.polygons[first:end]
        second = quads[quads[:, 3] >= 0]
        return np.concatenate([quads[:, :3], second[:, [0, 2, 3]]])

    def person(self, identity: Floats) -> Floats:
        """Neutral points (26719, 3) in cm of the person with `identity` (up to 100,), standard deviations.

        Teeth with gums and each eyeball follow by the nearest similarity transform, so that teeth stay in rows, and
        eyeballs round.
        """
        moved = np.tensordot(identity, self.identity[: len(identity)].astype(np.float32), 1)
        points = self.neutral + moved
        for first, end in ((14062, 21451), (21451, 23021), (23021, 24591)):
            rest = self.neutral[first:end]
            pose = fit_similarity(rest, points[first:end], np.ones(end - first, np.float32))
            points[first:end] = pose.scale * rest @ pose.rotation.T + pose.translation
        return np.asarray(points, np.float32)

    def express(self, person: Floats, curves: Floats) -> Floats:
        """Points (26719, 3) of `person`, as of `person()`, under `curves` (52,); the eyeballs turn with the gaze."""
        weights = shape_weights(curves)
        used = np.flatnonzero(weights)
        points = person + np.tensordot(weights[used], self.expression[used].astype(np.float32), 1)
        for side, turn in enumerate(gaze_rotations(curves)):
            first, end = REGIONS[("eye_left", "eye_right")[side]][:2]
            centre = (person[first:end] - self.neutral[first:end]).mean(0) + self.eye_centre[side]
            points[first:end] = (person[first:end] - centre) @ turn.T + centre
        return np.asarray(points, np.float32)

    def landmarks(self, points: Floats) -> Floats:
        """MediaPipe's 478 landmarks (478, 3) on a head with `points` (26719, 3)."""
        return np.asarray(np.einsum("lk,lkc->lc", self.landmark_weights, points[self.landmark_triangles]), np.float32)


def shape_weights(curves: Floats) -> Floats:
    """Weights (53,) of the model's shapes for `curves` (52,) 0..1; tongueOut has no shape.

    mouthClose acts only as far as the jaw is open: alone it would fold the lips.
    """
    effective = np.array(curves, np.float32)
    effective[CLOSE] = min(effective[CLOSE], effective[JAW])
    return effective[[INDEX[_curve_of(shape)] for shape in SHAPES]]


def gaze_rotations(curves: Floats) -> tuple[Floats, Floats]:
    """Rotations (3, 3) of the left and the right eyeball for `curves` (52,)."""
    return _gaze(curves, "Left", 1.0), _gaze(curves, "Right", -1.0)


def _gaze(curves: Floats, side: str, outward: float) -> Floats:
    """The rotation (3, 3) of an eye by `curves` (52,)."""
    part = {way: float(curves[INDEX[f"eyeLook{way}{side}"]]) for way in ("In", "Out", "Up", "Down")}
    yaw, pitch = outward * (part["Out"] - part["In"]), part["Up"] - part["Down"]
    return rotation_from_angles(yaw * GAZE_RANGE, pitch * GAZE_RANGE, 0.0)


def _curve_of(shape: str) -> str:
    """The curve that moves a shape: mouthSmile_L is mouthSmileLeft, both halves of cheekPuff are cheekPuff."""
    name, _, side = shape.partition("_")
    long = name + {"": "", "L": "Left", "R": "Right"}[side]
    return long if long in CURVES else name


def read_ict_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays `ARRAYS` of an `.npz` file that a user gives; nothing in it is executed.

    Raises WeightsError for a file that is missing, damaged, too large or of another form.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: _read_array(path, archive, name) for name in ARRAYS}
    except (OSError, zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(
            f"{path}: not an .npz file of ICT-FaceKit ({reason}); give the file ict_facekit.npz"
        ) from error


def _read_array(path: Path, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """One array of the archive, of the shape (M, ...) that `ARRAYS` gives; a few more expressions are cut off."""
    kind, shape = ARRAYS[name]
    layout: Any = np.lib.format  # without types
    if f"{name}.npy" not in archive.namelist():
        raise WeightsError(f"{path}: has no array {name!r}; it is no ICT-FaceKit of this layout")
    if archive.getinfo(f"{name}.npy").file_size > MOST_BYTES:
        raise WeightsError(f"{path}: its array {name!r} is too large for ICT-FaceKit; get the file again")
    with archive.open(f"{name}.npy") as file:
        if layout.read_magic(file) != (1, 0):
            raise WeightsError(f"{path}: its array {name!r} is of a newer kind; write it again by numpy.savez")
        found, _, type_found = layout.read_array_header_1_0(file)
    more = MORE_SHAPES if name == "expression_deltas" else 0
    fits = len(found) == len(shape) and found[1:] == shape[1:] and shape[0] <= found[0] <= shape[0] + more
    if not fits or type_found.name != kind:
        raise WeightsError(
            f"{path}: its array {name!r} is {type_found} {list(found)}, not {kind} {list(shape)}; is it another model?"
        )
    with archive.open(f"{name}.npy") as file:
        return np.asarray(layout.read_array(file, allow_pickle=False))[: shape[0]]


def head_from_arrays(arrays: Mapping[str, NDArray[Any]], source: str) -> IctHead:
    """The head of `arrays`, as `read_ict_arrays` gives them; raises WeightsError that names `source`."""
    for name, (kind, shape) in ARRAYS.items():
        array = arrays.get(name)
        if array is None or array.shape != shape or array.dtype.name != kind:
            raise WeightsError(f"{source}: has no array {name!r} of ICT-FaceKit; import it again")
        if kind.startswith("float") and not np.isfinite(array).all():
            raise WeightsError(f"{source}: its array {name!r} has numbers that are not finite; get the file again")
        least = -1 if name == "quads" else 0
        if kind == "int32" and not (array.max() < VERTICES and array.min() >= least):
            raise WeightsError(f"{source}: its array {name!r} names vertices that there are not; get the file again")
    return IctHead(*(arrays[name] for name in ARRAYS))


def read_ict(path: Path) -> IctHead:
    """The head of an `.npz` file; raises WeightsError."""
    return head_from_arrays(read_ict_arrays(path), str(path))
