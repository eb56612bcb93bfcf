"""The five networks of THA3, standard and separable, number by number."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from originals import original
from tha_originals import compare_outputs, inputs_of
from torch import nn

from vivant.avatars.tha.networks.editor import Editor, EditorConfig
from vivant.avatars.tha.networks.eyebrow_combiner import EyebrowCombiner, EyebrowCombinerConfig
from vivant.avatars.tha.networks.eyebrow_decomposer import EyebrowDecomposer, EyebrowDecomposerConfig
from vivant.avatars.tha.networks.face_morpher import FaceMorpher, FaceMorpherConfig
from vivant.avatars.tha.networks.rotator import Rotator, RotatorConfig
from vivant.weights import tha
from vivant.weights.keys import KeyTable

Build = Callable[[bool], nn.Module]
NETWORKS: dict[str, tuple[Build, Callable[..., KeyTable]]] = {
    "eyebrow_decomposer": (
        lambda separable: EyebrowDecomposer(EyebrowDecomposerConfig(separable=separable)),
        tha.eyebrow_decomposer,
    ),
    "eyebrow_morphing_combiner": (
        lambda separable: EyebrowCombiner(EyebrowCombinerConfig(separable=separable)),
        tha.eyebrow_combiner,
    ),
    "face_morpher": (lambda separable: FaceMorpher(FaceMorpherConfig(separable=separable)), tha.face_morpher),
    "two_algo_face_body_rotator": (lambda separable: Rotator(RotatorConfig(separable=separable)), tha.rotator),
    "editor": (lambda separable: Editor(EditorConfig(separable=separable)), tha.editor),
}


@pytest.mark.parametrize("variant", ["standard", "separable"])
@pytest.mark.parametrize("name", NETWORKS)
@torch.inference_mode()
def test_parity_of_networks(parity: Path, name: str, variant: str) -> None:
    fixture = original(parity, "tha", f"tha3_{variant}_{name}")
    separable = variant == "separable"
    build, table = NETWORKS[name]
    network = build(separable)
    fixture.load(network, table(separable=separable))
    outputs = network(*inputs_of(fixture).values())
    names = json.loads(fixture.metadata["output_order"])
    compare_outputs(fixture, dict(zip(names, outputs, strict=False)))
    assert len(names) == len(outputs) or (name == "face_morpher" and len(names) + 1 == len(outputs))
