"""Blinks in code images against the original's, and images that have no eyes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from basel import own_mesh
from originals import original

from vivant.face.blink_edit import blink_curve, close_eyes
from vivant.face.pncc import CodeMesh, code_image

CHANGED, APART = 0.08, 25
"""Of the changed pixels this share may copy another that is as near, which differs by at most so much of 255."""


def eight_bit(code: Any) -> Any:
    """As the original stores it: cut off, not rounded."""
    return np.floor((code + 1) / 2 * 255 + 1e-3)


@pytest.mark.parametrize("closing", [0, 3, 7, 10])
def test_parity_real3d_blink(parity: Path, closing: int) -> None:
    fixture = original(parity, "real3d", "preprocess")
    picture = original(parity, "real3d", "inputs").tensors["in.secc_src.u8"]
    code = ((picture.astype(np.float32) - 127.5) / 127.5).transpose(2, 0, 1)
    stored = ((code + 1) / 2 * 255).astype(np.uint8)
    drawn = close_eyes(stored.astype(np.float32) / 127.5 - 1, closing / 10, closing / 10)
    found = np.round((drawn + 1) * 127.5).transpose(1, 2, 0)[170:270, 140:380]
    wanted = fixture.tensors[f"out.blink_{closing:02}[170:270,140:380].u8"].astype(np.float32)
    changed = (wanted != stored.transpose(1, 2, 0)[170:270, 140:380]).any(-1)
    error = np.abs(found - wanted).max(-1)
    assert changed.any() == (closing > 0)
    assert (error > 0).sum() <= CHANGED * changed.sum()
    assert error.max() <= APART


def test_parity_real3d_blink_curve(parity: Path) -> None:
    wanted = original(parity, "real3d", "preprocess").tensors["out.blink_curve_8_then_12"]
    np.testing.assert_allclose(np.concatenate([blink_curve(8), blink_curve(12)]), wanted, atol=1e-6)


def holes(code: Any) -> tuple[int, int]:
    """Pixels of the hole of the person's right eye and of the left one."""
    empty = (code[0] == -1)[128:256]
    return int(empty[:, 128:256].sum()), int(empty[:, 256:384].sum())


def test_each_eye_closes_on_its_own_and_ever_further() -> None:
    mesh = own_mesh()
    code = code_image(mesh.face.mean, mesh.code_mesh)
    right, left = holes(code)
    assert min(right, left) > 300
    before = right
    for closing in (0.3, 0.5, 0.7, 0.9, 1.0):  # the first fifth moves only the skin around the eye
        closed = close_eyes(code, closing, 0.0)
        assert holes(closed)[0] < before
        assert holes(closed)[1] == left
        before = holes(closed)[0]
    assert before == 0
    np.testing.assert_array_equal(close_eyes(code, 1.7, 0.0), closed)
    assert holes(close_eyes(code, 1.0, 1.0)) == (0, 0)
    # Lids have the colours of the skin around them, and nothing else changes.
    closed = close_eyes(code, 1.0, 1.0)
    moved = (closed != code).any(0)
    rows, columns = np.nonzero(moved)
    around = code[:, rows.min() - 6 : rows.max() + 7, columns.min() - 6 : columns.max() + 7]
    for channel, lids in zip(around, closed, strict=True):
        assert channel[channel > -1].min() <= lids[moved].min()
        assert lids[moved].max() <= channel.max()


def test_open_eyes_and_images_without_holes_stay_as_they_are() -> None:
    mesh = own_mesh()
    code = code_image(mesh.face.mean, mesh.code_mesh)
    assert close_eyes(code, 0.0, 0.0) is code
    filled = code_image(mesh.face.mean, CodeMesh(mesh.colours, mesh.triangles))
    np.testing.assert_array_equal(close_eyes(filled, 1.0, 1.0), filled)
    empty = np.full((3, 512, 512), -1, np.float32)
    np.testing.assert_array_equal(close_eyes(empty, 1.0, 1.0), empty)


@pytest.mark.parametrize("size", [64, 128, 256])
def test_smaller_images(size: int) -> None:
    mesh = own_mesh()
    code = code_image(mesh.face.mean, mesh.code_mesh, size)
    closed = close_eyes(code, 1.0, 1.0)
    assert closed.shape == (3, size, size)
    assert (closed > -1).all(0).sum() > (code > -1).all(0).sum()
