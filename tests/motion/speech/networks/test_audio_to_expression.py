"""AudioToExpression against the numbers of both originals; each control has an effect."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from originals import compare_flow, compare_reconstruction, original

from vivant.motion.speech.networks.audio_to_expression import AudioToExpression, AudioToExpressionConfig, Voice
from vivant.nn.pitch import pitch_bins
from vivant.weights import geneface, real3d


@torch.inference_mode()
def test_parity_geneface_audio_to_expression(parity: Path) -> None:
    fixture = original(parity, "geneface", "pp_audio2motion_vae")
    network = AudioToExpression()
    fixture.load(network, geneface.audio_to_expression())
    blink = fixture.given("blink")[..., 0]
    voice = Voice(fixture.given("hubert"), fixture.given("f0"), blink, fixture.given("mouth_amp"))
    condition = network.condition(voice)
    fixture.compare("f0_coarse_down", pitch_bins(voice.pitch[:, ::2]))
    fixture.compare("cond", condition)
    compare_flow(fixture, network.vae, condition, "latent", "prior_flow_inverse")
    fixture.compare("pred", network(voice, fixture.given("latent").mT))
    eps, mask = fixture.given("eps").mT, fixture.given("train_y_mask")
    result = network.reconstruct(fixture.given("y"), voice, eps, mask=mask)
    compare_reconstruction(fixture, result)
    fixture.compare("train_z_q", result.latent.mT)
    fixture.compare("train_pred", result.motion)


@torch.inference_mode()
def test_parity_real3d_audio_to_expression(parity: Path) -> None:
    fixture = original(parity, "real3d", "audio2motion_vae")
    network = AudioToExpression()
    fixture.load(network, real3d.audio_to_expression())
    blink = fixture.given("blink")[..., 0].long()
    voice = Voice(fixture.given("hubert"), fixture.given("f0"), blink, fixture.given("mouth_amp"))
    condition = network.condition(voice)
    fixture.compare("f0_coarse_down", pitch_bins(voice.pitch[:, ::2]))
    fixture.compare("cond_cat", network.features(voice))
    fixture.compare("cond", condition)
    compare_flow(fixture, network.vae, condition, "latent_noise", "latent")
    temperature = json.loads(fixture.metadata["config"])["temperature"]
    fixture.compare("exp", network(voice, temperature * fixture.given("latent_noise").mT))
    eps, mask = fixture.given("train_eps").mT, fixture.given("train_y_mask")
    result = network.reconstruct(fixture.given("train_y"), voice, eps, mask=mask)
    compare_reconstruction(fixture, result)
    fixture.compare("train_recon", result.motion)


@pytest.mark.parametrize(
    "change",
    [
        {"sound": torch.ones(1, 16, 6)},
        {"pitch": torch.full((1, 16), 250.0)},
        {"blink": torch.ones(1, 16, dtype=torch.int64)},
        {"amplitude": torch.full((1, 1), 0.9)},
    ],
    ids=lambda change: next(iter(change)),
)
@torch.inference_mode()
def test_each_control_changes_the_expression(change: dict[str, torch.Tensor]) -> None:
    network = AudioToExpression(AudioToExpressionConfig(sound=6, width=8, motion=5)).eval()
    voice = Voice(torch.zeros(1, 16, 6), torch.zeros(1, 16), torch.zeros(1, 16, dtype=torch.int64), torch.ones(1, 1))
    noise = torch.randn(1, 2, 16)
    plain = network(voice, noise)
    assert plain.shape == (1, 8, 5)
    assert not torch.allclose(plain, network(replace(voice, **change), noise))
