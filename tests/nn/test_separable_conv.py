"""Separable convolutions in one pass, and what they find out on the way, against double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vivant.nn import rows
from vivant.nn.separable_conv import KERNELS, SeparableConv, Way
from vivant.nn.split_conv import Change, Feature, measured

WAYS: list[Way] = ["same", "halve", "double"]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(4)


def picture(channels: int, height: int, width: int) -> Tensor:
    return torch.randn(1, channels, height, width).contiguous(memory_format=torch.channels_last)


def weights(way: Way, inputs: int, outputs: int) -> tuple[Tensor, Tensor]:
    return torch.randn(inputs, 1, KERNELS[way], KERNELS[way]), torch.randn(outputs, inputs, 1, 1)


def published(x: Tensor, depthwise: Tensor, mixing: Tensor, way: Way) -> Tensor:
    """The two convolutions, one after the other, in double precision."""
    channels = len(depthwise)
    if way == "double":
        spread = F.conv_transpose2d(x.double(), depthwise.double(), stride=2, padding=1, groups=channels)
    else:
        stride = 2 if way == "halve" else 1
        spread = F.conv2d(x.double(), depthwise.double(), stride=stride, padding=1, groups=channels)
    return F.conv2d(spread, mixing.double())


def check(found: Feature, wanted: Tensor) -> None:
    assert found.picture.is_contiguous(memory_format=torch.channels_last)
    assert (found.picture - wanted).abs().max() < 2e-6 * wanted.abs().max()
    np.testing.assert_allclose(found.mean, wanted.mean((0, 2, 3)), atol=1e-5 * float(wanted.std()))
    np.testing.assert_allclose(found.variance, wanted.var((0, 2, 3), correction=0), rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(found.least, found.picture.amin((0, 2, 3)))
    np.testing.assert_array_equal(found.most, found.picture.amax((0, 2, 3)))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("height", "width"), [(2, 2), (18, 40), (300, 26)])
def test_it_is_both_convolutions(way: Way, height: int, width: int) -> None:
    x, (depthwise, mixing) = picture(48, height, width), weights(way, 48, 20)
    conv, wanted = SeparableConv(depthwise, mixing, way), published(x, depthwise, mixing, way)
    check(conv(measured(x)), wanted)
    more = torch.randn(wanted.shape).contiguous(memory_format=torch.channels_last)
    check(conv(measured(x), None, more), wanted + more.double())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("leak", [0.0, 0.1, 1.0])
def test_the_norm_of_what_comes_in_is_on_the_way(way: Way, leak: float) -> None:
    x, (depthwise, mixing) = picture(16, 12, 20), weights(way, 16, 24)
    change = Change(np.linspace(-2, 2, 16, dtype=np.float32), np.linspace(1, -1, 16, dtype=np.float32), leak)
    changed = (
        x.double() * torch.from_numpy(change.scale)[:, None, None] + torch.from_numpy(change.offset)[:, None, None]
    )
    before = x.clone()
    # Zeros around the picture stay zeros: they come after the norm.
    check(
        SeparableConv(depthwise, mixing, way)(measured(x), change),
        published(F.leaky_relu(changed, leak), depthwise, mixing, way),
    )
    assert torch.equal(x, before)


@pytest.mark.parametrize("way", WAYS)
def test_cores_share_the_rows(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    x, (depthwise, mixing) = picture(32, 22, 30), weights(way, 32, 16)
    conv = SeparableConv(depthwise, mixing, way)
    monkeypatch.setattr(rows, "SMALL", 0)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        check(conv(measured(x)), published(x, depthwise, mixing, way))
    finally:
        torch.set_num_threads(before)


def test_a_layer_can_see_pictures_of_several_sizes() -> None:
    depthwise, mixing = weights("same", 16, 16)
    conv = SeparableConv(depthwise, mixing, "same")
    for size in (8, 12, 8):
        x = picture(16, size, size)
        check(conv(measured(x)), published(x, depthwise, mixing, "same"))
