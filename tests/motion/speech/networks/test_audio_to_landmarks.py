"""AudioToLandmarks against the numbers of the original, and what a user may get wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from originals import compare_flow, compare_reconstruction, original

from vivant.motion.speech.networks.audio_to_landmarks import AudioToLandmarks, AudioToLandmarksConfig
from vivant.weights import geneface

SMALL = AudioToLandmarksConfig(sound=6, width=8, pitch=4, motion=9)


@pytest.mark.parametrize(("name", "pitch"), [("audio2motion_vae", 0), ("audio2motion_vae_pitch", 32)])
@torch.inference_mode()
def test_parity_geneface_audio_to_landmarks(parity: Path, name: str, pitch: int) -> None:
    fixture = original(parity, "geneface", name)
    network = AudioToLandmarks(AudioToLandmarksConfig(pitch=pitch))
    fixture.load(network, geneface.audio_to_landmarks(pitch=bool(pitch)))
    sound = fixture.given("hubert")
    hertz = fixture.given("f0") if pitch else None
    condition = network.condition(sound, hertz)
    fixture.compare("cond", condition)
    compare_flow(fixture, network.vae, condition, "latent", "prior_flow_inverse")
    fixture.compare("pred", network(sound, fixture.given("latent").mT, pitch=hertz))
    eps, mask = fixture.given("eps").mT, fixture.given("train_y_mask")
    result = network.reconstruct(fixture.given("y"), sound, eps, pitch=hertz, mask=mask)
    compare_reconstruction(fixture, result)
    fixture.compare("train_z_q", result.latent.mT)
    fixture.compare("train_mask_sqz", result.mask)
    fixture.compare("train_pred", result.motion)


@torch.inference_mode()
def test_pitch_and_noise_change_the_motion() -> None:
    network = AudioToLandmarks(SMALL).eval()
    sound, noise = torch.randn(2, 16, 6), torch.randn(2, 2, 16)
    low, high = (network(sound, noise, pitch=torch.full((2, 16), hertz)) for hertz in (90.0, 300.0))
    assert low.shape == (2, 8, 9)
    assert not torch.allclose(low, high)
    assert not torch.allclose(low, network(sound, -noise, pitch=torch.full((2, 16), 90.0)))


def test_pitch_cannot_be_forgotten() -> None:
    with pytest.raises(ValueError, match="give pitch"):
        AudioToLandmarks(SMALL)(torch.randn(1, 16, 6), torch.randn(1, 2, 16))


def test_an_odd_length_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"multiple of 4.*pad"):
        AudioToLandmarks(SMALL)(torch.randn(1, 20, 6), torch.randn(1, 2, 16), pitch=torch.zeros(1, 20))
