"""The landmark model in still and moving use, with and without a model file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vivant.errors import VivantError
from vivant.face.arkit import INDEX
from vivant.face.landmarks import COUNT
from vivant.face.tracker import FaceLandmarks, FaceTracker, quiet_stderr

Bytes = NDArray[np.uint8]


@pytest.fixture(scope="module")
def picture() -> Bytes:
    data = pytest.importorskip("skimage.data")
    return np.asarray(data.astronaut())


def _clip(path: Path, count: int) -> list[tuple[float, Bytes]]:
    import av

    with av.open(str(path)) as container:
        frames = zip(range(count), container.decode(video=0), strict=False)
        return [(float(frame.time or 0), frame.to_ndarray(format="rgb24")) for _, frame in frames]


def test_a_still_face(picture: Bytes) -> None:
    with FaceTracker(moving=False) as tracker:
        (face,) = tracker.find(picture)
        again = tracker.find(picture)[0]
    assert face.points.shape == (COUNT, 3)
    assert face.points.dtype == np.float32
    assert face.scores is None
    np.testing.assert_array_equal(face.points, again.points)
    x0, y0, x1, y1 = face.box
    assert 160 < x0 < x1 < 290
    assert 60 < y0 < y1 < 190


def test_nothing_in_a_grey_picture() -> None:
    with FaceTracker(moving=False) as tracker:
        assert tracker.find(np.full((200, 300, 3), 128, np.uint8)) == ()


def test_box_is_tight() -> None:
    points = np.array([[3, 9, 0], [5, 2, 1], [4, 4, 7]], np.float32)
    assert FaceLandmarks(points).box == (3, 2, 5, 9)


def test_moving_with_model_file_repeats_the_reference_track(samples: Path) -> None:
    """`tracks/` was made with the same model in the same mode: landmarks and scores agree."""
    reference = np.load(samples / "tracks" / "v01_talk_512_25fps.npz", allow_pickle=False)
    names = [str(name) for name in reference["blendshape_names"]]
    jaw = names.index("jawOpen")
    with FaceTracker(moving=True, model_file=samples / "models" / "face_landmarker.task") as tracker:
        for index, (time, frame) in enumerate(_clip(samples / "videos" / "v01_talk_512_25fps.mp4", 12)):
            (face,) = tracker.find(frame, time)
            assert face.scores is not None
            if index < 6:
                continue  # the reference starts with the smoothing of whatever was tracked before
            apart = face.points[:, :2] - reference["landmarks"][index, :, :2] * 512
            assert np.abs(apart).mean() < 0.15
            assert abs(face.scores[INDEX["jawOpen"]] - reference["blendshapes"][index, jaw]) < 0.02


def test_moving_without_model_file_follows_the_face(samples: Path) -> None:
    """The wheel's own model agrees with the reference track to a few percent of the eye distance."""
    reference = np.load(samples / "tracks" / "v02_talk_512_mpeg4.npz", allow_pickle=False)
    with FaceTracker(moving=True) as tracker:
        for index, (time, frame) in enumerate(_clip(samples / "videos" / "v02_talk_512_mpeg4.mp4", 12)):
            (face,) = tracker.find(frame, time)
            wanted = reference["landmarks"][index, :468, :2] * 512
            eyes = np.linalg.norm(wanted[33] - wanted[263])
            assert np.linalg.norm(face.points[:468, :2] - wanted, axis=1).mean() < 0.06 * eyes


def test_times_that_stand_still_do_not_stop_the_model(samples: Path, picture: Bytes) -> None:
    with FaceTracker(moving=True, model_file=samples / "models" / "face_landmarker.task") as tracker:
        for time in (0.0, 0.0, 0.0004):
            assert len(tracker.find(picture, time)) == 1


def test_a_view_that_is_not_contiguous(picture: Bytes) -> None:
    with FaceTracker(moving=False) as tracker:
        assert len(tracker.find(picture[:, ::-1])) == 1


def test_model_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(VivantError, match="is not a file"):
        FaceTracker(moving=False, model_file=tmp_path / "none.task")
    broken = tmp_path / "broken.task"
    broken.write_bytes(b"no model")
    with pytest.raises(VivantError, match=r"broken\.task"):
        FaceTracker(moving=False, model_file=broken)


def test_quiet_stderr_gives_it_back(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_stderr():
        os.write(2, b"hidden\n")
    os.write(2, b"shown\n")
    assert capfd.readouterr().err == "shown\n"
