"""The form of the networks for graphics cards, on a processor: the frames of the literal one, as one whole function."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_generators import SMALL
from torch import Tensor, nn

from vivant.avatars.real3d.camera import camera_of_pose
from vivant.avatars.real3d.networks.card_generator import CardGenerator
from vivant.avatars.real3d.networks.generator import Drawn, Generator
from vivant.avatars.real3d.networks.quick_generator import quickened
from vivant.avatars.real3d.networks.quick_layers import Arithmetic
from vivant.avatars.real3d.networks.quick_super_resolution import QuickSuperResolution
from vivant.avatars.real3d.networks.transformer import Attention, FeedForward
from vivant.avatars.real3d.volume import VolumeSettings

SIDE = 128
VOLUME = VolumeSettings(size=SIDE // 4, coarse=12, fine=12)
DENSE = 3.3
"""Added to a random field's density, which then stops most of the light."""


class Seen(NamedTuple):
    """What a portrait, then a frame bring."""

    portrait: tuple[Any, ...]
    frame: tuple[Tensor, Tensor, Tensor]

    def drawn(self, network: Generator, settings: VolumeSettings = VOLUME) -> Drawn:
        return network.draw(network.meet(*self.portrait), *self.frame, settings=settings)


@pytest.fixture(scope="module")
def seen() -> Seen:
    torch.manual_seed(1)

    def picture(channels: int = 3) -> Tensor:
        return F.interpolate(torch.rand(1, channels, 8, 8) * 2 - 1, (SIDE, SIDE), mode="bicubic")

    classes = F.one_hot(picture(6).argmax(1), 6).permute(0, 3, 1, 2).float()
    source = torch.rand(1, 68, 3) - 0.5
    camera = camera_of_pose(np.array([[0.1, 0.3, 0]], np.float32), np.zeros((1, 3), np.float32))
    portrait = (picture(), (picture(), picture()), (picture(), picture(), classes), source)
    return Seen(portrait, (picture(), torch.from_numpy(camera), source + 0.03))


@pytest.fixture(scope="module")
def network(seen: Seen) -> Generator:
    """Batch norms know the pictures, else frames leave every range."""
    torch.manual_seed(0)
    network = Generator(SMALL).requires_grad_(False)
    network.decoder.out.bias[0] = DENSE
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.momentum = None
    seen.drawn(network.train())
    return network.eval()


@pytest.fixture(scope="module")
def wanted(network: Generator, seen: Seen) -> Drawn:
    with torch.inference_mode():
        return seen.drawn(network, VolumeSettings(VOLUME.size, VOLUME.coarse, VOLUME.fine, plain=True))


def card(network: Generator, dtype: torch.dtype, by: Callable[[Any], Any]) -> CardGenerator:
    """As `quickened` makes it on a card."""
    quick = quickened(copy.deepcopy(network))
    quick.super_resolution = QuickSuperResolution(network.super_resolution, Arithmetic(False, dtype))
    return CardGenerator(quick, dtype, by)


def whole(function: Any) -> Any:
    """`function` by a compiler that raises where it cannot take all of it, or where numbers are asked for within."""
    return torch.compile(function, fullgraph=True, dynamic=False, backend="eager")


@torch.inference_mode()
def test_single_precision_is_exact(network: Generator, seen: Seen, wanted: Drawn) -> None:
    found = seen.drawn(card(network, torch.float32, lambda same: same))
    assert wanted.frame.std() > 0.2
    assert (found.frame - wanted.frame).abs().max() < 1e-4
    for one, other in zip(found.rendered, wanted.rendered, strict=True):
        assert (one - other).abs().max() < 1e-4


@pytest.mark.parametrize("by", [lambda same: same, whole], ids=["plain", "whole"])
@torch.inference_mode()
def test_bfloat16_is_within_55_db_and_the_frame_is_one_function(
    network: Generator, seen: Seen, wanted: Drawn, by: Any
) -> None:
    drawer = card(network, torch.bfloat16, by)
    found = seen.drawn(drawer)
    with torch._dynamo.config.patch(error_on_recompile=True):
        assert torch.equal(seen.drawn(drawer).frame, found.frame)
    assert found.frame.dtype == found.planes.dtype == torch.float32
    assert 10 * torch.log10(4 / (found.frame - wanted.frame).square().mean()) > 55


@torch.inference_mode()
def test_tiles_change_nothing(network: Generator, seen: Seen) -> None:
    tiled = VolumeSettings(VOLUME.size, VOLUME.coarse, VOLUME.fine, chunk=300)
    drawer = card(network, torch.float32, lambda same: same)
    whole = seen.drawn(drawer)
    for module in drawer.modules():
        if isinstance(module, Attention | FeedForward):
            module.pieces = 3
    drawer.super_resolution.high.bands = 3  # type: ignore[union-attr]
    assert (seen.drawn(drawer, tiled).frame - whole.frame).abs().max() < 1e-5


@torch.inference_mode()
def test_tiles_reach_every_part_of_quick_networks(network: Generator, seen: Seen) -> None:
    one, three = (quickened(copy.deepcopy(network), tiles=tiles) for tiles in (1, 3))
    assert three.super_resolution.high.bands == 3  # type: ignore[union-attr]
    pieces = [module.pieces for module in three.modules() if isinstance(module, Attention | FeedForward)]
    assert len(pieces) > 5
    assert set(pieces) == {3}
    assert (seen.drawn(one).frame - seen.drawn(three).frame).abs().max() < 2e-3  # where products are of bytes


@pytest.mark.parametrize(("fast", "dtype"), [(False, torch.float32), (True, torch.bfloat16)])
def test_networks_that_are_not_on_the_processor_take_this_form(fast: bool, dtype: torch.dtype) -> None:
    with torch.device("meta"):
        quick = quickened(Generator(SMALL), fast=fast)
    assert isinstance(quick, CardGenerator)
    assert quick.dtype == dtype
