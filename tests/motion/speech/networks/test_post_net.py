"""PostNet against the numbers of the original; padding stays untouched."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from originals import original

from vivant.motion.speech.networks.post_net import PostNet, PostNetConfig
from vivant.weights import geneface


@pytest.mark.parametrize(("name", "pitch"), [("postnet", 0), ("postnet_pitch", 64)])
@torch.inference_mode()
def test_parity_geneface_post_net(parity: Path, name: str, pitch: int) -> None:
    fixture = original(parity, "geneface", name)
    network = PostNet(PostNetConfig(pitch=pitch))
    fixture.load(network, geneface.post_net())
    fixture.compare("y", network(fixture.given("x"), fixture.given("pitch") if pitch else None))


@torch.inference_mode()
def test_padding_stays_zero_and_the_rest_moves() -> None:
    landmarks = torch.randn(2, 12, 6)
    landmarks[1, 8:] = 0
    result = PostNet(PostNetConfig(landmarks=6)).eval()(landmarks)
    assert result.shape == landmarks.shape
    assert result[1, 8:].abs().max() == 0
    assert not torch.allclose(result[0], landmarks[0])


def test_pitch_is_neither_forgotten_nor_ignored() -> None:
    landmarks, pitch = torch.randn(1, 4, 6), torch.randn(1, 4, 3)
    with pytest.raises(ValueError, match="give pitch"):
        PostNet(PostNetConfig(landmarks=6, pitch=3))(landmarks)
    with pytest.raises(ValueError, match="no other"):
        PostNet(PostNetConfig(landmarks=6))(landmarks, pitch)
