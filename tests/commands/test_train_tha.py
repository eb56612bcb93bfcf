"""vivant train tha from the command line: pairs, a few steps of a stage, the packaged poser's network, plain errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from vivant.cli import main
from vivant.training.tha.courses import Standing
from vivant.weights.store import read_safetensors

pytest.importorskip("skia", reason="puppets need vivant[train]", exc_type=ImportError)


def test_puppets_become_pairs_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "tha", "--prepare", str(tmp_path / "pairs"), "--puppets", "2", "--poses", "2", "--json"]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"event": "result", "examples": 4}
    pictures = sorted((tmp_path / "pairs").rglob("*.png"))
    assert len(pictures) == 4
    times = [picture.stat().st_mtime_ns for picture in pictures]
    assert main(command) == 0
    assert [picture.stat().st_mtime_ns for picture in pictures] == times


def test_the_packaged_posers_network_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from vivant.training.tha import finder_training

    monkeypatch.setattr(finder_training, "mean_error", lambda *_: 2.5)
    output = tmp_path / "finder.safetensors"
    assert main(["train", "tha/compact", "-o", str(output), "--steps", "1", "--threads", "1"]) == 0
    assert "2.50 pixels" in capsys.readouterr().out
    assert 1e6 < output.stat().st_size < 24e6
    assert main(["train", "tha/compact", "-o", str(output), "--steps", "1", "--threads", "1"]) == 0
    assert "at its end already" in capsys.readouterr().err


def test_weights_that_are_there_learn_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vivant.avatars.tha.networks.finder import Finder
    from vivant.training.tha import finder_training

    monkeypatch.setattr(finder_training, "train_finder", lambda *_: iter([Standing("finder", 1, 1, 2.0, 0.1, 0.0)]))
    output = tmp_path / "finder.safetensors"
    finder_training.save_finder(Finder(), output)
    before = read_safetensors(output)[0]
    assert main(["train", "tha/compact", "-o", str(output), "--steps", "1", "--threads", "1"]) == 0
    after = read_safetensors(output)[0]
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prepare", "FOLDER"], "--puppets N"),
        (["--prepare", "FOLDER", "--puppets", "1", "--from", "FOLDER"], "--puppets N"),
        (["--prepare", "FOLDER/p", "--puppets", "1"], "prepare 2 or more"),
        (["--prepare", "FOLDER/p", "--puppets", "2", "--poses", "0"], "between 1 and"),
        (["--prepare", "FOLDER/p", "--puppets", "2", "--seed", "-1"], "seed is -1"),
        (["--prepare", "FOLDER", "--from", "FOLDER"], "no .vrm"),
        (["--prepare", "FOLDER", "--from", "FOLDER/nope"], "nope: there is no such"),
        (["FOLDER/nope", "-o", "FOLDER/work"], "nope: there is no such"),
        ([], "say where"),
        (["FOLDER", "-o", "FOLDER/work"], "holds no pairs"),
        (["-o", "FOLDER/work", "--vgg", "FOLDER/vgg.pth"], "cannot be read"),
        (["-o", "FOLDER/work", "--examples", "3"], "give one step"),
        (["-o", "FOLDER/work", "--device", "cuda:99"], "no device cuda:99"),
        (["-o", "FOLDER/work", "--threads", "0"], "threads is 0"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_mistakes_are_told_in_one_line_and_leave_nothing(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path / "weights"))
    assert main(["train", "tha", *(one.replace("FOLDER", str(tmp_path)) for one in arguments)]) != 0
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in last
    assert last.startswith("vivant: error:")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tha/compact", "--steps", "0"], "steps is 0"),
        (["tha/compact", "--seed", "-1"], "seed is -1"),
        (["real3d/compact", "FOLDER"], "no rendered heads"),
        (["real3d/compact", "--prepare", "FOLDER/heads", "--heads", "0"], "0 heads"),
    ],
)
def test_the_packaged_networks_refuse_and_leave_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    words = [one.replace("FOLDER", str(tmp_path)) for one in arguments]
    assert main(["train", *words, "-o", str(tmp_path / "c.safetensors")]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_pairs_that_were_never_begun_are_not_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vivant.training.tha import pairs

    monkeypatch.setattr(pairs, "_write_picture", lambda path, *_: (path.parent.mkdir(exist_ok=True), path.touch()))
    monkeypatch.setattr(pairs, "draw_steps", lambda *_: {})
    (tmp_path / "pairs.json").write_text("{}", "utf-8")
    assert main(["train", "tha", "--prepare", str(tmp_path), "--puppets", "2", "--poses", "1"]) == 0
    assert main(["train", "tha", "--prepare", str(tmp_path), "--puppets", "2", "--poses", "2"]) == 2
