"""HeadPose against the numbers of the original; it looks back, never ahead."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from originals import original

from vivant.motion.speech.networks.head_pose import HeadPose, HeadPoseConfig
from vivant.weights import geneface


@torch.inference_mode()
def test_parity_geneface_head_pose(parity: Path) -> None:
    fixture = original(parity, "geneface", "audio2pose")
    network = HeadPose()
    fixture.load(network, geneface.head_pose())
    guess = network(fixture.given("history"), fixture.given("audio"))
    fixture.compare("y", guess.raw)
    torch.testing.assert_close(torch.cat([guess.mean, -guess.log_sigma], -1), guess.raw[..., 1:])


@pytest.mark.parametrize("what", ["history", "sound"])
@torch.inference_mode()
def test_a_frame_sees_itself_and_the_14_before(what: str) -> None:
    network = HeadPose(HeadPoseConfig(pose=3, sound=4, encoded=8, width=6)).eval()
    given = {"history": torch.randn(1, 40, 3), "sound": torch.randn(1, 40, 4)}
    plain = network(**given).mean
    assert plain.shape == (1, 40, 3)
    changed = given[what].clone()
    changed[:, 20] += 1
    moved = (network(**(given | {what: changed})).mean - plain).abs().amax((0, 2)).nonzero().flatten()
    assert moved[0] == 20
    assert 20 < moved[-1] <= 34
