"""The breath of drawn characters."""

from __future__ import annotations

import numpy as np
import pytest

from vivant.avatars.tha.currency import pose_of_state
from vivant.avatars.tha.pose import INDEX
from vivant.avatars.tha.profile import Profile
from vivant.face.pose import rotation_from_angles
from vivant.motion.live.breathing import Breathing
from vivant.motion.state import FaceState


@pytest.mark.parametrize("rate", [10, 90])
def test_a_character_breathes_at_any_rate_of_frames_however_its_head_stands(rate: int) -> None:
    breathing, profile = Breathing(), Profile()
    place = np.array([0.4, -0.3, 0.2], np.float32)
    state = FaceState(rotation=rotation_from_angles(0.2, -0.1, 0.1), translation=place)
    lifted = [breathing.lifted(state, index / rate) for index in range(30 * rate)]
    breath = np.array([pose_of_state(one, profile)[INDEX["breathing"]] for one in lifted])
    assert breath.max() > 0.7
    assert breath.min() < 0.05
    breaths = np.sum((breath[1:] > 0.4) & (breath[:-1] <= 0.4))
    assert 5 <= breaths <= 9  # in half a minute
    assert lifted[-1].translation[[0, 2]] == pytest.approx(place[[0, 2]])


def test_after_a_long_sleep_it_goes_on_at_once() -> None:
    breathing = Breathing()
    assert np.isfinite(breathing.lifted(FaceState(), 1e9).translation).all()
