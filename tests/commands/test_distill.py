"""`vivant distill`: its files, its lines, and one clear line for every mistake."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawings import drawn_figure
from teachers import DiscTeacher

from vivant import cli
from vivant.avatars.tha.character import load_character
from vivant.commands import distill as distilling
from vivant.media.image import write_image
from vivant.training.tha import courses, distill
from vivant.training.tha.distill import DistillSettings
from vivant.training.tha.fast import Recipe

TINY = Recipe(steps=3, squares=6, side=8, warm=1)


@pytest.fixture
def girl(tmp_path: Path) -> Path:
    write_image(tmp_path / "girl.png", drawn_figure())
    return tmp_path / "girl.png"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A teacher and a training that take a second."""
    settings = DistillSettings(examples=8, held_out=1, face=TINY, flow=replace(TINY, side=4), body=TINY, report_every=1)
    monkeypatch.setattr(distilling, "_teacher", lambda _: (DiscTeacher(), "disc"))
    monkeypatch.setattr(distilling, "_settings", lambda _: settings)
    monkeypatch.setattr(distilling, "LINE_SECONDS", 0.0)


@pytest.mark.usefixtures("quick")
def test_it_writes_a_character_and_tidies_up(girl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = girl.with_name("girl.vivant")
    assert cli.main(["distill", str(girl), "-o", str(out), "--threads", "1"]) == 0
    assert load_character(out).notes["source"] == "distilled from disc"
    assert sorted(path.name for path in girl.parent.iterdir()) == ["girl.png", "girl.vivant", "girl.vivant.png"]
    said = capsys.readouterr()
    assert "dB to its teacher, 8 examples" in said.out
    assert "body 3/3" in said.err


@pytest.mark.usefixtures("quick")
def test_interrupted_it_says_how_to_go_on(
    girl: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> float:
        raise KeyboardInterrupt

    out = girl.with_name("girl.vivant")
    with monkeypatch.context() as patch:
        patch.setattr(courses, "SAVE_SECONDS", 0.0)
        patch.setattr(distill, "body_decibels", interrupt)
        assert cli.main(["distill", str(girl), "-o", str(out), "--threads", "1", "--json"]) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert not out.exists()
    assert (girl.with_name("girl.vivant.work") / "face.safetensors").is_file()
    assert cli.main(["distill", str(girl), "-o", str(out), "--threads", "1", "--json", "--keep"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["course"] for line in lines if line["event"] == "training"} == {"flow", "body"}
    assert lines[-1]["output"] == str(out)
    assert (girl.with_name("girl.vivant.work") / "pool").is_dir()


def test_without_weights_it_says_what_to_import(
    girl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path / "weights"))
    assert (
        cli.main(
            [
                "distill",
                str(girl),
                "-o",
                str(tmp_path / "girl.vivant"),
                "--head",
                "90,40,120",
                "--poser",
                "tha4/teacher",
            ]
        )
        == 2
    )
    said = capsys.readouterr().err
    assert "vivant weights import tha4 FOLDER" in said
    assert not (tmp_path / "girl.vivant.work").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["{girl}", "-o", "{here}/girl.png"], "written as .vivant"),
        (["{girl}", "-o", "{here}/none/girl.vivant"], "does not exist; create it first"),
        (["{girl}", "-o", "{here}/girl.vivant", "--steps", "0"], "--steps 0"),
        (["{girl}", "-o", "{here}/girl.vivant", "--examples", "0"], "0 examples"),
        (["{girl}", "-o", "{here}/girl.vivant", "--examples", "0", "--method", "published"], "0 examples"),
        (["{girl}", "-o", "{here}/girl.vivant", "--seed", "-1"], "seed is -1"),
        (["{girl}", "-o", "{here}/girl.vivant", "--threads", "0"], "threads is 0"),
        (["{girl}", "-o", "{here}/girl.vivant", "--mask", "{girl}"], "leave --mask out"),
        (["{girl}", "-o", "{here}/girl.vivant", "--device", "cuda:9"], "no device cuda:9"),
        (["{here}/none.png", "-o", "{here}/girl.vivant"], "none.png"),
    ],
)
def test_mistakes_are_one_line(
    girl: Path, words: list[str], complaint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(girl.parent / "weights"))
    assert cli.main(["distill", *(word.format(girl=girl, here=girl.parent) for word in words)]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert complaint in said[-1]
    assert [path.name for path in girl.parent.iterdir()] == ["girl.png"]


def test_a_mask_is_cut_to_the_face(tmp_path: Path) -> None:
    picture = np.zeros((512, 512, 3), np.uint8)
    picture[100:140, 220:260] = 255
    write_image(tmp_path / "mask.png", picture)
    mask = distilling._mask(tmp_path / "mask.png")
    assert mask.shape == (128, 128)
    assert (mask > 127).sum() == 40 * 40
