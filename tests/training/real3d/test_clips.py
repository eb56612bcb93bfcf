"""Pairs of frames of clips on disk, with a face model that is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from basel import own_mesh

from vivant.avatars.real3d.camera import camera_of_pose
from vivant.errors import SettingsError
from vivant.media.image import write_image
from vivant.portrait.classes import draw_classes
from vivant.training.real3d.clips import ClipPairs, cameras_of, far_frames, open_clips

SIDE, FRAMES = 48, 5


def write_clips(folder: Path, count: int = 2) -> Path:
    """Clips with a head that is a square, and a body below."""
    random = np.random.default_rng(0)
    classes = np.zeros((SIDE, SIDE), np.uint8)
    classes[8:30, 12:36], classes[30:, 6:42] = 3, 4
    for number in range(count):
        name = f"clip{number}"
        for frame in range(FRAMES):
            picture = random.integers(1, 255, (SIDE, SIDE, 3)).astype(np.uint8)
            for kind, part in (("head_imgs", classes == 3), ("inpaint_torso_imgs", classes == 4)):
                save(folder / kind / name, frame, np.dstack([picture, part.astype(np.uint8) * 255]))
            save(folder / "gt_imgs" / name, frame, picture)
            save(folder / "com_imgs" / name, frame, 255 - picture)
            save(folder / "segmaps" / name, frame, draw_classes(classes))
        for kind in ("bg_img", "lms_2d", "coeff_fit_mp"):
            (folder / kind).mkdir(exist_ok=True)
        write_image(folder / "bg_img" / f"{name}.jpg", np.full((SIDE, SIDE, 3), 77, np.uint8))
        np.save(folder / "lms_2d" / f"{name}_lms.npy", random.uniform(20, 30, (FRAMES, 478, 3)))
        parts = {
            key: random.normal(0, 0.1, (FRAMES, width)) for key, width in (("exp", 64), ("euler", 3), ("trans", 3))
        }
        np.savez(folder / "coeff_fit_mp" / f"{name}_coeff_fit_mp.npz", id=random.normal(0, 1, 80), **parts)
    return folder


def save(folder: Path, frame: int, pixels: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_image(folder / f"{frame:08d}.png", pixels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clips(tmp_path_factory.mktemp("clips"))


def test_a_pair_has_all_that_the_torso_wants(folder: Path) -> None:
    source = ClipPairs(open_clips(folder, torso=True), SIDE, own_mesh(), torso=True)
    pair = source.pair(np.random.default_rng(0))
    view = pair.target
    assert view.mask.sum() == 22 * 24
    assert view.lips is not None
    assert view.lips.shape == (1, 12, 2)
    assert view.code is not None
    assert view.near is not None
    assert view.code.shape == (1, 3, SIDE, SIDE)
    assert 0 < (view.code - view.near).abs().mean() < 0.2
    assert pair.bend is not None
    assert pair.bend.shape == (1, 3, 3, SIDE, SIDE)
    assert pair.around is not None
    assert pair.around.source.shape == (1, 68, 3)
    assert pair.around.body.sum() == 18 * 36
    assert float(pair.around.background.std()) < 0.02
    inside = view.mask > 0.5
    torch.testing.assert_close(view.head.where(inside, 0), -view.picture.where(inside, 0))  # com_imgs are negatives
    assert torch.equal(view.head.where(inside, -1), view.head)


def test_stage_i2p_needs_no_face_model(folder: Path) -> None:
    pair = ClipPairs(open_clips(folder), SIDE).pair(np.random.default_rng(1), test=True)
    assert (pair.rest, pair.target.code, pair.around) == (None, None, None)
    assert not torch.equal(pair.reference.camera, pair.target.camera)


def test_cameras_are_those_of_the_fits(folder: Path) -> None:
    clips = open_clips(folder)
    cameras = cameras_of(clips)
    assert cameras.shape == (2 * FRAMES, 25)
    fit = clips[1].fit
    wanted = camera_of_pose(fit["euler"][-1:], fit["trans"][-1:])
    assert np.array_equal(cameras[-1:].numpy(), wanted)
    assert fit["id"].shape == (FRAMES, 80)


@pytest.mark.parametrize(("count", "frame", "first"), [(200, 100, 50), (200, 199, 50), (40, 0, 20), (9, 4, 2)])
def test_frames_of_a_pair_are_far_apart(count: int, frame: int, first: int) -> None:
    apart = np.abs(far_frames(count, frame) - frame)
    assert apart.min() == first
    assert apart.max() == max(frame, count - 1 - frame)


def test_what_is_missing_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no clips"):
        open_clips(tmp_path)
    write_clips(tmp_path, 1)
    (tmp_path / "coeff_fit_mp" / "clip0_coeff_fit_mp.npz").unlink()
    np.save(tmp_path / "lms_2d" / "clip0_lms.npy", np.array([{"a": 1}]), allow_pickle=True)
    clip = open_clips(tmp_path)[0]
    with pytest.raises(SettingsError, match="no fit with id"):
        _ = clip.fit
    with pytest.raises(SettingsError, match="no landmarks"):
        _ = clip.lips
    (tmp_path / "com_imgs" / "clip0" / "00000000.png").unlink()
    with pytest.raises(SettingsError, match="com_imgs: no pictures of clip0"):
        open_clips(tmp_path, torso=True)
