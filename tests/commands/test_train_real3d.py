"""`vivant train real3d` on small heads."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
from small_heads import small_sizes, write_heads, write_view_heads

from vivant.avatars.real3d.compact import PACKAGED, open_compact
from vivant.avatars.relief.relief import Relief
from vivant.cli import main
from vivant.training.real3d.compact import CompactRecipe
from vivant.weights.store import read_safetensors


def toml(value: Any, table: str) -> list[str]:
    """A dataclass as the tables of a recipe."""
    plain, nested = [f"[{table}]"], []
    for one in fields(value):
        part = getattr(value, one.name)
        if is_dataclass(part):
            nested += toml(part, f"{table}.{one.name}")
        elif part is not None:  # which TOML cannot say
            plain.append(f"{one.name} = {json.dumps(part)}")
    return plain + nested


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    course = ["[course]", "batch = 1", "every = 1", "tests = 1", "readers = 0"]
    path.write_text("\n".join([*course, *toml(small_sizes(), "sizes")]), encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_stage_is_trained_and_shown(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heads, work = write_heads(tmp_path / "heads"), tmp_path / "work"
    told = ["train", "real3d", str(heads), "--stage", "i2p", "--recipe", str(recipe), "-o", str(work), "--steps", "2"]
    told += ["--threads", "1"]
    assert main([*told, "--preview", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["event"] == "result"
    assert lines[-1]["step"] == 2
    assert {"state.json", "figures.jsonl", "preview.png"} <= {path.name for path in work.iterdir()}
    assert main(told) == 0
    assert "at its end already" in capsys.readouterr().err


@dataclass(frozen=True)
class Short(CompactRecipe):
    """A step takes seconds."""

    examples: int = 1


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivant.training.real3d.compact.CompactRecipe", Short)


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_the_packaged_network_is_trained_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heads, output = tmp_path / "heads", tmp_path / "head.safetensors"
    heads.mkdir()
    told = ["train", "real3d/compact", str(write_view_heads(heads)), "-o", str(output), "--steps", "2"]
    told += ["--threads", "1"]
    assert main([*told, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (lines[-1]["event"], lines[-1]["step"]) == ("result", 2)
    open_compact(Relief(), output)
    assert main(told) == 0
    assert "at its end already" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_the_packaged_network_learns_on(tmp_path: Path) -> None:
    heads, output = tmp_path / "heads", tmp_path / "head.safetensors"
    heads.mkdir()
    told = [
        "train",
        "real3d/compact",
        str(write_view_heads(heads)),
        "-o",
        str(output),
        "--steps",
        "1",
        "--threads",
        "1",
    ]
    shutil.copy(Path(str(files("vivant.avatars.real3d") / PACKAGED)), output)
    before, _ = read_safetensors(output)
    assert main(told) == 0
    after, notes = read_safetensors(output)
    assert notes["steps"].endswith(" + 1")
    assert any(not torch.equal(after[name], before[name]) for name in before)
    assert all(torch.allclose(after[name].float(), before[name].float(), atol=2e-3) for name in before)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["real3d", "--stage", "i2p", "-o", "w"], "name one folder"),
        (["real3d", "d"], "say which stage of real3d is trained: --stage i2p, motion, torso or sr"),
        (["real3d", "d", "--stage", "sr"], "-o FOLDER"),
        (["real3d", "d", "--stage", "sr", "-o", "w"], "no shards of rendered heads"),
        (["real3d", "--prepare", "h"], "--heads N"),
        (["real3d", "d", "--stage", "i2p", "-o", "w", "--recipe", "none.toml"], "none.toml: cannot be read"),
        (["tha", "d", "--stage", "sr", "-o", "w"], "tha has no stage sr"),
        (["real3d/compact", "--prepare", "h"], "--heads N"),
        (["real3d/compact", "--prepare", "h", "--heads", "2"], "vivant weights import ict-facekit"),
        (["real3d/compact", "--prepare", "h", "--portraits", "none"], "none: no folder with pictures"),
        (["real3d/compact", "d"], "name the folder that --prepare made"),
        (["real3d/compact", "d", "-o", "w.npz"], "written as .safetensors"),
        (["real3d/compact", "d", "-o", "w.safetensors"], "no rendered heads"),
    ],
)
def test_what_is_missing_is_told_in_one_line(
    options: list[str], fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path / "weights"))
    assert main(["train", *options]) == 2
    told = capsys.readouterr().err.splitlines()
    assert fault in told[-1]
    assert list(tmp_path.glob("w/state*")) == []
