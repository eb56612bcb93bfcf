"""Composing: what does not move stays as it was, bit for bit; backgrounds are where they should be."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from fakes import ShiftAvatar, make_portrait
from numpy.typing import NDArray

from vivant.avatars.avatar import Frame
from vivant.compose import Composer, LoopedVideo, cut_view, nearest_shares, parse_colour
from vivant.errors import MediaError, SettingsError
from vivant.face.window import Window
from vivant.media.image import write_image
from vivant.media.writer import open_writer
from vivant.motion.state import FaceState
from vivant.portrait.layout import whole_view


def texture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """A smooth random picture (H, W, 3)."""
    import cv2

    coarse = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def shifted(pixels: float) -> FaceState:
    return FaceState(translation=np.array([pixels, 0, 0], np.float32))


def test_a_still_face_gives_the_picture_back_bit_for_bit() -> None:
    portrait = make_portrait(texture(120, 160))
    view = whole_view(portrait)
    avatar, composer = ShiftAvatar(), Composer(portrait, view)
    frame = avatar.draw(avatar.prepare(portrait, view), FaceState())
    assert (composer.compose([frame]) == portrait.picture).all()


def test_only_the_window_changes_and_earlier_pictures_keep_theirs() -> None:
    portrait = make_portrait(texture(120, 160))
    view = whole_view(portrait)
    avatar, composer = ShiftAvatar(), Composer(portrait, view)
    prepared = avatar.prepare(portrait, view)
    first = composer.compose([avatar.draw(prepared, shifted(9))])
    kept = first.copy()
    composer.compose([avatar.draw(prepared, shifted(-9))])
    assert (first == kept).all()
    rows, columns = np.nonzero((first != portrait.picture).any(axis=2))
    window = prepared.window
    assert window.x <= columns.min()
    assert columns.max() < window.x + window.width
    assert window.y <= rows.min()
    assert rows.max() < window.y + window.height
    assert len(rows) > 500


def test_a_frame_drawn_coarser_leaves_no_seam() -> None:
    portrait = make_portrait(texture(120, 160))
    view = whole_view(portrait)
    avatar, composer = ShiftAvatar(coarse=2), Composer(portrait, view)
    result = composer.compose([avatar.draw(avatar.prepare(portrait, view), FaceState())])
    assert np.abs(result.astype(int) - portrait.picture).max() <= 6


def test_a_smaller_view_is_the_picture_at_that_size() -> None:
    import cv2

    portrait = make_portrait(texture(240, 320))
    view = whole_view(portrait, 160)
    avatar, composer = ShiftAvatar(), Composer(portrait, view)
    result = composer.compose([avatar.draw(avatar.prepare(portrait, view), FaceState())])
    expected = cv2.resize(portrait.picture, (160, 120), interpolation=cv2.INTER_AREA)
    assert result.shape == (120, 160, 4)
    assert np.abs(result.astype(int) - expected).max() <= 4


@pytest.mark.parametrize("place", [(10.0, 20.0), (-15.5, 7.25), (100.0, 90.0)])
def test_a_view_shows_the_picture_at_the_right_place(place: tuple[float, float]) -> None:
    """A linear ramp tells each pixel's place; beyond the border the edge repeats."""
    y, x = np.mgrid[0:120, 0:160]
    ramp = np.dstack([x, y, x * 0, x * 0 + 255]).astype(np.uint8)
    cut = cut_view(ramp, Window(*place, 60.0, 60.0, 120, 120)).astype(float)
    across = place[0] + (np.arange(120) + 0.5) / 2 - 0.5
    down = place[1] + (np.arange(120) + 0.5) / 2 - 0.5
    assert np.abs(cut[60, :, 0] - np.clip(across, 0, 159)).max() <= 1
    assert np.abs(cut[:, 60, 1] - np.clip(down, 0, 119)).max() <= 1


@pytest.mark.parametrize("background", ["blur", "#20a040", "picture", "video", "none"])
def test_backgrounds(tmp_path: Path, background: str) -> None:
    portrait = make_portrait(texture(120, 160))
    behind = np.full((30, 90, 3), (10, 200, 30), np.uint8)
    if background == "picture":
        background = str(tmp_path / "- behind 'it' 🏞.png")
        write_image(Path(background), behind)
    elif background == "video":
        background = str(tmp_path / "behind.mp4")
        with open_writer(Path(background), (90, 30), Fraction(25)) as writer:
            for _ in range(3):
                writer.write(behind)
    view = whole_view(portrait)
    composer = Composer(portrait, view, background)
    avatar = ShiftAvatar()
    prepared = avatar.prepare(portrait, view, cutout=composer.cutout)
    result = composer.compose([avatar.draw(prepared, FaceState())], time=9.0)
    face, corner = (slice(50, 70), slice(70, 90)), (slice(0, 20), slice(0, 20))
    assert np.abs(result[face].astype(int) - portrait.picture[face]).max() <= 1
    if background == "none":
        assert composer.transparent
        assert (result[corner][..., 3] == 0).all()
        assert (result[face][..., 3] == 255).all()
        return
    assert (result[..., 3] == 255).all()
    if background == "blur":
        assert 0 < np.abs(result[corner].astype(int) - portrait.picture[corner]).mean() < 30
    else:
        expected = (0x20, 0xA0, 0x40) if background.startswith("#") else (10, 200, 30)
        assert np.abs(result[corner][..., :3].astype(int) - expected).max() <= 6


def test_half_transparent_hair_is_mixed_linearly() -> None:
    portrait = make_portrait(np.full((40, 40, 3), 200, np.uint8))
    view = whole_view(portrait)
    composer = Composer(portrait, view, "#000000")
    for alpha in (0, 1, 64, 128, 200, 255):
        pixels = np.dstack([portrait.picture[..., :3], np.full((40, 40), alpha, np.uint8)])
        result = composer.compose([Frame(pixels, view)])
        assert np.abs(result[..., :3].astype(int) - round(200 * alpha / 255)).max() <= 1


def test_two_faces_whose_windows_overlap_both_move() -> None:
    picture = texture(120, 200)
    left = make_portrait(picture, (30, 30, 90, 90))
    right = make_portrait(picture, (95, 30, 155, 90))
    view = whole_view(left)
    avatar, composer = ShiftAvatar(margin=25), Composer(left, view)
    frames = [avatar.draw(avatar.prepare(one, view), shifted(6)) for one in (left, right)]
    result = composer.compose(frames)
    for one, frame in zip((left, right), frames, strict=True):
        x0, y0, x1, y1 = (int(edge) for edge in one.faces[0])
        own = frame.pixels[25:-25, 25:-25]
        middle = result[y0:y1, x0:x1]
        assert np.abs(middle.astype(int) - own)[:, 12:-12].mean() < 2
        assert np.abs(middle.astype(int) - one.picture[y0:y1, x0:x1]).mean() > 2
    assert (result[:4] == left.picture[:4]).all()


def test_shares_are_whole_where_only_one_window_lies() -> None:
    windows = [Window(0, 0, 60, 60, 60, 60), Window(40, 0, 60, 60, 60, 60)]
    first, second = nearest_shares(windows, Window(0, 0, 100, 60, 100, 60))
    assert (first[:, :60] == 1).all()
    assert (second[:, 60:] == 1).all()
    assert (second[:, :40] == 0).all()
    assert abs(second[30, 49:51].mean() - 0.5) < 0.02
    assert second[30, 42] < 0.1


def test_a_short_video_goes_on_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "loop.mov"
    with open_writer(path, (16, 16), Fraction(10)) as writer:
        for level in (0, 80, 160, 240):
            writer.write(np.full((16, 16, 3), level, np.uint8))
    video = LoopedVideo(path, Window(0, 0, 16, 16, 16, 16), Composer.__init__.__defaults__[-1])  # type: ignore[index]
    seen = [round(float(video.at(step / 20).mean()) / 80) for step in range(20)]
    assert seen == [0, 0, 1, 1, 2, 2, 3, 3] * 2 + [0, 0, 1, 1]


@pytest.mark.parametrize("background", ["#12345", "#gggggg", "nowhere.mp4", "purple"])
def test_a_background_that_does_not_exist(background: str) -> None:
    portrait = make_portrait(texture(40, 40))
    with pytest.raises(SettingsError, match="background"):
        Composer(portrait, whole_view(portrait), background)


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    portrait = make_portrait(texture(40, 40))
    with pytest.raises(MediaError, match=r"gone\.png"):
        Composer(portrait, whole_view(portrait), str(tmp_path / "gone.png"))


def test_colours() -> None:
    assert parse_colour("#20a040") == (0x20, 0xA0, 0x40)


def test_a_transparent_source_stays_transparent() -> None:
    picture = np.dstack([texture(40, 40), np.zeros((40, 40), np.uint8)])
    composer = Composer(make_portrait(picture), Window(0, 0, 40, 40, 40, 40))
    assert composer.transparent
