"""SyncNet v2 against the numbers of the original; the score finds a known delay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from originals import original

from vivant.evaluate.syncnet import REACH, SyncNet, mfcc, offset_score, sync_score
from vivant.weights import metrics


@torch.inference_mode()
def test_parity_metrics_syncnet(parity: Path) -> None:
    fixture = original(parity, "metrics", "syncnet")
    network = SyncNet()
    fixture.load(network, metrics.syncnet())
    fixture.compare("lip", network.embed_lips(fixture.given("lip").float())[:, 0])
    fixture.compare("audio", network.embed_sound(fixture.given("audio")))


def test_parity_metrics_syncnet_sound_and_score(parity: Path) -> None:
    fixture = original(parity, "metrics", "syncnet")
    rows = mfcc(fixture.given("wave").double().numpy())
    fixture.compare("mfcc", rows)
    score = offset_score(fixture.given("feat_lip").numpy(), fixture.given("feat_audio").numpy())
    fixture.compare("mean_distance", score.distances)
    fixture.compare("lse_d", score.distance)
    fixture.compare("lse_c", score.confidence)
    fixture.compare("offset", score.offset)


@pytest.mark.parametrize("late", [-REACH, -4, 0, 7, REACH])
def test_a_known_delay_is_found(late: int) -> None:
    random = np.random.default_rng(3)
    lips = random.standard_normal((80, 16)).astype(np.float32)
    score = offset_score(lips, np.roll(lips, late, axis=0))
    assert score.offset == -late
    assert score.distance < score.distances.mean() - score.distances.std()
    assert score.confidence > 1


@torch.inference_mode()
def test_a_clip_is_scored_in_pieces_like_as_a_whole() -> None:
    torch.manual_seed(2)
    network = SyncNet().eval()
    random = np.random.default_rng(2)
    frames = [random.integers(0, 256, (224, 224, 3), np.uint8) for _ in range(27)]
    sound = (0.1 * random.standard_normal(26 * 640 + 100)).astype(np.float32)
    score = sync_score(network, iter(frames), sound)
    rows = torch.from_numpy(mfcc(sound * 32768.0)).float()
    clip = torch.from_numpy(np.stack(frames)).float().flip(-1)[:26]  # BGR; the sound ends before the pictures
    lips = network.embed_lips(clip.permute(3, 0, 1, 2)[None])[0, :21].numpy()
    heard = network.embed_sound(torch.stack([rows[None, :, 4 * f : 4 * f + 20] for f in range(21)])).numpy()
    np.testing.assert_allclose(score.distances, offset_score(lips, heard).distances, rtol=1e-4)
    with pytest.raises(ValueError, match="6 are needed"):
        sync_score(network, iter(frames[:5]), sound)


def test_every_second_of_sound_has_100_rows_and_silence_is_finite() -> None:
    assert mfcc(np.zeros(16000)).shape == (13, 99)
    assert mfcc(np.zeros(100)).shape == (13, 1)
    assert np.isfinite(mfcc(np.zeros(16000))).all()
