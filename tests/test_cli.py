"""The installed command: help, errors in one line, odd names, every trouble maker of the sample kit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vivant import cli
from vivant.cli import OVERVIEW, can_write, first_reason, held_interrupts, kept_code, main, plain_name

ROOT = Path(__file__).resolve().parent.parent
SPEECH = ROOT / "examples" / "speech.flac"
COMMAND = Path(sys.executable).parent / "vivant"
FAST = ["--crop", "face", "--size", "64", "--duration", "0.2"]


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real portrait in a file with a difficult name."""
    data = pytest.importorskip("skimage.data")
    from vivant.media.image import write_image

    path = tmp_path_factory.mktemp("face") / '-it\'s a "face" 👩‍🚀.png'
    write_image(path, np.asarray(data.astronaut(), np.uint8))
    return path


def run(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(COMMAND), *map(str, words)], capture_output=True, text=True, cwd=cwd, timeout=300, check=False
    )


def assert_one_line_error(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("vivant: error: ")


def test_help_comes_without_the_library() -> None:
    check = "import sys; from vivant.cli import main; main(['--help']); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout == OVERVIEW + "\nFalse\n"


def test_help_of_a_command_loads_neither_torch_nor_numba() -> None:
    check = "import sys, vivant.commands.table; print({'torch', 'numba'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_reader_that_goes_away_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run([COMMAND, "--help"], stdout=gone, stderr=subprocess.PIPE, check=False)
    assert done.stderr == b""


def test_every_command_is_in_the_overview_and_has_help(capfd: pytest.CaptureFixture[str]) -> None:
    from vivant.commands.table import COMMANDS

    for name in COMMANDS:
        assert f"\n  {name} " in OVERVIEW
        assert main([name, "--help"]) == 0
        shown = capfd.readouterr()
        assert shown.err == ""
        assert "--debug" in shown.out


def test_version() -> None:
    done = run("--version")
    assert done.stdout.startswith("vivant 0.")


@pytest.mark.parametrize(
    "words",
    [
        ["dance"],
        ["animate"],
        ["animate", "a.png", "-o", "b.mp4"],
        ["animate", "a.png", "-o", "b.mp4", "--audio", "a.wav", "--video", "b.mp4"],
        ["animate", "a.png", "-o", "b.mp4", "--audio", "a.wav", "--audio", "b.wav"],
        ["animate", "missing.png", "-o", "b.mp4", "--audio", "a.wav"],
        ["animate", "a.png", "-o", "b.mp4", "--audio", "a.wav", "--mouth", "wide"],
        ["animate", "a.png", "-o", "b.mp4", "--audio", "a.wav", "--mouth", "-1"],
        ["animate", "a.png", "-o", "b.mp4", "--audio", "a.wav", "--fps", "fast"],
        ["animate", "a.png", "-o", "b.mp4", "--audio", "a.wav", "--neutral", "soon"],
        ["animate", "a.png", "-o", "b.mp4", "--audio", "a.wav", "--no-such-option"],
        ["track", "missing.mp4", "-o", "t.npz"],
        ["inspect", "missing.png"],
        ["verify", "missing.mp4"],
    ],
)
def test_mistakes_give_one_line(words: list[str], tmp_path: Path) -> None:
    assert_one_line_error(run(*words, cwd=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_where() -> None:
    done = run("inspect", "missing.png", "--debug")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("vivant: error: ")


def test_names_with_dash_space_quotes_and_emoji(face: Path, tmp_path: Path) -> None:
    output = "-my 'out' 🎬.mp4"
    done = run("animate", face.name, "--audio", SPEECH, "-o", tmp_path / output, *FAST, cwd=face.parent)
    assert done.returncode == 0, done.stderr
    done = run("animate", "--audio", SPEECH, "-o", output, *FAST, "--", face.name, cwd=face.parent)
    assert done.returncode == 0, done.stderr
    (face.parent / output).unlink()
    done = run("verify", output, cwd=tmp_path)
    assert done.returncode == 0
    assert "marked as synthetic" in done.stdout


@pytest.mark.slow
def test_warnings_about_the_picture_come_with_the_first_frame(face: Path, tmp_path: Path) -> None:
    """What fails before that says only why."""
    (tmp_path / "none.wav").write_bytes(b"RIFF")
    told = ["animate", f"./{face.name}", "-o", tmp_path / "out.mp4", *FAST, "--audio"]
    assert_one_line_error(run(*told, tmp_path / "none.wav", cwd=face.parent))
    done = run(*told, SPEECH, cwd=face.parent)
    assert done.returncode == 0
    assert "the face is" in done.stderr
    assert all(line.startswith("vivant: warning: ") for line in done.stderr.splitlines())


def test_json_is_one_object_per_line(face: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    done = run("animate", f"./{face.name}", "--audio", SPEECH, "-o", output, *FAST, "--json", cwd=face.parent)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["event"] for line in lines} == {"progress", "result"}
    assert lines[-1]["event"] == "result"
    assert (lines[-1]["output"], lines[-1]["frames"], lines[-1]["held"]) == (str(output), 5, 0)
    assert all(line.startswith("vivant: warning: ") for line in done.stderr.splitlines())


def test_no_provenance_leaves_no_mark(face: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    words = ["animate", f"./{face.name}", "--audio", SPEECH, "-o", output, *FAST, "--no-provenance"]
    assert run(*words, cwd=face.parent).returncode == 0
    done = run("verify", output, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["synthetic"] is False


def test_inspect_writes_an_overlay(face: Path, tmp_path: Path) -> None:
    done = run("inspect", f"./{face.name}", "--overlay", tmp_path / "seen.png", cwd=face.parent)
    assert done.returncode == 0
    assert "1 face" in done.stdout
    assert (tmp_path / "seen.png").stat().st_size > 10_000
    record = json.loads(run("inspect", f"./{face.name}", "--json", cwd=face.parent).stdout)
    assert len(record["faces"]) == 1


def test_ctrl_c_is_one_line_and_leaves_nothing(face: Path, tmp_path: Path) -> None:
    words = [str(COMMAND), "animate", str(face), "--audio", str(SPEECH), "-o", str(tmp_path / "out.mp4"), "--json"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()  # the first frames are done
    process.send_signal(signal.SIGINT)
    complaint = process.stderr.read()
    assert process.wait(60) == 130
    assert [line for line in complaint.splitlines() if "warning" not in line] == [
        "vivant: interrupted; nothing was left half-written"
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupts_while_packages_load_and_polite_kills(face: Path, tmp_path: Path, number: int) -> None:
    words = [str(COMMAND), "animate", str(face), "--audio", str(SPEECH), "-o", str(tmp_path / "out.mp4"), "--json"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if number == signal.SIGTERM:
        process.stdout.readline()  # the first frames are done
    else:
        wait_for_package(process.pid, "numpy")
    process.send_signal(number)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130, complaint
    assert complaint.endswith("vivant: interrupted; nothing was left half-written\n")
    assert list(tmp_path.iterdir()) == []


def wait_for_package(number: int, name: str) -> None:
    """Until the process `number` has begun to load the package `name`."""
    maps = Path(f"/proc/{number}/maps")
    for _ in range(1000):
        time.sleep(0.02)
        if not maps.exists() or name in maps.read_text():
            return


def test_ctrl_c_is_held_back_while_packages_load() -> None:
    passed = []
    with pytest.raises(KeyboardInterrupt), held_interrupts():  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        passed.append("what swallows interrupts did not see it")
    assert passed
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["animate", "in.png", "--audio", SPEECH, "-o", "in.png"], "unknown extension"),
        (["animate", "in.webp", "--audio", SPEECH, "-o", "in.webp"], "would destroy in.webp"),
        (["animate", "frames/frame_000000.png", "--audio", SPEECH, "-o", "frames"], "would destroy"),
        (["animate", "in.png", "--audio", SPEECH, "--background", "in.webp", "-o", "./in.webp"], "would destroy"),
        (["animate", "in.png", "--audio", SPEECH, "-o", "x" * 300 + ".mp4"], "name too long"),
        (["animate", "in.png", "--audio", SPEECH, "-o", "out.mp4", "--background", "none"], "keeps no transparency"),
        (["animate", "in.png", "--audio", SPEECH, "-o", "out.mp4", "--avatar", "thaa"], "avatar 'thaa' is unknown"),
        (["animate", "in.png", "--audio", SPEECH, "-o", "out.mp4", "--character", "frames"], "give --avatar tha"),
        (["animate", "frames", "--audio", SPEECH, "-o", "frames"], "would destroy frames"),
        (["inspect", "in.png", "--overlay", "in.png"], "would destroy in.png"),
        (["track", "missing.mp4", "-o", "out.txt"], "end with .npz"),
        (["track", "missing.mp4", "-o", "none/out.npz"], "does not exist"),
    ],
)
def test_places_that_cannot_be_written_are_refused_at_once(tmp_path: Path, words: list[object], reason: str) -> None:
    (tmp_path / "frames").mkdir()
    inputs = [tmp_path / name for name in ("in.png", "in.webp", "frames/frame_000000.png")]
    for path in inputs:
        path.write_bytes(b"no picture: it must not even be opened")
    done = run(*words, cwd=tmp_path)
    assert_one_line_error(done)
    assert reason in done.stderr
    assert all(path.read_bytes().startswith(b"no picture") for path in inputs)


def test_faces_that_were_asked_for_are_not_warned_of(samples: Path, tmp_path: Path) -> None:
    pair = samples / "bad" / "i12_two_faces.jpg"
    drivers = ["--audio", SPEECH, "--audio", SPEECH]
    done = run("animate", pair, "--face", "all", *drivers, "-o", tmp_path / "out.mp4", *FAST)
    assert done.returncode == 0
    assert "faces found" not in done.stderr
    assert "faces found" in run("animate", pair, *drivers[:2], "-o", tmp_path / "out.mp4", *FAST).stderr


def test_compiled_code_has_a_folder_where_none_can_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("NUMBA_CACHE_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, "x")  # so that it is taken back
        monkeypatch.delenv(name)
    with kept_code():
        assert "NUMBA_CACHE_DIR" not in os.environ
    monkeypatch.setattr(cli, "can_write", lambda place: False)
    with kept_code():
        place = Path(os.environ["NUMBA_CACHE_DIR"])
        assert place.is_dir()
    assert not place.exists()


def test_a_folder_that_can_be_made_can_be_written(tmp_path: Path) -> None:
    assert can_write(str(tmp_path / "a" / "b"))
    if os.getuid() != 0:
        assert not can_write("/a/b")


def test_leading_dashes_of_file_names() -> None:
    assert plain_name("-face.jpg") == "./-face.jpg"
    assert plain_name("-folder") == "./-folder"
    for word in ("--video", "-o", "-0.5", "-50,0,2000", "--fps=29.97", "face.jpg", "--", "-1", "-h", "-"):
        assert plain_name(word) == word


def test_the_reason_of_a_framed_complaint() -> None:
    framed = "╭─ Value error ───╮\n│ Cannot read │\n│ --mouth.    │\n│ ─────────── │\n│ For help    │\n╰──────╯\n"
    assert first_reason(framed) == "Cannot read --mouth"


def trouble_makers() -> list[Any]:
    folder = Path(os.environ.get("VIVANT_SAMPLES_DIR", ROOT.parent / "shared" / "samples")) / "bad"
    table = folder / "bad.json"
    if not table.is_file():
        return [pytest.param("", "", "", marks=pytest.mark.skip(reason="no sample kit; set VIVANT_SAMPLES_DIR"))]
    return [pytest.param(*row[:3], id=row[0]) for row in json.loads(table.read_text())]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "role", "expected"), trouble_makers())
def test_trouble_makers(
    name: str, role: str, expected: str, samples: Path, face: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every file of the kit behaves as its table says."""
    file = str(samples / "bad" / name)
    drive = {"portrait": ["--audio", str(SPEECH)], "driving": ["--video", file], "audio": ["--audio", file]}[role]
    picture = file if role == "portrait" else str(face)
    output = tmp_path / "out.mp4"
    started = time.monotonic()
    status = main(["animate", picture, *drive, "-o", str(output), *FAST])
    elapsed = time.monotonic() - started
    lines = capfd.readouterr().err.splitlines()
    assert status in {"accept": (0,), "reject": (2,), "either": (0, 2)}[expected], lines
    assert output.exists() == (status == 0)
    assert [entry.name for entry in tmp_path.iterdir()] == (["out.mp4"] if status == 0 else [])
    errors = [line for line in lines if line.startswith("vivant: error: ")]
    assert len(errors) == (1 if status else 0)
    assert all(line.startswith(("vivant: error: ", "vivant: warning: ")) for line in lines), lines
    if status:
        assert name in errors[0]
    assert elapsed < 120
