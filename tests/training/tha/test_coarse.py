"""The motion learnt by the coarsest level, and how the finer ones pass it on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from characters import random_poses
from teachers import SHIFT, DiscTeacher

from vivant.avatars.tha.pose import INDEX
from vivant.nn.warp import pixel_centres
from vivant.training.tha.coarse import SIDE, CoarseFlow, FlowLessons, keep_passing, moved_only, pass_on, settled
from vivant.training.tha.fast import new_body, optimiser_of
from vivant.training.tha.pool import fill_pool
from vivant.training.tha.tiles import body_at

POSE = torch.from_numpy(random_poses(2, 1))


@pytest.fixture
def coarse() -> CoarseFlow:
    """A network of smooth motion of some pixels; its level is that of a new body."""
    torch.manual_seed(0)
    network = CoarseFlow(new_body().levels[0])
    with torch.no_grad():
        network.head.weight *= 3
    return network


def flow_of(network: CoarseFlow) -> torch.Tensor:
    """(128, 128, 2)"""
    axis = pixel_centres(SIDE, POSE)
    places = torch.stack([axis.repeat(SIDE), axis.repeat_interleave(SIDE)], 1)
    with torch.no_grad():
        found: torch.Tensor = network(places, POSE.expand(len(places), -1)).view(SIDE, SIDE, 2)
    return found


def test_a_body_begins_with_the_flow(coarse: CoarseFlow) -> None:
    torch.manual_seed(1)
    body = new_body()
    body.levels[0].load_state_dict(coarse.level.state_dict())
    with torch.no_grad():
        motion = moved_only(coarse, body).motion(POSE)[0]
    wanted = flow_of(coarse)
    assert wanted.abs().max() > 0.02
    centres = motion[:2].view(2, SIDE, 4, SIDE, 4)[:, :, 1:3, :, 1:3].mean((2, 4)).permute(1, 2, 0)
    # Within an eighth of a pixel: enlarging rounds peaks off.
    assert (centres - wanted).abs().mean() < 0.125 / 256
    assert motion[2:].abs().max() == 0


def test_training_leaves_the_passage_alone(coarse: CoarseFlow) -> None:
    torch.manual_seed(1)
    body = new_body()
    body.levels[0].load_state_dict(coarse.level.state_dict())
    pass_on(coarse, body)
    keep_passing(body)
    before = {name: value.clone() for name, value in body.state_dict().items()}
    optimiser = optimiser_of(body)
    for group in optimiser.param_groups:
        group["lr"] = 1e-3
    for _ in range(2):  # at first nothing but the last layer hears of an error
        optimiser.zero_grad()
        torch.autograd.backward((body_at(body, torch.tensor([[100, 200]]), 16, POSE) - 1).square().sum())
        optimiser.step()
    for name, value in body.state_dict().items():
        assert not torch.equal(value, before[name])
        if name.startswith(("levels.1", "levels.2")):
            assert torch.equal(value[:2], before[name][:2])


def test_settled_the_last_layer_is_as_published(coarse: CoarseFlow) -> None:
    body = new_body()
    pass_on(coarse, body)
    rows = settled(body).last.weight[:2, :2, 0, 0]
    assert torch.allclose(rows, torch.eye(2), atol=1e-6)


def test_lessons_compare_with_the_teachers_flow(tmp_path: Path) -> None:
    pool = fill_pool(tmp_path, DiscTeacher(), 8, seed=0, mark="disc")
    shares = np.full(SIDE * SIDE, 1 / SIDE**2)
    torch.manual_seed(0)
    network = CoarseFlow(new_body().levels[0])
    with torch.no_grad():
        network.head.weight.zero_()
    lessons = FlowLessons(network, pool, shares, 4000, seed=0)
    loss = float(lessons(0)["flow"].detach())
    wanted = 2 * SHIFT * pool.poses[:, INDEX["head_y"]].abs().mean() / 2  # x and y count alike, y does not move
    assert loss == pytest.approx(float(wanted), rel=0.1)
    assert torch.equal(lessons(3)["flow"], lessons(3)["flow"])
