"""The live engine against the exact one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from characters import PUBLISHED, decibels, made_up, published, random_poses

from vivant.avatars.tha import integer_kernels
from vivant.avatars.tha.character import load_character
from vivant.avatars.tha.currency import pose_of_curves
from vivant.avatars.tha.live_student import LiveStudent, grown, pixels_of
from vivant.avatars.tha.networks.face_student import FACE_COLUMNS, FACE_ROWS
from vivant.avatars.tha.pose import pose_of
from vivant.avatars.tha.siren import Crew, fastest, kinds, sines_of
from vivant.avatars.tha.student import StudentPoser
from vivant.face import arkit

KINDS = [
    torch.float32,
    pytest.param(torch.int16, marks=pytest.mark.skipif(not integer_kernels.available(), reason="needs AVX2")),
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PUBLISHED)
def test_random_poses_are_within_38_db(samples: Path, name: str, kind: torch.dtype) -> None:
    character = load_character(published(samples, name))
    exact, live = StudentPoser(character), LiveStudent(character, kind=kind)
    poses = random_poses(11, 6)
    assert decibels(np.stack([live.draw(p) for p in poses]), np.stack([exact.draw(p) for p in poses])) > 40


@pytest.mark.slow
def test_bfloat16_is_within_38_db(samples: Path) -> None:
    character = load_character(published(samples, PUBLISHED[0]))
    exact, live = StudentPoser(character), LiveStudent(character, kind=torch.bfloat16)
    poses = random_poses(11, 1)  # slow where the processor has no bfloat16
    assert decibels(np.stack([live.draw(p) for p in poses]), np.stack([exact.draw(p) for p in poses])) > 40


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("clip", ["v03_expressions_turns_30fps", "v05_turns_glasses_hand"])
def test_tracked_motion_is_within_45_db(samples: Path, name: str, clip: str) -> None:
    path = samples / "tracks" / f"{clip}.npz"
    if not path.is_file():
        pytest.skip(f"no track {path}")
    with np.load(path) as track:
        names = track["blendshape_names"].tolist()
        order = [names.index(name) if name in names else names.index("_neutral") for name in arkit.CURVES]
        at = np.linspace(0, len(track["time"]) - 1, 5).astype(int)
        curves, angles = track["blendshapes"][at][:, order], np.radians(track["yaw_pitch_roll"][at])
    poses = [pose_of_curves(c, (-p, y, r)) for c, (y, p, r) in zip(curves.astype(np.float32), angles, strict=True)]
    character = load_character(published(samples, name))
    exact, live = StudentPoser(character), LiveStudent(character)
    assert decibels(np.stack([live.draw(p) for p in poses]), np.stack([exact.draw(p) for p in poses])) > 45


@pytest.mark.parametrize("kind", KINDS)
def test_a_made_up_character_is_drawn_as_by_the_exact_engine(kind: torch.dtype) -> None:
    character, pose = made_up(), random_poses(3, 1)[0]
    exact = StudentPoser(character).draw(pose)
    found = LiveStudent(character, kind=kind).draw(pose)
    assert (found.dtype, found.shape) == (np.uint8, (512, 512, 4))
    assert decibels(found, exact) > 43


def test_a_frame_depends_neither_on_earlier_ones_nor_on_the_number_of_cores() -> None:
    character, (one, other) = made_up(), random_poses(4, 2)
    live = LiveStudent(character, cores=2, kind=torch.float32)
    first = live.draw(one)
    live.draw(other)
    np.testing.assert_array_equal(live.draw(one), first)
    np.testing.assert_array_equal(LiveStudent(character, cores=1, kind=torch.float32).draw(one), first)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1e30, 1e30])
def test_numbers_that_are_none_read_beside_no_array(wrong: float, kind: torch.dtype) -> None:
    poser, rest = LiveStudent(made_up(), kind=kind), np.zeros(45, np.float32)
    before = poser.draw(rest)
    assert poser.draw(np.full(45, wrong, np.float32)).shape == before.shape
    np.testing.assert_array_equal(poser.draw(rest), before)


def test_official_bytes_keep_premultiplied_colours() -> None:
    character, pose = made_up(), random_poses(5, 1)[0]
    exact = StudentPoser(character, official=True).draw(pose)
    assert decibels(LiveStudent(character, official=True, kind=torch.float32).draw(pose), exact) > 45


@pytest.mark.slow
def test_a_smooth_character_is_computed_on_fewer_points_than_one_with_small_parts(samples: Path) -> None:
    first, second = (LiveStudent(load_character(published(samples, name)), kind=torch.float32) for name in PUBLISHED)
    assert first.sides == (48, 128)
    assert second.sides == (96, 256)


def test_what_is_fastest_here_is_found_without_drawing_lots() -> None:
    face, _ = made_up().networks()
    before = torch.get_rng_state()
    assert fastest(sines_of(face.layers)[:2]) in kinds()
    assert torch.equal(torch.get_rng_state(), before)


def test_what_a_crew_is_given_comes_back_in_order() -> None:
    assert Crew(2).run([lambda n=n: n * n for n in range(5)]) == [0, 1, 4, 9, 16]
    with pytest.raises(ZeroDivisionError):
        Crew(2).run([lambda: 1 // 0])


def test_a_face_without_contrast_in_some_expressions_is_still_judged() -> None:
    character = made_up()
    detail = LiveStudent(character, kind=torch.float32)._detail
    assert detail[20:52, 48:80].min() >= 0.25
    assert detail[0, 0] == 0


def test_masks_grow_by_one_cell_and_name_their_pixels() -> None:
    mask = np.zeros((4, 4), np.bool_)
    mask[0, 0] = True
    assert grown(mask).sum() == 4
    assert pixels_of(mask, 8).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert len(pixels_of(np.zeros((4, 4), np.bool_), 8)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_thin_lines_of_the_face_are_whole(samples: Path, name: str) -> None:
    """Of the chin, lids and glasses; half the resolution has gaps in them."""
    character = load_character(published(samples, name))
    exact, live = StudentPoser(character), LiveStudent(character, kind=torch.float32)
    poses = [pose_of({"mouth_aaa": 1}), pose_of({"eye_wink": 0.5, "iris_rotation_x": 0.5}), pose_of({"head_y": -0.8})]
    box = (slice(None), FACE_ROWS, FACE_COLUMNS)
    assert decibels(np.stack([live.draw(p) for p in poses])[box], np.stack([exact.draw(p) for p in poses])[box]) > 40.1
