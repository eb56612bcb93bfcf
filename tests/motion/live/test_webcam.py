"""The webcam driver, with a real clip in place of a camera."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vivant.errors import SettingsError
from vivant.face.pose import angles_from_rotation
from vivant.media.video import VideoFrame, open_video
from vivant.motion.live.newest import Newest
from vivant.motion.live.webcam import WebcamSettings, newest_pictures, webcam_states


@pytest.mark.slow
def test_a_real_face_drives_as_the_reference_tracker_says(samples: Path) -> None:
    clip, step = "v03_expressions_turns_30fps", 3
    with np.load(samples / "tracks" / f"{clip}.npz") as track:
        wanted = track["yaw_pitch_roll"][::step]
    with open_video(samples / "videos" / f"{clip}.mp4") as video:
        pictures = (frame for index, frame in enumerate(video) if index % step == 0)
        heard = list(webcam_states(pictures))
    assert not heard[0].state.present  # the first second is for the neutral face
    assert [one.time for one in heard] == sorted(one.time for one in heard)
    seen = np.array([one.state.present for one in heard])
    assert 0.8 < seen.mean() < 0.95
    found = np.degrees([angles_from_rotation(one.state.rotation) for one in heard])
    for axis, least in enumerate((0.9, 0.8, 0.6)):  # this clip hardly rolls
        assert np.corrcoef(found[seen, axis], wanted[: len(found)][seen, axis])[0, 1] > least


def test_pictures_without_a_face_give_a_resting_state_that_is_not_present() -> None:
    grey = np.full((120, 160, 3), 128, np.uint8)
    for heard in webcam_states(VideoFrame(index / 30, grey) for index in range(3)):
        assert not heard.state.present


def test_only_the_newest_picture_is_tracked() -> None:
    place: Newest[VideoFrame] = Newest()
    for index in range(100):
        place.put(VideoFrame(float(index), np.zeros((2, 2, 3), np.uint8)))
    place.end()
    assert [frame.time for frame in newest_pictures(place)] == [99.0]


def test_a_camera_that_says_nothing_ends() -> None:
    found: Iterator[VideoFrame] = newest_pictures(Newest(), patience=0.2)
    assert list(found) == []


def test_settings_that_cannot_work() -> None:
    with pytest.raises(SettingsError):
        WebcamSettings(rest_seconds=-1)
    with pytest.raises(SettingsError):
        WebcamSettings(face="upper")
