"""SyncExpert against the numbers of both originals; its loss knows right from wrong."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from originals import original

from vivant.motion.speech.networks.sync_expert import SyncExpert, SyncExpertConfig, sync_loss
from vivant.weights import geneface, real3d


@torch.inference_mode()
def test_parity_geneface_sync_expert(parity: Path) -> None:
    fixture = original(parity, "geneface", "syncnet")
    network = SyncExpert()
    fixture.load(network, geneface.sync_expert())
    sound, mouth = fixture.given("hubert"), fixture.given("mouth")
    fixture.compare("audio_embedding", network.embed_sound(sound))
    fixture.compare("mouth_embedding", network.embed_mouth(mouth))
    cosine = network(sound, mouth)
    fixture.compare("cosine", cosine)
    fixture.compare("loss", sync_loss(cosine, fixture.given("label")))
    fixture.compare("loss_all_positive", sync_loss(cosine, torch.ones_like(cosine)))


@torch.inference_mode()
def test_parity_real3d_sync_expert(parity: Path) -> None:
    fixture = original(parity, "real3d", "syncnet")
    network = SyncExpert(SyncExpertConfig(mouth=1404, widen=1024))
    fixture.load(network, real3d.sync_expert())
    sound, mouth = fixture.given("hubert"), fixture.given("landmarks")
    fixture.compare("audio_embedding", network.embed_sound(sound))
    fixture.compare("mouth_embedding", network.embed_mouth(mouth))
    cosine = network(sound, mouth)
    fixture.compare("cosine", cosine)
    fixture.compare("sync_loss", [sync_loss(one, torch.ones(1)) for one in cosine.split(1)])
    # CLIP's contrast of every sound with every mouth (Radford et al. 2021) without a temperature.
    likeness = network.embed_sound(sound) @ network.embed_mouth(mouth).T
    pairs = torch.arange(len(likeness))
    contrast = (F.cross_entropy(likeness, pairs) + F.cross_entropy(likeness.T, pairs)) / 2
    fixture.compare("clip_loss", contrast)
    assert fixture.errors["out.clip_loss"][0] < 1e-6


@torch.inference_mode()
def test_cosines_lie_between_0_and_1_and_the_loss_rewards_the_right_side() -> None:
    network = SyncExpert(SyncExpertConfig(sound=4, mouth=6)).eval()
    cosine = network(torch.randn(5, 10, 4), torch.randn(5, 5, 6))
    assert cosine.shape == (5,)
    assert cosine.min() >= 0
    assert cosine.max() <= 1.0001
    high, low = torch.tensor([0.9]), torch.tensor([0.1])
    assert sync_loss(high, torch.ones(1)) < sync_loss(low, torch.ones(1))
    assert sync_loss(high, torch.zeros(1)) > sync_loss(low, torch.zeros(1))
    assert torch.isfinite(sync_loss(torch.tensor([1.0000001]), torch.zeros(1)))
