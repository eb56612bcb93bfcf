"""Every key of the networks that make planes, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from vivant.avatars.real3d.networks.image_to_plane import ImageToPlane
from vivant.avatars.real3d.networks.motion_adapter import MotionAdapter
from vivant.weights.keys import KeyTable, compare, shapes
from vivant.weights.real3d_planes import image_to_plane, mix_transformer, motion_adapter, resnet34

NETWORKS = {
    "cano_img2plane_backbone.": (ImageToPlane, image_to_plane()),
    "secc_img2plane_backbone.": (MotionAdapter, motion_adapter()),
}


@pytest.mark.parametrize("prefix", NETWORKS)
def test_parity_of_keys_in_the_whole_checkpoint_each_once(parity: Path, prefix: str) -> None:
    """For real3d: names and shapes."""
    build, table = NETWORKS[prefix]
    with torch.device("meta"):
        ours = shapes(build().state_dict())
    listed = json.loads((parity / "real3d" / "secc2plane_torso.keys.json").read_text(encoding="utf-8"))
    found = {key.removeprefix(prefix): tuple(shape) for key, shape in listed.items() if key.startswith(prefix)}
    assert not compare(found, table, ours).faults
    assert found.keys() == table.keys()


def test_the_encoders_of_pictures_that_training_starts_from() -> None:
    with torch.device("meta"):
        encoder, mixer = ImageToPlane().context.encoder, MotionAdapter().encoder
    check(resnet34(), encoder, {"fc.weight", "fc.bias"})
    check(mix_transformer(), mixer, set())


def check(table: KeyTable, network: nn.Module, left: set[str]) -> None:
    """`table` gives each of the network's names once, and leaves out `left`."""
    assert sorted(name for name in table.values() if name) == sorted(network.state_dict())
    assert {key for key, name in table.items() if not name} == left
