"""What a teacher has drawn, kept on disk: each picture is expensive, and a student can look at it often.

A folder of raw arrays that grow in order, so that whoever was interrupted goes on; pictures are bytes of sRGB with
premultiplied colours (0.2 % of rounding), flows float16 at half resolution.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vivant.avatars.tha.networks.body_student import SIZES
from vivant.avatars.tha.networks.face_student import FACE_SIZE
from vivant.avatars.tha.picture import linear_of_srgb, srgb_of_linear
from vivant.errors import SettingsError
from vivant.progress import Progress, no_progress
from vivant.training.tha.poses import draw_poses
from vivant.training.tha.teachers import Shown, Teacher

Floats = NDArray[np.float32]

SIDE = SIZES[-1]
FLOW_SIDE = SIDE // 2
BATCH = 8
"""Pictures that a teacher draws at a time."""
RECORD = "pool.json"
Told = dict[str, str | int]


@dataclass(frozen=True)
class Pool:
    """The pictures of some poses."""

    poses: Tensor
    """(E, 45) float32"""
    faces: Tensor
    """(E, 128, 128, 4) uint8, see `decoded`."""
    posed: Tensor
    """(E, 512, 512, 4) uint8"""
    flow: Tensor
    """(E, 256, 256, 2) float16; 2 is a whole side."""

    def __len__(self) -> int:
        return len(self.poses)

    def part(self, where: slice) -> Pool:
        """Some of the pictures."""
        return Pool(self.poses[where], self.faces[where], self.posed[where], self.flow[where])

    def to(self, device: torch.device) -> Pool:
        """The pool in the memory of `device`; on the CPU it stays on disk."""
        return Pool(*(part.to(device) for part in (self.poses, self.faces, self.posed, self.flow)))


SHAPES: dict[str, tuple[tuple[int, ...], type]] = {
    "faces": ((FACE_SIZE, FACE_SIZE, 4), np.uint8),
    "posed": ((SIDE, SIDE, 4), np.uint8),
    "flow": ((FLOW_SIDE, FLOW_SIDE, 2), np.float16),
}


def fill_pool(
    folder: Path, teacher: Teacher, count: int, *, seed: int, mark: str, progress: Progress = no_progress
) -> Pool:
    """The pool of `count` pictures in `folder`, made or continued; the same seed gives the same poses.

    `mark` says whose pictures they are. Raises SettingsError where the folder holds others, or the disk is too small.
    """
    told: Told = {"mark": mark, "count": count, "seed": seed}
    made = _made(folder, told)
    if not made:
        _check_room(folder, count)
        folder.mkdir(parents=True, exist_ok=True)
    poses = draw_poses(np.random.default_rng([seed, 1]), count)
    arrays = {
        name: np.memmap(folder / f"{name}.raw", kind, "r+" if made else "w+", shape=(count, *shape))
        for name, (shape, kind) in SHAPES.items()
    }
    while made < count:
        end = min(made + BATCH, count)
        given = torch.from_numpy(poses[made:end]).to(teacher.drawing.device)
        for name, part in zip(arrays, coded_example(teacher.show(given)), strict=True):
            arrays[name][made:end] = part
        made = end
        _record(folder, {**told, "made": made})
        progress(made, count)
    tensors = {name: torch.from_numpy(np.asarray(array)) for name, array in arrays.items()}
    return Pool(torch.from_numpy(poses), **tensors)


def coded_example(shown: Shown) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float16]]:
    """Faces, results (N, H, W, 4) and flows (N, h, w, 2) as the pool keeps them."""
    flow = F.avg_pool2d(shown.flow, SIDE // FLOW_SIDE).permute(0, 2, 3, 1).half()
    faces, posed = (coded(part.permute(0, 2, 3, 1)) for part in (shown.face, shown.posed))
    return faces.cpu().numpy(), posed.cpu().numpy(), flow.cpu().numpy()


def coded(colours: Tensor) -> Tensor:
    """Bytes (..., 4) of linear premultiplied `colours` (..., 4) in -1..1: sRGB beside alpha."""
    light = (colours * 0.5 + 0.5).clamp(0, 1)
    return (torch.cat([srgb_of_linear(light[..., :3]), light[..., 3:]], -1) * 255).round().byte()


def decoded(data: Tensor) -> Tensor:
    """Linear premultiplied colours (..., 4) in -1..1 of the bytes of a pool; the inverse of `coded`."""
    level = data.float() / 255
    return torch.cat([linear_of_srgb(level[..., :3]), level[..., 3:]], -1) * 2 - 1


def _made(folder: Path, told: Told) -> int:
    """How many pictures of the wanted pool there are already."""
    path = folder / RECORD
    if not path.is_file():
        return 0
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        made = int(found.pop("made"))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SettingsError(f"{path}: damaged; delete the folder {folder} to begin again") from None
    if found != told or not all((folder / f"{name}.raw").is_file() for name in SHAPES):
        raise SettingsError(
            f"{folder} was begun with another drawing, teacher or settings; delete it to begin again, or name another"
        )
    return min(max(made, 0), int(told["count"]))


def _record(folder: Path, told: Told) -> None:
    partial = folder / f".{RECORD}.part"
    partial.write_text(json.dumps(told), encoding="utf-8")
    os.replace(partial, folder / RECORD)


def _check_room(folder: Path, count: int) -> None:
    needed = count * sum(int(np.prod(shape)) * np.dtype(kind).itemsize for shape, kind in SHAPES.values())
    place = next(place for place in (folder, *folder.resolve().parents) if place.is_dir())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise SettingsError(
            f"{folder}: {count} pictures need {needed / 1e9:.1f} GB, only {free / 1e9:.1f} are free; use fewer examples"
        )
