"""Hair on the sides of a head goes on as the picture shows it, and has nothing of the skin that shines through."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest

from vivant.avatars import open_avatar
from vivant.avatars.real3d.head_turning import pixels_of
from vivant.avatars.real3d.hidden_hair import FRONT, hair_of, unrolled
from vivant.avatars.real3d.prepare import Layers
from vivant.avatars.real3d.real3d import Real3DSettings
from vivant.avatars.real3d.solid_head import MIDDLE_OF_HEAD
from vivant.face.pose import HeadPose, rotation_from_angles
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


def test_a_ball_is_rolled_out_by_the_way_over_it() -> None:
    """In front points stay where they are seen; beside and behind each degree is as wide as the last."""
    pose = HeadPose(10.0, np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    angles, middle = np.deg2rad(np.arange(0, 150, 10)), np.array([0, *MIDDLE_OF_HEAD])
    aside = np.stack([np.sin(angles), 0 * angles, np.cos(angles)], 1)
    for ball, axis in ((aside, 0), (aside[:, [1, 0, 2]][:10], 1)):
        points = (middle + 9 * ball).astype(np.float32)
        there = unrolled(points, pose) - pixels_of(pose, points)[:, :2]
        front = angles[: len(ball)] < FRONT
        np.testing.assert_allclose(there[front], 0, atol=1e-3)
        np.testing.assert_allclose(there[:, 1 - axis], 0, atol=1e-3)
        flat = 90 * ball[:, axis] + there[:, axis] * (1 if axis == 0 else -1)
        np.testing.assert_allclose(np.diff(flat)[np.count_nonzero(front) :], 90 * np.deg2rad(10), atol=0.2)


@pytest.fixture(scope="module")
def curly(samples: Path) -> tuple[Any, Any]:
    """An avatar, and a man with dark curls that it has prepared."""
    avatar: Any = open_avatar("real3d", Real3DSettings(networks="packaged"))
    layers = avatar.layers(open_portrait(next((samples / "portraits").glob("p04*"))))
    return avatar.painter, avatar.painter.prepare(layers)


@pytest.mark.slow
def test_hidden_hair_has_strands_and_the_jaw_has_none(curly: tuple[Any, Any]) -> None:
    _, prepared = curly
    share, source = prepared.scene.mesh.shows[:, 12], prepared.scene.source
    head = prepared.head.points @ source.pose.rotation
    sides = (np.abs(head[:, 0]) > 6) & (head[:, 1] > 4) & (head[:, 1] < 9) & (head[:, 2] < -6)
    assert share[sides].mean() > 0.8
    jaw = np.linalg.norm(head[:, None] - source.shape[[152, 172, 397]], axis=2).min(1) < 2
    assert share[jaw].max() < 0.05
    assert prepared.scene.strands[..., :3].std() > 5


@pytest.mark.slow
def test_a_turned_head_of_curls_has_curls(curly: tuple[Any, Any]) -> None:
    """Hair at its side is nearly as rough as the hair in front, and smooth without the strands."""
    painter, prepared = curly
    state = FaceState(rotation=rotation_from_angles(np.deg2rad(38), 0.0, 0.0))
    smooth = replace(prepared, scene=replace(prepared.scene, strands=np.full((1, 1, 4), 128, np.uint8)))
    drawn = [painter.draw(one, state)[..., :3] for one in (prepared, smooth)]
    changed = np.abs(drawn[0].astype(float) - drawn[1]).max(2) > 4
    assert changed.sum() > 3000
    rough = [np.abs(cv2.Laplacian(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY), cv2.CV_32F))[changed].mean() for one in drawn]
    assert rough[0] > 2 * rough[1]


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
    assert red[0] < 0.95 * red[1]
