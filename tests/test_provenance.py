"""Marks of origin: written, found again, and lost when the file is changed."""

from __future__ import annotations

import stat
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vivant import provenance
from vivant.errors import MediaError
from vivant.media.writer import open_writer

KINDS = [".mp4", ".mov", ".webm", ".gif", ".webp"]


@pytest.fixture(autouse=True)
def _own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "config_folder", lambda: tmp_path / "config" / "vivant")


def make_video(path: Path, *, marked: bool = True) -> Path:
    comment = provenance.describe(provenance.MADE_BY_GEOMETRY) if marked else ""

    def seal(file: Path) -> None:
        provenance.sign(file, path.suffix, provenance.MADE_BY_GEOMETRY)

    with open_writer(path, (64, 48), Fraction(25), comment=comment, seal=seal if marked else None) as writer:
        for level in range(8):
            writer.write(np.full((48, 64, 4), 30 * level, np.uint8))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_is_marked_and_found(tmp_path: Path, kind: str) -> None:
    marks = provenance.read_marks(make_video(tmp_path / f"out{kind}"))
    assert marks.synthetic
    if kind == ".webm":  # no C2PA for WebM: the comment alone
        assert (marks.state, marks.comment.startswith("Synthetic media made with vivant")) == ("none", True)
    else:
        assert (marks.state, marks.source_type, marks.problems) == ("trusted", "compositeSynthetic", ())
        assert marks.generator.startswith("vivant ")


def test_every_picture_of_a_folder_is_marked(tmp_path: Path) -> None:
    folder = make_video(tmp_path / "frames")
    assert provenance.read_marks(folder).synthetic
    strip_text = sorted(folder.iterdir())[3]
    from PIL import Image

    Image.open(strip_text).convert("RGB").save(strip_text)
    assert not provenance.read_marks(folder).synthetic


@pytest.mark.parametrize("kind", KINDS)
def test_unmarked_is_said_to_be_unmarked(tmp_path: Path, kind: str) -> None:
    marks = provenance.read_marks(make_video(tmp_path / f"out{kind}", marked=False))
    assert not marks.synthetic
    assert marks.state == "none"


def test_a_changed_byte_breaks_the_manifest(tmp_path: Path) -> None:
    path = make_video(tmp_path / "out.mp4")
    content = bytearray(path.read_bytes())
    place = content.rindex(b"mdat") + 40
    content[place] ^= 0xFF
    path.write_bytes(content)
    marks = provenance.read_marks(path)
    assert marks.state == "invalid"
    assert "assertion.bmffHash.mismatch" in marks.problems


def test_another_installation_is_valid_but_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video(tmp_path / "out.mp4")
    monkeypatch.setattr(provenance, "config_folder", lambda: tmp_path / "elsewhere")
    marks = provenance.read_marks(path)
    assert (marks.state, marks.synthetic) == ("valid", True)


def test_the_identity_is_kept_and_private(tmp_path: Path) -> None:
    first = provenance.load_identity()
    assert provenance.load_identity() == first
    file = provenance.config_folder() / "signing.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written_gives_an_identity_for_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(provenance, "config_folder", lambda: tmp_path / "file" / "vivant")
    assert provenance.load_identity().root.startswith("-----BEGIN CERTIFICATE-----")


@pytest.mark.parametrize("content", [b"", b"plain text, no media at all\n" * 9])
def test_what_is_no_media_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"text\.mp4"):
        provenance.read_marks(path)


def test_real_video_is_not_marked(samples: Path) -> None:
    assert not provenance.read_marks(samples / "videos" / "v01_talk_512_25fps.mp4").synthetic


@pytest.mark.parametrize("size", [(48, 64), (512, 512), (1080, 1920)])
def test_the_label_is_small_legible_and_in_the_corner(size: tuple[int, int]) -> None:
    picture = np.full((*size, 4), 128, np.uint8)
    label = provenance.draw_label("AI", *size)
    provenance.put_label(picture, label)
    changed = np.argwhere((picture != 128).any(axis=2))
    assert changed.min(axis=0)[0] > size[0] // 2
    assert len(changed) < 0.25 * size[0] * size[1]
    assert picture[..., :3].max() > 220
    assert picture[..., :3].min() < 110
