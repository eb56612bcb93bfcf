"""Learning rates and losses against numbers recorded from the originals, and the loop that uses them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from vivant.errors import SettingsError
from vivant.training.loop import LoopSettings, Player, run
from vivant.training.schedules import half_cosine, halved, in_turns, warm_then_decay
from vivant.training.speech import motion_losses as losses


@pytest.fixture(scope="module")
def geneface(parity: Path) -> dict[str, Tensor]:
    return load_file(parity / "geneface" / "losses_schedules.safetensors")


@pytest.fixture(scope="module")
def real3d(parity: Path) -> dict[str, Tensor]:
    return load_file(parity / "real3d" / "training_math.safetensors")


def test_rates_of_geneface(geneface: dict[str, Tensor]) -> None:
    steps = [int(step) for step in geneface["in.steps"]]
    warm = [1e4 * warm_then_decay(step, 5e-4) for step in steps]
    np.testing.assert_allclose(warm, geneface["out.lr_exp_warm1000"][:, 0], rtol=1e-4)
    cosine = [1e4 * half_cosine(step, 5e-4) for step in steps]
    np.testing.assert_allclose(cosine, geneface["out.lr_cosine40000"][:, 0], rtol=1e-4, atol=1e-5)


def test_losses_of_geneface(geneface: dict[str, Tensor]) -> None:
    motion = [geneface[f"in.{name}"] for name in ("pred", "gt", "mask")]
    for name, loss in (
        ("mse", losses.masked_square),
        ("mae", losses.masked_absolute),
        ("continuity", losses.continuity),
    ):
        assert float(loss(*motion)) == pytest.approx(float(geneface[f"out.{name}"]), rel=1e-4)


def test_losses_of_real3d(real3d: dict[str, Tensor]) -> None:
    mask, found, wanted = real3d["in.lm_mask"], real3d["in.exp_pred"], real3d["in.exp_gt"]
    assert float(losses.masked_square(found, wanted, mask)) == pytest.approx(float(real3d["out.mse_exp"]), abs=1e-5)
    assert float(losses.roughness(found, mask)) == pytest.approx(float(real3d["out.lap_exp"]), abs=1e-5)
    assert float(losses.size(found, mask)) == pytest.approx(float(real3d["out.l2_reg_exp"]), abs=1e-5)
    mesh = losses.mesh_square(real3d["in.lm_pred"], real3d["in.lm_gt"], mask)
    assert float(mesh) == pytest.approx(float(real3d["out.lm468_mse"]), abs=1e-5)


def test_the_weight_of_the_divergence_comes_in_turns(real3d: dict[str, Tensor]) -> None:
    name = next(name for name in real3d if name.startswith("out.kl_weight_at"))
    steps = [int(step) for step in name.split("_at_")[1].split("_")]
    np.testing.assert_allclose([in_turns(step) for step in steps], real3d[name], atol=1e-6)


def test_halved() -> None:
    assert [halved(step, 1e-4) for step in (0, 39_999, 40_000, 80_000)] == [1e-4, 1e-4, 5e-5, 2.5e-5]


def line(seed: int) -> Player:
    """A player that learns y = 2 x."""
    torch.manual_seed(seed)
    net = nn.Linear(1, 1)
    x = torch.linspace(-1, 1, 16)[:, None]
    return Player(
        net,
        torch.optim.SGD(net.parameters(), 1.0),
        lambda step: 0.3,
        lambda step: {"error": ((net(x) - 2 * x) ** 2).mean()},
    )


def test_the_loop_learns_and_tells(tmp_path: Path) -> None:
    player = line(0)
    told = list(run([player], LoopSettings(steps=250, log_every=100), tmp_path / "figures.jsonl"))
    assert [row["step"] for row in told] == [100, 200, 250]
    assert told[-1]["error"] < 0.01 * told[0]["error"]
    lines = (tmp_path / "figures.jsonl").read_text().splitlines()
    assert [json.loads(text) for text in lines] == told
    again = line(0)
    list(run([again], LoopSettings(steps=250)))
    torch.testing.assert_close(player.network.weight, again.network.weight, rtol=0, atol=0)


def test_the_gradient_is_clipped() -> None:
    player = line(0)
    before = player.network.weight.detach().clone()
    player.loss = lambda step: {"huge": 1e6 * player.network.weight.sum()}
    list(run([player], LoopSettings(steps=1, clip=0.5)))
    assert float((player.network.weight - before).norm()) == pytest.approx(0.3 * 0.5, rel=1e-3)


def test_a_loss_that_is_no_number_stops_the_training() -> None:
    player = line(0)
    player.loss = lambda step: {"error": player.network.weight.sum() * math.nan}
    with pytest.raises(SettingsError, match="step 0"):
        list(run([player], LoopSettings(steps=3)))
    with pytest.raises(SettingsError, match="1 or more"):
        LoopSettings(steps=0)
