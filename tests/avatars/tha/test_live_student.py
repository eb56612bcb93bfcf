"""The live engine against the exact one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from characters import PUBLISHED, decibels, made_up, published, random_poses

from vivant.avatars.tha.character import load_character
from vivant.avatars.tha.currency import pose_of_curves
from vivant.avatars.tha.live_student import LiveStudent, grown, pixels_of
from vivant.avatars.tha.siren import Crew
from vivant.avatars.tha.student import StudentPoser
from vivant.face import arkit


@pytest.mark.slow
@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("name", PUBLISHED)
def test_random_poses_are_within_38_db(samples: Path, name: str, half: bool) -> None:
    character = load_character(published(samples, name))
    exact, live = StudentPoser(character), LiveStudent(character, half=half)
    poses = random_poses(11, 6)
    assert decibels(np.stack([live.draw(p) for p in poses]), np.stack([exact.draw(p) for p in poses])) > 40


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("clip", ["v03_expressions_turns_30fps", "v05_turns_glasses_hand"])
def test_tracked_motion_is_within_42_db(samples: Path, name: str, clip: str) -> None:
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
    exact, live = StudentPoser(character), LiveStudent(character, half=True)
    assert decibels(np.stack([live.draw(p) for p in poses]), np.stack([exact.draw(p) for p in poses])) > 42.5


@pytest.mark.parametrize(("half", "bound"), [(False, 45), (True, 38)])
def test_a_made_up_character_is_drawn_as_by_the_exact_engine(half: bool, bound: float) -> None:
    character, pose = made_up(), random_poses(3, 1)[0]
    exact = StudentPoser(character).draw(pose)
    found = LiveStudent(character, half=half).draw(pose)
    assert (found.dtype, found.shape) == (np.uint8, (512, 512, 4))
    assert decibels(found, exact) > bound


def test_a_frame_depends_neither_on_earlier_ones_nor_on_the_number_of_cores() -> None:
    character, (one, other) = made_up(), random_poses(4, 2)
    live = LiveStudent(character, cores=2, half=False)
    first = live.draw(one)
    live.draw(other)
    np.testing.assert_array_equal(live.draw(one), first)
    np.testing.assert_array_equal(LiveStudent(character, cores=1, half=False).draw(one), first)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1e30, 1e30])
def test_numbers_that_are_none_read_beside_no_array(wrong: float) -> None:
    poser, rest = LiveStudent(made_up(), half=False), np.zeros(45, np.float32)
    before = poser.draw(rest)
    assert poser.draw(np.full(45, wrong, np.float32)).shape == before.shape
    np.testing.assert_array_equal(poser.draw(rest), before)


def test_official_bytes_keep_premultiplied_colours() -> None:
    character, pose = made_up(), random_poses(5, 1)[0]
    exact = StudentPoser(character, official=True).draw(pose)
    assert decibels(LiveStudent(character, official=True, half=False).draw(pose), exact) > 45


def test_what_a_crew_is_given_comes_back_in_order() -> None:
    assert Crew(2).run([lambda n=n: n * n for n in range(5)]) == [0, 1, 4, 9, 16]
    with pytest.raises(ZeroDivisionError):
        Crew(2).run([lambda: 1 // 0])


def test_a_face_without_contrast_in_some_expressions_is_still_judged() -> None:
    character = made_up()
    detail = LiveStudent(character, half=False)._detail
    assert detail[20:52, 48:80].min() >= 0.25
    assert detail[0, 0] == 0


def test_masks_grow_by_one_cell_and_name_their_pixels() -> None:
    mask = np.zeros((4, 4), np.bool_)
    mask[0, 0] = True
    assert grown(mask).sum() == 4
    assert pixels_of(mask, 8).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert len(pixels_of(np.zeros((4, 4), np.bool_), 8)) == 0
