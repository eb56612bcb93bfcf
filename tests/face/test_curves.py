"""From mesh displacement to curves: exact cases, properties, and agreement with measured blendshape scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivant.face.arkit import CURVES, INDEX
from vivant.face.curves import curves_from_displacement
from vivant.face.landmarks import COUNT, MESH_COUNT
from vivant.face.model import load_face_model
from vivant.face.tracker import FaceLandmarks
from vivant.motion.measure import find_neutral, measure

CLEAR = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft", "eyeBlinkRight", "browInnerUp", "mouthPucker")


def displacement(**curves: float) -> np.ndarray:
    basis = load_face_model().basis[:, :MESH_COUNT]
    return np.asarray(sum(value * basis[INDEX[name]] for name, value in curves.items()))


@pytest.mark.parametrize("name", CLEAR)
@pytest.mark.parametrize("value", [0.3, 0.8])
def test_a_clear_shape_is_read_back(name: str, value: float) -> None:
    curves = curves_from_displacement(displacement(**{name: value}))
    assert curves[INDEX[name]] == pytest.approx(value, abs=0.15)
    assert int(curves.argmax()) == INDEX[name]


def test_rest_is_exactly_zero() -> None:
    assert not curves_from_displacement(np.zeros((MESH_COUNT, 3), np.float32)).any()


def test_a_mixture_is_separated() -> None:
    curves = curves_from_displacement(displacement(jawOpen=0.5, eyeBlinkLeft=0.9, mouthSmileRight=0.6))
    assert curves[INDEX["jawOpen"]] == pytest.approx(0.5, abs=0.12)
    assert curves[INDEX["eyeBlinkLeft"]] > 0.75
    assert curves[INDEX["eyeBlinkRight"]] < 0.1
    assert curves[INDEX["mouthSmileRight"]] > curves[INDEX["mouthSmileLeft"]] + 0.4


@given(st.integers(0, 2**32 - 1), st.floats(0, 3))
@settings(max_examples=40, deadline=None)
def test_always_within_bounds_and_continuous(seed: int, size: float) -> None:
    random = np.random.default_rng(seed)
    dense = random.normal(0, size, (MESH_COUNT, 3)).astype(np.float32)
    curves = curves_from_displacement(dense)
    assert curves.shape == (len(CURVES),)
    assert curves.dtype == np.float32
    assert (curves >= 0).all()
    assert (curves <= 1).all()
    nudged = curves_from_displacement(dense + random.normal(0, 1e-3, dense.shape).astype(np.float32))
    assert np.abs(nudged - curves).max() < 0.02  # a hundredth of a millimetre makes no jump


@pytest.mark.slow
def test_agrees_with_measured_scores_where_they_move(samples: Path) -> None:
    """Reference landmarks to curves, against the scores of a network that the fit has never seen."""
    correlations: dict[str, list[float]] = {name: [] for name in CLEAR}
    for path in sorted((samples / "tracks").glob("v0[2345]*.npz")):
        track = np.load(path)
        scale = np.array([track["width"], track["height"], track["width"]], np.float32)
        faces = [FaceLandmarks((points * scale).astype(np.float32)) for points in track["landmarks"]]
        assert faces[0].points.shape == (COUNT, 3)
        neutral = find_neutral(faces[:60])
        curves = np.stack([measure(face, neutral).curves for face in faces])
        names = track["blendshape_names"].tolist()
        for name in CLEAR:
            score = track["blendshapes"][:, names.index(name)]
            if score.std() > 0.1:
                correlations[name].append(float(np.corrcoef(score, curves[:, INDEX[name]])[0, 1]))
    means = {name: float(np.mean(values)) for name, values in correlations.items()}
    assert all(correlations.values())
    assert min(means[name] for name in CLEAR if name != "browInnerUp") > 0.7, means
    assert means["browInnerUp"] > 0.5, means
