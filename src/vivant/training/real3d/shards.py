"""Rendered heads on disk: shards of views, each with its picture, camera, masks and code image.

A shard is one .safetensors file of V views of several heads; a folder may hold any number. Pictures are square, sRGB.

    picture    (V, S, S, 3) uint8    the whole frame
    classes    (V, S, S)    uint8    0 background, 1 hair, 2 body skin, 3 face skin, 4 clothes, 5 other
    share      (V, S, S)    uint8    how much of a pixel is head (hair, face, other), 0..255
    camera     (V, 25)      float32  as in `vivant.avatars.real3d.camera`
    head       (V,)         int32    who it is; a head's views stand in one shard
    landmarks  (V, 68, 2)   float32  pixels, x right, y down
    code       (C, s, s, 3) uint8    code images; 0 where no face is
    face       (V,)         int32    row of `code`: the view's expression
    rest       (V,)         int32    row of `code`: the head's neutral face

and, where the torso is to be learnt or expressions are to be compared,

    torso      (V, S, S, 3) uint8    clothes and neck on black, with what the head hides of them
    background (V, S, S, 3) uint8    the frame without a person
    near       (V,)         int32    row of `code`: the same face with identity and expression moved a little
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.errors import SettingsError, WeightsError

FORMAT = "vivant-heads-1"
NEEDED = ("picture", "classes", "share", "camera", "head", "landmarks", "code", "face", "rest")
OPTIONAL = ("torso", "background", "near")
CODES = ("code",)
"""Not one for each view."""
LARGEST_SIDE = 2048

Array = NDArray[Any]


def save_shard(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write a shard of arrays (V, ...) under a temporary name first; raises SettingsError where it is none."""
    import os

    from safetensors.numpy import save_file

    check_shard({name: tuple(array.shape) for name, array in arrays.items()}, path)
    temporary = path.with_name(f".{path.name}.part")
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, temporary, {"format": FORMAT})
    os.replace(temporary, path)


def check_shard(shapes: Mapping[str, tuple[int, ...]], path: Path) -> None:
    """Raises SettingsError, naming `path`, where arrays of these shapes are no shard."""
    missing = [name for name in NEEDED if name not in shapes]
    if missing:
        raise SettingsError(f"{path}: no shard of heads, it has no {missing[0]}; prepare the heads again")
    views, side = shapes["picture"][0], shapes["picture"][1]
    plane = (views, side, side)
    wanted = {"picture": (*plane, 3), "classes": plane, "share": plane, "camera": (views, 25), "head": (views,)}
    wanted |= {"landmarks": (views, 68, 2), "face": (views,), "rest": (views,), "near": (views,)}
    wanted |= {"torso": (*plane, 3), "background": (*plane, 3)}
    wrong = [name for name, shape in wanted.items() if name in shapes and shapes[name] != shape]
    code = shapes["code"]
    if wrong or len(code) != 4 or code[1:] != (code[1], code[1], 3) or max(side, code[1]) > LARGEST_SIDE or not views:
        raise SettingsError(f"{path}: {(wrong or ['code'])[0]} has a wrong shape; prepare the heads again")


@dataclass(frozen=True)
class Shard:
    """One file; views are read one by one."""

    path: Path

    @cached_property
    def file(self) -> Any:
        """The open file, mapped into memory."""
        from safetensors import SafetensorError, safe_open

        try:
            return safe_open(self.path, "np")
        except (SafetensorError, OSError) as error:
            raise WeightsError(f"{self.path}: not a whole .safetensors file ({error}); prepare it again") from error

    @cached_property
    def small(self) -> dict[str, Array]:
        """Everything (V, ...) but the pictures."""
        names = ("camera", "head", "landmarks", "face", "rest", "near")
        return {name: self.file.get_tensor(name) for name in names if name in self.names}

    @cached_property
    def names(self) -> frozenset[str]:
        """Arrays that there are; their shapes fit."""
        names = frozenset(self.file.keys())
        check_shard({name: tuple(self.file.get_slice(name).get_shape()) for name in names}, self.path)
        return names & {*NEEDED, *OPTIONAL}

    @property
    def side(self) -> int:
        """Of the pictures, in pixels."""
        return int(self.file.get_slice("picture").get_shape()[1])

    def read(self, name: str, row: int) -> Array:
        """One row (...) of an array (V, ...)."""
        if name in self.small:
            return np.asarray(self.small[name][row])
        part: Array = self.file.get_slice(name)[row : row + 1][0]
        return part


@dataclass(frozen=True)
class Head:
    """The views of one head."""

    shard: Shard
    views: tuple[int, ...]


def open_heads(folder: Path) -> list[Head]:
    """Every head of the shards in `folder` that has two views or more, always in the same order.

    Raises SettingsError where there are none, or a file is no shard.
    """
    heads: list[Head] = []
    for path in sorted(folder.glob("*.safetensors")):
        shard = Shard(path)
        if not shard.names:
            raise SettingsError(f"{path}: no shard of heads")
        owners = shard.small["head"]
        groups = [tuple(int(view) for view in np.flatnonzero(owners == owner)) for owner in np.unique(owners)]
        heads += [Head(shard, views) for views in groups if len(views) > 1]
    if not heads:
        raise SettingsError(f"{folder}: no shards of rendered heads; make them with vivant train real3d --prepare")
    return heads
