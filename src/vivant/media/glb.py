"""Writes a coloured triangle mesh as binary glTF 2.0 (.glb), which every 3-D program opens."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.errors import SettingsError
from vivant.media.image import write_whole

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

MAGIC, VERSION, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
FLOAT, UNSIGNED = 5126, 5125
ATTRIBUTES, INDICES = 34962, 34963
"""Numbers of the glTF 2.0 specification, sections 3.6 and 4.4."""


def write_glb(path: Path, vertices: Floats, triangles: Ints, colours: Bytes, comment: str = "") -> None:
    """Write a mesh: `vertices` (N, 3), y up, z toward the viewer; `triangles` (T, 3), counter-clockwise from outside.

    `colours` (N, 3) are sRGB, shown as they are, without light (KHR_materials_unlit); `comment` is kept in the file.
    Raises `SettingsError` for another extension than .glb and `MediaError` where the file cannot be written.
    """
    if path.suffix.lower() != ".glb":
        raise SettingsError(f"{path}: a mesh is written as .glb; choose that extension")
    vertices = np.ascontiguousarray(vertices, "<f4")
    parts = [
        vertices.tobytes(),
        np.ascontiguousarray(_linear(colours), "<f4").tobytes(),
        np.ascontiguousarray(triangles, "<u4").tobytes(),
    ]
    head = json.dumps(_head(vertices, len(triangles), [len(part) for part in parts], comment)).encode()
    head += b" " * (-len(head) % 4)
    body = b"".join(parts)
    whole = struct.pack("<III", MAGIC, VERSION, 12 + 8 + len(head) + 8 + len(body))
    whole += struct.pack("<II", len(head), JSON_CHUNK) + head + struct.pack("<II", len(body), BINARY_CHUNK) + body
    write_whole(path, whole)


def _linear(colours: Bytes) -> Floats:
    """Colours (V, 3) as glTF wants those of vertices: linear light, 0..1 (IEC 61966-2-1)."""
    level = colours.astype(np.float32) / 255
    return np.asarray(np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4), np.float32)


def _head(vertices: Floats, triangles: int, sizes: list[int], comment: str) -> dict[str, Any]:
    """The description of a file with `vertices` (V, 3)."""
    count, starts = len(vertices), np.cumsum([0, *sizes[:-1]]).tolist()
    targets = (ATTRIBUTES, ATTRIBUTES, INDICES)
    return {
        "asset": {"version": "2.0", "generator": "vivant", "extras": {"comment": comment}},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "head"}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "COLOR_0": 1}, "indices": 2, "material": 0}]}],
        "materials": [{"extensions": {"KHR_materials_unlit": {}}, "doubleSided": True}],
        "extensionsUsed": ["KHR_materials_unlit"],
        "buffers": [{"byteLength": sum(sizes)}],
        "bufferViews": [
            {"buffer": 0, "byteOffset": start, "byteLength": size, "target": target}
            for start, size, target in zip(starts, sizes, targets, strict=True)
        ],
        "accessors": [
            {
                **{"bufferView": 0, "componentType": FLOAT, "count": count, "type": "VEC3"},
                **{"min": vertices.min(0).astype(float).tolist(), "max": vertices.max(0).astype(float).tolist()},
            },
            {"bufferView": 1, "componentType": FLOAT, "count": count, "type": "VEC3"},
            {"bufferView": 2, "componentType": UNSIGNED, "count": 3 * triangles, "type": "SCALAR"},
        ],
    }
