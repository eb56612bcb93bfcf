"""A 3-D character as a drawing in every pose: bones and morph targets moved, then drawn from the front."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.avatars.tha.pose import INDEX, PARAMETERS
from vivant.errors import MediaError, SettingsError
from vivant.face.raster import rasterise
from vivant.training.tha.models3d.gltf import Floats, Model, Primitive, read_model
from vivant.training.tha.models3d.names import BROWS, Morph, find_morph

Bytes = NDArray[np.uint8]

SIDE = 512
FINER = 2
"""Pixels of a side that are drawn for one."""
HEAD = (64.0, 192.0)
"""Rows that the head fills."""
EYE, HEAD_TURN, LEAN, BODY_TURN, BODY_LEAN = (0.2, 0.26, 0.17, 0.14, 0.066)
"""Radians at 1 of gaze, head_x and head_y, neck_z, body_y and body_z."""
BREATH = 0.004
"""How far the chest rises, of the character's height."""
BONES = ("head", "neck", "chest", "spine", "hips", "leftEye", "rightEye")


@dataclass(frozen=True)
class Character3D:
    """One model; a `vivant.training.tha.pairs.Character`."""

    model: Model

    def draw(self, pose: Floats) -> Bytes:
        """(512, 512, 4) RGBA, sRGB, straight alpha, of the `pose` (45,); what is not in `knows` is not looked at."""
        return self._draw(pose * self.knows, brows=True)

    def bare(self) -> Bytes:
        """The same (512, 512, 4) at rest without the surfaces that are brows."""
        return self._draw(np.zeros(len(PARAMETERS), np.float32), brows=False)

    @functools.cached_property
    def knows(self) -> Floats:
        """(45,) 1 for each parameter that the model has targets or bones for, else 0."""
        bones = {"iris_rotation_x": "leftEye", "iris_rotation_y": "leftEye", "head_x": "head", "head_y": "head"}
        bones |= {"neck_z": "neck", "body_y": "spine", "body_z": "spine", "breathing": "chest"}
        known = [one.name in self._morphs or bones.get(one.name) in self._bones for one in PARAMETERS]
        return np.array(known, np.float32)

    def _draw(self, pose: Floats, *, brows: bool) -> Bytes:
        """(512, 512, 4) in `pose` (45,)."""
        side = SIDE * FINER
        nodes = self._posed_nodes(pose)
        picture, depth = np.zeros((side, side, 4), np.float32), np.full((side, side), -1e9, np.float32)
        for primitive in sorted(self.model.primitives, key=lambda one: not one.material.opaque):
            if brows or not _is_brow(primitive):
                world = _skinned(primitive, self._morphed(primitive, pose), nodes)
                _lay(picture, depth, primitive, self._placed(world))
        small = np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)
        small[..., :3] /= np.where(small[..., 3:] > 0, small[..., 3:], 1)
        return np.clip(small * 255 + 0.5, 0, 255).astype(np.uint8)

    def _morphed(self, primitive: Primitive, pose: Floats) -> Floats:
        """The vertices (V, 3) of a surface, moved by the morph targets of `pose` (45,)."""
        moved = primitive.positions.copy()
        for parameter, morph in self._morphs.items():
            amount = float(pose[INDEX[parameter]])
            if amount:
                share = np.ones((len(moved), 1), np.float32)
                if morph.half:  # the character's left is where x is positive, once it faces the viewer
                    x = primitive.positions[:, :1] * self._facing * morph.half
                    share = np.clip(0.5 + x / (0.02 * self._height), 0, 1)
                for name in morph.names:
                    moved += amount * share * self._target(primitive, name)
        return moved

    def _target(self, primitive: Primitive, name: str) -> Floats | float:
        """How a morph moves the vertices (V, 3) of a surface; 0 where it has nothing to do with it."""
        total: Floats | float = 0.0
        for index, weight in self._binds(primitive, name):
            total = total + weight * primitive.targets[index]
        return total

    def _binds(self, primitive: Primitive, name: str) -> list[tuple[int, float]]:
        """The targets of a `primitive` and their weights that a target's or expression's name stands for."""
        if name in primitive.target_names:
            return [(primitive.target_names.index(name), 1.0)]
        found = self._expressions.get(name, [])
        return [
            (at, weight) for mesh, at, weight in found if mesh == primitive.mesh and 0 <= at < len(primitive.targets)
        ]

    def _posed_nodes(self, pose: Floats) -> Floats:
        """(nodes, 4, 4) from each node's frame to the world, in the `pose`."""
        turns = self._turns(pose)
        found = np.zeros((len(self.model.nodes), 4, 4), np.float32)
        for index in self.model.order:
            node = self.model.nodes[index]
            found[index] = node.local if node.parent is None else found[node.parent] @ node.local
            if index in turns:
                rotation, shift = turns[index]
                frame = self._rest[index][:3, :3]
                # the turn is told in the world's axes; here it is taken into the node's own
                local = np.eye(4, dtype=np.float32)
                local[:3, :3] = np.linalg.inv(frame) @ rotation @ frame
                found[index] = found[index] @ local
                found[index][:3, 3] += shift
        return found

    def _turns(self, pose: Floats) -> dict[int, tuple[Floats, Floats]]:
        """By node: its rotation (3, 3) and shift (3,) in the world's axes."""
        value = {name: float(pose[INDEX[name]]) for name in INDEX}
        still, up = np.zeros(3, np.float32), np.array([0, BREATH * self._height, 0], np.float32)
        face = self._facing
        eye = _rotation(-EYE * value["iris_rotation_x"] * face, -EYE * value["iris_rotation_y"], 0)
        wanted = {
            "head": (_rotation(-HEAD_TURN * value["head_x"] * face, -HEAD_TURN * value["head_y"], 0), still),
            "neck": (_rotation(0, 0, LEAN * value["neck_z"] * face), still),
            "spine": (_rotation(0, -BODY_TURN * value["body_y"], BODY_LEAN * value["body_z"] * face), still),
            "chest": (np.eye(3, dtype=np.float32), value["breathing"] * up),
            "leftEye": (eye, still),
            "rightEye": (eye, still),
        }
        return {self._bones[name]: turn for name, turn in wanted.items() if name in self._bones}

    def _placed(self, world: Floats) -> Floats:
        """World points (n, 3) in pixels of the finer picture, larger z nearer."""
        low, high, middle = self._head_box
        scale = (HEAD[1] - HEAD[0]) / (high - low) * FINER
        x = (world[:, 0] - middle) * self._facing * scale + SIDE * FINER / 2
        y = HEAD[0] * FINER + (high - world[:, 1]) * scale
        placed: Floats = np.stack([x, y, world[:, 2] * self._facing * scale], axis=1).astype(np.float32)
        return placed

    @functools.cached_property
    def _head_box(self) -> tuple[float, float, float]:
        """Lowest and highest y of what the head's bone holds most, and the middle of its x."""
        head = self._bones["head"]
        held = []
        for primitive in self.model.primitives:
            strongest = primitive.joints[np.arange(len(primitive.joints)), primitive.weights.argmax(axis=1)]
            held.append(_skinned(primitive, primitive.positions, self._rest)[strongest == head])
        points = np.concatenate(held)
        if len(points) < 4 or float(np.ptp(points[:, 1])) < 1e-4:
            raise MediaError(f"{self.model.name}: nothing hangs on its head bone; export it with its skin")
        return float(points[:, 1].min()), float(points[:, 1].max()), float(np.median(points[:, 0]))

    @functools.cached_property
    def _height(self) -> float:
        low, high, _ = self._head_box
        return 7 * (high - low)

    @functools.cached_property
    def _rest(self) -> Floats:
        """Every bone's place at rest: (B, 4, 4)."""
        found = np.zeros((len(self.model.nodes), 4, 4), np.float32)
        for index in self.model.order:
            node = self.model.nodes[index]
            found[index] = node.local if node.parent is None else found[node.parent] @ node.local
        return found

    @functools.cached_property
    def _facing(self) -> int:
        """1 where the model looks along +z, -1 along -z; seen from the front its left is then at the viewer's right."""
        return -1 if "VRM" in self.model.extensions else 1

    @functools.cached_property
    def _bones(self) -> Mapping[str, int]:
        """Nodes by the names of VRM's bones."""
        human = _told(self.model.extensions).get("humanoid", {}).get("humanBones", {})
        if isinstance(human, list):  # VRM 0
            human = {entry["bone"]: entry for entry in human}
        bones = {name: int(human[name]["node"]) for name in BONES if name in human}
        if not bones:
            named = {node.name.lower(): index for index, node in enumerate(self.model.nodes)}
            bones = {name: named[name.lower()] for name in BONES if name.lower() in named}
        if "head" not in bones or not all(0 <= node < len(self.model.nodes) for node in bones.values()):
            raise MediaError(f"{self.model.name}: its head bone is not known; export it as VRM")
        return bones

    @functools.cached_property
    def _morphs(self) -> dict[str, Morph]:
        there = [name for primitive in self.model.primitives for name in primitive.target_names]
        names = [*dict.fromkeys(there), *self._expressions]
        found = {one.name: find_morph(one.name, names) for one in PARAMETERS}
        return {name: morph for name, morph in found.items() if morph is not None}

    @functools.cached_property
    def _expressions(self) -> dict[str, list[tuple[int, int, float]]]:
        """Mesh, target and weight (0..1) of everything that an expression of VRM 0 or 1 moves."""
        told = _told(self.model.extensions)
        found: dict[str, list[tuple[int, int, float]]] = {}
        for group in told.get("blendShapeMaster", {}).get("blendShapeGroups", []):
            name = str(group.get("presetName") or group.get("name"))
            found[name] = [(int(b["mesh"]), int(b["index"]), float(b["weight"]) / 100) for b in group.get("binds", [])]
        for name, entry in told.get("expressions", {}).get("preset", {}).items():
            binds = entry.get("morphTargetBinds", [])
            found[name] = [(self._mesh_of(int(b["node"])), int(b["index"]), float(b["weight"])) for b in binds]
        return found

    def _mesh_of(self, node: int) -> int:
        return next((one.mesh for one in self.model.primitives if one.node == node), -1)


@dataclass(frozen=True)
class ModelFolder:
    """All characters of a folder, a `vivant.training.tha.pairs.Source`."""

    paths: tuple[Path, ...]

    def character(self, number: int) -> Character3D:
        """The character `number`; after the last comes the first again. Raises MediaError."""
        return Character3D(read_model(self.paths[number % len(self.paths)]))


def find_models(folder: Path) -> ModelFolder:
    """Every .vrm and .glb below `folder`; raises SettingsError where there is none."""
    if not folder.is_dir():
        raise SettingsError(f"{folder}: there is no such folder; check the name")
    paths = tuple(sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".vrm", ".glb")))
    if not paths:
        raise SettingsError(f"{folder}: no .vrm or .glb character in it")
    return ModelFolder(paths)


def _told(extensions: Mapping[str, Any]) -> Mapping[str, Any]:
    told = extensions.get("VRMC_vrm") or extensions.get("VRM") or {}
    return told if isinstance(told, dict) else {}


def _is_brow(primitive: Primitive) -> bool:
    return any(word in primitive.material.name.lower() for word in BROWS)


def _skinned(primitive: Primitive, positions: Floats, nodes: Floats) -> Floats:
    """(n, 3) in the world."""
    homogeneous = np.concatenate([positions, np.ones_like(positions[:, :1])], axis=1)
    bones = nodes @ primitive.binds
    moved: Floats = np.einsum("nk,nkij,nj->ni", primitive.weights, bones[primitive.joints], homogeneous)[:, :3]
    return moved.astype(np.float32)


def _lay(picture: Floats, depth: Floats, primitive: Primitive, points: Floats) -> None:
    """Draw one surface over a premultiplied `picture` (H, W, 4), where it is nearer than `depth` (H, W)."""
    raster = rasterise(points, primitive.triangles, primitive.uv, *depth.shape)
    seen = raster.covered & (raster.depth > depth)
    if not seen.any():
        return
    colour = _colours(primitive, raster.values[seen])
    alpha = colour[:, 3:]
    picture[seen] = picture[seen] * (1 - alpha) + np.concatenate([colour[:, :3] * alpha, alpha], axis=1)
    hides = np.zeros_like(seen)
    hides[seen] = alpha[:, 0] > 0.5
    depth[hides] = raster.depth[hides]


def _colours(primitive: Primitive, uv: Floats) -> Floats:
    """(n, 4) sRGB 0..1, straight, at `uv` (n, 2)."""
    material = primitive.material
    factor = np.concatenate([material.colour[:3] ** np.float32(1 / 2.2), material.colour[3:]])
    colour = np.broadcast_to(factor, (len(uv), 4)).astype(np.float32)
    if material.texture is not None:
        height, width = material.texture.shape[:2]
        at = (uv % 1) * np.array([width, height], np.float32) - np.float32(0.5)
        column, row = (
            np.clip(np.rint(at[:, axis]).astype(int), 0, most - 1) for axis, most in ((0, width), (1, height))
        )
        colour = colour * material.texture[row, column].astype(np.float32) / 255
    if material.opaque:
        colour[:, 3] = 1
    return colour


def _rotation(x: float, y: float, z: float) -> Floats:
    """(3, 3) about the axes of the world, x first."""
    matrix, _ = cv2.Rodrigues(np.array([x, 0, 0], np.float64))
    for axis in ((0, y, 0), (0, 0, z)):
        matrix = cv2.Rodrigues(np.array(axis, np.float64))[0] @ matrix
    return np.asarray(matrix, np.float32)
