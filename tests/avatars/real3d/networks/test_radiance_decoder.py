"""The decoder against the original's numbers."""

from __future__ import annotations

from pathlib import Path

import torch
from originals import original

from vivant.avatars.real3d.networks.radiance_decoder import EqualisedLinear, RadianceDecoder
from vivant.weights.real3d_volume import radiance_decoder


def test_parity_real3d_radiance_decoder(parity: Path) -> None:
    fixture, decoder = original(parity, "real3d", "osg_decoder"), RadianceDecoder()
    fixture.load(decoder, {f"decoder.{key}": name for key, name in radiance_decoder().items()})
    colour, density = decoder(fixture.given("sampled_features").mean(1))
    fixture.compare("rgb", colour)
    fixture.compare("sigma", density)


def test_layers_of_all_widths_give_numbers_of_one_size() -> None:
    torch.manual_seed(0)
    for inputs in (4, 256):
        found = EqualisedLinear(inputs, 64)(torch.randn(2000, inputs))
        assert 0.8 < found.std() < 1.2
