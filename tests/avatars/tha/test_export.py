"""A character as ONNX, drawn by ONNX Runtime."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from characters import decibels, made_up, published, random_poses

from vivant.avatars.tha.character import Character, load_character
from vivant.avatars.tha.export import export_onnx
from vivant.avatars.tha.student import StudentPoser
from vivant.errors import MissingExtraError, WeightsError


def check(path: Path, character: Character) -> None:
    """The exported file draws what the exact engine draws."""
    pytest.importorskip("onnx", reason="needs vivant[onnx]")
    runtime = pytest.importorskip("onnxruntime", reason="needs vivant[onnx]")
    export_onnx(path, character)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map == {"producer": "vivant", **character.notes}
    exact = StudentPoser(character)
    for pose in random_poses(6, 2):
        (found,) = session.run(None, {"pose": pose[None]})
        wanted = exact.draw(pose)
        assert (found.dtype, found.shape) == (np.uint8, (512, 512, 4))
        # Division by almost nothing magnifies rounding where the picture is transparent.
        seen = wanted[..., 3] > 5
        assert np.mean(np.abs(found.astype(int) - wanted)[seen] > 1) < 1e-4
        assert decibels(found, wanted) > 65
    assert path.stat().st_size < 6_000_000


def test_a_made_up_character(tmp_path: Path) -> None:
    check(tmp_path / "disc.onnx", made_up())
    assert [file.name for file in tmp_path.iterdir()] == ["disc.onnx"]


@pytest.mark.slow
def test_a_published_character(samples: Path, tmp_path: Path) -> None:
    check(tmp_path / "x.onnx", load_character(published(samples, "lambda_01")))


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"vivant\[onnx\]"):
        export_onnx(tmp_path / "x.onnx", made_up())


def test_no_folder(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="needs vivant[onnx]")
    with pytest.raises(WeightsError, match="cannot be written"):
        export_onnx(tmp_path / "no" / "x.onnx", made_up())
    assert list(tmp_path.iterdir()) == []
