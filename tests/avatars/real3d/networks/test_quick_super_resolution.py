"""The inference form of torso and super-resolution beside the networks that it is made from."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivant.avatars.real3d.networks import style_layers
from vivant.avatars.real3d.networks.quick_layers import (
    Arithmetic,
    Doubling,
    Seen,
    arithmetic,
    halved,
    picture,
    repeated,
    sampled_quickly,
    smooth_doubling,
)
from vivant.avatars.real3d.networks.quick_super_resolution import QuickSuperResolution, doubled, quickened
from vivant.avatars.real3d.networks.quick_torso import OverDepth
from vivant.avatars.real3d.networks.super_resolution import HeadTorsoSuperResolution, SuperResolutionConfig
from vivant.avatars.real3d.networks.torso_appearance import TorsoAppearanceConfig
from vivant.avatars.real3d.networks.torso_blocks import SpectralConv2d, sampled
from vivant.avatars.real3d.networks.torso_generator import TorsoGeneratorConfig
from vivant.avatars.real3d.networks.torso_motion import TorsoMotionConfig
from vivant.nn.split_conv import split_convs_work

SIDE = 16
FLOAT, SPLIT, BFLOAT = Arithmetic(False), Arithmetic(True), Arithmetic(False, torch.bfloat16)
bytes_work = pytest.mark.skipif(not split_convs_work(), reason="this processor has no 8-bit multiplications")


class Given(NamedTuple):
    """What a frame is made from, in the order of `forward`, and the pictures behind it."""

    features: Tensor
    rgb: Tensor
    weights: Tensor
    source: Tensor
    target: Tensor
    pictures: tuple[Tensor, Tensor, Tensor]

    def frame(self, network: HeadTorsoSuperResolution | QuickSuperResolution, threshold: float = 0.9) -> Tensor:
        still = network.still(*self.pictures)
        given = (self.features, self.rgb, self.weights, still, self.source, self.target, threshold)
        result: Tensor = network(*given).frame
        return result


@cache
def small() -> HeadTorsoSuperResolution:
    """Every part, but narrow; its statistics and shifts are random, its spectral norms are found."""
    torch.manual_seed(2)
    config = SuperResolutionConfig(
        inputs=8,
        width=32,
        last=16,
        hidden=16,
        latent=8,
        appearance=TorsoAppearanceConfig(start=8, channels=4, depth=8, blocks=1),
        motion=TorsoMotionConfig(inputs=6, depth=8, widths=(8, 16), outputs=8, blocks=1),
        generator=TorsoGeneratorConfig(channels=4, depth=8, width=32, blocks=1),
    )
    network = HeadTorsoSuperResolution(config)
    for module in network.modules():
        if isinstance(module, SpectralConv2d):
            for _ in range(20):
                module(torch.zeros(1, module.in_channels, 3, 3))
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
    return network.eval().requires_grad_(False)


@pytest.fixture
def given() -> Given:
    torch.manual_seed(3)
    size = 4 * SIDE
    classes = F.one_hot(torch.randint(0, 6, (1, size // 8, size // 8)), 6).permute(0, 3, 1, 2).float()
    features, (source, target) = torch.randn(1, 8, SIDE, SIDE), torch.rand(2, 1, 68, 3) - 0.5
    pictures = (torch.rand(1, 3, size, size), -torch.rand(1, 3, size, size), F.interpolate(classes, size=(size, size)))
    return Given(features, features[:, :3], torch.rand(1, 1, SIDE, SIDE), source, target, pictures)


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_cores")
def test_folding_changes_nothing_but_rounding(given: Given) -> None:
    frame, wanted = given.frame(QuickSuperResolution(small(), FLOAT)), given.frame(small())
    assert wanted.std() > 0.2
    assert (frame - wanted).abs().max() < 2e-5


@bytes_work
def test_split_numbers_are_exact_to_a_thousandth(given: Given) -> None:
    assert (given.frame(QuickSuperResolution(small(), SPLIT)) - given.frame(small())).abs().max() < 1e-3


def test_bfloat16_is_within_40_db(given: Given) -> None:
    error = given.frame(QuickSuperResolution(small(), BFLOAT)) - given.frame(small())
    assert 10 * torch.log10(4 / error.square().mean()) > 50


def test_frames_and_stills_are_independent(given: Given) -> None:
    """Two frames of one picture are each as if alone, and a still lasts."""
    quick = quickened(small())
    still = quick.still(*given.pictures)
    frames = [given[:3], (given.features.flip(3), given.rgb.flip(3), given.weights.flip(3))]
    alone = [quick(*frame, still, given.source, given.target).frame for frame in frames]
    both = quick(*map(torch.cat, zip(*frames, strict=True)), still, given.source, torch.cat((given.target,) * 2))
    assert torch.equal(both.frame, torch.cat(alone))
    assert not torch.equal(*alone)


@pytest.mark.parametrize(("how", "near"), [(FLOAT, 1e-5), pytest.param(SPLIT, 2e-4, marks=bytes_work)])
@pytest.mark.parametrize("bands", [3, 40])
def test_bands_of_rows_give_the_whole(given: Given, how: Arithmetic, near: float, bands: int) -> None:
    """Three of unlike heights, and more than there are rows; products of bytes are rounded by what each band holds."""
    quick = QuickSuperResolution(small(), how)
    whole = given.frame(quick)
    quick.high.bands = bands
    assert (given.frame(quick) - whole).abs().max() < near


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_the_threshold_decides_what_shines_through(given: Given, threshold: float) -> None:
    """Below any weight the whole picture is head: the background's colour plays no part."""
    quick, dark = (
        QuickSuperResolution(small(), FLOAT),
        given._replace(pictures=(*given.pictures[:1], *[-x for x in given.pictures[1:2]], given.pictures[2])),
    )
    same = torch.allclose(given.frame(quick, threshold), dark.frame(quick, threshold), atol=1e-5)
    assert same == (threshold == 0)


def test_fast_is_bfloat16_where_the_processor_has_it() -> None:
    cpu = torch.device("cpu")
    wanted = torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
    assert arithmetic(fast=True, device=cpu).dtype == wanted
    assert arithmetic(fast=False, device=cpu) == Arithmetic(split_convs_work())
    assert arithmetic(fast=True, device=torch.device("cuda")) == BFLOAT


@pytest.mark.parametrize("how", [FLOAT, pytest.param(SPLIT, marks=bytes_work)])
def test_doubling_is_transposed_convolution_and_filter(how: Arithmetic) -> None:
    torch.manual_seed(1)
    x, weight, bias = torch.randn(1, 6, 9, 7), torch.randn(5, 6, 3, 3), torch.randn(5)
    wanted = low_pass_of(x, weight) + bias[:, None, None]
    found = picture(Doubling(how, smooth_doubling(weight), bias, 0.2)([Seen(how.image(x))]))
    assert (found - F.leaky_relu(wanted, 0.2)).abs().max() < (5e-3 if how.split else 1e-5)


def low_pass_of(x: Tensor, weight: Tensor) -> Tensor:
    return style_layers.low_pass(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), (1, 1))


def test_colours_are_doubled_bilinearly() -> None:
    rgb = torch.randn(2, 3, 5, 8)
    assert (doubled(rgb) - style_layers.doubled(rgb)).abs().max() < 1e-6


def test_sizes_are_halved_and_repeated() -> None:
    x = torch.randn(1, 3, 4, 6, 8)
    torch.testing.assert_close(halved(x), F.avg_pool3d(x, (1, 2, 2)))
    torch.testing.assert_close(repeated(x), F.interpolate(x, scale_factor=(1, 2, 2)))


def test_what_is_the_same_at_every_depth_is_convolved_as_a_picture() -> None:
    x, weight, bias = torch.randn(1, 3, 6, 7), torch.randn(4, 3, 5, 5, 5), torch.randn(4)
    wanted = F.conv3d(x[:, :, None].expand(-1, -1, 9, -1, -1), weight, bias, padding=2)
    assert (OverDepth(FLOAT, weight, bias, 9)(FLOAT.image(x)) - wanted).abs().max() < 1e-4  # type: ignore[arg-type]


@pytest.mark.usefixtures("three_cores")
@pytest.mark.parametrize("beyond", ["zeros", "border"])
def test_volumes_are_sampled_as_by_pytorch(beyond: str) -> None:
    """Within, at the corners and outside."""
    volume, places = torch.randn(1, 5, 4, 6, 7), torch.rand(1, 3, 8, 9, 3) * 3 - 1.5
    places[0, 0, 0, :2] = torch.tensor([[1.0, 1, 1], [-1, -1, -1]])
    torch.testing.assert_close(sampled_quickly(volume, places, beyond=beyond), sampled(volume, places, beyond=beyond))
