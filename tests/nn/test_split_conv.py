"""Convolutions of split numbers against convolutions in double precision."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from vivant.nn.split_conv import SplitConv, SplitDeconv, split, split_convs_work

pytestmark = pytest.mark.skipif(not split_convs_work(), reason="this processor has no 8-bit multiplications")


def picture(channels: int, height: int = 20, width: int = 24) -> torch.Tensor:
    torch.manual_seed(3)
    return torch.randn(1, channels, height, width).mul_(2).contiguous(memory_format=torch.channels_last)


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).square().mean().sqrt() / wanted.std())


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (4, 2), (2, 1)])
@pytest.mark.parametrize("bias", [False, True])
def test_it_is_the_convolution_to_a_ten_thousandth(kernel: int, stride: int, bias: bool) -> None:
    x, weight = picture(64), torch.randn(48, 64, kernel, kernel) * torch.rand(48, 1, 1, 1)
    shift = torch.randn(48) if bias else torch.zeros(48)
    network = SplitConv(weight, shift if bias else None, stride=stride)
    for given in (x, 0.01 * x, x[:, :, :10]):
        wanted = F.conv2d(given.double(), weight.double(), shift.double(), stride, 1)
        assert relative(network(given), wanted) < 1.5e-4


def test_a_transposed_one_too() -> None:
    x, weight, bias = picture(64), torch.randn(64, 32, 4, 4), torch.randn(32)
    wanted = F.conv_transpose2d(x.double(), weight.double(), bias.double(), stride=2, padding=1)
    assert relative(SplitDeconv(weight, bias)(x), wanted) < 1.5e-4


def test_the_bytes_give_the_number_back() -> None:
    x = picture(8, 200, 200)
    step, high, both = split(x)
    assert torch.equal(both[:, 8:], high)
    back = step * (256 * (high.double() - 128) + both[:, :8].double() - 128)
    assert (back - x).abs().max() <= 1.01 * step
    assert split(torch.zeros_like(x))[1].eq(128).all()
