"""Pairs of views of rendered heads."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivant.face.blink_edit import close_eyes
from vivant.portrait.classes import BODY_SKIN, CLOTHES
from vivant.training.real3d.samples import Pair, Surroundings, View
from vivant.training.real3d.shards import Head

Array = NDArray[np.uint8]
CLASSES = 6
LIPS = slice(48, 60)
"""The outer lips among the 68 landmarks."""
HELD_OUT = 20
"""Every so many heads one is for tests."""


@dataclass(frozen=True)
class HeadPairs:
    """Draws pairs of views of one head."""

    heads: list[Head]
    size: int
    """Of the pictures that are wanted; others are resized."""
    still: bool = False
    """Whether both views must show the same expression."""
    torso: bool = False
    """Whether torso and background are wanted."""

    def pair(self, random: np.random.Generator, *, test: bool = False) -> Pair:
        """Two different views."""
        rows = range(0, len(self.heads), HELD_OUT)
        if not test and len(self.heads) > 1:
            rows = [row for row in range(len(self.heads)) if row % HELD_OUT]  # type: ignore[assignment]
        head = self.heads[rows[int(random.integers(len(rows)))]]
        first = int(random.choice(head.views))
        others = [view for view in head.views if view != first]
        face = head.shard.small["face"]
        same = [view for view in others if face[view] == face[first]]
        second = int(random.choice(same if self.still and same else others))
        return Pair(
            view_of(head, first, self.size),
            view_of(head, second, self.size),
            _code(head, int(head.shard.small["rest"][first]), self.size),
            bent_lids(_code_bytes(head, int(face[second]), self.size), random),
            self._around(head, first, second) if self.torso else None,
        )

    def _around(self, head: Head, reference: int, target: int) -> Surroundings | None:
        if not {"torso", "background"} <= head.shard.names:
            return None
        torso, background = (
            picture_of(head.shard.read(name, reference), self.size) for name in ("torso", "background")
        )
        here, there = (class_map(head.shard.read("classes", view), self.size) for view in (reference, target))
        side = head.shard.side
        source, end = (keypoints(head.shard.read("landmarks", view), side) for view in (reference, target))
        return Surroundings(torso, background, here, body_of(there), source, end)


def view_of(head: Head, row: int, size: int) -> View:
    """One view at `size`."""
    shard = head.shard
    picture, share = shard.read("picture", row), shard.read("share", row)
    alone = (picture.astype(np.uint16) * share[..., None] // 255).astype(np.uint8)
    near = _code(head, int(shard.small["near"][row]), size) if "near" in shard.names else None
    return View(
        picture_of(picture, size),
        picture_of(alone, size),
        mask_of(share, size),
        torch.from_numpy(np.array(shard.read("camera", row)))[None],
        _code(head, int(shard.small["face"][row]), size),
        near,
        torch.from_numpy(shard.read("landmarks", row)[LIPS] * np.float32(size / shard.side))[None],
    )


def picture_of(picture: Array, size: int) -> Tensor:
    """(1, 3, size, size), -1..1, of bytes (S, S, 3)."""
    made = resized(picture, size).astype(np.float32) / 127.5 - 1
    return torch.from_numpy(np.ascontiguousarray(made.transpose(2, 0, 1)))[None]


def mask_of(share: Array, size: int) -> Tensor:
    """(1, 1, size, size), 0..1, of bytes (S, S)."""
    return torch.from_numpy(resized(share, size).astype(np.float32) / 255)[None, None]


def class_map(classes: Array, size: int) -> Tensor:
    """(1, 6, size, size), 0 or 1, of bytes 0..5 (S, S)."""
    small = resized(classes, size, cv2.INTER_NEAREST)
    return torch.from_numpy(np.stack([small == one for one in range(CLASSES)]).astype(np.float32))[None]


def body_of(classes: Tensor) -> Tensor:
    """(N, 1, S, S), 1 where `classes` (N, 6, S, S) are skin of the body or clothes."""
    return classes[:, [BODY_SKIN, CLOTHES]].sum(1, keepdim=True)


def keypoints(landmarks: NDArray[np.float32], side: int) -> Tensor:
    """(1, 68, 3) of pixels (68, 2): -1..1 within the picture and not beyond it; z = 0."""
    flat = np.clip(landmarks / side * 2 - 1, -1, 1)
    return torch.from_numpy(np.pad(flat, ((0, 0), (0, 1))).astype(np.float32))[None]


def bent_lids(code: Array, random: np.random.Generator) -> Tensor:
    """(1, 3, 3, S, S) a code image (S, S, 3) with its eyes open in part, half way, and nearly closed."""
    first, last = random.uniform(0, 0.5), random.uniform(0.5, 1)
    image = code_of(code)
    closed = [close_eyes(image, part, part) for part in (first, (first + last) / 2, last)]
    return torch.from_numpy(np.stack(closed))[None]


def code_of(code: Array) -> NDArray[np.float32]:
    """(3, s, s), -1..1, of bytes (s, s, 3)."""
    return np.ascontiguousarray(code.astype(np.float32).transpose(2, 0, 1) / 127.5 - 1)


def resized(pixels: Array, size: int, way: int = cv2.INTER_AREA) -> Array:
    """Bytes (S, S, ...) at `size`."""
    if pixels.shape[0] == size:
        return pixels
    return np.asarray(cv2.resize(pixels, (size, size), interpolation=way), np.uint8)


def _code(head: Head, row: int, size: int) -> Tensor:
    """The code image (1, 3, size, size) of a view."""
    return torch.from_numpy(code_of(_code_bytes(head, row, size)))[None]


def _code_bytes(head: Head, row: int, size: int) -> Array:
    """The code image (size, size, 3), larger or smaller than it is stored."""
    stored = np.asarray(head.shard.read("code", row))
    return resized(stored, size, cv2.INTER_LINEAR if size > len(stored) else cv2.INTER_AREA)
