"""open_portrait on good and bad pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vivant.errors import FaceNotFoundError, MediaError, SettingsError, VivantError
from vivant.face.pose import angles_from_rotation
from vivant.portrait.open import open_portrait
from vivant.portrait.person import face_oval
from vivant.portrait.portrait import Portrait

Bytes = NDArray[np.uint8]


def _texts(portrait: Portrait) -> str:
    return " | ".join(note.what for note in portrait.notes)


def test_a_portrait_is_complete(astronaut: Portrait) -> None:
    assert astronaut.picture.shape == (512, 512, 4)
    assert astronaut.landmarks.shape == (478, 3)
    assert astronaut.person.shape == (512, 512)
    assert astronaut.person.dtype == np.float32
    assert len(astronaut.faces) == 1
    rebuilt = astronaut.pose.picture_from_head(astronaut.pose.head_from_picture(astronaut.landmarks))
    np.testing.assert_allclose(rebuilt, astronaut.landmarks, atol=1e-2)


def test_poses_agree_with_the_reference_landmarker(samples: Path, portraits: dict[str, Portrait]) -> None:
    """README.md of the samples lists yaw and roll of the task model; pitch depends on the place in the picture."""
    listed = {}
    for line in (samples / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 5 and cells[1].startswith("`portraits/"):
            yaw, _, roll = (float(angle) for angle in cells[4].split("/"))
            listed[cells[1][11:14]] = (yaw, roll)
    assert len(listed) == 16
    for name, (yaw, roll) in listed.items():
        found = np.degrees(angles_from_rotation(portraits[name].pose.rotation))
        assert abs(found[0] - yaw) < 5, name
        assert abs(found[2] - roll) < 5, name


def test_the_person_covers_the_face_and_not_the_corners(portraits: dict[str, Portrait]) -> None:
    for name, portrait in portraits.items():
        oval = face_oval(portrait.person.shape, portrait.landmarks) > 0
        assert portrait.person[oval].mean() > 0.95, name
        assert 0.05 < portrait.person.mean() < 0.8, name
        assert portrait.person[:8, :8].mean() < 0.3, name


def test_the_same_picture_in_other_wrappings(samples: Path) -> None:
    """i06 is turned by EXIF, i16 lies on its side without, i17 is WebP: all show the same face."""
    upright = open_portrait(samples / "bad" / "i17_webp.webp")
    for name in ("i06_exif_rot6.jpg", "i16_sideways_no_exif.jpg"):
        other = open_portrait(samples / "bad" / name)
        assert other.size == upright.size
        apart = np.linalg.norm(other.landmarks[:, :2] - upright.landmarks[:, :2], axis=1).mean()
        assert apart < 0.02 * (upright.faces[0][3] - upright.faces[0][1]), name
    assert "turned 90 degrees clockwise" in _texts(other)


def _opened(path: Path) -> Portrait | VivantError:
    try:
        return open_portrait(path)
    except VivantError as error:
        return error


@pytest.mark.slow
def test_expectations_of_the_trouble_makers(samples: Path) -> None:
    """Each file is accepted or rejected as its table says; a rejection is one line that names the file."""
    table = json.loads((samples / "bad" / "bad.json").read_text())
    rows = [row[:3] for row in (table if isinstance(table, list) else table["files"])]
    pictures = {name: expected for name, role, expected in rows if role == "portrait" and not name.startswith("i08")}
    assert len(pictures) == 16
    for name, expected in pictures.items():
        result = _opened(samples / "bad" / name)
        assert expected == "either" or isinstance(result, Portrait) == (expected == "accept"), (name, result)
        if isinstance(result, Portrait):
            assert np.isfinite(result.landmarks).all(), name
        else:
            assert name in str(result)
            assert "\n" not in str(result)


@pytest.mark.slow
def test_a_huge_picture_is_scaled_down(samples: Path) -> None:
    portrait = open_portrait(samples / "bad" / "i08_huge_12000x9000.png")
    assert portrait.size == (4096, 3072)
    assert "12000x9000" in _texts(portrait)


def test_choice_of_face(samples: Path) -> None:
    path = samples / "bad" / "i12_two_faces.jpg"
    middles = {}
    for face in ("largest", "left", "right", "centre", "1", "2"):
        portrait = open_portrait(path, face=face)
        middles[face] = float(portrait.landmarks[:, 0].mean())
        assert "2 faces found" in _texts(portrait)
    assert middles["left"] == middles["1"] < middles["right"] == middles["2"] == middles["largest"]


def test_the_other_person_is_left_out(samples: Path) -> None:
    left = open_portrait(samples / "bad" / "i12_two_faces.jpg", face="left")
    x0, y0, x1, y1 = (round(edge) for edge in left.faces[0])
    assert left.faces[0][0] > left.landmarks[:, 0].max()
    assert left.person[y0:y1, x0:x1].mean() < 0.05


@pytest.mark.parametrize("face", ["", "0", "-1", "biggest", "1.5", "²"])
def test_unknown_choices_are_refused(astronaut_picture: Bytes, face: str) -> None:
    with pytest.raises(SettingsError, match="largest, left, right, centre"):
        open_portrait(astronaut_picture, face=face)


def test_a_face_that_is_not_there(astronaut_picture: Bytes) -> None:
    with pytest.raises(SettingsError, match=r"face 3 does not exist; 1 found"):
        open_portrait(astronaut_picture, face="3")


def test_no_face_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(FaceNotFoundError, match="no face found"):
        open_portrait(np.full((300, 300, 3), 128, np.uint8))
    with pytest.raises(MediaError, match="absent"):
        open_portrait(tmp_path / "absent file.png")


@pytest.mark.parametrize(
    "array",
    [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.float32), np.zeros((0, 9, 3), np.uint8)],
    ids=["grey", "float", "empty"],
)
def test_arrays_that_are_no_pictures(array: NDArray[np.generic]) -> None:
    with pytest.raises(SettingsError, match="uint8"):
        open_portrait(array)  # type: ignore[arg-type]


def test_a_cut_out_keeps_its_own_alpha(astronaut: Portrait) -> None:
    picture = astronaut.picture.copy()
    picture[..., 3] = np.where(astronaut.person > 0.5, 255, 0)
    again = open_portrait(picture)
    np.testing.assert_array_equal(again.person, picture[..., 3] / np.float32(255))
