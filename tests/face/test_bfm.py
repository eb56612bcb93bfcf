"""The Basel face model's arithmetic against both originals, and files that users may give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from originals import Original, original
from published import basel_arrays, save_basel

from vivant.errors import WeightsError
from vivant.face.bfm import FILE, BaselFace, read_basel_face
from vivant.face.model import load_face_model


def face_of(fixture: Original, names: tuple[str, str, str], keypoints: Any) -> BaselFace:
    """The synthetic model of a fixture; `names` of mean shape, identity and expression basis."""
    mean, identity, expression = (fixture.tensors[f"in.{name}"] for name in names)
    mean = mean.reshape(-1, 3)
    keypoints = np.asarray(keypoints, np.int64)
    centred = mean - mean.mean(0)
    return BaselFace(centred, identity.reshape(*mean.shape, -1), expression.reshape(*mean.shape, -1), keypoints)


def landmarks(fixture: Original, face: BaselFace, points: Any) -> tuple[Any, Any]:
    """Offsets ten times their size, and places, of the vertices `points`."""
    offsets = face.offsets(np.asarray(points), fixture.tensors["in.exp"], fixture.tensors["in.id"])
    return 10 * offsets, offsets + face.mean[points]


def test_parity_geneface_landmark_offsets(parity: Path) -> None:
    fixture = original(parity, "geneface", "idexp_landmarks")
    # The original takes MATLAB's numbers, which count from 1, as they are: its landmarks are one vertex further.
    points = fixture.tensors["in.keypoints_1based"].ravel()
    face = face_of(fixture, ("meanshape", "idBase", "exBase"), points - 1)
    offsets, places = landmarks(fixture, face, points)
    fixture.compare("idexp_lm3d", offsets)
    fixture.compare("lm3d", places - face.mean[points].mean(0))  # centred by the landmarks, not by the vertices
    fixture.compare("mean", offsets.mean(0, keepdims=True))
    fixture.compare("std", offsets.std(0, keepdims=True))
    with pytest.raises(AssertionError, match="idexp_lm3d"):
        fixture.compare("idexp_lm3d", landmarks(fixture, face, face.keypoints)[0])


def test_parity_geneface_mesh_offsets(parity: Path) -> None:
    fixture = original(parity, "geneface", "pp_face_geometry")
    points = np.maximum(fixture.tensors["in.mp_index"], 0)
    face = face_of(fixture, ("meanshape", "idBase", "exBase"), points[:68])
    offsets, places = landmarks(fixture, face, points)
    fixture.compare("idexp_lm3d", offsets)
    fixture.compare("cano_lm3d", places)


def test_parity_real3d_landmark_offsets(parity: Path) -> None:
    fixture = original(parity, "real3d", "face_model_secc")
    points = fixture.tensors["in.keypoints68_1based"].ravel()
    face = face_of(fixture, ("mean_shape", "id_base", "exp_base"), points - 1)
    offsets, places = landmarks(fixture, face, points)
    assert "geometry abs 1e-4" in fixture.metadata["tolerance"]
    np.testing.assert_allclose(offsets, fixture.tensors["out.idexp_lm3d_68"], atol=1e-4)
    np.testing.assert_allclose(places, fixture.tensors["out.cano_lm3d_68"], atol=1e-4)


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    arrays = basel_arrays()
    face = read_basel_face(save_basel(tmp_path, arrays))
    mean = arrays["meanshape"].reshape(-1, 3)
    np.testing.assert_allclose(face.mean, mean - mean.mean(0), atol=1e-6)
    assert face.keypoints.tolist() == (arrays["keypoints"].ravel() - 1).tolist()
    coefficients = np.random.default_rng(2).normal(size=(3, 64)).astype(np.float32)
    moved = (arrays["exBase"] @ coefficients.T).T.reshape(3, -1, 3)
    np.testing.assert_allclose(face.offsets(face.keypoints, coefficients), moved[:, face.keypoints], atol=1e-5)
    assert face.inter_ocular == pytest.approx(0.1 * load_face_model().inter_ocular, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"idBase": np.zeros((30, 80))}, "not the Basel face model"),
        ({"exBase": np.array([{"a": 1}], object)}, "not the Basel face model"),
        ({"meanshape": np.zeros((1, 0))}, "not the Basel face model"),
        ({"keypoints": np.full((1, 68), 201)}, "no face"),
        ({"keypoints": np.zeros((1, 68))}, "no face"),
        ({"meanshape": np.full((1, 600), np.nan)}, "no face"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = save_basel(tmp_path, basel_arrays() | change)
    with pytest.raises(WeightsError, match=words) as caught:
        read_basel_face(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["absent", "empty", "text", "cut", "new"])
def test_a_damaged_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / FILE
    if kind == "cut":
        whole = save_basel(tmp_path).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif kind != "absent":
        path.write_bytes({"empty": b"", "text": b"<html>moved</html>" * 20, "new": b"MATLAB 7.3 " + b"\0" * 600}[kind])
    with pytest.raises(WeightsError, match=FILE) as caught:
        read_basel_face(path)
    assert "\n" not in str(caught.value)


def test_a_huge_array_is_refused_before_it_is_read(tmp_path: Path) -> None:
    from scipy.io import savemat

    savemat(tmp_path / FILE, {"meanshape": np.zeros((1, 900_000), np.float32)}, do_compression=True)
    assert (tmp_path / FILE).stat().st_size < 100_000
    with pytest.raises(WeightsError, match="not the Basel face model"):
        read_basel_face(tmp_path / FILE)
