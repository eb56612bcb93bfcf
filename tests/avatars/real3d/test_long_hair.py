"""Long hair: how low it falls, that it falls behind the neck, and that it hangs while the head turns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vivant.avatars import open_avatar
from vivant.avatars.real3d.long_hair import LongHair, with_hair_behind
from vivant.avatars.real3d.real3d import Real3DSettings
from vivant.avatars.real3d.view_space import camera_from_view
from vivant.face.pose import HeadPose, rotation_from_angles
from vivant.motion.state import FaceState
from vivant.portrait.classes import HAIR
from vivant.portrait.open import open_portrait

Floats = NDArray[np.float32]
AHEAD = torch.eye(3)[None]
CHIN = np.array([0, -9, 4], np.float32)
COUNT = 96


def hair_down_to(level: float, rows: int = 400) -> LongHair:
    """Of a map with hair on one side, from the crown to so many centimetres above the head's origin."""
    pose = HeadPose(10.0, np.eye(3, dtype=np.float32), np.array([200, -150, 0], np.float32))
    classes = np.zeros((rows, 400), np.uint8)
    classes[20 : round(150 - 10 * level), 100:130] = HAIR
    classes[round(150 - 10 * level) + 20 :, 390:] = HAIR  # a speck far below
    return LongHair.of(classes, pose, CHIN)


@pytest.mark.parametrize(("level", "share"), [(-8, 0), (-12.5, 0.5), (-16, 1)])
def test_hair_is_long_where_it_falls_below_the_chin(level: float, share: float) -> None:
    hair = hair_down_to(level, rows=round(172 - 10 * level))
    assert hair.chin == -9
    assert hair.ends == pytest.approx(level, abs=0.6)
    assert hair.share == pytest.approx(share, abs=0.12)


def test_hair_that_the_picture_cuts_is_long() -> None:
    """Cut at the chin it may be a bob."""
    assert hair_down_to(-14, rows=270).share == 1
    assert hair_down_to(-14, rows=245).share == 0
    pose = HeadPose(10.0, np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    assert LongHair.of(np.zeros((9, 9), np.uint8), pose, CHIN).share == 0


def levels_and_depths() -> tuple[Floats, Floats, Floats]:
    """x, y, z (w, v, u) in centimetres of a grid of view coordinates."""
    line = torch.linspace(-1, 1, COUNT)
    w, v, u = torch.meshgrid(line, line, line, indexing="ij")
    x, y, z = camera_from_view(torch.stack([u, v, w], -1).reshape(1, -1, 3), AHEAD)[0].T.numpy()
    shape = (COUNT,) * 3
    return x.reshape(shape), y.reshape(shape), z.reshape(shape)


def bust() -> Floats:
    """Density of a head on a neck on shoulders, all of them round."""
    x, y, z = levels_and_depths()
    head = 9 - np.sqrt(x**2 + (y - 3) ** 2 + (z + 3) ** 2)
    neck = np.minimum(5 - np.hypot(x, z + 3), -y)
    shoulders = np.minimum(8 - np.hypot(x / 1.8, z + 3), -12 - y)
    return np.maximum(np.maximum(head, neck), shoulders).astype(np.float32)


def test_hair_behind_the_neck_reaches_as_far_as_the_head() -> None:
    density = bust()
    filled = with_hair_behind(density, AHEAD, LongHair(1.0, -9.0, -16.0))
    _, y, z = levels_and_depths()
    middle = COUNT // 2
    nape = (np.abs(y[:, :, middle] + 8) < 0.4) & (np.abs(z[:, :, middle] + 10) < 0.4)
    assert nape.any()
    assert (density[:, :, middle][nape] < 0).all()
    assert (filled[:, :, middle][nape] > 0).all()
    far = z < -12.6
    np.testing.assert_array_equal(filled[far] > 0, density[far] > 0, "no farther back than the head")
    np.testing.assert_array_equal(filled[y < -17], density[y < -17], "nor lower than hair falls")
    np.testing.assert_array_equal((filled > 0).any(0), (density > 0).any(0), "nothing that the picture would show")
    front = COUNT - 1 - (density > 0)[::-1].argmax(0)
    np.testing.assert_array_equal(COUNT - 1 - (filled > 0)[::-1].argmax(0), front)


def test_short_hair_leaves_the_neck_free() -> None:
    density = bust()
    assert with_hair_behind(density, AHEAD, LongHair(0.0, -9.0, -9.0)) is density


@pytest.fixture(scope="module")
def avatar() -> Any:
    return open_avatar("real3d", Real3DSettings(networks="packaged"))


@pytest.mark.slow
def test_long_hair_turns_the_less_the_lower_it_is(avatar: Any, samples: Path) -> None:
    scene = avatar.painter.prepare(avatar.layers(open_portrait(next((samples / "portraits").glob("p16*"))))).scene
    mesh, source = scene.mesh, scene.source
    head = mesh.places @ source.pose.rotation
    strands = (np.abs(head[:, 0]) > 6) & (np.abs(head[:, 2]) < 6)  # beside cheeks and neck
    heights = [strands & (np.abs(head[:, 1] - level) < 0.5) for level in (2, -6, -9, -12, -18)]
    at_ears, at_mouth, at_chin, at_neck, at_trunk = (np.median(mesh.follows[part]) for part in heights)
    assert at_ears > 0.98
    assert at_ears > at_mouth + 0.01 > at_chin + 0.1 > at_neck + 0.3
    assert at_trunk < 0.02
    skin = (np.abs(head[:, 0]) < 4) & (head[:, 2] > 2)
    assert mesh.follows[skin & (head[:, 1] > -5)].min() > 0.97, "the face goes along whole"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "yaw"), [("p16", -38.0), ("p10", 38.0)])
def test_the_outline_of_turned_long_hair_has_no_sharp_bend(name: str, yaw: float, avatar: Any, samples: Path) -> None:
    """From the ears to the shoulders; it would have one where a head's hair ends and a trunk's begins."""
    prepared = avatar.painter.prepare(avatar.layers(open_portrait(next((samples / "portraits").glob(f"{name}*")))))
    pose = prepared.scene.source.pose
    state = FaceState(rotation=rotation_from_angles(np.deg2rad(yaw), 0.0, 0.0))
    drawn = avatar.painter.draw(prepared, state, alone=True)
    across, ears = round(pose.translation[0]), round(-pose.translation[1])
    left = cv2.medianBlur(drawn[..., 3], 5)[ears : ears + round(14 * pose.scale), across::-1] < 128
    width = left.argmax(1) / pose.scale
    step = round(2 * pose.scale)
    bend = np.abs(width[2 * step :] - 2 * width[step:-step] + width[: -2 * step]).max()
    assert bend < 3.2, "centimetres, over two centimetres of height"
