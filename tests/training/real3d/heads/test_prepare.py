"""Rendered heads as a data set: what a shard holds, that it comes out the same, and that work goes on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from vivant.errors import SettingsError, WeightsError
from vivant.face.ict import IctHead, read_ict
from vivant.training.real3d.heads import prepare
from vivant.training.real3d.heads.body import open_body
from vivant.training.real3d.heads.camera import cube_from_head, project
from vivant.training.real3d.heads.draw import FAR_DEPTH, decode, encode
from vivant.training.real3d.heads.mesh import BODY_CLASS, CLOTHES_CLASS, FACE_CLASS, HAIR_CLASS
from vivant.training.real3d.heads.person import jaw_of
from vivant.training.real3d.heads.prepare import HeadSettings, code_of, prepare_heads
from vivant.training.real3d.heads.stored import import_head, stored_head
from vivant.training.real3d.shards import open_heads

SMALL = HeadSettings(size=64, faces=1, views=2)


@pytest.fixture(scope="module")
def model(samples: Path) -> IctHead:
    return read_ict(samples / "ict_facekit.npz")


@pytest.fixture(scope="module")
def shard(model: IctHead, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heads")
    return prepare_heads(folder, 1, 5, model=model, settings=SMALL)[0]


@pytest.mark.slow
def test_a_shard_is_what_the_training_reads(shard: Path) -> None:
    heads = open_heads(shard.parent)
    assert [head.views for head in heads] == [(0, 1)]
    assert {"torso", "background", "near"} <= heads[0].shard.names
    assert json.loads((shard.parent / "heads.json").read_text())["seed"] == 5


@pytest.mark.slow
def test_what_is_seen_agrees_with_camera_and_points(shard: Path) -> None:
    arrays = load_file(shard)
    for view in range(2):
        classes, share = arrays["classes"][view], arrays["share"][view]
        shares = [(classes == kind).mean() for kind in (FACE_CLASS, BODY_CLASS, CLOTHES_CLASS)]
        assert shares[0] > 0.08
        assert shares[1] + shares[2] > 0.02
        head = (classes == FACE_CLASS) | (classes == HAIR_CLASS)
        assert np.abs(head - share / 255).mean() < 0.05
        # The tip of the nose is where its landmark is, at its depth.
        seen = project(arrays["points"][0, [4]], arrays["camera"][view], 64)[0]
        column, row = seen[:2].astype(int)
        assert classes[row, column] == FACE_CLASS
        assert arrays["depth"][view, row, column] == pytest.approx(1 / seen[2], abs=0.03)
        assert (arrays["depth"][view][classes == 0] > FAR_DEPTH - 1).mean() > 0.9
        np.testing.assert_allclose(arrays["landmarks"][view, 30], seen[:2], atol=1.5)
        # Where there is no one, the picture is the background.
        empty = share == 0
        empty &= classes == 0
        difference = np.abs(arrays["picture"][view][empty].astype(int) - arrays["background"][view][empty])
        assert np.quantile(difference, 0.8) <= 2
        # The trunk alone hides nothing that the whole does not, and lies under the head as well.
        alone = arrays["torso"][view].any(-1)
        assert alone[(classes == CLOTHES_CLASS)].mean() > 0.9
        assert alone.sum() > np.isin(classes, (BODY_CLASS, CLOTHES_CLASS)).sum()


@pytest.mark.slow
def test_it_goes_on_where_it_was_and_comes_out_the_same(shard: Path, model: IctHead, tmp_path: Path) -> None:
    stamp = shard.stat().st_mtime_ns
    prepare_heads(shard.parent, 1, 5, model=model, settings=SMALL)
    assert shard.stat().st_mtime_ns == stamp
    again = prepare_heads(tmp_path, 1, 5, model=model, settings=SMALL)[0]
    first, second = load_file(shard), load_file(again)
    assert all((first[name] == second[name]).all() for name in first)
    with pytest.raises(SettingsError, match="another seed"):
        prepare_heads(tmp_path, 1, 6, model=model, settings=SMALL)


def test_a_folder_without_a_head_takes_any_seed(
    model: IctHead, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "_rendered", lambda folder, *_: iter([(folder / "head_000000.safetensors").touch()]))
    prepare._write_index(tmp_path, 4, SMALL, 1)  # stopped before the first head
    prepare_heads(tmp_path, 1, 5, model=model, settings=SMALL)
    with pytest.raises(SettingsError, match="another seed"):
        prepare_heads(tmp_path, 1, 6, model=model, settings=SMALL)


def test_code_images_show_a_face_with_open_eyes_in_the_middle(model: IctHead) -> None:
    code = code_of(model, model.neutral, 128)
    face = code.any(-1)
    rows, columns = np.nonzero(face)
    assert abs(columns.mean() - 63.5) < 1.5
    assert 40 < np.ptp(rows) < 118
    middle = face[:, 64][rows.min() : rows.max()]
    assert middle.mean() > 0.9
    marks = model.neutral[model.ibug]
    eye = marks[36:42].mean(0)
    scale = 128 * (1015 / 224) / (10 - (eye[2] - 7.8) / 10)
    column, row = 64 + scale * eye[0] / 10, 64 - scale * (eye[1] - 0.55) / 10
    assert not face[round(row), round(column)]
    assert code[..., 0][:, :64][face[:, :64]].mean() < code[..., 0][:, 64:][face[:, 64:]].mean()  # x grows to the right


def test_settings_that_cannot_work() -> None:
    for wrong in ({"size": 100}, {"size": 4096}, {"views": 1}, {"faces": 0}):
        with pytest.raises(SettingsError, match="give"):
            HeadSettings(**wrong)


def test_a_damaged_index_is_told(model: IctHead, tmp_path: Path) -> None:
    (tmp_path / "heads.json").write_text("{")
    with pytest.raises(SettingsError, match="damaged"):
        prepare_heads(tmp_path, 1, 0, model=model, settings=SMALL)
    with pytest.raises(SettingsError, match="1 or more"):
        prepare_heads(tmp_path, 0, 0, model=model, settings=SMALL)


def test_skin_and_jaw_of_the_model(model: IctHead) -> None:
    body = open_body(model)
    height, slope, behind = jaw_of(model.neutral[model.ibug])
    chin, throat = model.neutral[model.ibug[8]], np.array([0, -10, 6.0])
    below = [place[1] < min(height + slope * place[2], behind) for place in (chin, throat)]
    assert below == [False, True]
    for rim, side in zip(body.rims, (1, -1), strict=True):
        centre = model.neutral[rim].mean(0)
        assert np.sign(centre[0]) == side
        assert np.linalg.norm(centre - model.eye_centre[0 if side > 0 else 1]) < 2.5
    assert len(np.unique(body.used)) == len(body.used)  # parts share their border


def test_bytes_and_light_turn_into_each_other_where_nothing_is_compressed() -> None:
    srgb = np.arange(60, 215, dtype=np.uint8)
    assert np.abs(encode(decode(srgb)).astype(int) - srgb).max() <= 1
    assert encode(np.array([0.0, 4.0], np.float32)).tolist()[0] < 5
    assert encode(np.array([4.0], np.float32))[0] > 250


def test_import_and_open_again(samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: IctHead) -> None:
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match="vivant weights import ict-facekit"):
        stored_head()
    stored = import_head(samples)  # the folder that holds the file
    assert (stored.name, "MIT" in stored.origin.licence) == ("ict-facekit/head", True)
    again = stored_head()
    np.testing.assert_array_equal(again.expression, model.expression)
    np.testing.assert_array_equal(again.polygons, model.polygons)
    assert cube_from_head(again.landmarks(again.neutral)).shape == (478, 3)
