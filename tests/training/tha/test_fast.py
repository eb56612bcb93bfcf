"""What our method learns from, and how fast."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from characters import random_poses
from teachers import DiscTeacher

from vivant.training.tha.fast import (
    BODY,
    BodyLessons,
    FaceLessons,
    Recipe,
    blended,
    new_body,
    new_face,
    pixel_shares,
    square_shares,
    squares_of,
)
from vivant.training.tha.pool import Pool, fill_pool

TINY = Recipe(steps=10, squares=6, side=8, warm=2)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    folder: Path = tmp_path_factory.mktemp("pool")
    return fill_pool(folder, DiscTeacher(), 8, seed=0, mark="disc")


def drawing() -> torch.Tensor:
    return DiscTeacher().drawing[0].permute(1, 2, 0)


def test_the_rate_rises_and_falls() -> None:
    rates = [BODY.rate_at(step) for step in range(BODY.steps)]
    top = max(range(BODY.steps), key=rates.__getitem__)
    assert top in range(BODY.warm - 5, BODY.warm + 5)
    assert rates[top] == pytest.approx(BODY.rate, rel=0.01)
    assert rates[0] < 0.02 * BODY.rate
    assert rates[-1] < 0.01 * BODY.rate


def test_squares_lie_where_things_move(pool: Pool) -> None:
    shares = square_shares(pool, drawing(), TINY).reshape(64, 64)
    assert shares.sum() == pytest.approx(1)
    rim, corner = shares[32, 9:12].mean(), shares[:4, :4].mean()
    assert rim > 5 * corner
    assert corner == pytest.approx(TINY.anywhere / 64**2)


def test_pixels_of_a_face_all_count(pool: Pool) -> None:
    shares = pixel_shares(pool, TINY)
    assert shares.shape == (128 * 128,)
    assert shares.sum() == pytest.approx(1)
    assert shares.min() > 0.1 / 128**2


def test_squares_are_cut_out() -> None:
    pictures = torch.arange(2 * 16 * 16).view(2, 16, 16, 1)
    found = squares_of(pictures, torch.tensor([1, 0]), torch.tensor([[4, 8], [0, 0]]), 4)
    assert torch.equal(found[0], pictures[1, 4:8, 8:12])
    assert torch.equal(found[1], pictures[0, :4, :4])


def test_steps_are_the_same_for_the_same_seed(pool: Pool) -> None:
    torch.manual_seed(0)
    body, face = new_body(), new_face()
    for one, other in (
        (BodyLessons(body, pool, drawing(), TINY, 0), BodyLessons(body, pool, drawing(), TINY, 0)),
        (FaceLessons(face, pool, TINY, 0), FaceLessons(face, pool, TINY, 0)),
    ):
        assert all(torch.equal(one(4)[name], other(4)[name]) for name in one(4))
        assert not torch.equal(one(4)["final"], one(5)["final"])


def test_guides_fade(pool: Pool) -> None:
    torch.manual_seed(0)
    lessons = BodyLessons(new_body(), pool, drawing(), TINY, 0)
    assert float(lessons(TINY.steps)["flow"].detach()) == 0
    assert float(lessons(0)["flow"].detach()) > 0


def test_a_result_is_warped_where_alpha_is_0() -> None:
    motion = torch.zeros(1, 4, 4, 7)
    motion[:, :, 2:, 2], motion[..., 3:] = 1, 0.5
    warped = torch.full((1, 4, 4, 4), -0.25)
    found = blended(motion, warped)
    assert (found[:, :, :2] == -0.25).all()
    assert (found[:, :, 2:] == 0.5).all()


def test_a_new_body_hardly_moves_anything() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        motion = new_body().motion(torch.from_numpy(random_poses(0, 1)))
    assert motion.abs().mean() < 0.1
