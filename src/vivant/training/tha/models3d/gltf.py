"""Reads a character from a binary glTF 2.0 file (.glb, .vrm): meshes, morph targets, skeleton, textures.

Only what it takes to draw the character in poses; everything is checked before it is believed.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.errors import MediaError

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

MOST_BYTES = 512 * 2**20
MOST_PIXELS = 4096 * 4096
KINDS = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


@dataclass(frozen=True)
class Node:
    """A bone or another node."""

    name: str
    parent: int | None
    local: Floats
    """(4, 4) from its own frame to its parent's."""


@dataclass(frozen=True)
class Material:
    """Colours of a surface."""

    name: str
    colour: Floats
    """(4,) linear factors."""
    texture: Bytes | None
    """(h, w, 4) sRGB."""
    opaque: bool


@dataclass(frozen=True)
class Primitive:
    """Triangles of one material; n vertices."""

    mesh: int
    node: int
    """Which holds the mesh."""
    positions: Floats
    """(n, 3)"""
    triangles: Ints
    """(t, 3)"""
    uv: Floats
    """(n, 2)"""
    joints: Ints
    """(n, 4) numbers of nodes."""
    weights: Floats
    """(n, 4) with sum 1."""
    binds: Floats
    """(nodes, 4, 4) inverse bind matrices by node; identity for nodes that are no joints."""
    targets: tuple[Floats, ...]
    """Morph targets (n, 3), differences of the positions."""
    target_names: tuple[str, ...]
    material: Material


@dataclass(frozen=True)
class Model:
    """A whole character."""

    name: str
    nodes: tuple[Node, ...]
    order: tuple[int, ...]
    """Nodes with parents before children."""
    primitives: tuple[Primitive, ...]
    extensions: Mapping[str, Any] = field(default_factory=dict)
    """Of the file; VRM says there which node is which bone, and which targets make an expression."""


def read_model(path: Path) -> Model:
    """The character in a .glb or .vrm file. Raises MediaError for a file that is missing, damaged or too large."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise MediaError(f"{path}: larger than {MOST_BYTES // 2**20} MB; reduce its textures")
        document, data = _chunks(path.read_bytes())
        return _Reader(document, data).model(path.name)
    except MediaError:
        raise
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error, RecursionError) as error:
        raise MediaError(f"{path}: not a whole .glb or .vrm character ({type(error).__name__}: {error})") from error


def _chunks(raw: bytes) -> tuple[dict[str, Any], bytes]:
    magic, version, _ = struct.unpack_from("<4sII", raw)
    if magic != b"glTF" or version != 2:
        raise ValueError("no binary glTF 2")
    length, kind = struct.unpack_from("<I4s", raw, 12)
    if kind != b"JSON":
        raise ValueError("no JSON chunk")
    document = json.loads(raw[20 : 20 + length])
    if not isinstance(document, dict):
        raise ValueError("its JSON is no object")
    start = 20 + length
    if start >= len(raw):
        return document, b""
    length, kind = struct.unpack_from("<I4s", raw, start)
    return document, raw[start + 8 : start + 8 + length] if kind == b"BIN\0" else b""


class _Reader:
    def __init__(self, document: dict[str, Any], data: bytes) -> None:
        self._document, self._data = document, data
        self._pictures: dict[int, Bytes] = {}

    def model(self, name: str) -> Model:
        nodes = self._nodes()
        primitives = []
        for index, entry in enumerate(self._document["nodes"]):
            if "mesh" in entry:
                primitives += self._mesh(entry["mesh"], index, entry.get("skin"), len(nodes))
        if not primitives:
            raise ValueError("no mesh")
        return Model(name, nodes, _order(nodes), tuple(primitives), self._document.get("extensions", {}))

    def _nodes(self) -> tuple[Node, ...]:
        entries = self._document["nodes"]
        parents: dict[int, int] = {}
        for index, entry in enumerate(entries):
            for child in entry.get("children", ()):
                if child in parents:
                    raise ValueError("a node has two parents")
                parents[child] = index
        return tuple(
            Node(str(entry.get("name", "")), parents.get(index), _local(entry)) for index, entry in enumerate(entries)
        )

    def _mesh(self, number: int, node: int, skin: int | None, nodes: int) -> list[Primitive]:
        mesh = self._document["meshes"][number]
        binds = np.tile(np.eye(4, dtype=np.float32), (nodes, 1, 1))
        members: list[int] = [node]
        if skin is not None:
            entry = self._document["skins"][skin]
            members = [int(joint) for joint in entry["joints"]]
            if "inverseBindMatrices" in entry:
                matrices = self._accessor(entry["inverseBindMatrices"])
                binds[members] = matrices.reshape(-1, 4, 4).transpose(0, 2, 1)
        return [
            self._primitive((number, node), mesh, entry, members, binds)
            for entry in mesh["primitives"]
            if entry.get("mode", 4) == 4
        ]

    def _primitive(
        self, place: tuple[int, int], mesh: dict[str, Any], entry: dict[str, Any], members: list[int], binds: Floats
    ) -> Primitive:
        """One surface with vertices (V, 3) and triangles (T, 3)."""
        attributes = entry["attributes"]
        positions = self._accessor(attributes["POSITION"]).astype(np.float32)
        count = len(positions)
        uv, joints, weights = (
            np.zeros((count, 2), np.float32),
            np.zeros((count, 4), int),
            np.zeros((count, 4), np.float32),
        )
        if "TEXCOORD_0" in attributes:
            uv = self._scaled(attributes["TEXCOORD_0"])
        weights[:, 0] = 1
        if "JOINTS_0" in attributes and "WEIGHTS_0" in attributes:
            joints = self._accessor(attributes["JOINTS_0"]).astype(int)
            weights = self._scaled(attributes["WEIGHTS_0"])
            weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)
        corners = self._accessor(entry["indices"])[:, 0] if "indices" in entry else np.arange(count)
        triangles = corners[: len(corners) // 3 * 3].reshape(-1, 3).astype(np.int32)
        if len(triangles) and int(triangles.max()) >= count:
            raise ValueError("a triangle has a corner that does not exist")
        targets = tuple(self._accessor(one["POSITION"]).astype(np.float32) for one in entry.get("targets", ()))
        if any(one.shape != positions.shape for one in (*targets,)) or len(uv) != count or len(joints) != count:
            raise ValueError("attributes of different lengths")
        named = (mesh.get("extras") or {}).get("targetNames") or (entry.get("extras") or {}).get("targetNames") or ()
        names = tuple(str(name) for name in named) if len(named) == len(targets) else ("",) * len(targets)
        return Primitive(
            mesh=place[0],
            node=place[1],
            positions=positions,
            triangles=triangles,
            uv=uv.astype(np.float32),
            joints=np.asarray(members)[joints].astype(np.int32),
            weights=weights.astype(np.float32),
            binds=binds,
            targets=targets,
            target_names=names,
            material=self._material(entry.get("material")),
        )

    def _accessor(self, number: int) -> NDArray[Any]:
        """(N, W) of an accessor; a sparse one is filled in."""
        entry = self._document["accessors"][number]
        width, kind, count = WIDTHS[entry["type"]], np.dtype(KINDS[entry["componentType"]]), int(entry["count"])
        if not 0 < count * width * kind.itemsize <= MOST_BYTES:
            raise ValueError("an accessor of a wrong size")
        if "bufferView" in entry:
            found = self._view(entry["bufferView"], entry.get("byteOffset", 0), kind, count, width)
        else:
            found = np.zeros((count, width), kind)
        if "sparse" in entry:
            sparse = entry["sparse"]
            some = int(sparse["count"])
            places, values = sparse["indices"], sparse["values"]
            at = self._view(
                places["bufferView"], places.get("byteOffset", 0), np.dtype(KINDS[places["componentType"]]), some, 1
            )
            found = found.copy()
            found[at[:, 0]] = self._view(values["bufferView"], values.get("byteOffset", 0), kind, some, width)
        return found

    def _view(self, number: int, offset: int, kind: np.dtype[Any], count: int, width: int) -> NDArray[Any]:
        """(N, W), N = `count`, W = `width`, in the file's own memory."""
        view = self._document["bufferViews"][number]
        if view.get("buffer", 0) != 0:
            raise ValueError("its data is in other files; export it as one .glb")
        start, row = view.get("byteOffset", 0) + offset, width * kind.itemsize
        stride = view.get("byteStride", row)
        last = start + stride * (count - 1) + row
        if start < 0 or stride < row or last > len(self._data):
            raise ValueError("it ends in the middle of its data")
        shape, strides = (count, width), (stride, kind.itemsize)
        return np.ndarray(shape, kind, self._data, start, strides)

    def _scaled(self, number: int) -> Floats:
        """An accessor (N, W) whose whole numbers stand for 0..1."""
        found = self._accessor(number)
        scale = 1 if found.dtype == np.float32 else np.iinfo(found.dtype).max
        return (found / np.float32(scale)).astype(np.float32)

    def _material(self, number: int | None) -> Material:
        if number is None:
            return Material("", np.ones(4, np.float32), None, True)
        entry = self._document["materials"][number]
        surface = entry.get("pbrMetallicRoughness", {})
        colour = np.asarray(surface.get("baseColorFactor", (1, 1, 1, 1)), np.float32).reshape(4)
        texture = None
        if "baseColorTexture" in surface:
            place = self._document["textures"][surface["baseColorTexture"]["index"]]["source"]
            texture = self._picture(place)
        return Material(str(entry.get("name", "")), colour, texture, entry.get("alphaMode", "OPAQUE") == "OPAQUE")

    def _picture(self, number: int) -> Bytes:
        """A texture (H, W, 4)."""
        from PIL import Image

        if number not in self._pictures:
            view = self._document["bufferViews"][self._document["images"][number]["bufferView"]]
            start = view.get("byteOffset", 0)
            with Image.open(
                io.BytesIO(self._data[start : start + view["byteLength"]]), formats=("PNG", "JPEG")
            ) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise ValueError(f"a texture of {image.width} x {image.height} pixels")
                self._pictures[number] = np.asarray(image.convert("RGBA"))
        return self._pictures[number]


def _local(entry: dict[str, Any]) -> Floats:
    """A bone's place (4, 4) in its parent."""
    if "matrix" in entry:
        return np.asarray(entry["matrix"], np.float32).reshape(4, 4).T
    local = np.eye(4, dtype=np.float32)
    x, y, z, w = (float(number) for number in entry.get("rotation", (0, 0, 0, 1)))
    local[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    local[:3, :3] *= np.asarray(entry.get("scale", (1, 1, 1)), np.float32)
    local[:3, 3] = np.asarray(entry.get("translation", (0, 0, 0)), np.float32)
    return local


def _order(nodes: tuple[Node, ...]) -> tuple[int, ...]:
    done: list[int] = []
    seen: set[int | None] = {None}
    while len(done) < len(nodes):
        ready = [index for index, node in enumerate(nodes) if index not in seen and node.parent in seen]
        if not ready:
            raise ValueError("its nodes go in a circle")
        done += ready
        seen |= set(ready)
    return tuple(done)
