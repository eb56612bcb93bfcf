"""The packaged face: geometry, anatomy of single curves, and how well it fits real faces."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from project_tools import load_tool

from vivant.face.arkit import CURVES, INDEX
from vivant.face.landmarks import EYE_LEFT, EYE_RIGHT, LIP_PAIRS, MESH_COUNT
from vivant.face.model import FaceModel, displacement_from_curves, load_face_model
from vivant.face.pose import FLIP, angles_from_rotation, fit_head_pose, stable_weights
from vivant.face.tracker import FaceTracker


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return load_face_model()


def moved(model: FaceModel, **curves: float) -> np.ndarray:
    """The model's points (478, 3) under the named curves."""
    values = np.zeros(len(CURVES), np.float32)
    for name, value in curves.items():
        values[INDEX[name]] = value
    return model.neutral + displacement_from_curves(model, values)


def lip_gaps(points: np.ndarray) -> np.ndarray:
    return np.array([points[upper, 1] - points[lower, 1] for upper, lower in LIP_PAIRS])


def lid_gaps(points: np.ndarray, eye: tuple[int, ...]) -> np.ndarray:
    return np.array([np.linalg.norm(points[eye[k]] - points[eye[16 - k]]) for k in range(1, 8)])


def test_it_is_a_face_in_centimetres(model: FaceModel) -> None:
    assert model.neutral.shape == (478, 3)
    assert model.basis.shape == (52, 478, 3)
    assert 8.5 < model.inter_ocular < 9.5  # outer eye corners of adults
    assert model.neutral[33, 0] < 0 < model.neutral[263, 0]  # the right eye is on the viewer's left
    assert model.neutral[10, 1] > model.neutral[1, 1] > model.neutral[152, 1]  # forehead, nose, chin
    assert int(model.neutral[:, 2].argmax()) == 4  # the tip of the nose is nearest


def test_surface_is_one_oriented_sheet(model: FaceModel) -> None:
    triangles = np.concatenate([model.triangles, model.eye_triangles, model.mouth_triangles])
    assert [len(part) for part in (model.triangles, model.eye_triangles, model.mouth_triangles)] == [852, 28, 18]
    edges = [(int(t[k]), int(t[(k + 1) % 3])) for t in triangles for k in range(3)]
    assert max(Counter(edges).values()) == 1  # neighbours run along a shared edge in opposite directions
    border = [edge for edge in edges if edge[::-1] not in set(edges)]
    assert len(border) == 36  # the face oval; nothing else is open
    a, b, c = (model.neutral[triangles[:, k]] for k in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).mean() > 0.97  # counter-clockwise seen from the front


def test_left_is_the_mirror_image_of_right(model: FaceModel) -> None:
    flip = np.array([-1, 1, 1], np.float32)
    assert np.array_equal(model.mirror[model.mirror], np.arange(478))
    np.testing.assert_allclose(model.neutral[model.mirror] * flip, model.neutral, atol=1e-5)
    for name in CURVES:
        other = name.replace("Left", "Right") if "Left" in name else name.replace("Right", "Left")
        np.testing.assert_allclose(
            model.basis[INDEX[name]][model.mirror] * flip,
            model.basis[INDEX[other] if other in INDEX else INDEX[name]],
            atol=2e-3,
            err_msg=name,
        )


def test_arrays_cannot_be_written(model: FaceModel) -> None:
    with pytest.raises(ValueError, match="read-only"):
        model.neutral[0, 0] = 1
    assert load_face_model() is model


def test_lips_are_closed_at_rest_and_a_jaw_opens_wide(model: FaceModel) -> None:
    assert np.abs(lip_gaps(model.neutral)).max() < 0.05
    assert 3.0 < lip_gaps(moved(model, jawOpen=1.0)).max() < 5.0  # people reach 4 to 5 cm


@pytest.mark.parametrize("opening", [0.3, 0.7, 1.0])
def test_mouth_close_keeps_the_lips_together_over_an_open_jaw(model: FaceModel, opening: float) -> None:
    closed = moved(model, jawOpen=opening, mouthClose=opening)
    assert np.abs(lip_gaps(closed)).max() < 0.08
    assert model.neutral[152, 1] - closed[152, 1] > 2 * opening  # the chin is down all the same


def test_mouth_close_alone_does_nothing(model: FaceModel) -> None:
    np.testing.assert_array_equal(moved(model, mouthClose=1.0), model.neutral)


@pytest.mark.parametrize(("name", "eye"), [("eyeBlinkRight", EYE_RIGHT), ("eyeBlinkLeft", EYE_LEFT)])
def test_a_blink_brings_the_lids_together(model: FaceModel, name: str, eye: tuple[int, ...]) -> None:
    other = EYE_LEFT if eye is EYE_RIGHT else EYE_RIGHT
    closed = moved(model, **{name: 1.0})
    assert lid_gaps(closed, eye).max() < 0.02
    assert lid_gaps(model.neutral, eye).max() > 0.8
    np.testing.assert_allclose(lid_gaps(closed, other), lid_gaps(model.neutral, other), atol=0.01)
    falls = (model.neutral - closed)[eye[4], 1]
    rises = (closed - model.neutral)[eye[12], 1]
    assert falls > 4 * rises > 0  # the upper lid does the work


@pytest.mark.parametrize(
    ("name", "point", "direction"),
    [
        ("mouthSmileLeft", 291, (1, 1, 0)),
        ("mouthFrownLeft", 291, (0, -1, 0)),
        ("mouthPucker", 291, (-1, 0, 1)),
        ("mouthLeft", 14, (1, 0, 0)),
        ("jawLeft", 152, (1, 0, 0)),
        ("jawForward", 152, (0, 0, 1)),
        ("browInnerUp", 107, (0, 1, 0)),
        ("browDownRight", 105, (0, -1, 0)),
        ("browOuterUpRight", 53, (0, 1, 0)),
        ("mouthUpperUpRight", 39, (0, 1, 0)),
        ("mouthLowerDownRight", 181, (0, -1, 0)),
        ("cheekPuff", 411, (1, 0, 1)),
        ("noseSneerRight", 98, (0, 1, 0)),
        ("eyeWideRight", 159, (0, 1, 0)),
        ("eyeLookDownRight", 159, (0, -1, 0)),
        ("eyeSquintRight", 145, (0, 1, 0)),
        ("mouthShrugLower", 17, (0, 1, 0)),
        ("tongueOut", 152, (0, -1, 0)),
    ],
)
def test_a_curve_moves_its_muscle_the_right_way(
    model: FaceModel, name: str, point: int, direction: tuple[int, int, int]
) -> None:
    motion = model.basis[INDEX[name], point]
    for axis, sign in enumerate(direction):
        if sign:
            assert motion[axis] * sign > 0.05, (name, motion)


def test_expression_hardly_turns_the_rigid_fit(model: FaceModel) -> None:
    neutral = model.neutral[:MESH_COUNT]
    for name in CURVES:
        seen = (neutral + model.basis[INDEX[name], :MESH_COUNT]) * FLIP
        pose = fit_head_pose(seen, neutral, stable_weights())
        assert np.degrees(np.abs(angles_from_rotation(pose.rotation))).max() < 0.5, name
        assert abs(pose.scale - 1) < 0.006, name


@pytest.mark.slow
def test_it_fits_real_faces_better_than_the_canonical_face(model: FaceModel, samples: Path) -> None:
    import cv2

    canonical = np.load(samples / "ict_facekit.npz")["mediapipe_canonical_vertices"]
    weights = np.ones(MESH_COUNT, np.float32)
    residuals = []
    with FaceTracker(moving=False) as tracker:
        for path in sorted((samples / "portraits").iterdir()):
            found = tracker.find(cv2.imread(str(path))[:, :, ::-1])
            residuals += [
                [_residual(face.points, shape, weights) for shape in (model.neutral[:MESH_COUNT], canonical)]
                for face in found
            ]
    ours, theirs = np.median(residuals, axis=0)
    assert len(residuals) >= 10
    assert ours < 0.032
    assert ours < 0.85 * theirs


def _residual(points: np.ndarray, shape: np.ndarray, weights: np.ndarray) -> float:
    """Mean distance in the picture plane over the inter-ocular distance."""
    fitted = fit_head_pose(points, shape, weights).head_from_picture(points[:MESH_COUNT])
    off = np.linalg.norm((fitted - shape)[:, :2], axis=1).mean()
    return float(off / np.linalg.norm(shape[33] - shape[263]))


@pytest.mark.slow
def test_the_tool_makes_the_packaged_file(samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = load_tool("make_face_model")
    made = tmp_path / "model.npz"
    monkeypatch.setattr("sys.argv", ["tool", "--facekit", str(samples / "ict_facekit.npz"), "--output", str(made)])
    tool.main()
    fresh, packaged = np.load(made, allow_pickle=False), np.load(tool.OUTPUT, allow_pickle=False)
    assert set(fresh.files) == set(packaged.files)
    for name in fresh.files:
        if fresh[name].dtype.kind == "f":
            np.testing.assert_allclose(fresh[name], packaged[name], atol=2e-3, err_msg=name)
        else:
            assert np.array_equal(fresh[name], packaged[name]), name
    assert "MIT" in str(packaged["provenance"])
    assert "Apache-2.0" in str(packaged["provenance"])
