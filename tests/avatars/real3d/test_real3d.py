"""Heads with depth in their places: windows, seams, cut-out people, and the way from a state to the networks."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from basel import own_mesh
from small_generators import SMALL

from vivant.avatars import open_avatar
from vivant.avatars.real3d import real3d
from vivant.avatars.real3d.camera import camera_of_pose
from vivant.avatars.real3d.compact import CompactHead
from vivant.avatars.real3d.networks.generator import Generator
from vivant.avatars.real3d.networks.quick_generator import quickened
from vivant.avatars.real3d.prepare import Filling, Layers, prepare_layers
from vivant.avatars.real3d.published import PublishedPainter
from vivant.avatars.real3d.real3d import Real3D, Real3DSettings
from vivant.errors import SettingsError, WeightsError
from vivant.face.arkit import INDEX
from vivant.face.pose import rotation_from_angles
from vivant.motion.state import FaceState
from vivant.portrait.layout import view
from vivant.portrait.open import open_portrait
from vivant.portrait.portrait import Portrait

RED = np.array([255, 0, 0, 255], np.uint8)


class RedPainter:
    """Draws a red square; the lower half is transparent."""

    sides, face_share = (512, 512), 0.2
    filling: Filling = "texture"

    def prepare(self, layers: Layers) -> Layers:
        return layers

    def draw(self, head: Layers, state: FaceState, *, alone: bool = False) -> Any:
        drawn = np.tile(RED, (512, 512, 1))
        drawn[256:, :, 3] = 0
        return drawn


@pytest.fixture(scope="module")
def portrait(samples: Path) -> Portrait:
    return open_portrait(samples / "portraits" / "p16_mona_lisa.jpg")


@pytest.fixture
def avatar(monkeypatch: pytest.MonkeyPatch) -> Real3D:
    monkeypatch.setattr(real3d, "open_painter", lambda settings, face: RedPainter())
    opened = open_avatar("real3d", Real3DSettings())
    assert isinstance(opened, Real3D)
    return opened


def test_the_square_eases_into_the_picture_around_it(avatar: Real3D, portrait: Portrait) -> None:
    whole = view(portrait, "whole", None)
    prepared = avatar.prepare(portrait, whole)
    frame = avatar.draw(prepared, FaceState())
    assert frame.window == avatar.layers(portrait).crop
    assert (frame.pixels[..., 3] == 255).all()
    assert (frame.pixels[256, 256] == RED).all()
    still = avatar.layers(portrait).picture
    crop, (width, height) = frame.window, portrait.size
    assert 0 < crop.x < crop.x + crop.width < width
    for side in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        border = {0: crop.y <= 0, -1: crop.y + crop.height >= height}.get(
            side if isinstance(side, int) else None, False
        )
        wanted = np.broadcast_to(RED[:3], (512, 3)) if border else still[side]
        np.testing.assert_allclose(frame.pixels[side][8:-8, :3].astype(int), wanted[8:-8], atol=6)


def test_a_person_who_is_cut_out_covers_the_whole_view(avatar: Real3D, portrait: Portrait) -> None:
    whole = view(portrait, "whole", 400)
    prepared = avatar.prepare(portrait, whole, cutout=True)
    frame = avatar.draw(prepared, FaceState())
    assert frame.window == whole
    assert frame.pixels.shape == (whole.rows, whole.columns, 4)
    crop, scale = avatar.layers(portrait).crop, whole.columns / whole.width
    centre = round((crop.x + crop.width / 2) * scale)
    upper, lower = (round((crop.y + share * crop.height) * scale) for share in (0.3, 0.7))
    assert (frame.pixels[upper, centre] == RED).all()
    assert frame.pixels[lower, centre, 3] == 0
    assert frame.pixels[-1, centre, 3] == 255  # the body below the square is the picture's own


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"solid": 0.0}, "solid"),
        ({"networks": "best"}, "no networks"),
        ({"face_share": 0.9}, "covers"),
        ({"solid": float("nan")}, "solid"),
        ({"tiles": 0}, "tiles"),
        ({"tiles": 65}, "tiles"),
        ({"device": "tpu"}, "no device"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Real3DSettings(**settings)


def test_a_card_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="no CUDA device here; give --device cpu"):
        real3d.open_published(Real3DSettings(device="cuda"))


def test_what_is_not_imported_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match="vivant weights import real3d DIR --bfm DIR"):
        open_avatar("real3d", Real3DSettings(networks="published"))


def test_without_imported_networks_the_packaged_ones_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path))
    for settings in (None, Real3DSettings(networks="packaged")):
        opened = open_avatar("real3d", settings)
        assert isinstance(opened, Real3D)
        assert isinstance(opened.painter, CompactHead)


@pytest.fixture(scope="module")
def layers(portrait: Portrait) -> Layers:
    return prepare_layers(portrait)


@pytest.fixture(scope="module")
def painter() -> PublishedPainter:
    """Small networks without training around a face that may be shipped."""
    torch.manual_seed(0)
    return PublishedPainter(quickened(Generator(SMALL)), own_mesh())


@pytest.mark.slow
def test_a_state_reaches_every_part_of_the_networks(painter: PublishedPainter, layers: Layers) -> None:
    head = painter.prepare(layers)
    still = painter.draw(head, FaceState())
    assert still.shape == (512, 512, 4)
    np.testing.assert_array_equal(painter.draw(head, FaceState()), still)  # nothing is drawn at random
    before = _tensors()
    for moved in (
        FaceState(rotation=rotation_from_angles(0.4, 0, 0)),
        FaceState(curves=_curves(jawOpen=1.0)),
        FaceState(curves=_curves(eyeBlinkLeft=1.0)),
    ):
        assert (painter.draw(head, moved) != still).any()
    assert _tensors() == before


@pytest.mark.slow
def test_at_rest_the_camera_and_the_key_points_are_those_of_the_picture(
    painter: PublishedPainter, layers: Layers, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, seen = painter.prepare(layers), []
    draw = painter.network.draw
    monkeypatch.setattr(
        painter.network, "draw", lambda person, *given, **more: seen.append(given) or draw(person, *given, **more)
    )
    painter.draw(head, FaceState())
    painter.draw(head, FaceState(rotation=rotation_from_angles(0.4, 0, 0)))
    (code, camera, keypoints), (turned_code, turned, moved) = seen
    fitted = camera_of_pose(head.fit.euler, head.fit.translation)
    np.testing.assert_allclose(camera.numpy(), fitted, atol=2e-5)
    np.testing.assert_allclose(keypoints.numpy(), head.person.source.numpy(), atol=1e-4)
    assert torch.equal(code, turned_code)  # code images always face the camera
    axes = [one.numpy()[0, :16].reshape(4, 4)[:3, 2] for one in (camera, turned)]
    assert np.degrees(np.arccos(axes[0] @ axes[1])) == pytest.approx(np.degrees(0.4), abs=1.5)
    assert np.abs(moved - keypoints).max() > 0.02


def _tensors() -> int:
    """How many there are in memory."""
    gc.collect()
    return sum(type(one) is torch.Tensor for one in gc.get_objects())


def _curves(**values: float) -> Any:
    curves = np.zeros(len(INDEX), np.float32)
    for name, value in values.items():
        curves[INDEX[name]] = value
    return curves
