"""Norms over places: what PyTorch says in double precision, on every way that leads through them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from vivant.nn.norm import group_norm

CASES = [(1, 8, 5, 7, 8), (1, 96, 64, 96, 32), (1, 64, 96, 96, 64), (1, 32, 12, 12, 4), (3, 8, 6, 6, 4)]


def picture(count: int, channels: int, height: int, width: int) -> torch.Tensor:
    torch.manual_seed(0)
    x = torch.randn(count, channels, height, width) * torch.rand(channels)[:, None, None] * 4 + 1
    return x.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("reuse", [False, True])
@pytest.mark.parametrize("leak", [0.0, 0.1, 1.0])
def test_it_is_the_norm_of_pytorch(case: tuple[int, int, int, int, int], reuse: bool, leak: float) -> None:
    *size, groups = case
    x, gain, shift = picture(*size), torch.rand(size[1]) + 0.5, torch.randn(size[1])
    wanted = F.leaky_relu(F.group_norm(x.double(), groups, gain.double(), shift.double()), leak)
    before = x.clone()
    found = group_norm(x, groups, gain, shift, 1e-5, leak=leak, reuse=reuse)
    torch.testing.assert_close(found.double(), wanted, atol=2e-5, rtol=0)
    assert reuse or torch.equal(x, before)
    if len(x) == 1:
        assert found.is_contiguous(memory_format=torch.channels_last)


def test_gain_and_shift_may_differ_from_picture_to_picture() -> None:
    x, gain, shift = picture(3, 8, 6, 6), torch.rand(3, 8), torch.randn(3, 8)
    found = group_norm(x.clone(), 4, gain, shift, 1e-5)
    for n in range(3):
        one = group_norm(x[n : n + 1].clone(), 4, gain[n : n + 1], shift[n : n + 1], 1e-5)
        torch.testing.assert_close(found[n : n + 1], one, atol=2e-6, rtol=0)


def test_a_quarter_of_a_million_places_cost_no_digits() -> None:
    x = picture(1, 32, 512, 512)
    wanted = F.instance_norm(x.double())
    found = group_norm(x, 32, torch.ones(32), torch.zeros(32), 1e-5)
    assert (found - wanted).abs().max() < 5e-6  # PyTorch's own norm of such a picture is 1e-4 off


def test_gradients_flow_as_through_pytorch() -> None:
    x, gain = picture(1, 8, 6, 6).requires_grad_(), torch.rand(8, requires_grad=True)
    group_norm(x, 8, gain, torch.zeros(8), 1e-5, leak=0.1, reuse=True).square().sum().backward()
    assert x.grad is not None
    again = x.detach().clone().requires_grad_()
    F.leaky_relu(F.group_norm(again, 8, gain.detach(), torch.zeros(8)), 0.1).square().sum().backward()
    torch.testing.assert_close(x.grad, again.grad)
    assert gain.grad is not None
