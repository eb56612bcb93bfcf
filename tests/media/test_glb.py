"""The .glb writer, read back by the reader of characters and by hand from the specification."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from vivant.errors import MediaError, SettingsError
from vivant.media.glb import write_glb
from vivant.training.tha.models3d.gltf import read_model

VERTICES = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, -3]], np.float32)
TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [188, 188, 188]], np.uint8)


def test_a_mesh_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "head.glb"
    write_glb(path, VERTICES, TRIANGLES, COLOURS)
    (primitive,) = read_model(path).primitives
    np.testing.assert_array_equal(primitive.positions, VERTICES)
    np.testing.assert_array_equal(primitive.triangles, TRIANGLES)
    assert [one.name for one in tmp_path.iterdir()] == ["head.glb"]


def test_the_file_is_laid_out_as_the_specification_says(tmp_path: Path) -> None:
    path = tmp_path / "head.glb"
    write_glb(path, VERTICES, TRIANGLES, COLOURS)
    raw = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", raw)
    assert (magic, version, length) == (b"glTF", 2, len(raw))
    size, kind = struct.unpack_from("<I4s", raw, 12)
    assert (kind, size % 4) == (b"JSON", 0)
    head = json.loads(raw[20 : 20 + size])
    body = raw[28 + size :]
    assert head["accessors"][0]["min"] == [0, 0, -3]
    assert head["accessors"][0]["max"] == [1, 2, 0]
    view = head["bufferViews"][head["accessors"][1]["bufferView"]]
    linear = np.frombuffer(body, "<f4", 12, view["byteOffset"]).reshape(4, 3)
    # Vertex colours are linear light: sRGB 188 is half the light of 255.
    np.testing.assert_allclose(linear[3], 0.5, atol=0.005)
    np.testing.assert_array_equal(linear[:3], np.eye(3))


def test_faults_are_told_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\.glb"):
        write_glb(tmp_path / "head.obj", VERTICES, TRIANGLES, COLOURS)
    with pytest.raises(MediaError, match="cannot be written"):
        write_glb(tmp_path / "missing" / "head.glb", VERTICES, TRIANGLES, COLOURS)
    assert list(tmp_path.iterdir()) == []
