"""Following one face: squares, choice among several, small faces, lost faces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from vivant.errors import SettingsError
from vivant.face.tracker import FaceLandmarks
from vivant.media.video import VideoFrame
from vivant.motion.follow import Square, check_choice, follow_face, pick


def box_face(x: float, y: float, size: float) -> FaceLandmarks:
    """Landmarks whose box has this middle and size."""
    points = np.full((478, 3), (x, y, 0), np.float32)
    points[0, :2] -= size / 2
    points[1, :2] += size / 2
    return FaceLandmarks(points)


def test_a_square_cuts_and_places_back() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    inside = Square(10, 20, 30)
    np.testing.assert_array_equal(inside.cut(picture), picture[20:50, 10:40])
    over = Square(-10, 40, 40).cut(picture)
    assert over.shape == (40, 40, 3)
    np.testing.assert_array_equal(over[:20, 10:], picture[40:60, :30])
    assert not over[20:].any()
    assert not over[:, :10].any()
    assert not Square(500, 500, 20).cut(picture).any()
    np.testing.assert_allclose(inside.place(box_face(5, 6, 2)).points[2], [15, 26, 0])


def test_a_square_holds_its_face_until_it_moves_or_grows() -> None:
    square = Square.around(box_face(100, 100, 50))
    assert square.holds(box_face(105, 98, 55))
    assert not square.holds(box_face(130, 100, 50))
    assert not square.holds(box_face(100, 100, 75))
    assert not square.holds(box_face(100, 100, 30))


def test_choice_among_faces() -> None:
    left, middle, right = box_face(10, 50, 20), box_face(60, 50, 25), box_face(90, 50, 30)
    faces = (middle, right, left)
    wanted = {"largest": right, "left": left, "right": right, "centre": middle, "1": left, "2": middle, "3": right}
    for choice, face in wanted.items():
        assert pick(faces, choice) is face, choice
    assert pick((), "largest") is None
    with pytest.raises(SettingsError, match="4"):
        pick(faces, "4")
    for bad in ("0", "-1", "biggest", "", "²"):
        with pytest.raises(SettingsError):
            check_choice(bad)


def portrait(samples: Path, name: str, width: int) -> np.ndarray:
    picture = cv2.imread(str(next((samples / "portraits").glob(f"{name}*"))))
    height = round(picture.shape[0] * width / picture.shape[1])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)[:, :, ::-1]


def two_people(samples: Path) -> np.ndarray:
    one, two = portrait(samples, "p02", 320), portrait(samples, "p04", 320)
    height = min(len(one), len(two))
    return np.ascontiguousarray(np.hstack([one[:height], two[:height]]))


def clip(picture: np.ndarray, shifts: list[int], gone: tuple[int, ...] = ()) -> Iterator[VideoFrame]:
    for index, shift in enumerate(shifts):
        pixels = np.zeros_like(picture) if index in gone else np.roll(picture, shift, 1)
        yield VideoFrame(index / 25, np.ascontiguousarray(pixels))


@pytest.mark.parametrize("choice", ["left", "right", "2"])
def test_the_chosen_one_of_two_is_kept(samples: Path, choice: str) -> None:
    picture = two_people(samples)
    found = [face for _, face in follow_face(clip(picture, list(range(0, 40, 4))), choice)]
    middles = [(face.box[0] + face.box[2]) / 2 - 4 * index for index, face in enumerate(found) if face]
    assert len(middles) == len(found)
    assert all((middle < 320) == (choice == "left") for middle in middles)
    assert max(middles) - min(middles) < 12  # one and the same face all the time


def test_a_lost_face_is_found_again(samples: Path) -> None:
    picture = two_people(samples)
    found = [face is not None for _, face in follow_face(clip(picture, [0] * 12, gone=(4, 5, 6)), "right")]
    assert found == [True] * 4 + [False] * 3 + [True] * 5


@pytest.mark.slow
def test_a_small_face_is_found_in_tiles_and_followed(samples: Path) -> None:
    """The detector alone finds nothing on these pictures (77 px of 1080)."""
    from vivant.face.tracker import FaceTracker
    from vivant.media.video import open_video

    with open_video(samples / "bad/v10_full_body_small_face.mp4") as video:
        frames = list(video)[::3]
    with FaceTracker(moving=False) as tracker:
        assert not tracker.find(frames[0].pixels)
    found = [face for _, face in follow_face(frames)]
    kept = [face for face in found if face is not None]
    assert len(kept) >= 0.9 * len(frames)
    sizes = [face.box[3] - face.box[1] for face in kept]
    assert 40 < min(sizes) < max(sizes) < 160


def test_a_picture_without_a_face(samples: Path) -> None:
    picture = cv2.imread(str(samples / "backgrounds/b03_gradient_720x1280.jpg"))
    assert [face for _, face in follow_face(clip(picture, [0, 1]))] == [None, None]
