"""Folders of the Basel face model as users have them: complete, to be built, partial, damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from basel import save_front, save_tables

from vivant.errors import WeightsError
from vivant.face.bfm import FILE
from vivant.face.bfm_files import CODE, EYES, INFO, MESH_TABLES, ORIGINALS, read_basel_mesh
from vivant.face.bfm_mesh import BaselMesh, mesh_from_arrays
from vivant.face.pncc import coordinate_colours

WHOLE, TRIMMED, FRONT = 60, 50, 40
"""Vertices of the small stand-ins: of the original, of what the expressions move, of the cut."""


def save_originals(folder: Path) -> dict[str, Any]:
    """Small files in the forms of the originals; returns the arrays in them."""
    from scipy.io import savemat

    random = np.random.default_rng(9)
    arrays = {
        "shapeMU": random.normal(0, 4e4, (3 * WHOLE, 1)).astype(np.float32),
        "shapePC": random.normal(0, 1, (3 * WHOLE, 199)).astype(np.float32),
        "shapeEV": random.uniform(1e3, 1e5, (199, 1)).astype(np.float32),
        "idx": np.sort(random.permutation(TRIMMED)[:FRONT])[:, None] + 1,
        "trimIndex": np.sort(random.permutation(WHOLE)[:TRIMMED])[:, None] + 1,
        "tri": random.integers(1, FRONT + 1, (30, 3)),
        "keypoints": random.integers(1, FRONT, (1, 68)),
        "modes": random.normal(0, 1, (79, 3 * TRIMMED)).astype(np.float32),
        "sigmas": random.uniform(1e3, 1e4, 79),
    }
    files = (("shapeMU", "shapePC", "shapeEV"), None, None, ("idx",), ("trimIndex",), ("tri", "keypoints"))
    for file, names in zip(ORIGINALS, files, strict=True):
        if names:
            savemat(folder / file, {name: arrays[name] for name in names})
    mean = np.zeros(3 * TRIMMED, np.float32)
    content = np.array([79], np.int32).tobytes() + mean.tobytes() + arrays["modes"].tobytes()
    (folder / ORIGINALS[1]).write_bytes(content)
    np.savetxt(folder / ORIGINALS[2], arrays["sigmas"][None])
    return arrays


def test_a_whole_folder_is_read(tmp_path: Path) -> None:
    wanted = save_front(tmp_path)
    mesh = read_basel_mesh(tmp_path)
    mean = wanted["meanshape"].reshape(-1, 3)
    np.testing.assert_allclose(mesh.face.mean, mean - mean.mean(0), atol=1e-6)
    np.testing.assert_array_equal(mesh.triangles, wanted["tri"] - 1)
    np.testing.assert_array_equal(mesh.eyes, wanted["eyes"])
    np.testing.assert_array_equal(mesh.landmarks, wanted["landmarks"])
    np.testing.assert_array_equal(mesh.shifted_keypoints, wanted["keypoints"].ravel())
    np.testing.assert_allclose(mesh.colours, coordinate_colours(mesh.face.mean))  # computed: no file holds them
    left = [number for number in range(30) if number not in wanted["eyes"]]
    np.testing.assert_array_equal(mesh.code_mesh.triangles, wanted["tri"][left] - 1)


def test_files_may_lie_two_folders_deep(tmp_path: Path) -> None:
    (tmp_path / "deep_3drecon" / "BFM").mkdir(parents=True)
    wanted = save_front(tmp_path / "deep_3drecon" / "BFM")
    for name in EYES:
        (tmp_path / "deep_3drecon" / "BFM" / name).rename(tmp_path / "deep_3drecon" / name)
    np.testing.assert_array_equal(read_basel_mesh(tmp_path).eyes, wanted["eyes"])


def test_the_published_name_of_a_table_goes_before_its_versions(tmp_path: Path) -> None:
    wanted = save_front(tmp_path)
    np.save(tmp_path / MESH_TABLES[1], np.zeros(468, np.int64))
    np.testing.assert_array_equal(read_basel_mesh(tmp_path).landmarks, wanted["landmarks"])
    (tmp_path / MESH_TABLES[0]).unlink()
    assert not read_basel_mesh(tmp_path).landmarks.any()


def test_the_colour_code_of_the_folder_is_taken(tmp_path: Path) -> None:
    save_front(tmp_path)
    code = np.random.default_rng(1).random((3, 201), np.float32)
    np.save(tmp_path / CODE, code)
    np.testing.assert_array_equal(read_basel_mesh(tmp_path).colours, code.T)


def test_the_cut_is_made_from_the_original_files(tmp_path: Path) -> None:
    arrays = save_originals(tmp_path)
    save_tables(tmp_path, FRONT, 30)
    mesh = read_basel_mesh(tmp_path)
    identity, expression = (np.random.default_rng(2).normal(size=(2, count)) for count in (80, 64))
    for person in range(2):
        # The definition, in micrometres, on the whole head; then the cut.
        spread = arrays["shapePC"][:, :80] @ (arrays["shapeEV"].ravel()[:80] * identity[person])
        head = (arrays["shapeMU"].ravel() + spread).reshape(-1, 3)[arrays["trimIndex"].ravel() - 1]
        moved = (arrays["sigmas"][:64] * expression[person]) @ arrays["modes"][:64]
        whole = (head + moved.reshape(-1, 3))[arrays["idx"].ravel() - 1] / 1e5
        base = arrays["shapeMU"].reshape(-1, 3)[arrays["trimIndex"].ravel() - 1][arrays["idx"].ravel() - 1] / 1e5
        found = mesh.face.mean + mesh.face.identity @ identity[person] + mesh.face.expression @ expression[person]
        np.testing.assert_allclose(found, whole - base.mean(0), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(mesh.face.keypoints, arrays["keypoints"].ravel() - 1)
    np.testing.assert_array_equal(mesh.triangles, arrays["tri"] - 1)


@pytest.mark.parametrize("name", [*ORIGINALS, MESH_TABLES[0], *EYES])
def test_a_missing_file_is_named_with_its_source(tmp_path: Path, name: str) -> None:
    save_originals(tmp_path)
    save_tables(tmp_path, FRONT, 30)
    (tmp_path / name).unlink()
    with pytest.raises(WeightsError) as caught:
        read_basel_mesh(tmp_path)
    message = str(caught.value)
    assert str(tmp_path) in message
    assert name in message
    assert "comes with" in message or "register at" in message
    assert "\n" not in message


def test_an_empty_folder_or_none(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=rf"neither {FILE}.*register"):
        read_basel_mesh(tmp_path)
    with pytest.raises(WeightsError, match="no folder"):
        read_basel_mesh(tmp_path / "absent")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def text(path: Path) -> None:
    path.write_text("<html>moved</html>" * 20)


@pytest.mark.parametrize("damage", [cut, text])
@pytest.mark.parametrize("name", [*ORIGINALS, MESH_TABLES[0], EYES[0], CODE])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, damage: Callable[[Path], None]) -> None:
    save_originals(tmp_path)
    save_tables(tmp_path, FRONT, 30)
    np.save(tmp_path / CODE, np.zeros((3, FRONT), np.float32))
    if name == ORIGINALS[2] and damage is cut:
        (tmp_path / name).write_text("1 2 3")
    else:
        damage(tmp_path / name)
    with pytest.raises(WeightsError, match=name) as caught:
        read_basel_mesh(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (MESH_TABLES[0], np.zeros(467, np.int64), "not a list of 468"),
        (MESH_TABLES[0], np.full(468, 201), "do not fit"),
        (MESH_TABLES[0], np.zeros(468), "not a list"),
        (EYES[1], np.array([31]), "do not fit"),
        (EYES[1], np.array([0]), "do not fit"),
        (EYES[1], np.array([{}], object), "not a whole .npy file"),
        (CODE, np.zeros((3, 200), np.float32), "no code of 201"),
        (CODE, np.full((3, 201), np.nan, np.float32), "no code of 201"),
        (CODE, np.full((3, 201), 2, np.float32), "no code of 201"),
    ],
)
def test_a_table_of_another_model_is_refused(tmp_path: Path, name: str, content: Any, words: str) -> None:
    save_front(tmp_path)
    np.save(tmp_path / name, content)
    with pytest.raises(WeightsError, match=words) as caught:
        read_basel_mesh(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tri": None}, "no array tri"),
        ({"tri": np.ones((30, 4))}, "no list of triangles"),
        ({"tri": np.full((30, 3), 202)}, "do not fit"),
        ({"tri": np.array([["a", "b", "c"]])}, "holds no numbers"),
    ],
)
def test_a_model_without_triangles_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    save_front(tmp_path, **change)
    with pytest.raises(WeightsError, match=words):
        read_basel_mesh(tmp_path)


def test_indices_beyond_the_original_are_refused(tmp_path: Path) -> None:
    from scipy.io import savemat

    save_originals(tmp_path)
    save_tables(tmp_path, FRONT, 30)
    for wrong, words in ((0, "from 1"), (TRIMMED + 1, "do not fit")):
        savemat(tmp_path / ORIGINALS[3], {"idx": np.full((FRONT, 1), wrong)})
        with pytest.raises(WeightsError, match=words):
            read_basel_mesh(tmp_path)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    from scipy.io import loadmat, savemat

    save_originals(tmp_path)
    save_tables(tmp_path, FRONT, 30)
    arrays = {key: value for key, value in loadmat(tmp_path / ORIGINALS[0]).items() if key.startswith("shape")}
    arrays["shapeMU"] = np.full_like(arrays["shapeMU"], np.nan)
    savemat(tmp_path / ORIGINALS[0], arrays)
    with pytest.raises(WeightsError, match="no face"):
        read_basel_mesh(tmp_path)
    assert (tmp_path / INFO).is_file()


def test_arrays_are_the_same_there_and_back(tmp_path: Path) -> None:
    save_front(tmp_path)
    mesh = read_basel_mesh(tmp_path)
    back: BaselMesh = mesh_from_arrays(mesh.arrays())
    for name, array in mesh.arrays().items():
        np.testing.assert_array_equal(back.arrays()[name], array)
    for name in mesh.arrays():
        with pytest.raises(WeightsError, match="import it again"):
            mesh_from_arrays({key: array for key, array in mesh.arrays().items() if key != name})
    with pytest.raises(WeightsError, match="identity is"):
        mesh_from_arrays(mesh.arrays() | {"identity": np.zeros((201, 3, 79))})
