"""Face states as coefficients: known ones come back, the mouth opens, and real tracks agree with the fit.

The Basel face model may not be handed on. `own_mesh` stands in for it: the project's own face in its form.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from basel import own_mesh, synthetic_mesh

from vivant.avatars.real3d.expression import ExpressionMap, expression_of_state, head_in_face, prepare_expression
from vivant.avatars.real3d.head_pose import pose_of_state, prepare_pose
from vivant.face.arkit import CURVES, INDEX
from vivant.face.bfm_mesh import BaselMesh
from vivant.face.fit_3dmm import FaceFit, fit_video
from vivant.face.model import load_face_model
from vivant.face.tracker import FaceLandmarks
from vivant.motion.measure import find_neutral, measure
from vivant.motion.state import FaceState


@pytest.fixture(scope="module")
def mesh() -> BaselMesh:
    return own_mesh()


@pytest.fixture(scope="module")
def expression(mesh: BaselMesh) -> ExpressionMap:
    return prepare_expression(mesh)


def moved(mesh: BaselMesh, coefficients: Any) -> Any:
    """Displacement (468, 3) of the mesh under `coefficients`, in the face's axes and decimetres."""
    return mesh.face.expression[np.maximum(mesh.landmarks, 0)] @ coefficients


def curves(**values: float) -> FaceState:
    weights = np.zeros(len(CURVES), np.float32)
    for name, value in values.items():
        weights[INDEX[name]] = value
    return FaceState(curves=weights)


def test_the_neutral_face_has_no_expression(expression: ExpressionMap) -> None:
    assert not expression_of_state(FaceState(), expression).any()
    assert not expression_of_state(FaceState(dense=np.zeros((468, 3), np.float32)), expression).any()


def test_the_head_frame_is_found_in_the_face(mesh: BaselMesh) -> None:
    placed, neutral = head_in_face(mesh, load_face_model()), load_face_model().neutral[:468]
    there = mesh.landmarks >= 0
    found = placed.scale * neutral @ placed.rotation.T + placed.translation
    np.testing.assert_allclose(found[there], mesh.face.mean[mesh.landmarks[there]], atol=1e-5)


@pytest.mark.parametrize("kind", ["own", "synthetic"])
def test_known_coefficients_come_back(kind: str, request: pytest.FixtureRequest) -> None:
    """A state whose displacement the model made itself; weak shapes shrink, what is seen stays."""
    mesh = own_mesh() if kind == "own" else synthetic_mesh(request.getfixturevalue("parity"))
    mapped, placed = prepare_expression(mesh), head_in_face(mesh, load_face_model())
    there = mesh.landmarks >= 0
    random = np.random.default_rng(1)
    for _ in range(5):
        wanted = random.normal(0, 1, 64).astype(np.float32)
        dense = moved(mesh, wanted) @ placed.rotation / placed.scale
        found = expression_of_state(FaceState(dense=dense.astype(np.float32)), mapped)
        apart = moved(mesh, found - wanted)[there]
        assert np.sqrt((apart**2).mean() / (moved(mesh, wanted)[there] ** 2).mean()) < 0.12
        assert np.corrcoef(found, wanted)[0, 1] > 0.85
        assert np.linalg.norm(found) <= np.linalg.norm(wanted)


@pytest.mark.parametrize("name", ["jawOpen", "eyeBlinkLeft", "mouthSmileRight", "mouthPucker", "browInnerUp"])
def test_a_curve_moves_the_face_as_the_own_model_does(mesh: BaselMesh, expression: ExpressionMap, name: str) -> None:
    placed = head_in_face(mesh, load_face_model())
    wanted = placed.scale * load_face_model().basis[INDEX[name], :468] @ placed.rotation.T
    found = moved(mesh, expression_of_state(curves(**{name: 1.0}), expression))
    assert np.sqrt(((found - wanted) ** 2).mean() / (wanted**2).mean()) < 0.25  # depth counts less
    half = expression_of_state(curves(**{name: 0.5}), expression)
    np.testing.assert_allclose(2 * half, expression_of_state(curves(**{name: 1.0}), expression), atol=1e-5)


def test_an_open_jaw_opens_the_lips_of_the_68_points(mesh: BaselMesh, expression: ExpressionMap) -> None:
    inner_lips, axis = mesh.face.keypoints[[62, 66]], 1

    def gap(state: FaceState) -> float:
        offsets = mesh.face.offsets(inner_lips, expression_of_state(state, expression)[None])[0]
        return float(offsets[0, axis] - offsets[1, axis])

    openings = [gap(curves(jawOpen=value)) for value in (0.25, 0.5, 1.0)]
    assert 0.04 < openings[0] < openings[1] < openings[2]  # decimetres
    assert gap(curves(jawOpen=1.0, mouthClose=1.0)) < 0.2 * openings[2]
    assert abs(gap(curves(mouthClose=1.0))) < 1e-6  # closed lips have nothing to close


def test_the_measured_displacement_goes_before_the_curves(expression: ExpressionMap) -> None:
    dense = load_face_model().basis[INDEX["jawOpen"], :468]
    both = replace(curves(eyeBlinkLeft=1.0), dense=dense)
    np.testing.assert_array_equal(
        expression_of_state(both, expression), expression_of_state(FaceState(dense=dense), expression)
    )
    np.testing.assert_allclose(
        expression_of_state(both, expression), expression_of_state(curves(jawOpen=1.0), expression), atol=1e-4
    )


@pytest.mark.slow
@pytest.mark.parametrize("track", ["v01_talk_512_25fps", "v03_expressions_turns_30fps"])
def test_real_tracks_agree_with_the_fit(mesh: BaselMesh, expression: ExpressionMap, samples: Path, track: str) -> None:
    """The video driver's states, and the published way of fitting each frame: two ways to the same face."""
    arrays = np.load(samples / "tracks" / f"{track}.npz")
    size = float(arrays["height"])
    points = arrays["landmarks"][arrays["detected"] > 0][:200:3].astype(np.float32) * size
    fit = fit_video(points, size, mesh)
    faces = [FaceLandmarks(frame) for frame in points]
    neutral = find_neutral(faces)
    states = [measure(face, neutral) for face in faces]
    rest = int(np.argmin([np.abs(state.dense).sum() for state in states if state.dense is not None]))
    for way in (states, [replace(state, dense=None) for state in states]):
        found = np.stack([expression_of_state(state, expression) for state in way])
        for upper, lower, axis in ((13, 14, 1), (159, 145, 1), (291, 61, 0)):  # lips, lids, width of the mouth
            places = mesh.landmarks[[upper, lower]]
            seen = [mesh.face.offsets(places, values)[:, :, axis] for values in (found, fit.expression)]
            gaps = [offsets[:, 0] - offsets[:, 1] for offsets in seen]
            assert np.corrcoef(gaps)[0, 1] > 0.9
            # Curves close an eye wholly, the fit as far as the landmarks of these rather small ones move.
            most = 1.7 if way is not states and upper == 159 else 1.35
            assert 0.7 < np.polyfit(gaps[1], gaps[0], 1)[0] < most
    # The head turns as the fit says, from the frame at rest on.
    start = prepare_pose(
        FaceFit(fit.identity, *(part[rest : rest + 1] for part in vars(fit).values() if len(part) > 1)), mesh
    )
    turned = [replace(state, rotation=state.rotation @ states[rest].rotation.T) for state in states]
    euler = np.stack([pose_of_state(state, start)[0] for state in turned])
    assert np.rad2deg(np.sqrt(((euler - fit.euler) ** 2).mean(0))).max() < 3
    assert np.corrcoef(euler[:, 1], fit.euler[:, 1])[0, 1] > 0.95
