"""Make src/vivant/face/data/face_model.npz: the neutral face, its triangles and the 52-shape basis.

    python tools/make_face_model.py --facekit PATH/ict_facekit.npz

The input holds ICT-FaceKit (MIT) as arrays: neutral vertices, expression deltas, and for each of MediaPipe's 478
landmarks a triangle with barycentric weights; beside them MediaPipe's canonical face (Apache-2.0). Two runs give the
same arrays.

Steps: sample ICT's neutral and shapes at the landmarks; turn them into the canonical frame; make them mirror images of
each other; then model by hand what cannot be used as it is (closed lips at rest, lids that meet, mouthClose as the
exact counterpart of jawOpen, cheekPuff, tongueOut).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import spsolve

from vivant.face.arkit import CURVES, INDEX
from vivant.face.landmarks import (
    COUNT,
    EYE_LEFT,
    EYE_RIGHT,
    IRIS_LEFT,
    IRIS_RIGHT,
    LIP_PAIRS,
    LIPS_INNER,
    MESH_COUNT,
    OVAL,
)
from vivant.face.pose import fit_similarity

Array = NDArray[np.float64]

OUTPUT = Path(__file__).resolve().parent.parent / "src/vivant/face/data/face_model.npz"
SAMPLED_SHARE = (1.0, 1.0, 0.25)
"""How much of x, y, z of the neutral face is ICT's; the rest is canonical. Lowest residual over 16 portraits."""
REST_GAP = 0.03
"""Gap of the closed lips, cm: about what the tracker reports for closed lips."""
LID_MEETING = 0.15
"""Where the lids meet: 0 at the lower lid, 1 at the upper."""
IRIS_RADIUS = 0.585
SMALLEST = 0.004
"""Displacements below this many cm are dropped."""
IRIS_MIRROR = (473, 476, 475, 474, 477, 468, 471, 470, 469, 472)
MIRROR_AXIS = np.array([-1.0, 1.0, 1.0])
PROVENANCE = (
    "Neutral face and 51 shapes sampled from ICT-FaceKit (Copyright (c) 2020 USC Institute for Creative Technologies, "
    "MIT licence) at MediaPipe's 478 landmarks, made symmetric and corrected by tools/make_face_model.py. Frame, depth "
    "of the neutral face and triangle lists from MediaPipe's canonical face model (Apache-2.0)."
)


@dataclass(frozen=True)
class Source:
    """The facekit's face at the landmarks, in the canonical frame (cm)."""

    neutral: Array
    """(478, 3)"""
    shapes: dict[str, Array]
    """ICT's own names to displacements (478, 3)."""
    canonical: Array
    """(468, 3) MediaPipe's canonical face."""
    triangles: NDArray[np.int32]
    """(898, 3) of the canonical face."""
    mirror: NDArray[np.int64]
    """(478,) left-right partner of each landmark."""


def read(facekit: Path) -> Source:
    """Sample the facekit at the landmarks and bring it into the canonical frame."""
    kit = np.load(facekit, allow_pickle=False)
    corners, share = kit["mediapipe_triangles"], kit["mediapipe_bary"].astype(np.float64)[..., None]
    neutral = (kit["vertices"][corners] * share).sum(1)
    deltas = (kit["expression_deltas"].astype(np.float64)[:, corners] * share).sum(2)
    canonical = kit["mediapipe_canonical_vertices"].astype(np.float64)
    weights = np.ones(MESH_COUNT, np.float32)
    weights[list(OVAL)] = 0.1
    fit = fit_similarity(neutral[:MESH_COUNT], canonical, weights)
    turned = fit.scale * fit.rotation.T.astype(np.float64)
    names = [str(name) for name in kit["expression_names"]]
    shapes = {name: delta @ turned for name, delta in zip(names, deltas, strict=True)}
    mirror = np.concatenate([kit["mediapipe_mirror"], IRIS_MIRROR])
    return Source(neutral @ turned + fit.translation, shapes, canonical, kit["mediapipe_canonical_triangles"], mirror)


def neighbours(triangles: NDArray[np.int32]) -> csr_matrix:
    """Adjacency (468, 468) of the mesh, 0 or 1."""
    first = triangles[:, [0, 1, 2, 1, 2, 0]].ravel()
    second = triangles[:, [1, 2, 0, 0, 1, 2]].ravel()
    joined = coo_matrix((np.ones(len(first)), (first, second)), (MESH_COUNT, MESH_COUNT)).tocsr()
    adjacency: csr_matrix = (joined > 0).astype(np.float64)
    return adjacency


def spread(fixed: dict[int, Array], rings: int, adjacency: csr_matrix) -> Array:
    """Smooth field (478, 3) that takes the `fixed` values and fades to zero `rings` edges away (harmonic)."""
    reached = np.zeros(MESH_COUNT)
    reached[list(fixed)] = 1.0
    for _ in range(rings):
        reached = np.minimum(reached + adjacency @ reached, 1.0)
    free = (reached > 0) & ~np.isin(np.arange(MESH_COUNT), list(fixed))
    values = np.zeros((COUNT, 3))
    values[list(fixed)] = np.array(list(fixed.values()))
    laplacian = (diags(np.asarray(adjacency.sum(1)).ravel()) - adjacency).tocsr()
    right = -(laplacian[free][:, ~free] @ values[:MESH_COUNT][~free])
    values[:MESH_COUNT][free] = spsolve(laplacian[free][:, free].tocsc(), right).reshape(-1, 3)
    return values


def mirrored(field: Array, mirror: NDArray[np.int64]) -> Array:
    """The field of the mirrored face: of a displacement on the left, the same on the right."""
    return np.asarray(field[mirror] * MIRROR_AXIS, np.float64)


def lip_fixes(face: Array, gap: float) -> dict[int, Array]:
    """Displacements that bring the inner lips of `face` together up to `gap` cm."""
    fixes: dict[int, Array] = {index: np.zeros(3) for index in LIPS_INNER}
    for upper, lower in LIP_PAIRS:
        apart = face[upper] - face[lower]
        apart[1] -= gap
        apart[2] *= 0.8
        fixes[upper], fixes[lower] = -apart / 2, apart / 2
    return fixes


def make_neutral(source: Source, adjacency: csr_matrix) -> Array:
    """Neutral face (478, 3): symmetric, closed lips, irises on the plane of the lids."""
    neutral = source.neutral.copy()
    share = np.array(SAMPLED_SHARE)
    neutral[:MESH_COUNT] = share * neutral[:MESH_COUNT] + (1 - share) * source.canonical
    neutral = (neutral + mirrored(neutral, source.mirror)) / 2
    for eye, iris in ((EYE_RIGHT, IRIS_RIGHT), (EYE_LEFT, IRIS_LEFT)):
        centre = neutral[iris[0]].copy()
        centre[2] = neutral[list(eye), 2].mean() + 0.1
        rim = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]])
        neutral[list(iris)] = centre + IRIS_RADIUS * rim
    return neutral + spread(lip_fixes(neutral, REST_GAP), 3, adjacency)


def sampled_shapes(source: Source) -> Array:
    """The ARKit shapes (52, 478, 3) as ICT has them, each the exact mirror image of its partner; no tongueOut."""
    basis = np.zeros((len(CURVES), COUNT, 3))
    for index, name in enumerate(CURVES):
        if name in ("browInnerUp", "cheekPuff"):
            basis[index] = source.shapes[f"{name}_L"] + source.shapes[f"{name}_R"]
        elif name in source.shapes:
            basis[index] = source.shapes[name]
        elif name != "tongueOut":
            basis[index] = source.shapes[name.replace("Left", "_L").replace("Right", "_R")]
    basis[:, MESH_COUNT:] = 0.0
    partner = [INDEX[_partner(name)] for name in CURVES]
    return np.stack([(basis[i] + mirrored(basis[partner[i]], source.mirror)) / 2 for i in range(len(CURVES))])


def _partner(name: str) -> str:
    swapped = name.replace("Left", "Right") if "Left" in name else name.replace("Right", "Left")
    return swapped if swapped in INDEX else name


def close_lids(basis: Array, neutral: Array) -> None:
    """eyeBlink brings each pair of lid points to one place; ICT's lids cross or stay apart at the landmarks."""
    for name, eye in (("eyeBlinkRight", EYE_RIGHT), ("eyeBlinkLeft", EYE_LEFT)):
        for position in range(1, 8):
            upper, lower = eye[position], eye[16 - position]
            meeting = LID_MEETING * neutral[upper] + (1 - LID_MEETING) * neutral[lower]
            basis[INDEX[name], upper] = meeting - neutral[upper]
            basis[INDEX[name], lower] = meeting - neutral[lower]
        basis[INDEX[name], [eye[0], eye[8]]] *= 0.4  # ICT pulls the outer corner inward by 0.27 cm


def counter_jaw(basis: Array, neutral: Array, adjacency: csr_matrix) -> None:
    """mouthClose = 1 closes exactly the lips that jawOpen = 1 opens; ICT's crosses them by 0.4 to 0.8 cm."""
    closed = neutral + basis[INDEX["jawOpen"]] + basis[INDEX["mouthClose"]]
    basis[INDEX["mouthClose"]] += spread(lip_fixes(closed, REST_GAP), 3, adjacency)


def calm_nose(basis: Array, neutral: Array) -> None:
    """Brows leave the nose alone; ICT's lift it by up to 0.2 cm, which a rigid fit would take for a nod."""
    low, high = neutral[195, 1], neutral[168, 1]
    share = np.clip((neutral[:, 1] - low) / (high - low), 0.0, 1.0)
    for index, name in enumerate(CURVES):
        if name.startswith("brow"):
            basis[index] *= (share * share * (3 - 2 * share))[:, None]


def puff_cheeks(basis: Array, neutral: Array, triangles: NDArray[np.int32]) -> None:
    """cheekPuff as a bulge of the cheeks along their normals; ICT's at the landmarks moves the mouth corners most."""
    normals = np.zeros((COUNT, 3))
    a, b, c = (neutral[triangles[:, k]] for k in range(3))
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], np.cross(b - a, c - a))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    bulge = np.zeros((COUNT, 1))
    for centre in ((187, 192), (411, 416)):
        middle = neutral[list(centre)].mean(0)
        bulge[:, 0] += 0.85 * np.exp(-(np.linalg.norm(neutral - middle, axis=1) ** 2) / (2 * 1.35**2))
    bulge[MESH_COUNT:] = 0.0
    basis[INDEX["cheekPuff"]] = bulge * normals


def make_basis(source: Source, neutral: Array, adjacency: csr_matrix) -> Array:
    """The basis (52, 478, 3) in cm with the corrections by hand."""
    basis = sampled_shapes(source)
    close_lids(basis, neutral)
    counter_jaw(basis, neutral, adjacency)
    puff_cheeks(basis, neutral, source.triangles)
    calm_nose(basis, neutral)
    for side in ("Left", "Right"):
        basis[INDEX[f"mouthFrown{side}"]] *= 1.4  # ICT's frown lowers the corner by only 0.4 cm
    basis[INDEX["tongueOut"]] = 0.15 * basis[INDEX["jawOpen"]]
    basis[np.linalg.norm(basis, axis=2) < SMALLEST] = 0.0
    return basis


def split_triangles(triangles: NDArray[np.int32]) -> tuple[NDArray[np.int32], ...]:
    """Face surface, eye holes, mouth hole."""
    eyes = np.array([set(t) <= set(EYE_RIGHT) or set(t) <= set(EYE_LEFT) for t in triangles.tolist()])
    mouth = np.array([set(t) <= set(LIPS_INNER) for t in triangles.tolist()])
    return triangles[~eyes & ~mouth], triangles[eyes], triangles[mouth]


def main() -> None:
    """Read the facekit, write the model file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--facekit", type=Path, required=True, help="ICT-FaceKit as one .npz of arrays")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    source = read(options.facekit)
    adjacency = neighbours(source.triangles)
    neutral = make_neutral(source, adjacency)
    face, eyes, mouth = split_triangles(source.triangles)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        options.output,
        neutral=neutral.astype(np.float32),
        basis=make_basis(source, neutral, adjacency).astype(np.float16),
        curves=np.array(CURVES),
        triangles=face.astype(np.uint16),
        eye_triangles=eyes.astype(np.uint16),
        mouth_triangles=mouth.astype(np.uint16),
        mirror=source.mirror.astype(np.uint16),
        provenance=np.array(PROVENANCE),
    )


if __name__ == "__main__":
    main()
