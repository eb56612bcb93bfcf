"""Bodies in 16-bit numbers beside the bodies that they are made from."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn

from vivant.avatars.tha.networks import quick
from vivant.avatars.tha.networks.blocks import Body, BodyConfig, TurningBody, fold
from vivant.avatars.tha.networks.eyebrow_combiner import EyebrowCombiner, EyebrowCombinerConfig
from vivant.avatars.tha.networks.quick import QuickBody, QuickTurningBody, QuickUNet, quicken
from vivant.avatars.tha.networks.unet import UNet, UNetConfig
from vivant.avatars.tha.networks.upscaler import Upscaler, UpscalerConfig
from vivant.nn.split_conv import split_convs_work

bytes_work = pytest.mark.skipif(not split_convs_work(), reason="this processor has no 8-bit multiplications")

Network = TypeVar("Network", bound=nn.Module)
NEAR = 1e-3
"""Of the largest number of an untrained body, whose norms amplify each layer's error of 1e-4."""


def prepared(network: Network) -> Network:
    """Folded, its zero weights and norms made random."""
    torch.manual_seed(5)
    for parameter in network.parameters():
        if parameter.dim() == 1 or not parameter.any():
            parameter.data.add_(torch.randn_like(parameter), alpha=0.2 if parameter.dim() == 1 else 0.05)
    fold(network.eval().requires_grad_(False))
    return network.to(memory_format=torch.channels_last)


def picture(channels: int, size: int = 48) -> Tensor:
    return torch.randn(1, channels, size, size).contiguous(memory_format=torch.channels_last)


def near(found: Tensor, wanted: Tensor) -> None:
    assert found.shape == wanted.shape
    assert (found - wanted).abs().max() < NEAR * wanted.abs().max()


def exactly(found: Tensor, wanted: Tensor) -> None:
    """But for the order in which numbers are added."""
    assert found.shape == wanted.shape
    assert (found - wanted).abs().max() < 2e-5 * wanted.abs().max()


@bytes_work
@torch.inference_mode()
def test_the_body_of_brows_and_face() -> None:
    body = prepared(Body(BodyConfig(inputs=4, pose=3, start=64, halvings=2, blocks=3)))
    fast, given, pose = QuickBody(body), picture(4), torch.rand(1, 3)
    code = fast.encode(given)
    near(code, body.encode(given))
    near(fast.decode(code, pose), body.decode(code, pose))
    near(fast.decode(code, 1 - pose), body.decode(code, 1 - pose))  # nothing of the code is overwritten


@bytes_work
@pytest.mark.parametrize("skips", [False, True])
@torch.inference_mode()
def test_the_body_of_rotator_and_editor(skips: bool) -> None:
    body = prepared(TurningBody(BodyConfig(inputs=10, start=64, halvings=2, blocks=2), kernel=7, skips=skips))
    given = picture(10)
    before = given.clone()
    near(QuickTurningBody(body)(given), body(given))
    assert torch.equal(given, before)


@bytes_work
@torch.inference_mode()
def test_the_unet() -> None:
    """Widths that make groups reach from a feature into its skip, blocks with and without a skip convolution."""
    unet = prepared(UNet(UNetConfig(channels=32, multipliers=(1, 2, 2), middle=2)))
    fast, given, pose, rough = QuickUNet(unet), picture(4), torch.randn(1, 6), picture(32)
    near(fast(given, pose), unet(given, pose))
    near(fast(given, pose, rough), unet(given, pose, rough))


@bytes_work
@torch.inference_mode()
def test_the_upscaler_with_what_it_sees_of_the_rough_picture() -> None:
    network = prepared(Upscaler(UpscalerConfig(channels=32, multipliers=(1, 2))))
    fast = copy.deepcopy(network)
    quicken(fast)
    given = (picture(4), picture(4), 0.1 * torch.randn(1, 2, 48, 48), torch.randn(1, 6))
    seen = torch.cat(given[:3], dim=1)
    near(fast.rough(seen), network.rough(seen))
    near(fast(*given).direct, network(*given).direct)


@bytes_work
@torch.inference_mode()
def test_a_network_gets_a_quick_body_where_the_processor_can(monkeypatch: pytest.MonkeyPatch) -> None:
    network = prepared(EyebrowCombiner(EyebrowCombinerConfig(channels=32)))
    network.heads.convs["flow"].weight.data *= 0.02  # or nothing of the picture would remain
    fast = copy.deepcopy(network)
    quicken(fast)
    assert isinstance(fast.body, QuickBody)
    layers, pose = (picture(4, 32), picture(4, 32)), torch.rand(1, 12)
    for found, wanted in zip(fast(*layers, pose), network(*layers, pose), strict=True):
        assert (found - wanted).abs().mean() < NEAR
    monkeypatch.setattr(quick, "split_convs_work", lambda: False)
    quicken(network)
    assert isinstance(network.body, Body)


@torch.inference_mode()
def test_separable_bodies_are_as_exact_as_before() -> None:
    body = prepared(Body(BodyConfig(inputs=4, pose=3, start=32, halvings=2, blocks=3, separable=True)))
    fast, given, pose = QuickBody(body), picture(4), torch.rand(1, 3)
    code = fast.encode(given)
    exactly(code, body.encode(given))
    exactly(fast.decode(code, pose), body.decode(code, pose))
    exactly(fast.decode(code, 1 - pose), body.decode(code, 1 - pose))


@pytest.mark.parametrize("skips", [False, True])
@torch.inference_mode()
def test_separable_bodies_that_turn_too(skips: bool) -> None:
    config = BodyConfig(inputs=10, start=32, halvings=2, blocks=2, separable=True)
    body = prepared(TurningBody(config, kernel=7, skips=skips))
    given = picture(10)
    exactly(QuickTurningBody(body)(given), body(given))


def test_a_separable_network_gets_it_even_where_it_must_be_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "split_convs_work", lambda: False)
    for separable, kind in ((True, QuickBody), (False, Body)):
        network = prepared(EyebrowCombiner(EyebrowCombinerConfig(channels=32, separable=separable)))
        quicken(network, exact=True)
        assert isinstance(network.body, kind)


@torch.inference_mode()
def test_several_pictures_are_each_as_if_alone() -> None:
    """Layers use the memory of one picture again for the next."""
    config = BodyConfig(inputs=4, pose=3, start=32, halvings=2, blocks=1, separable=True)
    turning = TurningBody(replace(config, inputs=10, pose=0), kernel=7, skips=True)
    body, turn = QuickBody(prepared(Body(config))), QuickTurningBody(prepared(turning))
    one, other = picture(4), picture(4)
    codes = [body.encode(each).clone() for each in (one, other)]
    assert torch.equal(body.encode(torch.cat([one, other])), torch.cat(codes))
    poses = torch.rand(2, 3)
    alone = [body.decode(code, pose[None]).clone() for code, pose in zip(codes, poses, strict=True)]
    assert torch.equal(body.decode(torch.cat(codes), poses), torch.cat(alone))
    one, other = picture(10), picture(10)
    alone = [turn(each).clone() for each in (one, other)]
    assert torch.equal(turn(torch.cat([one, other])), torch.cat(alone))
    assert not torch.equal(*alone)
