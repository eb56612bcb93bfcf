"""The motion adapter beside the original's numbers; frame by frame of one portrait, folded, in small sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from originals import original
from torch import nn

from vivant.avatars.real3d.networks.motion_adapter import MotionAdapter, MotionAdapterConfig
from vivant.avatars.real3d.networks.plane_blocks import folded
from vivant.avatars.real3d.networks.transformer import Block, BlockConfig
from vivant.weights.real3d_planes import motion_adapter

SMALL = MotionAdapterConfig(
    widths=(8, 16, 24, 32), depths=(1, 2, 1, 1), heads=(1, 2, 3, 4), ratio=2, joined=16, convs=1, plane=4
)


def small(config: MotionAdapterConfig = SMALL) -> MotionAdapter:
    """A network whose biases and batch norm are those of a trained one in kind."""
    torch.manual_seed(4)
    network = MotionAdapter(config)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=0.2)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
    return network.eval()


@pytest.mark.slow
@torch.inference_mode()
def test_parity_of_the_network_as_trained_and_frame_by_frame(parity: Path) -> None:
    fixture, given = original(parity, "real3d", "motion_adapter"), original(parity, "real3d", "inputs").tensors
    network = MotionAdapter()
    fixture.load(network, {f"secc_img2plane_backbone.{old}": new for old, new in motion_adapter().items()})
    pictures = [given[f"in.secc_{name}.u8"].astype(np.float32) for name in ("cano", "src", "tgt")]
    canonical, source, target = (torch.from_numpy((x - 127.5) / 127.5).permute(2, 0, 1)[None] for x in pictures)
    codes = torch.cat((canonical, source, target), dim=1)
    mixed = network.mix(codes)
    fixture.compare("mid_prenet", mixed)
    stages = list(network.encoder(network.encoder.enter(mixed)))
    for number, stage in enumerate(stages):
        fixture.compare(f"mid_vit{number + 1}", stage.permute(0, 3, 1, 2))
    fixture.compare("mid_fuse_head", network.head(stages))
    planes = network(codes)
    fixture.compare("planes", planes)
    quick = folded(network)
    again = quick.forward_target(quick.still(canonical, source), target)
    fixture.compare("planes", again)
    assert (again - planes).abs().max() < 2e-5


@pytest.mark.parametrize("quick", [False, True])
@torch.inference_mode()
def test_frames_of_one_portrait(quick: bool) -> None:
    """Two of the three code images are looked at once; the numbers are those of all three, up to the very edge."""
    network = small()
    canonical, source, targets = torch.rand(1, 3, 96, 64), torch.rand(1, 3, 96, 64), torch.rand(3, 3, 96, 64)
    codes = torch.cat((canonical.expand_as(targets), source.expand_as(targets), targets), dim=1) * 2 - 1
    wanted = network(codes)
    assert wanted.shape == (3, 3, 4, 48, 32)
    chosen = folded(network) if quick else network
    still = chosen.still(canonical * 2 - 1, source * 2 - 1)
    torch.testing.assert_close(chosen.forward_target(still, targets * 2 - 1), wanted, atol=2e-5, rtol=1e-4)


@torch.inference_mode()
def test_the_smallest_picture() -> None:
    """The last stage has one place, between no others."""
    network, codes = small(), torch.rand(1, 9, 32, 32)
    torch.testing.assert_close(folded(network)(codes), network(codes), atol=2e-5, rtol=1e-4)


def test_folding_twice_and_the_original_stays() -> None:
    network = small()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    once = folded(network)
    codes = torch.rand(1, 9, 64, 64)
    assert torch.equal(folded(once)(codes), once(codes))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_gradient_goes_through_the_folded_network() -> None:
    network, codes = small(), torch.rand(1, 9, 64, 64, requires_grad=True)
    (wanted,) = torch.autograd.grad(network(codes).square().sum(), codes)
    (found,) = torch.autograd.grad(folded(network)(codes).square().sum(), codes)
    torch.testing.assert_close(found, wanted, atol=1e-4 * wanted.abs().max().item(), rtol=1e-3)


def test_every_weight_learns() -> None:
    network = small().train()
    network(torch.rand(2, 9, 64, 64)).square().mean().backward()
    still = [name for name, one in network.named_parameters() if one.grad is None or not one.grad.any()]
    assert [name for name in still if "attention.key_value.bias" not in name] == []


def test_stochastic_depth_grows_and_leaves_branches_out_in_training_only() -> None:
    drops = [module.drop for module in small().modules() if isinstance(module, Block)]
    assert drops == pytest.approx([0, 0.025, 0.05, 0.075, 0.1])
    block, x = Block(BlockConfig(width=8, heads=2, ratio=2, drop=0.5)), torch.randn(4000, 1, 1, 8)
    branch = torch.ones_like(x)
    assert torch.equal(block.eval().kept(branch), branch)
    kept = block.train().kept(branch)
    assert set(kept.unique().tolist()) == {0, 2}
    assert kept.mean().item() == pytest.approx(1, abs=0.1)
    assert torch.equal(kept, kept[..., :1].expand_as(kept))


def test_the_mixture_is_equalised() -> None:
    torch.manual_seed(0)
    spread = torch.stack([MotionAdapter(SMALL).mix.weight for _ in range(20)]).std().item()
    assert spread == pytest.approx(1, abs=0.2)
    network, codes = small(), torch.ones(1, 9, 4, 4)
    wanted = network.mix.weight[:, :, 0, 0].sum(1) / 3 + network.mix.bias
    torch.testing.assert_close(network.mix(codes)[0, :, 2, 2], wanted)
