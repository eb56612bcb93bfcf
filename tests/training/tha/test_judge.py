"""Figures of likeness against the same by other means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from characters import decibels as of_bytes
from characters import made_up

from vivant.avatars.tha.picture import picture_of_tensor
from vivant.media.image import read_image
from vivant.training.tha.judge import body_decibels, decibels, face_decibels, whole_decibels, write_preview
from vivant.training.tha.pool import Pool, coded, fill_pool
from vivant.training.tha.teachers import CharacterTeacher


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> tuple[CharacterTeacher, Pool]:
    teacher = CharacterTeacher(made_up())
    return teacher, fill_pool(tmp_path_factory.mktemp("pool"), teacher, 2, seed=0, mark="made up")


def test_likeness_is_that_of_the_pictures_that_are_written() -> None:
    random = torch.Generator().manual_seed(0)
    alpha = torch.rand(64, 64, 1, generator=random)
    colours = torch.cat([torch.rand(64, 64, 3, generator=random) * alpha, alpha], -1) * 2 - 1
    other = colours + torch.randn(64, 64, 4, generator=random) * 0.02
    pictures = [picture_of_tensor(one.permute(2, 0, 1)[None], premultiplied=True) for one in (colours, other)]
    assert decibels(other, coded(colours)) == pytest.approx(of_bytes(pictures[0], pictures[1]), abs=0.3)


def test_the_teachers_own_networks_are_like_the_teacher(taught: tuple[CharacterTeacher, Pool]) -> None:
    teacher, pool = taught
    face, body = made_up().networks()
    assert body_decibels(body, pool, teacher.drawing[0].permute(1, 2, 0)) > 45
    assert face_decibels(face, pool) > 45
    mean, least = whole_decibels(made_up(), pool)
    assert mean >= least > 45


def test_other_networks_are_not(taught: tuple[CharacterTeacher, Pool]) -> None:
    teacher, pool = taught
    face, body = made_up(5).networks()
    assert body_decibels(body, pool, teacher.drawing[0].permute(1, 2, 0)) < 35
    assert face_decibels(face, pool) < 35


def test_a_preview_shows_teacher_student_and_difference(taught: tuple[CharacterTeacher, Pool], tmp_path: Path) -> None:
    write_preview(tmp_path / "preview.png", made_up(), taught[1])
    pixels = read_image(tmp_path / "preview.png").pixels[..., :3].astype(int)
    assert pixels.shape == (3 * 192, 2 * 192, 3)
    assert np.abs(pixels[:192] - pixels[192:384]).mean() < 2
    assert pixels[384:].mean() < 4
