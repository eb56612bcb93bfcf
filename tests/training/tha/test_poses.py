"""Poses to learn from: within their ranges, of all three kinds, the same for the same seed."""

from __future__ import annotations

import numpy as np

from vivant.avatars.tha.pose import HIGH, INDEX, LOW, PARAMETERS
from vivant.training.tha.poses import SHARES, draw_poses


def test_poses_are_within_their_ranges() -> None:
    poses = draw_poses(np.random.default_rng(0), 400)
    assert poses.shape == (400, 45)
    assert poses.dtype == np.float32
    assert (poses >= LOW).all()
    assert (poses <= HIGH).all()


def test_the_same_seed_gives_the_same_poses() -> None:
    one, same, other = (draw_poses(np.random.default_rng(seed), 20) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_every_number_moves_and_rests() -> None:
    poses = draw_poses(np.random.default_rng(3), 2000)
    moved = (np.abs(poses) > 0.3).mean(0)
    assert moved.min() > 0.02
    assert (poses[:, : INDEX["iris_rotation_x"]] == 0).mean() > 0.4


def test_most_poses_have_one_group_of_each_category() -> None:
    poses = draw_poses(np.random.default_rng(4), 1000)
    brows = [place for place, one in enumerate(PARAMETERS) if one.category == "eyebrow"]
    pairs = poses[:, brows].reshape(-1, 6, 2).any(2).sum(1)
    assert (pairs <= 1).mean() > 0.9 * SHARES[0]
    assert (pairs == 6).mean() > 0.5 * SHARES[2]


def test_captured_poses_turn_the_body_with_the_head() -> None:
    poses = draw_poses(np.random.default_rng(5), 1000)
    together = poses[:, INDEX["head_y"]] == poses[:, INDEX["body_y"]]
    assert abs(together.mean() - SHARES[1]) < 0.06
