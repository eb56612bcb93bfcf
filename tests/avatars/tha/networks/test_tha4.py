"""The U-Nets of THA4, number by number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from originals import original
from tha_originals import compare_outputs, inputs_of
from torch import nn

from vivant.avatars.tha.networks.body_morpher import BodyMorpher
from vivant.avatars.tha.networks.upscaler import Upscaler
from vivant.weights import tha
from vivant.weights.keys import KeyTable


@pytest.mark.parametrize(
    ("name", "build", "table"),
    [("body_morpher", BodyMorpher, tha.body_morpher()), ("upscaler", Upscaler, tha.upscaler())],
)
@torch.inference_mode()
def test_parity_of_networks(parity: Path, name: str, build: type[nn.Module], table: KeyTable) -> None:
    fixture = original(parity, "tha", f"tha4_{name}")
    network = build()
    fixture.load(network, table)
    outputs = network(*inputs_of(fixture).values())
    compare_outputs(fixture, dict(zip(json.loads(fixture.metadata["output_order"]), outputs, strict=True)))
