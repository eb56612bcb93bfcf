"""FlowVAE: the flow can be undone and keeps volume, padding cannot be seen, training brings the loss down."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vivant.nn.flow_vae import FlowVAE, FlowVAEConfig, NormedConv, divergence, fold

SMALL = FlowVAEConfig(motion=5, condition=6, hidden=8, latent=4, encoder_layers=2, decoder_layers=2, coupling_hidden=8)


@pytest.fixture
def vae() -> FlowVAE:
    """Every parameter random: the shifts of the flow, too, which start at nothing."""
    torch.manual_seed(4)
    network = FlowVAE(SMALL)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    return network


@torch.inference_mode()
def test_the_flow_can_be_undone_and_keeps_volume(vae: FlowVAE) -> None:
    latent, mask, condition = torch.randn(2, 4, 3), torch.ones(2, 1, 3), torch.randn(2, 6, 3)
    through = vae.flow(latent, mask, condition)
    assert not torch.allclose(through, latent)
    torch.testing.assert_close(vae.flow.inverse(through, mask, condition), latent)
    one, given = torch.randn(1, 4, 1), torch.randn(1, 6, 1)
    with torch.inference_mode(mode=False):
        turned = torch.autograd.functional.jacobian(
            lambda x: vae.flow(x[None, :, None], torch.ones(1, 1, 1), given.clone())[0, :, 0], one[0, :, 0].clone()
        )
    torch.testing.assert_close(torch.linalg.det(turned).abs(), torch.tensor(1.0))


@torch.inference_mode()
def test_without_training_the_flow_shifts_nothing() -> None:
    flow = FlowVAE(SMALL).flow
    latent = torch.randn(1, 4, 3)
    torch.testing.assert_close(flow(latent, torch.ones(1, 1, 3), torch.randn(1, 6, 3)), latent)  # four flips


@torch.inference_mode()
def test_motion_follows_condition_and_noise(vae: FlowVAE) -> None:
    condition, noise = torch.randn(2, 8, 6), torch.randn(2, 2, 4)
    plain = vae.generate(condition, noise)
    assert plain.shape == (2, 8, 5)
    assert not torch.allclose(plain, vae.generate(-condition, noise))
    assert not torch.allclose(plain, vae.generate(condition, 2 * noise))
    torch.testing.assert_close(plain[:1], vae.generate(condition[:1], noise[:1]))


@torch.no_grad()
def test_folding_changes_nothing_but_the_work(vae: FlowVAE) -> None:
    condition, noise = torch.randn(2, 8, 6), torch.randn(2, 2, 4)
    plain = vae.generate(condition, noise)
    fold(vae)
    assert not any(isinstance(module, NormedConv) for module in vae.modules())
    torch.testing.assert_close(vae.generate(condition, noise), plain)


@torch.inference_mode()
def test_masked_frames_are_still(vae: FlowVAE) -> None:
    mask = torch.ones(1, 8)
    mask[:, 4:] = 0
    motion = vae.generate(torch.randn(1, 8, 6), torch.randn(1, 2, 4), mask)
    assert motion[:, 4:].abs().max() == 0
    assert motion[:, :4].abs().min() > 0


@torch.inference_mode()
def test_the_divergence_is_that_of_two_normal_distributions() -> None:
    vae = FlowVAE(SMALL)  # the flow only changes the order, so the prior is N(0, 1)
    torch.manual_seed(1)
    condition, motion = torch.randn(64, 400, 6), torch.randn(64, 400, 5)
    result = vae.reconstruct(motion, condition, torch.randn(64, 100, 4))
    wanted = (0.5 * (result.mean**2 + (2 * result.log_scale).exp() - 1) - result.log_scale).mean()
    torch.testing.assert_close(divergence(result), wanted, rtol=0, atol=0.02)


def test_a_few_steps_of_training_bring_the_loss_down() -> None:
    torch.manual_seed(0)
    vae = FlowVAE(SMALL)
    optimiser = torch.optim.Adam(vae.parameters(), lr=5e-3)
    condition = torch.randn(4, 16, 6)
    motion, losses = condition[..., :5].cumsum(1) / 4, []
    for _ in range(60):
        result = vae.reconstruct(motion, condition, torch.randn(4, 4, 4))
        loss = (result.motion - motion).square().mean() + 0.01 * divergence(result)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
    assert all(parameter.grad is not None for parameter in vae.parameters())


def test_weight_normalisation_is_that_of_torch() -> None:
    ours = NormedConv(3, 4, 5)
    theirs = nn.utils.parametrizations.weight_norm(nn.Conv1d(3, 4, 5, padding=2))
    nn.init.normal_(ours.gain)
    theirs.parametrizations.weight.original0.data = ours.gain.data
    theirs.parametrizations.weight.original1.data = ours.direction.data
    theirs.bias.data = ours.bias.data
    x = torch.randn(2, 3, 9)
    torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("wrong", [{"latent": 5}, {"stride": 3}, {"kernel": 4}, {"coupling_kernel": 2}])
def test_sizes_that_cannot_work_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        FlowVAEConfig(**{"motion": 5, "condition": 6} | wrong)


@torch.inference_mode()
def test_an_uneven_length_is_refused(vae: FlowVAE) -> None:
    with pytest.raises(ValueError, match=r"10 frames.*multiple of 4"):
        vae.generate(torch.randn(1, 10, 6), torch.randn(1, 2, 4))
