"""Losses, masks, labels and learning rates against recorded numbers, and what they promise."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from originals import Original, original
from torch import Tensor

from vivant.training.real3d import labels, losses
from vivant.training.real3d.parts import raw_of
from vivant.training.real3d.schedules import LENGTHS, RATES


@pytest.fixture(scope="module")
def recorded(parity: Path) -> Original:
    return original(parity, "real3d", "training_math")


@pytest.mark.parametrize("outside", [0.2, 0.5])
def test_real3d_training_parity_of_masked_l1(recorded: Original, outside: float) -> None:
    found, wanted, mask = (recorded.given(name) for name in ("img_pred", "img_gt", "mask"))
    recorded.compare(f"masked_l1_unmasked{outside}", losses.masked_l1(found, wanted, mask.float(), outside))


def test_real3d_training_parity_of_masks_and_weight_images(recorded: Original) -> None:
    recorded.compare("dilate41", losses.grown(recorded.given("dilate_src")))
    alphas, face = recorded.given("alphas"), recorded.given("face_mask").float()
    recorded.compare("weights_l1", losses.weights_within(alphas, face))
    recorded.compare("weights_entropy", losses.entropy(alphas))
    recorded.compare("resize_raw_antialias", raw_of(recorded.given("img_pred"), 24))


def test_real3d_training_parity_of_labels(recorded: Original) -> None:
    landmarks = recorded.tensors["in.lm3d_68"]
    recorded.compare("blink_flags_68", labels.blink_flags(landmarks))
    recorded.compare("eye_amp_68", labels.eye_amplitude(landmarks))
    recorded.compare("mouth_amp_68", labels.mouth_amplitude(landmarks))


@pytest.mark.parametrize(
    ("stage", "name", "parts"),
    [
        ("i2p", "lr_stage1_i2p_decoder_sr_disc", ("image_to_plane", "decoder", "super_resolution", "discriminator")),
        (
            "motion",
            "lr_stage2_i2p_ma_decoder_sr_disc",
            ("image_to_plane", "motion_adapter", "decoder", "super_resolution", "discriminator"),
        ),
        ("torso", "lr_stage3_sr_disc", ("super_resolution", "discriminator")),
    ],
)
def test_real3d_training_parity_of_rates(recorded: Original, stage: str, name: str, parts: tuple[str, ...]) -> None:
    rates = RATES[stage]  # type: ignore[index]
    assert set(rates) == set(parts)
    steps = recorded.tensors["in.steps"]
    found = np.array([[rates[part](float(step)) * 1e4 for part in parts] for step in steps])  # type: ignore[index]
    recorded.compare(name, found)


def test_every_stage_has_a_length() -> None:
    assert set(LENGTHS) == set(RATES)
    assert (LENGTHS["motion"], LENGTHS["torso"]) == (250_000, 100_000)


def test_what_cannot_be_known_does_not_rule_the_loss() -> None:
    found, wanted = torch.zeros(1, 3, 10, 10), torch.full((1, 3, 10, 10), 0.1)
    mask = torch.ones(1, 1, 10, 10)
    calm = losses.masked_l1(found, wanted, mask, 0.2)
    wanted[..., 0] = 50.0  # a tenth of the picture is far off
    assert float(losses.masked_l1(found, wanted, mask, 0.2)) < float(calm) + 0.1
    assert float(losses.masked_l1(found, wanted, mask * 0, 0.2)) < float(losses.masked_l1(found, wanted, mask, 0.2))


def test_quantiles_are_those_of_torch() -> None:
    values = torch.randn(7, 13)
    for share in (0.0, 0.33, 0.8, 1.0):
        assert losses.quantile(values, share) == pytest.approx(float(torch.quantile(values, share)), abs=1e-6)


def test_lip_boxes_lie_inside_and_hold_the_lips() -> None:
    lips = torch.rand(12, 2) * torch.tensor([40.0, 20.0]) + torch.tensor([30.0, 60.0])
    lips[:2, 0] = torch.tensor([30.0, 70.0])
    box = losses.lip_box(lips, 128)
    assert 40 < box.side <= 48
    assert box.left <= lips[:, 0].min() <= lips[:, 0].max() <= box.left + box.side
    assert box.top <= lips[:, 1].min() <= lips[:, 1].max() <= box.top + box.side
    edge = losses.lip_box(lips + 90, 128)
    assert edge.left + edge.side <= 128
    assert edge.cut(torch.zeros(1, 3, 128, 128)).shape == (1, 3, edge.side, edge.side)
    assert losses.lip_box(lips * 9, 16).cut(torch.zeros(3, 16, 16)).shape == (3, 16, 16)


def test_entropy_is_in_bits() -> None:
    assert float(losses.entropy(torch.full((1, 1, 2, 2), 0.5))) == pytest.approx(1.0)
    assert float(losses.entropy(torch.tensor([0.0, 1.0]))) < 1e-3


def test_the_penalty_is_half_of_the_squared_gradients() -> None:
    picture, raw = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 2, 2)
    slope = torch.randn(3, 4, 4, requires_grad=True)

    def realness(one: Tensor, other: Tensor) -> Tensor:
        return (one * slope).sum((1, 2, 3)) + 2 * other.sum((1, 2, 3))

    penalty = losses.gradient_penalty(realness, picture, raw)
    assert float(penalty.detach()) == pytest.approx(float(slope.detach().square().sum() + 4 * 12) / 2, rel=1e-5)
    penalty.backward()
    assert slope.grad is not None
    torch.testing.assert_close(slope.grad, slope.detach())


def test_density_is_rough_where_it_jumps() -> None:
    torch.manual_seed(0)
    assert float(losses.rough_density(lambda points: points[..., :1] * 0, 2, torch.zeros(1))) == 0
    slope = float(losses.rough_density(lambda points: points[..., :1], 2, torch.zeros(1)))
    assert slope == pytest.approx(losses.NEAR * math.sqrt(2 / math.pi), rel=0.1)  # mean of |N(0, s)|


def test_planes_half_way_are_not_bent() -> None:
    before, after = torch.randn(2, 1, 3, 4, 4)
    assert float(losses.bent(before, (before + after) / 2, after)) == 0
    line = torch.stack([before + k * (after - before) for k in range(4)], 1)
    assert float(losses.bent_in_time(line)) < 1e-10
    line[:, 2] += 1
    assert float(losses.bent_in_time(line)) > 0.5


def test_weights_move_until_the_loss_is_where_it_should_be() -> None:
    weight = losses.OnlineWeight(target=0.15, most=2.0)
    loss = torch.tensor(1.5, requires_grad=True)
    weighted = weight(loss)
    weighted.backward()
    assert float(weighted.detach()) == pytest.approx(0.0015)
    assert float(loss.grad) == pytest.approx(0.001)  # type: ignore[arg-type]
    assert float(weight.value) == pytest.approx(0.001 + 0.01)  # one power of ten above
    for _ in range(400):
        weight(torch.tensor(1.5))
    assert float(weight.value) == 2.0
    for _ in range(400):
        weight(torch.tensor(0.0015))
    assert float(weight.value) == 0.0


def test_realness_is_wished_for_by_one_and_doubted_by_the_other() -> None:
    sure = torch.tensor([[20.0]])
    assert float(losses.deceives(sure)) < 1e-6 < 19 < float(losses.said(sure, real=False))
    assert float(losses.said(-sure, real=False)) < 1e-6
    assert float(losses.said(torch.zeros(1, 1), real=True)) == pytest.approx(math.log(2))


def test_a_blink_that_does_not_end_is_no_blink() -> None:
    landmarks = np.zeros((20, 68, 3), np.float32)
    landmarks[:, [37, 38, 43, 44], 1] = 1.0
    landmarks[4:7, [37, 38, 43, 44], 1] = 0.1
    landmarks[17:, [37, 38, 43, 44], 1] = 0.1
    assert np.flatnonzero(labels.blink_flags(landmarks)).tolist() == [5]
