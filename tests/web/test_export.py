"""`vivant export`: the folder, its size, its errors."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from characters import made_up

from vivant import cli
from vivant.avatars.tha.character import save_character
from vivant.errors import SettingsError
from vivant.web.export import BUDGET, TRACKER, Tracker, export_web


@pytest.fixture
def character(tmp_path: Path) -> Path:
    path = tmp_path / "disc.vivant"
    save_character(path, made_up())
    return path


@pytest.fixture
def tracker(tmp_path: Path) -> Tracker:
    """Files with the names of the real ones."""
    package = tmp_path / "package"
    (package / "wasm").mkdir(parents=True)
    for name in TRACKER:
        (package / name).write_bytes(b"content of " + name.encode())
    (tmp_path / "face_landmarker.task").write_bytes(b"model")
    return Tracker(package, tmp_path / "face_landmarker.task")


def test_the_folder_is_whole_and_small(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert {"index.html", "page.js", "page.css", "engine.wasm", "worker.js", "character.bin"} < names
    assert sum(path.stat().st_size for path in folder.rglob("*")) < BUDGET / 4
    told = json.loads((folder / "character.json").read_text())
    assert (len(told["parameters"]), told["webcam"], told["notes"]) == (45, False, {"licence": "CC0-1.0"})


def test_scripts_name_no_other_host(folder: Path) -> None:
    for path in folder.iterdir():
        if path.suffix in (".js", ".html", ".css"):
            text = path.read_text(encoding="utf-8").replace("http://localhost:8000/", "")
            assert "http:" not in text
            assert "https:" not in text


def test_the_command(character: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "page"
    assert cli.main(["export", str(character), "-o", str(place)]) == 0
    assert "http.server" in capsys.readouterr().out
    (place / "old").touch()
    assert cli.main(["export", str(character), "--to", "web", "-o", str(place), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bytes"] == sum(path.stat().st_size for path in place.iterdir())
    assert not (place / "old").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disc.vivant", "page"]


def test_the_command_writes_onnx(character: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="needs vivant[onnx]")
    assert cli.main(["export", str(character), "--to", "onnx", "-o", str(tmp_path / "disc.onnx")]) == 0
    assert (tmp_path / "disc.onnx").stat().st_size > 10**6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--to", "onnx", "-o", "x.txt"], "ends in .onnx"),
        (["--to", "onnx", "--webcam", "x", "-o", "x.onnx"], "are for --to web"),
        (["--webcam", "x", "-o", "x"], "needs both"),
        (["--webcam", "x", "--face-model", "y", "-o", "x"], "vision_bundle.mjs: no such file"),
        (["-o", "no/where"], "cannot be written"),
        (["-o", "."], "holds other files"),
        (["-o", "disc.vivant"], "disc.vivant: it is a file; name a new folder"),
    ],
)
def test_mistakes_are_one_line(
    character: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["export", str(character), *words]) == 2
    complaint = capsys.readouterr().err
    assert message in complaint
    assert complaint.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["disc.vivant"]


def test_the_tracker_is_copied_and_its_wasm_packed(tracker: Tracker, tmp_path: Path) -> None:
    export_web(tmp_path / "page", made_up(), tracker)
    place = tmp_path / "page" / "webcam"
    assert gzip.decompress((place / "vision.wasm.gz").read_bytes()) == b"content of wasm/vision_wasm_internal.wasm"
    assert (place / "face_landmarker.task").read_bytes() == b"model"
    assert {path.name for path in place.iterdir()} == {
        *("vision_bundle.mjs", "vision.js", "vision.wasm.gz", "face_landmarker.task")
    }
    assert json.loads((tmp_path / "page" / "character.json").read_text())["webcam"] is True


def test_a_missing_model_is_named(tracker: Tracker, tmp_path: Path) -> None:
    tracker.model.unlink()
    with pytest.raises(SettingsError, match=r"face_landmarker.task: no such file"):
        export_web(tmp_path / "page", made_up(), tracker)
    assert not (tmp_path / "page").exists()
