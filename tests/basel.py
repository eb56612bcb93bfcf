"""Stand-ins for the Basel face model, of which they hold no data: that of the fixtures, our own face, random files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from originals import original
from published import save_basel

from vivant.face.bfm import BaselFace
from vivant.face.bfm_files import EYES, MESH_TABLES
from vivant.face.bfm_mesh import BaselMesh
from vivant.face.bfm_pose import rotation_from_euler
from vivant.face.ibug import CHIN, INNER_LIPS, OUTER_LIPS
from vivant.face.landmarks import MESH_COUNT
from vivant.face.model import load_face_model
from vivant.face.pncc import coordinate_colours

DM = 0.1
"""Decimetres in a centimetre."""
UNMATCHED = (93, 127, 132, 234, 323, 356, 361, 454)
IBUG = {36: 33, 39: 133, 42: 362, 45: 263, 27: 168, 30: 1, **CHIN, **OUTER_LIPS, **INNER_LIPS}
"""The point of MediaPipe's mesh at some of iBUG's 68 landmarks."""


def synthetic_mesh(parity: Path) -> BaselMesh:
    """441 vertices: a curved sheet with smooth random coefficients, eye holes and landmarks anywhere on it."""
    given = {key[3:]: value for key, value in original(parity, "real3d", "face_model_secc").tensors.items()}
    mean = given["mean_shape"]
    eyes = np.concatenate([given["left_eye_faces_1based"], given["right_eye_faces_1based"]]).astype(np.int64) - 1
    face = BaselFace(
        mean - mean.mean(0),
        basis(given["id_base"]),
        basis(given["exp_base"]),
        given["keypoints68_1based"].astype(np.int64) - 1,
    )
    landmarks = np.maximum(given["keypoints_mp468"].astype(np.int64), -1)
    return BaselMesh(face, given["ncc"], given["tri"], eyes, landmarks)


def basis(flat: Any) -> Any:
    """A published basis (3 N, K) as ours (N, 3, K)."""
    return flat.reshape(-1, 3, flat.shape[-1])


def own_mesh(seed: int = 0) -> BaselMesh:
    """The project's own face in the form of a Basel face: 468 vertices, its 52 curves and 12 smooth random shapes.

    It stands elsewhere and is turned a little, as the real one is to the project's head frame.
    """
    model, random = load_face_model(), np.random.default_rng(seed)
    neutral, moves = model.neutral[:MESH_COUNT], np.zeros((MESH_COUNT, 3, 64), np.float32)
    moves[..., :52] = 0.3 * model.basis[:, :MESH_COUNT].transpose(1, 2, 0)  # a standard deviation is no whole curve
    waves = np.sin(neutral @ random.normal(0, 0.3, (3, 92)) + random.uniform(0, 6, 92))  # (468, 92)
    shapes = waves[:, None] * random.normal(0, 0.3, (3, 92))
    moves[..., 52:] = 0.3 * shapes[..., :12]
    turn = rotation_from_euler(np.array([0.04, 0, 0], np.float32))
    mean, identity, expression = DM * neutral @ turn.T, DM * shapes[..., 12:], DM * moves
    landmarks = np.arange(MESH_COUNT)
    landmarks[list(UNMATCHED)] = -1
    face = BaselFace(
        (mean - mean.mean(0)).astype(np.float32),
        np.einsum("cd,kde->kce", turn, identity).astype(np.float32),
        np.einsum("cd,kde->kce", turn, expression).astype(np.float32),
        np.array([IBUG.get(point, 4) for point in range(68)]),
    )
    triangles = np.concatenate([model.triangles, model.eye_triangles])
    eyes = np.arange(len(model.triangles), len(triangles))
    return BaselMesh(face, coordinate_colours(face.mean), triangles, eyes, landmarks)


def save_tables(folder: Path, vertices: int, triangles: int, seed: int = 5) -> dict[str, Any]:
    """The index files beside the model; returns what they say, counted from 0."""
    random = np.random.default_rng(seed)
    landmarks = random.integers(0, vertices, 468)
    landmarks[[93, 454]] = -999
    eyes = np.arange(1, triangles, 3)
    np.save(folder / MESH_TABLES[0], landmarks)
    for name, part in zip(EYES, np.array_split(eyes, 2), strict=True):
        np.save(folder / name, part + 1)
    return {"landmarks": np.maximum(landmarks, -1), "eyes": eyes}


def save_front(folder: Path, **change: Any) -> dict[str, Any]:
    """`BFM_model_front.mat` of 201 vertices and its tables; returns what they say."""
    random = np.random.default_rng(7)
    arrays = {
        "meanshape": random.normal(0, 0.4, (1, 603)),
        "idBase": random.normal(0, 0.02, (603, 80)),
        "exBase": random.normal(0, 0.02, (603, 64)),
        "keypoints": random.permutation(200)[None, :68] + 1,
        "tri": random.integers(1, 202, (30, 3)),
    }
    save_basel(folder, {name: value for name, value in (arrays | change).items() if value is not None})
    return arrays | save_tables(folder, 201, 30)


def save_mesh(folder: Path, mesh: BaselMesh) -> None:
    """`mesh` in the form of the user's files."""
    face, count = mesh.face, len(mesh.face.mean)
    arrays = {
        "meanshape": face.mean.reshape(1, -1),
        "idBase": face.identity.reshape(3 * count, -1),
        "exBase": face.expression.reshape(3 * count, -1),
        "keypoints": face.keypoints[None] + 1,
        "tri": mesh.triangles + 1,
    }
    save_basel(folder, arrays)
    np.save(folder / MESH_TABLES[0], mesh.landmarks)
    for name, part in zip(EYES, np.array_split(mesh.eyes, 2), strict=True):
        np.save(folder / name, part + 1)
