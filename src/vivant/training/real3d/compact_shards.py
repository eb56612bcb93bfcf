"""Shards of examples for the packaged 3-D heads; see `vivant.training.real3d.compact_examples` for their arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.errors import SettingsError, WeightsError

Array = NDArray[Any]

FORMAT = "vivant-view-heads-1"
STEPS = 16384
"""Of a stored view coordinate, from 0 to 1."""


@dataclass(frozen=True)
class Example:
    """One picture of one head; its arrays are read when they are asked for."""

    path: Path
    row: int
    head: int
    """Number of the head, which several examples share."""
    lifted: bool = False
    """Whether it is a real portrait, of which only the face is known."""

    def __getattr__(self, name: str) -> Array:
        """One of the arrays of the shard, (...) without its first axis."""
        if name not in ARRAYS:
            raise AttributeError(name)
        from safetensors import safe_open

        with safe_open(self.path, "np") as file:
            array: Array = file.get_slice(name)[self.row : self.row + 1][0]
        return array


ARRAYS = ("picture", "mask", "inside", "landmarks", "places", "taken", "surface", "colour")


def save_examples(path: Path, examples: Sequence[Mapping[str, Array]], head: int, *, lifted: bool = False) -> None:
    """Write the examples (E, ...) of one head, under a temporary name first; `lifted`: see `Example`."""
    from safetensors.numpy import save_file

    arrays = {name: np.stack([one[name] for one in examples]) for name in ARRAYS}
    partial = path.with_name(f".{path.name}.part")
    told = {"format": FORMAT, "head": str(head), "examples": str(len(examples)), "lifted": str(int(lifted))}
    save_file(arrays, partial, told)
    os.replace(partial, path)


def open_examples(folder: Path) -> list[Example]:
    """Every example of the shards in `folder`, always in the same order; raises where a file is no shard."""
    found = []
    for path in sorted(folder.glob("*.safetensors")):
        told = _told(path)
        if told.get("format") != FORMAT:
            raise SettingsError(f"{path}: no shard of heads for the packaged network; prepare them in their own folder")
        lifted = told.get("lifted") == "1"
        found += [Example(path, row, int(told["head"]), lifted) for row in range(int(told["examples"]))]
    if not found:
        raise SettingsError(f"{folder}: no rendered heads; make them with vivant train real3d/compact --prepare")
    return found


def _told(path: Path) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a whole .safetensors file ({error}); prepare it again") from error
