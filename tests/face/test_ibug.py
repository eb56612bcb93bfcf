"""From 68 landmarks to curves: there and back, bounds, and every frame on its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivant.face.arkit import CURVES, INDEX
from vivant.face.ibug import CHIN, COUNT, INNER_LIPS, OUTER_LIPS, landmarks_of, mouth_curves
from vivant.face.model import displacement_from_curves, load_face_model
from vivant.motion.speech.gestures import GESTURES, curves_of_gestures, mouth_matrix

MOUTH = [name.startswith(("jaw", "mouth")) for name in CURVES]


def moved(curves: np.ndarray) -> np.ndarray:
    """Landmarks (T, 68, 3) of `curves` (T, 52) on the built-in face."""
    model = load_face_model()
    return landmarks_of(np.stack([displacement_from_curves(model, row) for row in curves]))


def of(**values: float) -> np.ndarray:
    curves = np.zeros((1, len(CURVES)), np.float32)
    for name, value in values.items():
        curves[0, INDEX[name]] = value
    return curves


def test_the_table_is_a_mirror_image() -> None:
    """Landmarks that mirror each other in iBUG's order do so in MediaPipe's mesh."""
    mirror = load_face_model().mirror
    table = CHIN | OUTER_LIPS | INNER_LIPS
    partners = {
        **{left: 16 - left for left in CHIN},
        **dict(zip((48, 49, 50, 51, 59, 58, 57), (54, 53, 52, 51, 55, 56, 57), strict=True)),
        **dict(zip((60, 61, 62, 67, 66), (64, 63, 62, 65, 66), strict=True)),
    }
    assert len(set(table.values())) == len(table) == 27
    assert all(mirror[table[left]] == table[right] for left, right in partners.items())


@pytest.mark.parametrize("name", ["jawOpen", "mouthPucker", "mouthSmileLeft", "mouthSmileRight", "mouthFunnel"])
@pytest.mark.parametrize("value", [0.3, 0.8])
def test_a_clear_shape_is_read_back(name: str, value: float) -> None:
    curves = mouth_curves(moved(of(**{name: value})))[0]
    assert int(curves.argmax()) == INDEX[name]
    assert curves[INDEX[name]] == pytest.approx(value, abs=0.2)


def test_rest_is_exactly_zero_and_brows_are_left_alone() -> None:
    assert not mouth_curves(np.zeros((3, COUNT, 3), np.float32)).any()
    assert not mouth_curves(moved(of(browInnerUp=1.0, eyeBlinkLeft=1.0))).any()


def test_speech_comes_back_to_a_third_of_a_millimetre() -> None:
    """Curves to landmarks to curves to landmarks."""
    gestures = np.random.default_rng(0).beta(0.4, 0.8, (200, len(GESTURES)))
    wanted = moved(curves_of_gestures(gestures, mouth_matrix()))
    curves = mouth_curves(wanted)
    found = moved(curves)
    lips = np.sqrt(((found - wanted)[:, 48:] ** 2).sum(2).mean())
    assert lips < 0.033  # cm
    gap_wanted, gap_found = (points[:, 62, 1] - points[:, 66, 1] for points in (wanted, found))
    assert np.abs(gap_found - gap_wanted).mean() < 0.02
    assert np.corrcoef(gap_found, gap_wanted)[0, 1] > 0.995
    assert (curves[:, INDEX["mouthClose"]] <= curves[:, INDEX["jawOpen"]]).all()


@given(st.integers(0, 2**32 - 1), st.floats(0, 3))
@settings(max_examples=30, deadline=None)
def test_always_within_bounds_continuous_and_frame_by_frame(seed: int, size: float) -> None:
    random = np.random.default_rng(seed)
    points = random.normal(0, size, (4, COUNT, 3)).astype(np.float32)
    curves = mouth_curves(points)
    assert curves.shape == (4, len(CURVES))
    assert curves.dtype == np.float32
    assert curves.min() >= 0
    assert curves.max() <= 1
    assert not curves[:, ~np.array(MOUTH)].any()
    np.testing.assert_allclose(mouth_curves(points[2:3])[0], curves[2], atol=1e-6)
    nudged = mouth_curves(points + random.normal(0, 1e-3, points.shape).astype(np.float32))
    assert np.abs(nudged - curves).max() < 0.03  # a hundredth of a millimetre makes no jump
