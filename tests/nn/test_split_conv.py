"""Convolutions of split numbers, and what is done between them, against double precision."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from vivant.nn import split_conv
from vivant.nn.split_conv import (
    Change,
    Feature,
    Pieces,
    SplitConv,
    SplitDeconv,
    changed,
    cut,
    cut_means,
    measured,
    normed,
    split_convs_work,
)

pytestmark = pytest.mark.skipif(not split_convs_work(), reason="this processor has no 8-bit multiplications")

LEAKS = [None, 0.0, 0.1, 1.0]


def picture(channels: int, height: int = 20, width: int = 24) -> torch.Tensor:
    return torch.randn(1, channels, height, width).mul_(2).contiguous(memory_format=torch.channels_last)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(3)


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).square().mean().sqrt() / wanted.std())


def check_known(feature: Feature) -> None:
    """What a feature says of itself."""
    exact = feature.picture.double()
    np.testing.assert_allclose(feature.mean, exact.mean((0, 2, 3)), atol=1e-4 * float(exact.std()))
    np.testing.assert_allclose(feature.variance, exact.var((0, 2, 3), correction=0), rtol=1e-4)
    np.testing.assert_array_equal(feature.least, exact.amin((0, 2, 3)))
    np.testing.assert_array_equal(feature.most, exact.amax((0, 2, 3)))


def numbers(pieces: Pieces) -> torch.Tensor:
    """The picture that `pieces` stand for."""
    high, low = (
        part[:, :, 1:-1, 1:-1].double() - 128 for part in (pieces.high, pieces.both[:, : pieces.high.shape[1]])
    )
    return pieces.step * (256 * high + low)


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (4, 2, 1), (2, 1, 1), (7, 1, 3), (1, 1, 0)])
@pytest.mark.parametrize("bias", [False, True])
def test_it_is_the_convolution_to_a_ten_thousandth(kernel: int, stride: int, padding: int, bias: bool) -> None:
    x, weight = picture(64), torch.randn(48, 64, kernel, kernel) * torch.rand(48, 1, 1, 1)
    shift = torch.randn(48) if bias else torch.zeros(48)
    network = SplitConv(weight, shift if bias else None, stride=stride, padding=padding)
    for given in (x, 0.01 * x, x[:, :, :10]):
        wanted = F.conv2d(given.double(), weight.double(), shift.double(), stride, padding)
        more = torch.randn(wanted.shape).contiguous(memory_format=torch.channels_last)
        pieces = cut([measured(given)], margin=network.margin)
        assert relative(network(pieces).picture, wanted) < 1.5e-4
        found = network(pieces, more)
        assert relative(found.picture - more, wanted) < 1.5e-4
        check_known(found)


def test_a_transposed_one_too() -> None:
    x, weight, bias = picture(64), torch.randn(64, 32, 4, 4), torch.randn(32)
    wanted = F.conv_transpose2d(x.double(), weight.double(), bias.double(), stride=2, padding=1)
    more = torch.randn(wanted.shape).contiguous(memory_format=torch.channels_last)
    found = SplitDeconv(weight, bias)(cut([measured(x)]), more)
    assert relative(found.picture - more, wanted) < 1.5e-4
    check_known(found)


def test_volumes_too() -> None:
    x, weight = torch.randn(1, 16, 6, 10, 12), torch.randn(24, 16, 3, 3, 3)
    found = SplitConv(weight)(cut([measured(x)])).picture
    assert relative(found, F.conv3d(x.double(), weight.double(), padding=1)) < 1.5e-4


def test_the_means_of_four_are_one_pass_with_norm_and_activation() -> None:
    x = picture(32, 40, 44)
    change = Change(np.linspace(-2, 2, 32, dtype=np.float32), np.ones(32, np.float32), None)
    wanted = F.avg_pool2d(F.silu(x.double() * torch.from_numpy(change.scale)[:, None, None] + 1), 2)
    pieces = cut_means(measured(x), change)
    assert (numbers(pieces) - wanted).abs().max() <= 1.01 * pieces.step + 1e-5


def test_another_convolution_may_be_added_band_by_band(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, shift = picture(32, 40, 24), torch.randn(16, 32, 3, 3), torch.randn(16)
    beside = torch.randn(16, 32, 1, 1)
    wanted = F.conv2d(x.double(), weight.double(), padding=1) + F.conv2d(x.double(), beside.double(), shift.double())
    for band in (split_conv.BAND, 16 * 24 * 6):
        monkeypatch.setattr(split_conv, "BAND", band)
        skip = SplitConv(beside, shift, padding=0)
        found = SplitConv(weight)(cut([measured(x)]), skip.later(cut([measured(x)], margin=skip.margin)))
        assert relative(found.picture, wanted) < 1.5e-4
        check_known(found)


def test_the_bytes_give_the_number_back() -> None:
    x = picture(8, 200, 200)
    pieces = cut([measured(x)])
    assert torch.equal(pieces.both[:, 8:], pieces.high)
    around = pieces.high.clone()
    around[:, :, 1:-1, 1:-1] = 128
    assert around.eq(128).all()  # zeros stand around the picture
    assert (numbers(pieces) - x).abs().max() <= 1.01 * pieces.step
    assert cut([measured(torch.zeros_like(x))]).high.eq(128).all()


@pytest.mark.parametrize("leak", LEAKS)
def test_norm_activation_and_bytes_of_two_features_are_one_pass(leak: float | None) -> None:
    """Groups may reach from one feature into the next."""
    parts, gain, shift = [picture(64, 40, 44), 3 + picture(32, 40, 44)], torch.randn(96), torch.randn(96)
    features = [measured(part) for part in parts]
    change = normed(features, 32, gain.numpy(), shift.numpy(), 1e-5, leak)
    wanted = F.group_norm(torch.cat(parts, 1).double(), 32, gain.double(), shift.double(), 1e-5)
    wanted = F.silu(wanted) if leak is None else F.leaky_relu(wanted, leak)
    pieces = cut(features, change)
    assert (numbers(pieces) - wanted).abs().max() <= 1.01 * pieces.step + 1e-5
    assert pieces.step * 32512 < 1.3 * wanted.abs().max()  # no digits are given away


@pytest.mark.parametrize("leak", LEAKS)
def test_changed_is_the_same_in_float32(leak: float | None) -> None:
    x = picture(16)
    change = Change(np.linspace(-2, 2, 16, dtype=np.float32), np.ones(16, np.float32), leak)
    scaled = x.double() * torch.from_numpy(change.scale)[:, None, None] + 1
    wanted = F.silu(scaled) if leak is None else F.leaky_relu(scaled, leak)
    before = x.clone()
    torch.testing.assert_close(changed(measured(x), change).double(), wanted, atol=2e-6, rtol=2e-6)
    assert torch.equal(x, before)
    assert changed(measured(x), change, reuse=True) is x
    torch.testing.assert_close(x.double(), wanted, atol=2e-6, rtol=2e-6)


@pytest.mark.parametrize("cores", [1, 2, 3, 16])
@pytest.mark.parametrize("rows", [1, 2, 5, 21, 64])
def test_every_row_is_in_one_band(cores: int, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_conv, "cores_for", lambda numbers: cores)
    for wide in (10, 40_000, 4_000_000):
        bounds = split_conv._bounds(8, [rows, wide])
        assert len(bounds) <= cores
        assert [part[-1] for part in bounds[:-1]] == [part[0] for part in bounds[1:]]
        flat = [0, *(place for part in bounds for place in part[1:])]
        assert flat[-1] == rows
        assert all(first < last for first, last in pairwise(flat))
        assert not any(place % 2 for place in flat[:-1])


def test_cores_share_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from vivant.nn import rows

    x, more = picture(32, 21, 30), picture(16, 42, 60)
    conv, deconv = SplitConv(torch.randn(32, 32, 3, 3)), SplitDeconv(torch.randn(32, 16, 4, 4))

    def results() -> list[torch.Tensor]:
        feature = conv(cut([measured(x)]))
        return [feature.picture, deconv(cut([feature]), more).picture]

    alone = results()
    monkeypatch.setattr(rows, "SMALL", 0)
    monkeypatch.setattr(split_conv, "BAND", 4000)  # five bands and twenty
    before = torch.get_num_threads()
    try:
        for cores in (3, 16):
            torch.set_num_threads(cores)
            for found, wanted in zip(results(), alone, strict=True):
                torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)
    finally:
        torch.set_num_threads(before)
