"""Convolutions through the smaller map beside the plain order of things."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from vivant.avatars.real3d.networks import resizing
from vivant.avatars.real3d.networks.resizing import EnlargingConv, sum_resized


@pytest.mark.parametrize("size", [(2, 2), (3, 9), (8, 8), (17, 20), (40, 5)])
@pytest.mark.parametrize("threads", [1, 3])
@torch.inference_mode()
def test_an_enlarging_convolution(size: tuple[int, int], threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    torch.manual_seed(1)
    layer, x = EnlargingConv(5, 7), torch.randn(2, 5, *size)
    wanted = layer(x)
    layer.fold()
    found = layer(x)
    assert found.shape == (2, 7, 2 * size[0], 2 * size[1])
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    assert layer.state_dict().keys() == {"conv.weight", "conv.bias"}


@torch.inference_mode()
def test_folded_it_does_not_convolve_at_the_larger_size(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = EnlargingConv(4, 4), torch.randn(1, 4, 8, 8)
    layer.fold()
    monkeypatch.setattr(layer.conv, "forward", None)
    assert layer(x).shape == (1, 4, 16, 16)


@pytest.mark.parametrize(
    "sizes", [((8, 8), (4, 4), (2, 2)), ((12, 20), (6, 10), (3, 5)), ((6, 6), (3, 3), (1, 1)), ((4, 4),)]
)
@pytest.mark.parametrize("threads", [1, 4])
@torch.inference_mode()
def test_a_sum_of_resized_maps(
    sizes: tuple[tuple[int, int], ...], threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    torch.manual_seed(1)
    maps = [torch.randn(2, *size, 5) for size in sizes]
    resized = [F.interpolate(x.permute(0, 3, 1, 2), sizes[0], mode="bilinear", align_corners=False) for x in maps]
    wanted = F.relu(sum(resized, torch.zeros(1))).permute(0, 2, 3, 1)
    torch.testing.assert_close(sum_resized(maps, leak=0), wanted, atol=1e-5, rtol=1e-4)


def test_what_learns_or_is_not_float32_takes_the_plain_way() -> None:
    assert not resizing.quick(torch.zeros(1, requires_grad=True))
    assert not resizing.quick(torch.zeros(1, dtype=torch.bfloat16))
    with torch.no_grad():
        assert resizing.quick(torch.zeros(1, requires_grad=True))
