"""What the README and the tour show can be typed: every command parses, the Python runs."""

from __future__ import annotations

import re
import shlex
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import vivant
from vivant.cli import OVERVIEW, parse
from vivant.commands.table import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
PAPERS = (
    *("README.md", "CONTRIBUTING.md", "examples/README.md"),
    *(f"docs/{name}.md" for name in ("cli", "speech", "characters", "real3d", "live", "architecture")),
)


def blocks(paper: str, language: str) -> list[str]:
    text = (ROOT / paper).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands() -> list[str]:
    lines = [line for paper in PAPERS for block in blocks(paper, "sh") for line in block.splitlines()]
    return sorted({line.split("  #")[0].strip() for line in [*lines, *OVERVIEW.splitlines()] if "vivant " in line})


@pytest.mark.parametrize("line", [line for line in commands() if re.match(r"\s*vivant [a-z]+ [^.]*\.", line)])
def test_shown_commands_parse(line: str) -> None:
    words = shlex.split(line)
    options = parse(words[1], COMMANDS[words[1]][1], words[2:])
    assert options is not None
    if words[1] == "animate":
        assert options.settings()
        assert options.drivers([Path("text.wav")] if options.text else [])


def test_there_are_commands_to_check() -> None:
    assert len(commands()) > 20


@pytest.mark.parametrize("paper", PAPERS)
def test_linked_files_exist(paper: str) -> None:
    text = (ROOT / paper).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert ((ROOT / paper).parent / target).exists(), target


@pytest.mark.slow
def test_the_five_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vivant.media.image import write_image

    data = pytest.importorskip("skimage.data")
    monkeypatch.chdir(tmp_path)
    write_image(Path("face.jpg"), np.asarray(data.astronaut(), np.uint8))
    portrait = vivant.open_portrait("face.jpg")
    look = vivant.PictureSettings("face", 256)
    vivant.write(
        "drive.mp4", vivant.animate(portrait, islice(vivant.idle(), 20), settings=look), Fraction(25), sound=SPEECH
    )
    (source,) = blocks("README.md", "python")
    exec(compile(source, "README.md", "exec"), {})
    from vivant.media.video import probe_video

    info = probe_video(Path("out.mp4"))
    assert (info.width, info.height, info.rate, info.has_audio) == (512, 512, Fraction(25), True)


SPEECH = ROOT / "examples" / "speech.flac"
