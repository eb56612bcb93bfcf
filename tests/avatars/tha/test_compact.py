"""The packaged poser: it finds faces it has never seen, keeps the drawing at rest, and lives without any download."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vivant.avatars.tha.align import SIDE
from vivant.avatars.tha.compact import CompactPoser, open_compact
from vivant.avatars.tha.networks.finder import NAMES, SIZE, Finder, locate
from vivant.avatars.tha.pose import pose_of
from vivant.avatars.tha.tha import Tha, ThaSettings, who_draws
from vivant.errors import SettingsError, WeightsError

EYES = [place for place, name in enumerate(NAMES) if "brow" not in name and name.split("_")[0] in ("left", "right")]


@pytest.fixture(scope="module")
def poser() -> CompactPoser:
    return open_compact()


@pytest.fixture(scope="module", params=["lambda_00", "lambda_01"])
def drawing(request: pytest.FixtureRequest, samples: Path) -> np.ndarray:
    return np.array(Image.open(samples / "tha4" / request.param / "character.png").convert("RGBA"))


def layer_of(picture: np.ndarray) -> np.ndarray:
    layer = picture.astype(np.float32) / 255
    layer[..., :3] *= layer[..., 3:]
    return layer


def test_it_finds_the_faces_of_new_puppets(poser: CompactPoser) -> None:
    pytest.importorskip("skia", reason="puppets need vivant[train]", exc_type=ImportError)
    from vivant.training.tha.puppet.puppet import Puppets

    puppets = [Puppets(987).character(number) for number in range(10)]
    found = np.stack([poser.find(layer_of(puppet.draw()))[0] for puppet in puppets])
    error = np.linalg.norm(found - np.stack([puppet.landmarks() - 0.5 for puppet in puppets]), axis=2)
    assert np.median(error[:, EYES]) < 1.6
    assert np.median(error) < 1.8


def test_it_finds_the_eyes_and_mouths_of_real_drawings(poser: CompactPoser, drawing: np.ndarray) -> None:
    """Irises of the published characters, marked by hand; an eye is 22 pixels wide."""
    points = dict(zip(NAMES, poser.find(layer_of(drawing))[0], strict=True))
    dark = drawing[90, 256, 0] < 150  # the second character has dark hair
    irises = (
        {"right_iris": (238, 136), "left_iris": (275, 137)}
        if dark
        else {"right_iris": (235, 147), "left_iris": (277, 148)}
    )
    for name, place in irises.items():
        assert points[name] == pytest.approx(place, abs=7)
    assert points["mouth_left"][0] > points["lip_lower"][0] > points["mouth_right"][0]
    assert points["chin"] == pytest.approx((255, 191), abs=6)


def test_a_real_drawing_blinks_speaks_and_turns(poser: CompactPoser, drawing: np.ndarray) -> None:
    prepared = poser.prepare(drawing)
    seen = drawing * (drawing[..., 3:] > 0)  # nothing of what is transparent
    assert np.array_equal(poser.draw(prepared, np.zeros(45, np.float32)), seen)
    alpha = drawing[..., 3].astype(int)
    for values, rows, columns, least in (
        ({"eye_wink": 1.0}, slice(120, 165), slice(212, 300), 9.0),
        ({"mouth_aaa": 1.0}, slice(160, 200), slice(235, 280), 6.0),
        ({"head_y": 1.0}, slice(90, 190), slice(200, 310), 8.0),
    ):
        drawn = poser.draw(prepared, pose_of(values))
        change = np.abs(drawn[..., :3].astype(int) - drawing[..., :3]).max(-1)
        assert change[rows, columns].mean() > least, values
        assert np.abs(drawn[..., 3].astype(int) - alpha).mean() < 6, values
        if "head_y" not in values:
            change[rows, columns] = 0
            assert (change > 40).mean() < 1e-3, values  # nothing else is touched


def test_a_face_that_was_drawn_is_kept(poser: CompactPoser, drawing: np.ndarray) -> None:
    prepared, pose = poser.prepare(drawing), pose_of({"mouth_aaa": 0.5, "head_x": 0.3})
    first = poser.draw_layer(prepared, pose)
    turned = pose.copy()
    turned[39] = -0.4
    poser.draw(prepared, turned)
    assert np.array_equal(poser.draw_layer(prepared, pose), first)


def test_soft_edges_keep_their_colour(poser: CompactPoser) -> None:
    """Straight alpha in, straight alpha out: no dark rim."""
    picture = np.zeros((512, 512, 4), np.uint8)
    picture[60:400, 150:360] = (250, 200, 180, 255)
    picture[60:400, 140:150] = (250, 200, 180, 100)
    drawn = poser.draw(poser.prepare(picture), pose_of({"body_z": 0.2}))
    seen = drawn[..., 3] > 8
    assert drawn[seen][:, 0].min() > 240 or np.abs(drawn[seen][:, :3].astype(int) - (250, 200, 180)).max(-1).mean() < 20


def test_it_draws_where_no_weights_are_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path))
    assert "packaged" in who_draws(ThaSettings())
    assert Tha(ThaSettings()) is not None
    assert who_draws(ThaSettings(poser="tha3/standard")) == "drawn by tha3/standard"
    with pytest.raises(SettingsError, match="compact"):
        ThaSettings(poser="tha5")


def test_other_sizes_and_damaged_weights_are_refused(poser: CompactPoser, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="512"):
        poser.prepare(np.zeros((64, 64, 4), np.uint8))
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"x\.safetensors"):
        open_compact(tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match=r"y\.safetensors"):
        open_compact(tmp_path / "y.safetensors")
    assert SIDE == 512


def test_points_are_the_mean_places_of_maps() -> None:
    maps = torch.full((1, len(NAMES) + 1, 96, 96), -30.0)
    maps[:, :, 10, 20] = 30
    maps[:, 3, 10, 22] = 30
    found = locate(maps)
    assert found.points[0, 0].tolist() == pytest.approx([41, 21], abs=1e-3)
    assert found.points[0, 3].tolist() == pytest.approx([43, 21], abs=1e-3)
    assert found.spread[0, 3].item() == pytest.approx(2, abs=1e-2)
    assert found.before.shape == (1, 96, 96)


def test_the_network_is_small() -> None:
    finder = Finder().eval()
    assert sum(parameter.numel() for parameter in finder.parameters()) < 2e6
    with torch.no_grad():
        assert finder(torch.zeros(1, 4, SIZE, SIZE)).points.shape == (1, len(NAMES), 2)
