"""Real portraits as examples: what a turned picture is told is what the portrait shows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from small_heads import write_view_heads

from vivant import open_portrait
from vivant.avatars.real3d.head_window import SIDE, HeadWindow
from vivant.avatars.relief.relief import Relief
from vivant.errors import SettingsError
from vivant.face.pose import angles_from_rotation
from vivant.training.real3d.compact import CompactRecipe, chosen_of
from vivant.training.real3d.compact_lifted import FACES, VIEWS, lift_portraits, lifted_examples
from vivant.training.real3d.compact_shards import ARRAYS, STEPS, open_examples

Example = dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def lifted(samples: Path) -> list[Example]:
    portrait = open_portrait(samples / "portraits/p07_child_painting.jpg")
    return lifted_examples(portrait, Relief(), np.random.default_rng(3))


def places(points: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Rows and columns of the window, and w, of stored points (N, 3)."""
    u, v, w = (points / STEPS).T
    column, row = (np.clip((part + 1) * SIDE / 2, 0, SIDE - 1).astype(int) for part in (u, -v))
    return row, column, w


def yaw(example: Example) -> float:
    return float(np.rad2deg(angles_from_rotation(HeadWindow.of_landmarks(example["landmarks"]).pose.rotation)[0]))


@pytest.mark.slow
def test_a_turned_picture_is_told_the_colours_of_the_portrait(lifted: list[Example]) -> None:
    """Where both see a point of the face, the picture's pixel has its colour; points that it hides are told as well."""
    assert len(lifted) == FACES * VIEWS
    turns = [yaw(example) for example in lifted]
    assert np.ptp(turns) > 25
    assert np.allclose(turns[::VIEWS], turns[0], atol=2), "the first of each face is as the portrait was taken"
    hidden = 0
    for example in lifted:
        assert set(example) == set(ARRAYS)
        row, column, w = places(example["surface"])
        nearest = np.full((SIDE // 2, SIDE // 2), -2.0)
        np.maximum.at(nearest, (row // 2, column // 2), w)
        front = w > nearest[row // 2, column // 2] - 0.03
        error = np.abs(example["picture"][row, column].astype(float) - example["colour"])[front]
        assert error.mean() < 3.5, "shifted by a pixel it is 4 and more"
        hidden += int((~front).sum())
    assert hidden > 1000


@pytest.mark.slow
def test_what_is_taken_lies_behind_the_face(lifted: list[Example]) -> None:
    """Taken places are covered by the person; free ones are before the face or beside the person."""
    for example in lifted:
        row, column, w = places(example["places"])
        taken = example["taken"] > 0
        assert 0.3 < taken.mean() < 0.5
        assert (example["mask"][row, column][taken] > 128).mean() > 0.98
        beside = (example["mask"][row, column] < 8) & (example["inside"][row, column] == 255)
        assert not taken[beside].any()
        assert beside.mean() > 0.1
        assert w[~taken & ~beside].mean() > w[taken].mean() + 0.1


def test_a_step_takes_real_portraits_as_often_as_told(tmp_path: Path) -> None:
    heads = open_examples(write_view_heads(tmp_path))
    real = [type(heads[0])(heads[0].path, 0, 5, lifted=True)]
    random = np.random.default_rng(0)
    recipe = CompactRecipe(examples=400, lifted=0.25)
    assert 70 < sum(one.lifted for one in chosen_of(heads, real, recipe, random)) < 130
    assert not any(one.lifted for one in chosen_of(heads, [], recipe, random))
    assert all(one.lifted for one in chosen_of([], real, recipe, random))


@pytest.mark.slow
def test_pictures_without_a_face_are_left_out(samples: Path, tmp_path: Path) -> None:
    """Others are lifted, once; a folder without any face is refused."""
    pictures, shards = tmp_path / "pictures", tmp_path / "shards"
    pictures.mkdir()
    shutil.copy(samples / "portraits/p07_child_painting.jpg", pictures)
    for name in ("i11_no_face.jpg", "i14_dog.jpg"):
        shutil.copy(samples / "bad" / name, pictures)
    told = dict(lift_portraits(pictures, shards, 0))
    assert sorted(bool(problem) for problem in told.values()) == [False, True, True]
    assert {one.lifted for one in open_examples(shards)} == {True}
    written = [path.stat().st_mtime_ns for path in shards.iterdir()]
    assert sorted(dict(lift_portraits(pictures, shards, 0)).values()) == sorted(told.values())
    assert [path.stat().st_mtime_ns for path in shards.iterdir()] == written
    (pictures / "p07_child_painting.jpg").unlink()
    with pytest.raises(SettingsError, match="none of 2 pictures"):
        list(lift_portraits(pictures, tmp_path / "others", 0))
    with pytest.raises(SettingsError, match="no folder with pictures"):
        list(lift_portraits(tmp_path / "nowhere", shards, 0))
