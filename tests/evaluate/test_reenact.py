"""Self-reenactment on real clips: moving the picture must never be worse than leaving it alone."""

from __future__ import annotations

import numpy as np
import pytest

from vivant.avatars.avatar import Frame
from vivant.avatars.relief.relief import Relief
from vivant.evaluate.reenact import reenact

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


def test_doing_nothing_scores_as_the_still(samples):
    scores = reenact(samples / "videos" / CLIPS[0], Still(), step=30)
    assert scores.frames == 4
    assert scores.animated == pytest.approx(scores.still)
    assert scores.worst == pytest.approx(0)
    assert scores.animated_ssim == pytest.approx(scores.still_ssim)
    assert np.isfinite(scores.landmark_error)
    assert scores.landmark_error > 3
