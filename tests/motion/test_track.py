"""The video driver on real clips, against reference tracks made by another program version."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vivant.errors import FaceNotFoundError, MediaError, SettingsError
from vivant.face.arkit import INDEX
from vivant.media.video import VideoFrame, open_video
from vivant.motion.motion import Motion
from vivant.motion.track import TrackReport, TrackSettings, track, track_frames


def angles(motion: Motion) -> np.ndarray:
    """(N, 3) degrees in the reference's own definition."""
    forward = motion.rotation[:, :, 2]
    roll = np.arctan2(motion.rotation[:, 1, 0], motion.rotation[:, 0, 0])
    return np.degrees(np.stack([np.arctan2(forward[:, 0], forward[:, 2]), np.arcsin(forward[:, 1]), roll], 1))


def gap(motion: Motion) -> np.ndarray:
    assert motion.dense is not None
    return motion.dense[:, 13, 1] - motion.dense[:, 14, 1]


def reference(samples: Path, name: str) -> dict[str, np.ndarray]:
    return dict(np.load(next((samples / "tracks").glob(f"{name}*.npz"))))


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rms", "mouth"),
    [("v01", (1.3, 1.3, 0.8), 0.88), ("v02", (1.6, 1.6, 0.8), 0.92), ("v05", (3.6, 2.0, 1.5), 0.95)],
)
def test_agrees_with_the_reference_track(
    samples: Path, name: str, rms: tuple[float, float, float], mouth: float
) -> None:
    """Turns in degrees relative to their median. The reference reads large yaw too small, hence the bound of v05."""
    motion = track(next((samples / "videos").glob(f"{name}*.mp4")))
    truth = reference(samples, name)
    assert len(motion) == int(truth["n_frames"])
    assert float(motion.rate) == pytest.approx(float(truth["fps"]))
    assert motion.present.all()
    measured, wanted = angles(motion), truth["yaw_pitch_roll"]
    off = (measured - np.median(measured, 0)) - (wanted - np.median(wanted, 0))
    assert (np.sqrt((off**2).mean(0)) < rms).all()
    assert correlation(gap(motion), truth["mouth"][:, 0]) > mouth
    names = truth["blendshape_names"].tolist()
    for curve in ("eyeBlinkLeft", "eyeBlinkRight"):
        score = truth["blendshapes"][:, names.index(curve)]
        assert correlation(motion.curves[:, INDEX[curve]], score) > 0.75


@pytest.mark.slow
def test_gaze_agrees_with_the_reference(samples: Path) -> None:
    motion = track(next((samples / "videos").glob("v04*.mp4")))
    truth = reference(samples, "v04")
    names = truth["blendshape_names"].tolist()
    right, left = (truth["blendshapes"][:, names.index(f"eyeLook{side}Left")] for side in ("Out", "In"))
    assert correlation(motion.gaze[:, 0], right - left) > 0.9
    assert np.abs(motion.gaze).max() < 0.61


@pytest.mark.slow
def test_a_model_file_gives_its_own_calibrated_scores(samples: Path) -> None:
    model = samples / "models/face_landmarker.task"
    motion = track(next((samples / "videos").glob("v01*.mp4")), TrackSettings(model_file=model))
    truth = reference(samples, "v01")
    names = truth["blendshape_names"].tolist()
    score = truth["blendshapes"][:, names.index("jawOpen")]
    assert correlation(motion.curves[:, INDEX["jawOpen"]], score) > 0.97
    assert motion.dense is not None


def first(samples: Path, name: str, count: int) -> list[VideoFrame]:
    with open_video(next((samples / "videos").glob(f"{name}*.mp4"))) as video:
        return [frame for frame, _ in zip(video, range(count), strict=False)]


def test_report_gap_and_order(samples: Path) -> None:
    frames = first(samples, "v01", 12)
    black = np.zeros_like(frames[0].pixels)
    frames = [VideoFrame(f.time, black) if 5 <= i < 8 or i < 2 else f for i, f in enumerate(frames)]
    report = TrackReport()
    states = list(track_frames(frames, report=report))
    assert [time for time, _ in states] == [frame.time for frame in frames]
    assert [state.present for _, state in states] == [i >= 2 and not 5 <= i < 8 for i in range(12)]
    assert (report.frames, report.missing) == (12, 5)
    np.testing.assert_array_equal(states[6][1].curves, states[4][1].curves)
    np.testing.assert_array_equal(states[0][1].rotation, np.eye(3))
    assert all(state.dense is not None for _, state in states)  # so that a Motion of it keeps the mesh


def test_neutral_time_makes_that_frame_the_zero(samples: Path) -> None:
    frames = first(samples, "v02", 20)
    at = frames[13].time
    states = [state for _, state in track_frames(frames, TrackSettings(neutral=at))]
    assert states[13].dense is not None
    assert np.abs(states[13].dense).max() < 1e-3
    np.testing.assert_allclose(states[13].rotation, np.eye(3), atol=1e-4)
    assert np.abs(states[13].curves).max() < 0.02
    assert states[0].dense is not None
    assert np.abs(states[0].dense).max() > 0.01


def test_absolute_mode_keeps_the_turn_to_the_camera(samples: Path) -> None:
    frames = first(samples, "v06", 6)
    relative = [state for _, state in track_frames(frames)]
    absolute = [state for _, state in track_frames(frames, TrackSettings(mode="absolute"))]
    assert np.degrees(np.arccos(np.clip((np.trace(relative[0].rotation) - 1) / 2, -1, 1))) < 3
    assert np.degrees(np.arctan2(absolute[0].rotation[0, 2], absolute[0].rotation[2, 2])) < -12


def test_look_ahead_is_bounded(samples: Path) -> None:
    frames = first(samples, "v01", 40)
    read = 0

    def source() -> Iterator[VideoFrame]:
        nonlocal read
        for frame in frames:
            read += 1
            yield frame

    states = track_frames(source(), TrackSettings(look_ahead=0.4))
    next(states)
    assert read == 11
    for done, _ in enumerate(states, 2):
        assert read == max(11, done)


def test_a_single_frame_and_a_faceless_video(samples: Path) -> None:
    motion = track(samples / "bad/v07_one_frame.mp4")
    assert len(motion) == 1
    np.testing.assert_allclose(motion.rotation[0], np.eye(3), atol=1e-4)
    black = np.zeros((120, 160, 3), np.uint8)
    with pytest.raises(FaceNotFoundError, match="2 frames"):
        list(track_frames([VideoFrame(0, black), VideoFrame(0.04, black)]))
    with pytest.raises(FaceNotFoundError, match="0 frames"):
        list(track_frames([]))


@pytest.mark.slow
def test_trouble_makers(samples: Path) -> None:
    gone = track(samples / "bad/v08_face_gone_1s.mp4")
    assert 20 <= int((~gone.present).sum()) <= 30
    assert np.isfinite(gone.curves).all()
    vfr = track(samples / "bad/v04_vfr.mp4")
    assert vfr.seconds == pytest.approx(6.0, abs=0.05)
    assert len(track(samples / "bad/v04_vfr.mp4", rate=Fraction(30000, 1001))) in (179, 180)
    with pytest.raises(MediaError, match="v02_no_video_stream"):
        track(samples / "bad/v02_no_video_stream.mp4")


def test_what_the_video_does_not_have_is_refused_by_its_name(samples: Path) -> None:
    video = samples / "bad/v08_face_gone_1s.mp4"
    for settings, reason in ((TrackSettings(neutral=60.0), "behind the end"), (TrackSettings(face="3"), "face 3")):
        with pytest.raises(SettingsError, match=f"v08_face_gone.*{reason}"):
            track(video, settings)
    for rate in (Fraction(0), Fraction(-25), Fraction(241)):
        with pytest.raises(SettingsError, match="fps"):
            track(video, rate=rate)


def test_a_file_without_a_face_is_named(tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "two grey pictures.gif"
    frames = [Image.new("RGB", (160, 120), (value, value, value)) for value in (60, 90)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    with pytest.raises(FaceNotFoundError, match="two grey pictures"):
        track(path)


@pytest.mark.parametrize(
    "change",
    [{"mode": "both"}, {"neutral": -1.0}, {"neutral": 1e9}, {"face": "biggest"}, {"look_ahead": -0.1}],
)
def test_impossible_settings_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        TrackSettings(**change)  # type: ignore[arg-type]
