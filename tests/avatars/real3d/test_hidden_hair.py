"""Hair on the sides of a head is the picture's hair, and nothing of the skin that shines through at its line."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest

from vivant.avatars import open_avatar
from vivant.avatars.real3d.hidden_hair import hair_of
from vivant.avatars.real3d.prepare import Layers
from vivant.avatars.real3d.real3d import Real3DSettings
from vivant.face.pose import rotation_from_angles
from vivant.motion.state import FaceState
from vivant.portrait.classes import FACE_SKIN, HAIR
from vivant.portrait.open import open_portrait


def test_a_hairline_that_skin_shines_through_is_no_hair() -> None:
    classes = np.full((120, 120), FACE_SKIN, np.uint8)
    classes[:60] = HAIR
    picture = np.full((120, 120, 3), (200, 150, 130), np.uint8)
    picture[:40] = (40, 30, 25)
    picture[40:60] = (105, 78, 68)
    layers = cast(Layers, SimpleNamespace(picture=picture, classes=classes))
    hair = hair_of(layers)
    assert hair[:36].all()
    assert not hair[44:].any()


@pytest.mark.slow
@pytest.mark.parametrize("yaw", [-38.0, 38.0])
def test_dark_hair_gets_no_redder_sides(yaw: float, samples: Path) -> None:
    """A man with short, dark hair: the reddest tenth of it is, once turned, less red than hairlines."""
    avatar: Any = open_avatar("real3d", Real3DSettings(networks="packaged"))
    layers = avatar.layers(open_portrait(next((samples / "portraits").glob("p02*"))))
    brows = int(layers.portrait.landmarks[10, 1]) + 60
    state = FaceState(rotation=rotation_from_angles(np.deg2rad(yaw), 0.0, 0.0))
    turned = avatar.painter.draw(avatar.painter.prepare(layers), state)[..., :3]
    red = []
    for picture in (turned, layers.picture):
        even = cv2.GaussianBlur(picture[30:brows].astype(np.float32), (0, 0), 4)
        red.append(np.percentile((even[..., 0] - even[..., 2])[even.mean(2) < 90], 90))
    assert red[0] < 0.9 * red[1]
