"""Faces are found small, turned and in the corner; what is no face is not found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vivant.media.image import read_image
from vivant.portrait.find import find_faces, square_view

Bytes = NDArray[np.uint8]

EYES = [33, 133, 362, 263]


def _wheel(size: int = 400) -> Bytes:
    rows, columns = np.mgrid[:size, :size].astype(np.float32) / size - 0.5
    hue = ((np.arctan2(rows, columns) / (2 * np.pi) + 0.5) * 179).astype(np.uint8)
    radius = np.hypot(rows, columns)
    layers = np.dstack([hue, np.clip(radius * 600, 0, 255).astype(np.uint8), np.full_like(hue, 255)])
    wheel = np.asarray(cv2.cvtColor(layers, cv2.COLOR_HSV2RGB), np.uint8)
    wheel[radius > 0.45] = 255
    return wheel


def _clouds(seed: int, size: int = 400) -> Bytes:
    rng = np.random.default_rng(seed)
    heap = np.zeros((size, size), np.float32)
    for octave in range(1, 8):
        coarse = rng.normal(size=(2**octave + 1,) * 2).astype(np.float32)
        heap += cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC) / 2 ** (0.9 * octave)
    cover = np.clip((heap - heap.mean()) * 2, 0, 1)[..., None]
    return np.asarray(np.array([90, 140, 220]) * (1 - cover) + 255 * cover, np.uint8)


def test_every_sample_portrait_has_one_certain_face(samples: Path) -> None:
    for path in sorted((samples / "portraits").iterdir()):
        faces = find_faces(read_image(path).pixels[..., :3])
        assert len(faces) == 1, path.name
        assert faces[0].certain, path.name
        assert faces[0].turns == 0, path.name


@pytest.mark.parametrize("share", [0.06, 0.1, 0.2])
def test_small_face_far_from_the_middle(astronaut_picture: Bytes, share: float) -> None:
    side = 1600
    canvas = np.full((side, side, 3), (110, 120, 130), np.uint8)
    scale = share * side / 107
    size = round(512 * scale)
    canvas[side - size :, :size] = cv2.resize(astronaut_picture, (size, size), interpolation=cv2.INTER_AREA)
    faces = find_faces(canvas)
    assert len(faces) == 1
    # Measured in the original: the face's middle lies at (226, 124).
    expected = np.array([226.0, 124.0]) * scale + [0, side - size]
    assert np.linalg.norm(faces[0].centre - expected) < 0.1 * faces[0].height
    assert faces[0].height == pytest.approx(share * side, rel=0.12)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_are_told_and_landmarks_turn_along(astronaut_picture: Bytes, turns: int) -> None:
    upright = find_faces(astronaut_picture)[0]
    turned = find_faces(np.ascontiguousarray(np.rot90(astronaut_picture, turns)))[0]
    assert turned.turns == (4 - turns) % 4
    flat = turned.points[:, :2] - 256
    for _ in range(turns):
        flat = np.stack([-flat[:, 1], flat[:, 0]], 1)
    assert np.linalg.norm(flat + 256 - upright.points[:, :2], axis=1).mean() < 0.02 * upright.height


def test_two_faces_are_both_found_largest_first(samples: Path) -> None:
    faces = find_faces(read_image(samples / "bad" / "i12_two_faces.jpg").pixels[..., :3])
    assert len(faces) == 2
    assert faces[0].height >= faces[1].height
    assert faces[0].centre[0] > faces[1].centre[0]


def test_a_dog_is_no_certain_face(samples: Path) -> None:
    faces = find_faces(read_image(samples / "bad" / "i14_dog.jpg").pixels[..., :3])
    assert not any(face.certain for face in faces)


def test_no_faces_where_there_are_none(samples: Path) -> None:
    for path in [*sorted((samples / "backgrounds").iterdir()), samples / "bad" / "i11_no_face.jpg"]:
        assert find_faces(read_image(path).pixels[..., :3]) == (), path.name


def test_no_faces_in_drawn_textures() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    for picture in (_wheel(), noise, *(_clouds(seed) for seed in range(3))):
        assert find_faces(picture) == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["chelsea", "coffee", "rocket", "clock", "colorwheel", "horse", "gravel", "grass", "moon", "coins"]
)
def test_no_certain_face_in_pictures_of_things(name: str) -> None:
    data = pytest.importorskip("skimage.data")
    picture = np.asarray(getattr(data, name)())
    picture = np.asarray(picture * 255 if picture.dtype == bool else picture, np.uint8)
    picture = picture[..., :3] if picture.ndim == 3 else np.dstack([picture] * 3)
    assert not any(face.certain for face in find_faces(np.ascontiguousarray(picture)))


def test_same_picture_same_landmarks(astronaut_picture: Bytes) -> None:
    first, second = find_faces(astronaut_picture)[0], find_faces(astronaut_picture.copy())[0]
    np.testing.assert_array_equal(first.points, second.points)


def test_mean_of_looks_is_steadier_than_it_is_wide(astronaut_picture: Bytes) -> None:
    """Moving the picture by a few pixels moves the landmarks with it, to a hundredth of the eye distance."""
    moved = np.roll(astronaut_picture, (5, 3), (0, 1))
    before, after = find_faces(astronaut_picture)[0].points, find_faces(moved)[0].points
    eyes = np.linalg.norm(before[33, :2] - before[263, :2])
    assert np.linalg.norm(after[EYES, :2] - [3, 5] - before[EYES, :2], axis=1).max() < 0.01 * eyes


def test_a_model_file_gives_scores(samples: Path, astronaut_picture: Bytes) -> None:
    face = find_faces(astronaut_picture, model_file=samples / "models" / "face_landmarker.task")[0]
    assert face.scores is not None
    assert face.scores.shape == (52,)
    assert find_faces(astronaut_picture)[0].scores is None


def test_a_broken_model_file_leaves_nothing_on_stderr_but_the_error(tmp_path: Path) -> None:
    """Native libraries write to the descriptor, also from their threads a little later: seen from another process."""
    broken = tmp_path / "face.task"
    broken.write_bytes(b"broken")
    program = (
        "import numpy as np, pathlib, time\n"
        "from vivant.errors import VivantError\n"
        "from vivant.portrait.find import find_faces\n"
        "try:\n"
        f"    find_faces(np.zeros((64, 64, 3), np.uint8), model_file=pathlib.Path({str(broken)!r}))\n"
        "except VivantError as error:\n"
        "    time.sleep(0.5)\n"
        "    print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert "is not a face_landmarker.task" in ended.stdout
    assert ended.stderr == ""


@pytest.mark.parametrize("degrees", [0.0, 30.0, 90.0])
@pytest.mark.parametrize("side", [60.0, 300.0])
def test_square_view_maps_back_to_the_picture(degrees: float, side: float) -> None:
    """A smooth ramp of coordinates, cut out at any turn and scale, names the place that the matrix names."""
    rows, columns = np.mgrid[:240, :250].astype(np.float32) + 0.5
    ramp = np.dstack([columns, rows, np.zeros_like(rows)]).astype(np.uint8)
    view, matrix = square_view(ramp, (120.0, 110.0), side, degrees, 128)
    at = np.array([[40, 50], [64, 64], [90, 70]])
    for column, row in at:
        expected = matrix @ np.array([column + 0.5, row + 0.5, 1])
        assert np.abs(view[row, column, :2] - expected).max() < 1.0 + side / 128
