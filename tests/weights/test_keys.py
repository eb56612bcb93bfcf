"""Key tables: each published key once, one report for all faults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from vivant.errors import WeightsError
from vivant.weights import geneface, metrics, real3d
from vivant.weights.keys import KeyTable, affine, compare, convert, load, shapes

TABLES = {
    "geneface/audio2motion_vae": geneface.audio_to_landmarks(pitch=False),
    "geneface/audio2motion_vae_pitch": geneface.audio_to_landmarks(pitch=True),
    "geneface/pp_audio2motion_vae": geneface.audio_to_expression(),
    "geneface/syncnet": geneface.sync_expert(),
    "geneface/postnet": geneface.post_net(),
    "geneface/postnet_pitch": geneface.post_net(),
    "geneface/postnet_discriminator": geneface.landmark_critic(),
    "geneface/audio2pose": geneface.head_pose(),
    "real3d/audio2motion_vae": real3d.audio_to_expression(),
    "real3d/syncnet": real3d.sync_expert(),
    "metrics/syncnet": metrics.syncnet(),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_takes_every_published_key_exactly_once(parity: Path, name: str) -> None:
    path = parity / f"{name}.keys.json"
    if not path.is_file():
        pytest.skip(f"no {path}")
    table = TABLES[name]
    assert sorted(table) == sorted(json.loads(path.read_text(encoding="utf-8")))
    assert len(set(table.values())) == len(table)


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))


TABLE: KeyTable = affine("first", "0") | affine("last", "1") | {"dead": ""}


def published() -> dict[str, torch.Tensor]:
    shapes = {"first.weight": (3, 2), "first.bias": (3,), "last.weight": (1, 3), "last.bias": (1,), "dead": (7,)}
    return {key: torch.rand(shape) for key, shape in shapes.items()}


def test_converted_tensors_load() -> None:
    tensors = published()
    there = network()
    load(there, convert(tensors, TABLE, there, "x.ckpt"), "x.ckpt")
    torch.testing.assert_close(there.state_dict()["1.weight"], tensors["last.weight"])


def test_one_report_names_every_fault() -> None:
    tensors = published()
    del tensors["first.bias"], tensors["dead"]
    tensors |= {"third": torch.rand(1), "last.bias": torch.rand(2, 2)}
    with pytest.raises(WeightsError) as caught:
        convert(tensors, TABLE, network(), "x.ckpt")
    text = str(caught.value)
    assert "\n" not in text
    for part in ("x.ckpt", "2 missing (first.bias, dead)", "1 unexpected (third)", "last.bias is [2, 2], not [1]"):
        assert part in text


def test_a_long_report_stays_one_short_line() -> None:
    report = compare({f"key{n}": (1,) for n in range(900)}, TABLE, shapes(network().state_dict()))
    assert report.faults == 905
    assert "900 unexpected (key0, key1, key2, ...)" in str(report)


@pytest.mark.parametrize("wrong", [{"first.weight": "0.weight"}, TABLE | {"again": "0.weight"}, TABLE | {"x": "9"}])
def test_a_wrong_table_is_found(wrong: KeyTable) -> None:
    with pytest.raises(ValueError, match="key table is wrong"):
        compare(shapes(published()), wrong, shapes(network().state_dict()))
