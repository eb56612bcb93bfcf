"""`vivant speech`, `train` and `evaluate` from the outside."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import numpy as np
import pytest
from fakes import Stream

from vivant.cli import main
from vivant.motion.files import load_motion
from vivant.motion.speech.live import BLOCK, Microphone

SPEECH = Path(__file__).resolve().parents[2] / "examples" / "speech.flac"


def test_a_sound_becomes_each_kind_of_motion_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["-o", "a.npz"], ["-o", "b", "--format", "json"], ["-o", "c.csv", "--fps", "30"]):
        words[1] = str(tmp_path / words[1])
        assert main(["speech", str(SPEECH), *words, "--speech-model", "signal"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.json", "c.csv"]
    one, other, third = (load_motion(tmp_path / name) for name in ("a.npz", "b.json", "c.csv"))
    np.testing.assert_allclose(one.curves, other.curves, atol=1e-4)
    assert third.rate == 30
    assert "a.npz  (" in capsys.readouterr().out
    header = (tmp_path / "c.csv").read_text().splitlines()[0].split(",")
    assert {"JawOpen", "EyeBlinkLeft", "HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "RightEyePitch"} <= set(header)


def test_text_is_said(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    assert main(["speech", "--text", "Good evening.", "--voice", "en", "-o", str(tmp_path / "a.npz")]) == 0
    motion = load_motion(tmp_path / "a.npz")
    assert 0.5 < motion.seconds < 3
    assert motion.curves.max() > 0.1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "one of a sound file, --text and --live"),
        (["{speech}", "--text", "hi", "-o", "{here}/a.npz"], "one of a sound file"),
        (["{speech}"], "where the motion goes"),
        (["{speech}", "-o", "{here}/a.mp4"], "mp4"),
        (["{speech}", "-o", "{here}/no/a.npz"], "does not exist"),
        (["{speech}", "-o", "{here}/a.npz", "--emotion-strength", "9"], "emotion_strength"),
        (["{speech}", "-o", "{here}/a.npz", "--temperature", "2"], "temperature"),
        (["{speech}", "-o", "{here}/a.npz", "--blink", "900"], "blinks"),
        (["{speech}", "-o", "{here}/a.npz", "--speech-model", "geneface"], "--weights"),
        (["{speech}", "-o", "{here}/a.npz", "--weights", "x"], "leave --weights out"),
        (["{here}/none.wav", "-o", "{here}/a.npz"], "no such file"),
        (["--live", "--speech-model", "signal"], "built-in"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["speech", *(word.format(speech=SPEECH, here=tmp_path) for word in words)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert reason in lines[0]
    assert list(tmp_path.iterdir()) == []


def played(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the microphone hear `seconds` of noise at once."""
    enter = Microphone.__enter__

    def start(self: Microphone) -> Microphone:
        enter(self)
        assert Stream.opened is not None
        Stream.opened.play(np.zeros(round(seconds * 16000) // BLOCK * BLOCK, np.float32))
        return self

    monkeypatch.setattr(Microphone, "__enter__", start)


def test_live_prints_a_line_for_each_state(
    device: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    played(monkeypatch, 0.9)
    assert main(["speech", "--live", "--seconds", "0.8", "-o", str(tmp_path / "a.npz")]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["time"] for line in lines] == [round(k / 25, 4) for k in range(20)]
    assert all(len(line["curves"]) == 52 and len(line["head"]) == 3 and len(line["gaze"]) == 2 for line in lines)
    assert len(load_motion(tmp_path / "a.npz")) == 20


def test_live_sends_datagrams(
    device: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    played(monkeypatch, 0.5)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(5)
        assert main(["speech", "--live", "--seconds", "0.4", "--udp", f"127.0.0.1:{ear.getsockname()[1]}"]) == 0
        assert json.loads(ear.recv(65536))["time"] == 0.0
    assert capsys.readouterr().out == ""
    assert main(["speech", "--live", "--udp", "nowhere"]) == 2
    assert "HOST:PORT" in capsys.readouterr().err


def test_training_and_evaluation_say_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(tmp_path)
    for words, reason in (
        (["train", "speech"], "name one folder"),
        (["train", "speech", place], "-o FILE"),
        (["train", "speech", place, "-o", f"{place}/a.pt"], ".safetensors"),
        (["train", "speech", place, "-o", f"{place}/a.safetensors"], "corpus"),
        (["train", "clips", place, "-o", f"{place}/clips"], "corpus"),
        (["train", "geneface/sync_expert", place], "clips.json"),
        (["evaluate", "speech", "--samples", place], "--samples"),
    ):
        assert main(words) == 2
        line = capsys.readouterr().err.strip()
        assert "\n" not in line
        assert reason in line
