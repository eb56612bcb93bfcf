"""`vivant weights`: import, list, show, verify, and what a user may get wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from vivant.cli import main
from vivant.motion.speech.networks.landmark_critic import LandmarkCritic
from vivant.weights import geneface


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A published file, with an empty folder of weights beside it."""
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("COLUMNS", "200")
    state = LandmarkCritic().state_dict()
    published = {key: state[name] for key, name in geneface.landmark_critic().items()}
    place = tmp_path / "Léa 2" / "lm3d_postnet_sync"
    place.mkdir(parents=True)
    torch.save({"state_dict": {"disc_model": published, "x": {"y": torch.ones(1)}}}, place / "model_ckpt_steps_9.ckpt")
    return tmp_path


def test_weights_from_import_to_verify(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["weights", "import", "geneface", str(folder / "Léa 2"), "--licence", "MIT, they say"]) == 0
    said = capsys.readouterr()
    assert said.out.split()[:2] == ["geneface/landmark_critic-L_a_2", "9"]
    assert "not imported" in said.err
    assert main(["weights", "show", "geneface/landmark_critic-L_a_2"]) == 0
    assert "licence        MIT, they say" in capsys.readouterr().out
    assert main(["weights", "verify"]) == 0
    assert main(["weights", "list", "--json"]) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[-1])
    path = Path(record["path"])
    assert record["origin"]["source"] == "model_ckpt_steps_9.ckpt (disc_model)"
    path.write_bytes(path.read_bytes()[:-1] + b"\x55")
    assert main(["weights", "verify", record["name"]]) == 1
    assert "damaged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["import"], "takes a system and the folder of its files"),
        (["import", "tha4", "girl.vivant"], "needs no import; give it as the picture"),
        (["import", "tha4", "girl"], "needs no import; give it as the picture"),
        (["import", "nerf", "."], "no system 'nerf'"),
        (["import", "real3d", "absent"], "absent: no such folder"),
        (["show"], "takes one name"),
        (["show", "geneface/none"], "no weights 'geneface/none'"),
        (["list", "geneface"], "takes no other words"),
        (["forget"], "vivant weights --help"),
    ],
)
def test_a_mistake_gives_one_line(
    folder: Path, words: list[str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "girl").mkdir()
    (folder / "girl" / "character_model.yaml").touch()
    monkeypatch.chdir(folder)
    assert main(["weights", *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert says in said.err
