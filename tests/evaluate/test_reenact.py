"""Self-reenactment on real clips: moving the picture must never be worse than leaving it alone."""

from __future__ import annotations

import numpy as np
import pytest

from vivant.avatars.avatar import Frame
from vivant.avatars.relief.relief import Relief
from vivant.evaluate.reenact import _identity, reenact

CLIPS = (
    "v01_talk_512_25fps.mp4",
    "v02_talk_512_mpeg4.mp4",
    "v03_expressions_turns_30fps.mp4",
    "v04_expressive_long_hair_30fps.mp4",
    "v05_turns_glasses_hand.mp4",
    "v06_landscape_turned_head.mp4",
    "v07_synthetic_pose_sweep.mp4",
)


class Still:
    """The avatar that does nothing."""

    def prepare(self, portrait, view, *, cutout=False):
        return portrait.picture, view

    def draw(self, prepared, state):
        return Frame(*prepared)


@pytest.mark.slow
@pytest.mark.parametrize("clip", CLIPS)
def test_relief_beats_the_unmoved_still_on_every_clip(samples, clip):
    scores = reenact(samples / "videos" / clip, Relief(), step=15)
    assert scores.animated > scores.still
    assert scores.animated_ssim > scores.still_ssim
    assert scores.landmark_error < 5


class Same:
    """A network for which equal pictures are the same person, and all others half so."""

    def likeness(self, one, other):
        assert one[1].shape == other[1].shape == (478, 3)
        return 1.0 if np.array_equal(one[0], other[0]) else 0.5


def test_a_frame_without_a_face_is_nobody(samples):
    scores = reenact(samples / "videos" / CLIPS[0], Still(), step=30, identity=Same())
    assert scores.identity == 0.5
    picture, points = np.zeros((8, 8, 3), np.uint8), np.zeros((478, 3), np.float32)
    truth, drawn = ([picture] * 3, [points, points, None]), ([picture] * 3, [points, None, points])
    assert _identity(Same(), drawn, truth) == 0.5


def test_doing_nothing_scores_as_the_still(samples):
    scores = reenact(samples / "videos" / CLIPS[0], Still(), step=30)
    assert np.isnan(scores.identity)
    assert scores.frames == 4
    assert scores.animated == pytest.approx(scores.still)
    assert scores.worst == pytest.approx(0)
    assert scores.animated_ssim == pytest.approx(scores.still_ssim)
    assert np.isfinite(scores.landmark_error)
    assert scores.landmark_error > 3
