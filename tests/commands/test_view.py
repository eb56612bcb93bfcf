"""`vivant view`: films, sheets, and what a user may get wrong."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from vivant.cli import main
from vivant.media.image import read_image, write_image
from vivant.media.video import open_video
from vivant.provenance import read_marks


@pytest.fixture
def face(samples: Path) -> Path:
    return samples / "portraits" / "p16_mona_lisa.jpg"


@pytest.mark.slow
def test_a_film_swings_to_both_sides_and_back(face: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "turn.mp4"
    words = ["--camera", "orbit:20:1", "--seconds", "1.08", "--size", "128"]
    assert main(["view", str(face), "-o", str(output), *words]) == 0
    assert capsys.readouterr().out.strip() == str(output)
    with open_video(output) as video:
        frames = [frame.pixels.astype(int) for frame in video]
    assert len(frames) == 27
    assert read_marks(output).synthetic
    rest, right, left = frames[0], frames[6], frames[19]
    apart = [np.abs(a - b).mean() for a, b in ((rest, right), (rest, left), (right, left), (rest, frames[25]))]
    assert min(apart[:3]) > 2 * apart[3]  # the codec alone makes the rest differ a little


@pytest.mark.slow
def test_a_sheet_shows_the_head_from_all_sides(face: Path, tmp_path: Path) -> None:
    output = tmp_path / "sheet.png"
    assert main(["view", str(face), "-o", str(output), "--size", "64"]) == 0
    sheet = read_image(output).pixels[..., :3].astype(int)
    assert sheet.shape == (3 * 64, 7 * 64, 3)
    cells = sheet.reshape(3, 64, 7, 64, 3).swapaxes(1, 2)
    assert np.abs(cells[1, 0] - cells[1, 6]).mean() > 2
    assert np.abs(cells[0, 3] - cells[2, 3]).mean() > 2
    assert read_marks(output).synthetic


@pytest.mark.slow
def test_a_person_that_is_cut_out_stays_so(face: Path, tmp_path: Path) -> None:
    pixels = np.ascontiguousarray(read_image(face).pixels[:900])
    alpha = np.zeros(pixels.shape[:2], np.uint8)
    cv2.ellipse(alpha, (pixels.shape[1] // 2, 620), (360, 420), 0, 0, 360, 255, -1)
    pixels[..., 3] = alpha
    write_image(tmp_path / "cut.png", pixels)
    assert main(["view", str(tmp_path / "cut.png"), "-o", str(tmp_path / "sheet.png"), "--size", "64"]) == 0
    cells = read_image(tmp_path / "sheet.png").pixels.reshape(3, 64, 7, 64, 4).swapaxes(1, 2)
    assert cells[:, :, :3, :3, 3].max() == 0
    assert cells[1, 3, 24:40, 24:40, 3].min() == 255


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "say where the views go"),
        (["-o", "turn.mp4", "--camera", "spiral:3"], "camera 'spiral:3' is no way"),
        (["-o", "turn.mp4", "--seconds", "0"], "no length"),
        (["--mesh", "head.glb", "--avatar", "relief"], "relief has no mesh"),
        (["-o", "turn.xyz"], "unknown extension"),
        (["-o", "turn.png", "--mesh", "head.obj"], "written as .glb"),
        (["-o", "turn.png", "--camera", "orbit:20"], "a camera moves in films"),
        (["-o", "turn.mp4", "--networks", "packaged", "--device", "cuda"], "leave out --device and --tiles"),
        (["-o", "none/turn.png"], "does not exist; create it first"),
        (["-o", "a.glb", "--mesh", "a.glb"], "unknown extension"),
        (["-o", "turn.mp4", "--avatar", "real3d", "--networks", "published"], "vivant weights import real3d DIR --bfm"),
    ],
)
def test_a_mistake_gives_one_line(
    words: list[str],
    says: str,
    face: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path / "store"))
    assert main(["view", str(face), *words]) == 2
    said = capsys.readouterr()
    assert len(said.err.strip().splitlines()) == 1
    assert says in said.err
    assert not any(path.is_file() for path in tmp_path.iterdir())


@pytest.mark.slow
def test_a_head_becomes_a_mesh(face: Path, tmp_path: Path) -> None:
    output = tmp_path / "head.glb"
    assert main(["view", str(face), "--mesh", str(output), "--networks", "packaged"]) == 0
    content = output.read_bytes()
    length = int.from_bytes(content[12:16], "little")
    told = json.loads(content[20 : 20 + length])
    (mesh,) = told["meshes"]
    place = told["accessors"][mesh["primitives"][0]["attributes"]["POSITION"]]
    size = np.array(place["max"]) - place["min"]
    assert place["count"] > 20_000
    assert (size > (0.12, 0.2, 0.1)).all()  # metres
    assert (size < (0.5, 0.5, 0.5)).all()
