"""ICT-FaceKit as a user's file: the model's behaviour against measured facts, and files that must be refused."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from vivant.errors import WeightsError
from vivant.face.arkit import CURVES, INDEX
from vivant.face.ict import ARRAYS, REGIONS, SHAPES, IctHead, read_ict, shape_weights
from vivant.face.model import load_face_model
from vivant.face.pose import fit_similarity


@pytest.fixture(scope="module")
def head(samples: Path) -> IctHead:
    return read_ict(samples / "ict_facekit.npz")


def curves(**values: float) -> np.ndarray:
    result = np.zeros(len(CURVES), np.float32)
    for name, value in values.items():
        result[INDEX[name]] = value
    return result


def radii(points: np.ndarray) -> np.ndarray:
    """Distances of an eyeball's vertices from the centre of the sphere through them."""
    system = np.concatenate([2 * points, np.ones((len(points), 1))], 1)
    solved = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    return np.linalg.norm(points - solved[:3], axis=1)


def test_a_jaw_opens_by_what_was_measured_and_carries_the_lower_teeth_as_one_body(head: IctHead) -> None:
    opened = head.express(head.neutral, curves(jawOpen=1.0))
    gap = opened[head.ibug[62]] - opened[head.ibug[66]]
    assert gap[1] == pytest.approx(3.5, abs=0.4)
    first, end = REGIONS["teeth_lower"][:2]
    rest, moved = head.neutral[first:end], opened[first:end]
    pose = fit_similarity(rest, moved, np.ones(end - first, np.float32))
    assert np.abs(rest @ pose.rotation.T * pose.scale + pose.translation - moved).max() < 0.05
    upper = slice(*REGIONS["teeth_upper"][:2])
    assert np.abs(opened[upper] - head.neutral[upper]).max() < 0.02


def test_its_landmarks_are_those_of_the_built_in_face(head: IctHead) -> None:
    found = head.landmarks(head.neutral)[:468]
    packaged = load_face_model().neutral[:468]
    pose = fit_similarity(found, packaged, np.ones(468, np.float32))
    off = np.linalg.norm(found @ pose.rotation.T * pose.scale + pose.translation - packaged, axis=1)
    assert pose.scale == pytest.approx(1.0, abs=0.05)
    assert off.mean() < 0.5  # cm; two heads, not one


@pytest.mark.parametrize(
    ("curve", "eye", "way"),
    [
        ("eyeLookOutLeft", 0, (1, 0)),
        ("eyeLookInRight", 1, (1, 0)),
        ("eyeLookUpRight", 1, (0, 1)),
        ("eyeLookDownLeft", 0, (0, -1)),
    ],
)
def test_eyeballs_turn_with_the_gaze(head: IctHead, curve: str, eye: int, way: tuple[int, int]) -> None:
    region = slice(*REGIONS[("eye_left", "eye_right")[eye]][:2])
    looked = head.express(head.neutral, curves(**{curve: 1.0}))[region]
    front = np.argmax((head.neutral[region] - head.eye_centre[eye]) @ head.eye_axis[eye])
    moved = (looked - head.neutral[region])[front, :2]
    assert moved @ way > 0.5
    assert abs(moved @ way[::-1]) < 0.1
    np.testing.assert_allclose(radii(looked), radii(head.neutral[region]), atol=2e-3)


def test_persons_differ_but_keep_round_eyes_and_rows_of_teeth(head: IctHead) -> None:
    person = head.person(np.random.default_rng(3).normal(0, 0.7, 100).astype(np.float32))
    assert 0.2 < np.linalg.norm(person - head.neutral, axis=1).mean() < 3
    for eye in ("eye_left", "eye_right"):
        region = slice(*REGIONS[eye][:2])
        assert np.ptp(radii(person[region]) / radii(head.neutral[region])) < 1e-3
    teeth = slice(REGIONS["teeth_upper"][0], REGIONS["teeth_lower"][1])
    pose = fit_similarity(head.neutral[teeth], person[teeth], np.ones(teeth.stop - teeth.start, np.float32))
    again = pose.scale * head.neutral[teeth] @ pose.rotation.T + pose.translation
    np.testing.assert_allclose(person[teeth], again, atol=1e-3)


def test_every_curve_but_the_tongue_moves_a_shape() -> None:
    still = [name for name in CURVES if not shape_weights(curves(**{name: 1.0, "jawOpen": 1.0}))[:].sum() > 1]
    assert set(still) <= {"tongueOut", "jawOpen"}
    assert shape_weights(curves(browInnerUp=0.5)).sum() == pytest.approx(1.0)  # both halves
    assert shape_weights(curves(mouthClose=1.0))[SHAPES.index("mouthClose")] == 0  # lips fold without an open jaw


def written(path: Path, source: Path, **changed: np.ndarray | None) -> Path:
    """A copy of the model's file with some arrays changed, or left out."""
    with np.load(source) as arrays:
        kept = {name: arrays[name] for name in ARRAYS}
    kept |= {name: array for name, array in changed.items() if array is not None}
    np.savez(path, **{name: array for name, array in kept.items() if changed.get(name, 0) is not None})
    return path


def test_files_that_are_refused(tmp_path: Path, samples: Path) -> None:
    source, place = samples / "ict_facekit.npz", tmp_path / "model.npz"
    with np.load(source) as arrays:
        bent = arrays["vertices"].copy()
        far = arrays["quads"].copy()
    bent[5, 1], far[7, 0] = np.nan, 99_999
    for reason, changed in (
        ("no array 'quads'", {"quads": None}),
        ("is float32 \\[10, 3\\]", {"vertices": bent[:10]}),
        ("not finite", {"vertices": bent}),
        ("vertices that there are not", {"quads": far}),
        ("is object", {"eye_center": np.array([[{}] * 3] * 2, object)}),
    ):
        with pytest.raises(WeightsError, match=f"{place.name}.*{reason}"):
            read_ict(written(place, source, **changed))
    place.write_bytes(source.read_bytes()[:9000])
    with pytest.raises(WeightsError, match=r"not an \.npz"):
        read_ict(place)
    with pytest.raises(WeightsError, match="No such file"):
        read_ict(tmp_path / "none.npz")


def test_an_array_that_claims_to_be_huge_is_refused_before_it_is_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": (2**40, 3)})
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("vertices.npy", buffer.getvalue())
    with pytest.raises(WeightsError, match="vertices"):
        read_ict(path)
