"""LandmarkCritic against the numbers of the original; padding is left out."""

from __future__ import annotations

from pathlib import Path

import torch
from originals import original

from vivant.motion.speech.networks.landmark_critic import LandmarkCritic, LandmarkCriticConfig
from vivant.weights import geneface


@torch.inference_mode()
def test_parity_geneface_landmark_critic(parity: Path) -> None:
    fixture = original(parity, "geneface", "postnet_discriminator")
    network = LandmarkCritic()
    fixture.load(network, geneface.landmark_critic())
    fixture.compare("validity", network(fixture.given("x")))


@torch.inference_mode()
def test_every_frame_is_judged_on_its_own_and_padding_not_at_all() -> None:
    network = LandmarkCritic(LandmarkCriticConfig(landmarks=6)).eval()
    landmarks = torch.randn(2, 5, 6)
    landmarks[0, 3:] = 0
    scores = network(landmarks)
    assert scores.shape == (8, 1)
    torch.testing.assert_close(scores[:3], network(landmarks[0, :3]))
