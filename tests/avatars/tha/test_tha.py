"""The avatar: characters stand where their pictures had them and move as the driver's picture does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawings import HOME, character, drawn_figure, laid_on
from numpy.typing import NDArray

from vivant.avatars.tha import posers, tha
from vivant.avatars.tha.pose import INDEX, pose_of
from vivant.avatars.tha.profile import Profile
from vivant.avatars.tha.tha import Tha, ThaSettings, is_character, open_character
from vivant.compose import Composer, cut_view
from vivant.errors import SettingsError, WeightsError
from vivant.face import arkit
from vivant.face.pose import rotation_from_angles
from vivant.face.window import Window
from vivant.motion.state import FaceState
from vivant.portrait.drawing import open_drawing, portrait_of
from vivant.portrait.head import HeadBox
from vivant.portrait.layout import Crop, view
from vivant.portrait.portrait import Portrait

Bytes = NDArray[np.uint8]
WHITE = np.array([255, 255, 255])


@pytest.fixture
def shifter(monkeypatch: pytest.MonkeyPatch) -> Tha:
    """A system that moves any character to the viewer's left by 20 pixels at head_y = 1, and does nothing else."""

    def opened(settings: ThaSettings) -> Callable[[Bytes], tha.Draw]:
        return lambda picture: lambda pose: np.roll(picture, -round(20 * float(pose[INDEX["head_y"]])), axis=1)

    monkeypatch.setattr(tha, "_full_system", opened)
    return Tha()


@pytest.fixture(scope="module")
def lambdas(samples: Path) -> dict[str, tuple[Tha, Portrait]]:
    folders = [samples / "tha4" / name for name in ("lambda_00", "lambda_01")]
    if not all(folder.is_dir() for folder in folders):
        pytest.skip("no published characters")
    return {folder.name: (Tha(ThaSettings(character=folder)), open_character(folder)) for folder in folders}


def turned(yaw: float = 0, pitch: float = 0, roll: float = 0) -> FaceState:
    return FaceState(rotation=rotation_from_angles(*np.radians([yaw, pitch, roll])))


def picture_of(avatar: Tha, portrait: Portrait, window: Window, state: FaceState, background: str = "keep") -> Bytes:
    composer = Composer(portrait, window, background)
    prepared = avatar.prepare(portrait, window, cutout=composer.cutout)
    return composer.compose([avatar.draw(prepared, state)])


def shift(before: Bytes, after: Bytes, box: tuple[slice, slice]) -> tuple[int, int]:
    """How far the content of `box` moved: (right, down) in pixels, by the best match."""
    grey = [cv2.cvtColor(laid_on(one, WHITE), cv2.COLOR_RGB2GRAY) for one in (before, after)]
    _, _, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(grey[1], grey[0][box], cv2.TM_CCOEFF_NORMED))
    return x - box[1].start, y - box[0].start


@pytest.mark.parametrize(("crop", "size"), [("whole", None), ("whole", 800), ("bust", 256), ("face", 300)])
def test_at_rest_a_figure_stands_as_it_stood(shifter: Tha, crop: Crop, size: int | None) -> None:
    portrait = portrait_of(open_drawing(drawn_figure(), head=HeadBox(90, 40, 120)))
    window = view(portrait, crop, size)
    for background in ("keep", "none"):
        drawn = picture_of(shifter, portrait, window, FaceState(), background)
        apart = np.abs(laid_on(drawn, WHITE).astype(float) - laid_on(cut_view(portrait.picture, window), WHITE))
        assert apart.mean() < 1.5


def test_a_turn_moves_the_figure_in_its_place(shifter: Tha) -> None:
    figure = drawn_figure()
    portrait = portrait_of(open_drawing(figure, head=HeadBox(90, 40, 120)))
    drawn = picture_of(shifter, portrait, view(portrait), turned(yaw=-10))
    right, down = shift(figure, drawn, (slice(60, 150), slice(110, 190)))
    assert right == pytest.approx(-18 * 120 / 128, abs=2)
    assert abs(down) < 1


def test_a_tall_figure_keeps_its_legs_without_a_step(shifter: Tha) -> None:
    """The networks' square ends in the figure's middle; the rest stays, and the seam is soft."""
    figure = np.zeros((900, 400, 4), np.uint8)
    cv2.rectangle(figure, (150, 200), (250, 899), (200, 40, 40, 255), -1)
    cv2.ellipse(figure, (200, 130), (60, 62), 0, 0, 360, (250, 222, 205, 255), -1)
    portrait = portrait_of(open_drawing(figure, head=HeadBox(140, 66, 124)))
    prepared = shifter.prepare(portrait, view(portrait))
    assert prepared.still is not None
    drawn = picture_of(shifter, portrait, view(portrait), turned(yaw=-10))
    np.testing.assert_array_equal(drawn[600:], figure[600:])
    left = np.array([np.flatnonzero(row > 127)[0] for row in drawn[220:700, :, 3]])
    assert left[0] < 140
    assert np.abs(np.diff(left)).max() <= 20
    assert np.abs(drawn[498:500, :, 3].astype(int) - figure[498:500, :, 3]).mean() < 1.5  # eased, not cut


def test_a_drawing_with_a_background_lives_in_front_of_it(samples: Path, shifter: Tha) -> None:
    flat = laid_on(character(samples, "lambda_01"), np.array([90, 160, 220]))
    portrait = portrait_of(open_drawing(flat, head=HOME))
    still = picture_of(shifter, portrait, view(portrait), FaceState())
    assert still[..., 3].min() == 255
    assert np.abs(still[..., :3].astype(int) - flat).mean() < 2
    moved = picture_of(shifter, portrait, view(portrait), turned(yaw=-10))
    assert np.abs(moved[100:150, 302:306, :3].astype(int) - [90, 160, 220]).mean() < 12  # uncovered background
    assert picture_of(shifter, portrait, view(portrait), FaceState(), "none")[5, 5, 3] == 0


def test_gains_of_the_profile_reach_the_picture(shifter: Tha) -> None:
    portrait = portrait_of(open_drawing(drawn_figure(), head=HeadBox(90, 40, 120)))
    calm = Tha(replace(shifter.settings, profile=Profile(gains={"face": 0.0})))
    rest, moved = (picture_of(calm, portrait, view(portrait), turned(yaw=one)) for one in (0, 10))
    np.testing.assert_array_equal(rest, moved)


@pytest.mark.parametrize("name", ["lambda_00", "lambda_01"])
def test_published_characters_copy_the_drivers_head(lambdas: dict[str, tuple[Tha, Portrait]], name: str) -> None:
    avatar, portrait = lambdas[name]
    window = view(portrait)
    rest = picture_of(avatar, portrait, window, FaceState())
    face, hair = (slice(120, 190), slice(215, 300)), (slice(62, 100), slice(220, 290))
    right = shift(rest, picture_of(avatar, portrait, window, turned(yaw=10)), face)
    up = shift(rest, picture_of(avatar, portrait, window, turned(pitch=15)), face)
    leaning = shift(rest, picture_of(avatar, portrait, window, turned(roll=12)), hair)
    assert right[0] >= 4
    assert up[1] <= -5
    assert leaning[0] <= -15


def test_published_characters_close_their_own_left_eye(lambdas: dict[str, tuple[Tha, Portrait]]) -> None:
    avatar, portrait = lambdas["lambda_01"]
    curves = np.zeros(52, np.float32)
    curves[arkit.INDEX["eyeBlinkLeft"]] = 1
    rest, blink = (picture_of(avatar, portrait, view(portrait), FaceState(c)) for c in (0 * curves, curves))
    changed = np.abs(rest.astype(int) - blink).sum(-1)
    assert changed[120:150, 262:310].mean() > 5 * changed[120:150, 210:250].mean()


def test_drawing_does_not_depend_on_what_was_drawn_before(lambdas: dict[str, tuple[Tha, Portrait]]) -> None:
    avatar, portrait = lambdas["lambda_00"]
    prepared = avatar.prepare(portrait, view(portrait))
    first = avatar.draw(prepared, turned(yaw=5)).pixels
    avatar.draw(prepared, turned(yaw=-10, pitch=5))
    np.testing.assert_array_equal(avatar.draw(prepared, turned(yaw=5)).pixels, first)
    posed = avatar.draw_pose(prepared, pose_of({"mouth_aaa": 1.0})).pixels
    assert np.abs(posed.astype(int) - first).max() > 50


def test_a_character_draws_only_itself(samples: Path, lambdas: dict[str, tuple[Tha, Portrait]]) -> None:
    avatar, _ = lambdas["lambda_00"]
    own = portrait_of(open_drawing(samples / "tha4" / "lambda_00" / "character.png"))
    avatar.prepare(own, view(own))
    other = portrait_of(open_drawing(samples / "tha4" / "lambda_01" / "character.png"))
    with pytest.raises(SettingsError, match=r"lambda_01.*does not show this character"):
        avatar.prepare(other, view(other))


def test_what_is_a_character(tmp_path: Path) -> None:
    assert is_character(tmp_path)
    assert is_character(Path("girl.vivant"))
    assert not is_character(Path("girl.png"))
    with pytest.raises(WeightsError, match=r"character_model\.yaml"):
        open_character(tmp_path)


@pytest.mark.parametrize(
    "broken",
    [
        {"poser": "tha5"},
        {"character": Path("x"), "poser": "tha4/teacher"},
        {"character": Path("x"), "weights": Path("y")},
    ],
)
def test_settings_that_cannot_work_are_refused(broken: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        ThaSettings(**broken)  # type: ignore[arg-type]


def test_without_any_weights_the_way_to_them_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match="vivant weights import tha4"):
        Tha(ThaSettings(poser="tha4/teacher"))


@pytest.mark.parametrize(("held", "opened"), [("tha3/standard", 2), ("tha3/separable", 3), ("nothing", 0)])
def test_a_folder_is_tried_for_every_system(monkeypatch: pytest.MonkeyPatch, held: str, opened: int) -> None:
    tried = []

    def open_poser(name: str, weights: Path | None, **_: bool) -> object:
        tried.append(name)
        if name != held:
            raise WeightsError(f"{weights}: no whole {name} in it")
        return object()

    monkeypatch.setattr(posers, "open_poser", open_poser)
    if held == "nothing":
        with pytest.raises(WeightsError, match="no whole tha3/separable"):
            Tha(ThaSettings(weights=Path("folder")))
    else:
        Tha(ThaSettings(weights=Path("folder")))
        assert len(tried) == opened
