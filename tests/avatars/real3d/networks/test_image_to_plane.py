"""The image-to-plane network beside the original's numbers, folded, in small sizes and before training."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from originals import original
from torch import Tensor, nn

from vivant.avatars.real3d.networks.image_to_plane import ImageToPlane, ImageToPlaneConfig, widened, with_coordinates
from vivant.avatars.real3d.networks.plane_blocks import folded, planes_of
from vivant.avatars.real3d.networks.transformer import Attention, FeedForward
from vivant.weights.real3d_planes import image_to_plane

SMALL = ImageToPlaneConfig(
    widths=(8, 8, 16, 16), depths=(1, 1, 2, 1), context=16, tokens=32, blocks=2, detail=8, wide=16, narrow=8, plane=4
)


def small(config: ImageToPlaneConfig = SMALL) -> ImageToPlane:
    """A network with batch norms that have seen pictures."""
    torch.manual_seed(2)
    network = ImageToPlane(config)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
    return network.eval()


@pytest.mark.slow
@torch.inference_mode()
def test_parity_of_the_network_as_trained_and_folded(parity: Path) -> None:
    fixture = original(parity, "real3d", "i2p")
    with torch.device("meta"):
        network = ImageToPlane()
    network.to_empty(device="cpu")
    fixture.load(network, {f"cano_img2plane_backbone.{old}": new for old, new in image_to_plane().items()})
    head = original(parity, "real3d", "inputs").tensors["in.head.u8"].astype(np.float32)
    picture = torch.from_numpy((head - 127.5) / 127.5).permute(2, 0, 1)[None]
    found = parts_of(network, picture)
    for name, value in found.items():
        fixture.compare(name, value)
    again = folded(network)(picture)
    fixture.compare("planes", again)
    assert (again - found["planes"]).abs().max() < 3e-5


@pytest.mark.parametrize("pieces", [3, 100])
@torch.inference_mode()
def test_pieces_give_the_whole(pieces: int) -> None:
    """Of unlike sizes, and more than there are rows or channels."""
    network, picture = small(), torch.rand(1, 3, 64, 64)
    whole = network(picture)
    for module in network.modules():
        if isinstance(module, Attention | FeedForward):
            module.pieces = pieces
    assert whole.std() > 0.1
    assert (network(picture) - whole).abs().max() < 1e-5


def parts_of(network: ImageToPlane, picture: Tensor) -> dict[str, Tensor]:
    """What the fixture has of the way to the planes, and these."""
    x = with_coordinates(picture)
    encoder = network.context.encoder
    early = encoder.stages[0](torch.max_pool2d(torch.relu(encoder.enter(x)), 3, 2, 1))
    context, high = network.context(x), network.high(x)
    low = network.low(context)
    joined = network.join(low, high)
    branches = {"mid_low_reso_encoder": context, "mid_low_reso_vit": low, "mid_high_reso_encoder": high}
    return {"mid_layer1": early, **branches, "mid_triplane_before_flip": joined, "planes": planes_of(joined)}


@torch.inference_mode()
def test_small_sizes_and_batches() -> None:
    network, pictures = small(), torch.rand(3, 3, 96, 64) * 2 - 1
    together = network(pictures)
    assert together.shape == (3, 3, 4, 48, 32)
    for number, picture in enumerate(pictures):
        torch.testing.assert_close(network(picture[None])[0], together[number], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("channels", [1, 4, 6])
@torch.inference_mode()
def test_folding_changes_nothing_with_any_input_channels(channels: int) -> None:
    network = small(replace(SMALL, picture=channels))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    pictures = torch.rand(2, channels, 64, 64) * 2 - 1
    quick = folded(network)
    torch.testing.assert_close(quick(pictures), network(pictures), atol=1e-5, rtol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in quick.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_every_weight_learns() -> None:
    network = small().train()
    network(torch.rand(2, 3, 64, 64)).square().mean().backward()
    still = [name for name, one in network.named_parameters() if one.grad is None or not one.grad.any()]
    # What is added to all keys alike, changes no choice between them.
    assert [name for name in still if "attention.key_value.bias" not in name] == []


def test_coordinates_are_in_units_of_the_height() -> None:
    with_them = with_coordinates(torch.zeros(2, 3, 4, 8))
    assert with_them.shape == (2, 5, 4, 8)
    assert with_them[1, 3, :, 0].tolist() == [0, 0.25, 0.5, 0.75]
    assert with_them[1, 4, 0].tolist() == [column / 4 for column in range(8)]


def test_planes_are_turned_to_the_axes_of_the_volume() -> None:
    features = torch.arange(2 * 6 * 2 * 3.0).reshape(2, 6, 2, 3)
    planes = planes_of(features)
    assert planes.shape == (2, 3, 2, 2, 3)
    assert torch.equal(planes[:, 0], features[:, :2].flip(2))
    assert torch.equal(planes[:, 1], features[:, 2:4].flip(2))
    assert torch.equal(planes[:, 2], features[:, 4:].flip(2, 3))


def test_weights_before_training() -> None:
    network = small()
    linear, conv = network.low.blocks[0].feed.widen, network.high.convs[1]
    assert linear.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert conv.weight.std().item() == pytest.approx(math.sqrt(2 / (9 * conv.out_channels)), rel=0.1)
    spread = network.low.blocks[0].feed.spread
    assert spread.weight.std().item() == pytest.approx(math.sqrt(2 / 9), rel=0.2)
    assert not any(module.bias.any() for module in (linear, conv, spread))


def test_a_filter_for_colours_serves_more_channels() -> None:
    colours = torch.randn(4, 3, 7, 7)
    more = widened(colours, 5)
    torch.testing.assert_close(more, colours[:, [0, 1, 2, 0, 1]] * 3 / 5)
    grey = torch.rand(1, 1, 16, 16)
    seen = nn.functional.conv2d(grey.expand(-1, 6, -1, -1), widened(colours, 6))
    torch.testing.assert_close(seen, nn.functional.conv2d(grey.expand(-1, 3, -1, -1), colours), atol=1e-5, rtol=1e-4)
