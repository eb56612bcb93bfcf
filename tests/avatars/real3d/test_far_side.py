"""The far side of a head that looks away is the near side's mirror image, in the far side's light."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vivant.avatars import open_avatar
from vivant.avatars.real3d.compact import mixed
from vivant.avatars.real3d.far_side import MOST, FarSide
from vivant.avatars.real3d.head_turning import mirror_of, pixels_at, pixels_of
from vivant.avatars.real3d.prepare import Layers
from vivant.avatars.real3d.real3d import Real3DSettings
from vivant.avatars.real3d.solid_head import SolidHead
from vivant.avatars.real3d.surface_net import surface_net
from vivant.avatars.retarget import Source
from vivant.face.pose import HeadPose, rotation_from_angles
from vivant.motion.state import FaceState
from vivant.portrait.open import open_portrait

Floats = NDArray[np.float32]
SIDE = 400
LIGHT = 40.0


def ball(radius: float = 8) -> SolidHead:
    """A round head that trusts no pixel and is grey."""
    line = np.arange(-12, 13, dtype=np.float32)
    z, y, x = np.meshgrid(line, line, line, indexing="ij")
    points, triangles = surface_net(radius - np.sqrt(x * x + y * y + z * z))
    count = len(points)
    return SolidHead(points - 12, triangles, np.full((count, 3), 90, "f4"), np.zeros((count, 3), "f4"))


def seen_from(yaw: float) -> tuple[Layers, Source]:
    """A striped picture in which the head stands so; its chin is far below."""
    pose = HeadPose(20.0, rotation_from_angles(np.deg2rad(yaw), 0, 0), np.array([200, -200, 0], np.float32))
    shape = np.zeros((478, 3), np.float32)
    shape[:, 1] = -20
    stripes = 120 + 60 * np.sin(np.arange(SIDE) / 3)[:, None, None] + np.zeros((SIDE, SIDE, 3))
    cut = SimpleNamespace(colour=stripes.astype(np.float32), alpha=np.ones((SIDE, SIDE), np.float32))
    return cast(Layers, SimpleNamespace(cut=cut)), cast(Source, SimpleNamespace(pose=pose, shape=shape))


@pytest.mark.parametrize("yaw", [-35, 35])
def test_what_is_hidden_shows_its_partner_in_its_own_light(yaw: float) -> None:
    """Stripes are of the near side, as bright as the colours that they are laid on."""
    head, (layers, source) = ball(), seen_from(yaw)
    far = FarSide.of(head, layers, source)
    hidden = (head.points[:, 2] < -1) & (far.share[:, 0] > 0.98)
    assert np.count_nonzero(hidden) > 40
    assert ((head.points @ source.pose.rotation)[hidden, 0] * np.sign(yaw) > 0).all()
    lit = far.begun(head).colour + np.float32(LIGHT)
    done = far.finished(head, lit)
    partner = pixels_at(layers.cut.colour, pixels_of(source.pose, head.points @ mirror_of(source.pose).T))
    sure = np.full((len(partner), 1), 255, np.float32)
    pixels = np.concatenate([partner, sure], 1)
    found = mixed(done.colour, pixels, pixels, done.trust[:, :2])[hidden]
    wanted = far.even[hidden] + LIGHT + MOST * (partner - far.even)[hidden]
    np.testing.assert_allclose(found, np.clip(wanted, 0, 255), atol=4)
    assert np.corrcoef(found[:, 0], partner[hidden, 0])[0, 1] > 0.95
    assert found.std() > 0.7 * partner[hidden].std()


def test_near_sides_and_heads_that_look_ahead_stay() -> None:
    head = ball()
    layers, source = seen_from(-35)
    near = (head.points @ source.pose.rotation)[:, 0] > 5
    assert (FarSide.of(head, layers, source).share[near] < 0.01).all()
    assert (FarSide.of(head, *seen_from(-6)).share == 0).all()


def test_places_below_the_chin_are_no_face() -> None:
    head, (layers, source) = ball(), seen_from(-35)
    source.shape[:, 1] = 0
    far = FarSide.of(head, layers, source).share[:, 0]
    assert (far[head.points[:, 1] < -4] < 0.01).all()
    assert far.max() > 0.9


def grain(picture: NDArray[np.uint8], where: NDArray[np.bool_]) -> float:
    """How much a picture changes from pixel to pixel."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F))[where].mean())


@pytest.mark.slow
def test_the_girls_hidden_cheek_is_painted_like_the_other(samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The far cheek of a three-quarter portrait has the near one's craquelure, and was smooth without it."""
    avatar: Any = open_avatar("real3d", Real3DSettings(networks="packaged"))
    layers = avatar.layers(open_portrait(next((samples / "portraits").glob("p05*"))))
    state = FaceState(rotation=rotation_from_angles(np.deg2rad(30), 0.0, 0.0))
    whole = avatar.painter.draw(avatar.painter.prepare(layers), state)[..., :3]
    monkeypatch.setattr("vivant.avatars.real3d.hidden_shape.YAW", (90.0, 91.0))
    smooth = avatar.painter.draw(avatar.painter.prepare(layers), state)[..., :3]
    changed = np.abs(whole.astype(float) - smooth).max(2) > 8
    assert np.count_nonzero(changed) > 3000
    assert grain(whole, changed) > 1.5 * grain(smooth, changed)
