"""`vivant pose` and `vivant align` from the outside."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawings import character, drawn_figure, laid_on

from vivant import cli
from vivant.avatars.tha import tha
from vivant.avatars.tha.align import align
from vivant.avatars.tha.angles import angles_of
from vivant.avatars.tha.pose import INDEX, PARAMETERS
from vivant.avatars.tha.profile import load_profile
from vivant.avatars.tha.tha import ThaSettings
from vivant.commands import table
from vivant.commands import tha as tha_commands
from vivant.face import arkit
from vivant.face.pose import rotation_from_angles
from vivant.media.image import read_image, write_image
from vivant.motion.files import save_motion
from vivant.motion.motion import Motion
from vivant.motion.state import FaceState
from vivant.portrait.head import HeadBox
from vivant.provenance import read_marks

WHITE = np.array([255, 255, 255])


@pytest.fixture(autouse=True)
def wired(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {"pose": (tha_commands.pose, tha_commands.PoseOptions)}
    ours["align"] = (tha_commands.align_drawing, tha_commands.AlignOptions)  # type: ignore[assignment]
    ours["profile"] = (tha_commands.make_profile, tha_commands.ProfileOptions)  # type: ignore[assignment]
    for name, command in ours.items():
        monkeypatch.setitem(table.COMMANDS, name, command)
    monkeypatch.setattr(cli, "COMMANDS", tuple(table.COMMANDS))


@pytest.fixture
def painter(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """A system that darkens the picture by its largest number; the poses it was given."""
    poses: list[np.ndarray] = []

    def opened(settings: ThaSettings) -> Callable[[np.ndarray], tha.Draw]:
        def draw(picture: np.ndarray, pose: np.ndarray) -> np.ndarray:
            poses.append(pose)
            dark = picture.copy()
            dark[..., :3] = picture[..., :3] * (1 - 0.5 * np.abs(pose).max())
            return dark

        return lambda picture: lambda pose: draw(picture, pose)

    monkeypatch.setattr(tha, "_full_system", opened)
    return poses


@pytest.fixture
def girl(tmp_path: Path) -> Path:
    write_image(tmp_path / "girl.png", align(drawn_figure(), HeadBox(90, 40, 120)))
    return tmp_path / "girl.png"


def test_a_pose_is_drawn_and_marked(girl: Path, painter: list[np.ndarray]) -> None:
    out = girl.with_name("posed.png")
    words = [
        "pose",
        str(girl),
        "--avatar",
        "tha",
        "--set",
        "head_x=0.5",
        "mouth_aaa=1",
        "eye_wink=0.25",
        "-o",
        str(out),
    ]
    assert cli.main(words) == 0
    (posed,) = painter
    assert posed[INDEX["head_x"]] == 0.5
    assert posed[INDEX["eye_wink_right"]] == 0.25
    assert np.count_nonzero(posed) == 4
    drawn, source = read_image(out).pixels, read_image(girl).pixels
    np.testing.assert_array_equal(drawn[..., 3], source[..., 3])
    inside = source[..., 3] == 255
    assert drawn[inside][:, :3].mean() == pytest.approx(source[inside][:, :3].mean() / 2, abs=1)
    assert read_marks(out).synthetic
    assert cli.main([*words[:-1], str(girl.with_name("plain.png")), "--no-provenance"]) == 0
    assert not read_marks(girl.with_name("plain.png")).synthetic


@pytest.mark.slow
def test_a_real_character_is_posed(samples: Path, tmp_path: Path) -> None:
    folder = samples / "tha4" / "lambda_00"
    if not folder.is_dir():
        pytest.skip(f"no character {folder}")
    rest, wink = tmp_path / "rest.png", tmp_path / "wink.webp"
    assert cli.main(["pose", str(folder), "-o", str(rest)]) == 0
    assert cli.main(["pose", str(folder), "--set", "eye_wink_left=1", "-o", str(wink)]) == 0
    before, after = (read_image(path).pixels.astype(int) for path in (rest, wink))
    changed = np.abs(before - after).sum(-1)
    assert changed[130:165, 270:300].mean() > 40
    assert changed[250:].mean() < 8  # lossy webp


def test_a_sheet_shows_every_parameter(
    girl: Path, painter: list[np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    out = girl.with_name("sheet.png")
    assert cli.main(["pose", str(girl), "--sheet", "-o", str(out), "--json"]) == 0
    ends = sum((one.low < 0) + (one.high > 0) for one in PARAMETERS)
    assert len(painter) == ends + 1
    assert set(np.flatnonzero(np.abs(np.stack(painter)).max(0))) == set(range(45))
    sheet = read_image(out).pixels
    assert sheet.shape[1] == 9 * 192
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1] == {"event": "result", "output": str(out), "width": 1728, "height": sheet.shape[0], "pose": {}}


def test_the_parameters_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["pose", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 45
    assert lines[39].split() == ["head_x", "-1", "..", "+1", "face"]


def test_any_drawing_is_aligned(samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flat = laid_on(character(samples, "lambda_01"), np.array([200, 225, 240]))
    write_image(tmp_path / "flat.png", np.pad(flat, ((100, 0), (60, 200), (0, 0)), mode="edge"))
    out, box = tmp_path / "girl.png", tmp_path / "box.png"
    words = ["align", str(tmp_path / "flat.png"), "-o", str(out), "--overlay", str(box), "--json"]
    assert cli.main(words) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["head"]["x"] == pytest.approx(252, abs=8)
    assert record["head"]["y"] == pytest.approx(164, abs=8)
    assert any("background was taken away" in note["what"] for note in record["notes"])
    picture = read_image(out).pixels
    assert picture.shape == (512, 512, 4)
    apart = laid_on(picture, np.array([255] * 3)).astype(int) - laid_on(
        character(samples, "lambda_01"), np.array([255] * 3)
    )
    assert np.abs(apart).mean() < 6
    assert read_image(box).pixels.shape == (612, 772, 4)


def test_a_given_head_is_taken(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", drawn_figure())
    assert cli.main(["align", str(tmp_path / "a.png"), "-o", str(tmp_path / "b.png"), "--head", "90,40,120"]) == 0
    wanted = align(drawn_figure(), HeadBox(90, 40, 120))
    seen = wanted[..., 3] > 0
    np.testing.assert_array_equal(read_image(tmp_path / "b.png").pixels[seen], wanted[seen])


def test_the_head_is_told_in_the_pixels_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    large = cv2.resize(drawn_figure(), (4200, 5600), interpolation=cv2.INTER_NEAREST)
    write_image(tmp_path / "large.png", np.asarray(large, np.uint8))
    words = ["align", str(tmp_path / "large.png"), "-o", str(tmp_path / "b.png"), "--head", "1260,560,1680", "--json"]
    assert cli.main(words) == 0
    head = json.loads(capsys.readouterr().out)["head"]
    assert (head["x"], head["y"], head["size"]) == pytest.approx((1260, 560, 1680))


def test_a_pose_without_transparency_is_laid_over_white(
    girl: Path, painter: list[np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["pose", str(girl), "-o", str(girl.with_name("posed.jpg"))]) == 0
    assert "becomes white" in capsys.readouterr().err
    assert read_image(girl.with_name("posed.jpg")).pixels[3, 3, :3].min() > 250


def test_a_profile_is_made_of_a_rest_and_gains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    curves = np.zeros((60, 52), np.float32)
    curves[:, arkit.INDEX["jawOpen"]] = 0.2
    states = [FaceState(one, rotation_from_angles(0.1, 0, 0)) for one in curves]
    save_motion(tmp_path / "rest.npz", Motion.from_states(Fraction(30), states))
    out = tmp_path / "me.toml"
    assert cli.main(["profile", str(tmp_path / "rest.npz"), "-o", str(out), "--gain", "mouth=1.5", "face=0.5"]) == 0
    assert "neutral head 0.0, 5.7, 0.0 degrees; 2 gains" in capsys.readouterr().out
    again = tmp_path / "again.toml"
    assert cli.main(["profile", "--base", str(out), "-o", str(again), "--gain", "face=2"]) == 0
    profile = load_profile(again)
    assert profile.gains == {"mouth": 1.5, "face": 2.0}
    assert profile.neutral.curves[arkit.INDEX["jawOpen"]] == pytest.approx(0.2)


def test_a_profile_is_made_of_a_video(samples: Path, tmp_path: Path) -> None:
    video, out = samples / "videos" / "v01_talk_512_25fps.mp4", tmp_path / "me.toml"
    assert cli.main(["profile", str(video), "-o", str(out), "--start", "2", "--seconds", "0.6"]) == 0
    x, y, z = np.degrees(angles_of(load_profile(out).neutral.rotation))
    assert np.abs([x, y, z]).max() < 20
    assert x < -5  # the head is lifted all the time


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["pose", "-o", "{here}/o.png"], "which picture"),
        (["pose", "{girl}"], "where the result goes"),
        (["pose", "{girl}", "-o", "{here}/o.png", "--set", "head_z=1"], "did you mean"),
        (["pose", "{girl}", "-o", "{here}/o.png", "--set", "head_x"], "name=value"),
        (["pose", "{girl}", "-o", "{here}/o.png", "--set", "head_x=2"], "within -1..1"),
        (["pose", "{girl}", "-o", "{here}/o.png", "--set", "head_x=nan"], "within -1..1"),
        (["pose", "{girl}", "-o", "{girl}"], "would destroy"),
        (["pose", "{here}", "-o", "{girl}"], "would destroy"),
        (["pose", "{here}/none.png", "-o", "{girl}", "--background", "{girl}"], "would destroy"),
        (["pose", "{here}/none.png", "-o", "{girl}", "--character", "{here}"], "would destroy"),
        (["pose", "{girl}", "-o", "{here}/o.txt"], "extension"),
        (["pose", "{girl}", "-o", "{here}/o.png", "--profile", "{girl}"], "not a profile"),
        (["pose", "{girl}", "-o", "{here}/o.png", "--head", "1,2"], "LEFT,TOP,SIZE"),
        (["pose", "{girl}", "-o", "{here}/o.png", "--sheet", "--background", "#ffffff"], "sheet"),
        (["pose", "{here}", "-o", "{here}/o.png"], "character_model.yaml"),
        (["profile", "{girl}"], "where the profile goes"),
        (["profile", "-o", "{here}/p.toml", "--gain", "nose=1"], "no such parameter"),
        (["profile", "-o", "{here}/p.toml", "--gain", "mouht=1.2"], "did you mean mouth"),
        (["profile", "-o", "{here}/p.toml", "--gain", "mouth"], "--gain 'mouth'"),
        (["profile", "{girl}", "-o", "{here}/p.toml", "--seconds", "0"], "--seconds 0 cannot be"),
        (["profile", "{here}/rest.csv", "-o", "{here}/p.toml", "--start", "999"], "rest.csv ends before --start 999"),
        (["pose", "{girl}", "-o", "{here}/o.png", "--character", "{girl}"], "run vivant distill"),
        (["profile", "{here}/none.npz", "-o", "{here}/p.toml"], "none.npz"),
        (["align", "{girl}", "-o", "{here}/o.jpg"], "needs transparency"),
        (["align", "{girl}", "-o", "{girl}"], "would destroy"),
        (["align", "{here}/none.png", "-o", "{here}/o.png", "--overlay", "{here}/o.png"], "the same name"),
        (["align", "{girl}", "-o", "{here}/o.png", "--head", "a,b,c"], "LEFT,TOP,SIZE"),
        (["align", "{girl}", "-o", "{here}/o.png", "--head", "9,9,inf"], "LEFT,TOP,SIZE"),
        (["align", "{girl}", "-o", "{here}/o.png", "--head", "900,9,50"], "cannot be"),
        (["align", "{girl}", "-o", "{here}/no/o.png"], "cannot be written"),
        (["align", "{here}/none.png", "-o", "{here}/o.png"], "no such file"),
        (["align", "{here}", "-o", "{here}/o.png"], "folder"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], reason: str, girl: Path, painter: list[np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    save_motion(girl.with_name("rest.csv"), Motion.from_states(Fraction(30), [FaceState()] * 30))
    before = sorted(path.name for path in girl.parent.iterdir())
    assert cli.main([word.format(girl=girl, here=girl.parent) for word in words]) == 2
    shown = capsys.readouterr().err.splitlines()
    errors = [line for line in shown if line.startswith("vivant: error: ")]
    assert len(errors) == 1
    assert reason in errors[0]
    assert sorted(path.name for path in girl.parent.iterdir()) == before


@pytest.mark.parametrize("name", ["i02_one_pixel.png", "i09_text_named.png", "i10_empty.png", "i11_no_face.jpg"])
def test_bad_pictures_are_one_line(
    name: str, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["align", str(samples / "bad" / name), "-o", str(tmp_path / "o.png")]) == 2
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 1
    assert name in shown[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["i03_rgb16.png", "i05_palette_alpha.png", "i14_dog.jpg", "i17_webp.webp"])
def test_photographs_are_aligned_with_a_warning(
    name: str, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["align", str(samples / "bad" / name), "-o", str(tmp_path / "o.png")]) == 0
    assert "--avatar relief" in capsys.readouterr().err
    assert read_image(tmp_path / "o.png").pixels.shape == (512, 512, 4)
