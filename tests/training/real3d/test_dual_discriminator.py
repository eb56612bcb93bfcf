"""The dual discriminator: its numbers, its parts, and that it learns."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from originals import original
from torch import Tensor

from vivant.avatars.real3d.networks.style_layers import BINOMIAL
from vivant.errors import SettingsError
from vivant.training.real3d.dual_discriminator import DualDiscriminator, DualDiscriminatorConfig, pair, variety
from vivant.training.real3d.equalised import EqualisedConv, EqualisedLinear
from vivant.weights.keys import compare, shapes
from vivant.weights.real3d_training import dual_discriminator

SMALL = DualDiscriminatorConfig(picture=32, base=512, most=16, mapping=2)


@pytest.mark.slow
def test_real3d_discriminator_parity(parity: Path) -> None:
    fixture = original(parity, "real3d", "dual_discriminator")
    shared = original(parity, "real3d", "inputs")
    network = DualDiscriminator()
    fixture.load(network, dual_discriminator())
    pictures = torch.stack([shared.given("head.u8"), shared.given("bg.u8")]).permute(0, 3, 1, 2)
    picture = (pictures.float() - 127.5) / 127.5
    raw = torch.nn.functional.interpolate(picture.flip(0), (128, 128), mode="bilinear", antialias=True)
    seen: list[Tensor] = []
    for block in network.blocks:
        block.register_forward_hook(lambda _net, _given, made: seen.append(made))
    with torch.no_grad():
        logits = network(picture, raw, fixture.given("camera"), fixture.given("camera_noise"))
    for side, value in zip((512, 256, 128, 64, 32, 16, 8), seen, strict=True):
        compare_relative(fixture.tensors, f"mid_b{side}", value)
    compare_relative(fixture.tensors, "logits", logits)


def compare_relative(tensors: dict[str, object], name: str, value: Tensor) -> None:
    """At 1e-3 of the largest number; crops are strides."""
    key = next(key for key in tensors if key.startswith(f"out.{name}"))
    steps = [int(part or 1) for part in key.partition("[")[2].strip("]").replace(":", "").split(",") if part] or [1]
    part = value[:, :: steps[0]]
    for axis, step in enumerate(steps[1:], start=2):
        part = part.index_select(axis, torch.arange(0, value.shape[axis], step))
    wanted = torch.from_numpy(tensors[key])
    assert part.shape == wanted.shape
    assert float((part - wanted).abs().max()) <= 1e-3 * float(wanted.abs().max())


def test_real3d_discriminator_parity_of_the_filter(parity: Path) -> None:
    """The published filter is a tensor of the checkpoint; ours is a constant."""
    fixture = original(parity, "real3d", "dual_discriminator")
    taps = torch.tensor(BINOMIAL) / sum(BINOMIAL)
    kept = [value for name, value in fixture.tensors.items() if name.endswith("resample_filter")]
    assert kept
    assert all(torch.equal(torch.from_numpy(value), torch.outer(taps, taps)) for value in kept)


def test_small_tables_fit_small_networks() -> None:
    ours = shapes(DualDiscriminator(SMALL).state_dict())
    table = dual_discriminator(picture=32, mapping=2)
    report = compare({key: ours[name] if name else () for key, name in table.items()}, table, ours)
    assert report.faults == 0


def test_halving_keeps_a_plain_surface_and_where_things_are() -> None:
    network = EqualisedConv(1, 1, 1, bias=False, shrink=True)
    torch.nn.init.ones_(network.weight)
    ramp = torch.arange(16.0).expand(1, 1, 16, 16)
    with torch.no_grad():
        small = network(ramp)
    assert small.shape == (1, 1, 8, 8)
    torch.testing.assert_close(small[0, 0, 4, 1:-1], torch.arange(1, 7) * 2 + 0.5)  # the middle of two pixels


def test_slow_layers_begin_like_others_and_move_less() -> None:
    slow, quick = (EqualisedLinear(64, 64, rate=rate) for rate in (0.01, 1.0))
    x = torch.randn(256, 64)
    assert float(slow(x).detach().std()) == pytest.approx(float(quick(x).detach().std()), rel=0.1)
    slow(x).square().mean().backward()
    quick(x).square().mean().backward()
    assert slow.weight.grad is not None
    assert quick.weight.grad is not None
    assert slow.weight.grad.norm() < 0.02 * quick.weight.grad.norm()


def test_variety_is_that_of_each_pair() -> None:
    x = torch.zeros(4, 3, 2, 2)
    x[2] = 2.0  # pictures 0 and 2 are a group, 1 and 3 another
    torch.testing.assert_close(variety(x, 2)[:, 0, 0, 0], torch.tensor([1.0, 1e-4, 1.0, 1e-4]))
    assert float(variety(x[:3], 2).max()) == pytest.approx(1e-4)  # three cannot be paired


def test_pictures_are_held_within_their_range() -> None:
    both = pair(torch.full((1, 3, 8, 8), 4.0), torch.full((1, 3, 4, 4), -4.0))
    assert both.shape == (1, 6, 8, 8)
    assert both.unique().tolist() == [-1.0, 1.0]


def test_only_training_blurs_the_camera() -> None:
    torch.manual_seed(0)
    network = DualDiscriminator(SMALL)
    given = (torch.rand(1, 3, 32, 32), torch.rand(1, 3, 8, 8), torch.randn(1, 25))
    drawn = {float(network(*given).detach()) for _ in range(2)}
    network.eval()
    still = {float(network(*given).detach()) for _ in range(2)}
    assert (len(drawn), len(still)) == (2, 1)


def test_it_learns_to_tell_light_from_dark() -> None:
    torch.manual_seed(0)
    network = DualDiscriminator(SMALL)
    optimiser = torch.optim.Adam(network.parameters(), 2e-3, betas=(0.0, 0.99))
    light, dark = torch.full((2, 3, 32, 32), 0.5), torch.full((2, 3, 32, 32), -0.5)
    camera = torch.randn(2, 25)
    for _ in range(20):
        real, false = (network(one, one[..., ::4, ::4], camera) for one in (light, dark))
        loss = torch.nn.functional.softplus(-real).mean() + torch.nn.functional.softplus(false).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.7  # 1.39 is not to know


def test_an_odd_size_is_refused() -> None:
    with pytest.raises(SettingsError, match="power of 2"):
        DualDiscriminatorConfig(picture=96)
