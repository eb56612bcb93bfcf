"""A character as one block of memory for the page's engine: 16-bit weights, laid out as `engine.c` reads them.

Each sine layer's phase is in turns and a quarter behind, as in `avatars.tha.siren`. The layout is a directory of 32-bit
little-endian numbers (the struct `Character` of engine.c), then the arrays it names by their offsets.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vivant.avatars.tha import fixed_point
from vivant.avatars.tha.character import Character
from vivant.avatars.tha.live_student import FACE_THIN, FACES, lost_by_half
from vivant.avatars.tha.networks.face_student import FACE_POSE, FACE_SIZE, OMEGA, FaceStudent, SineLayer
from vivant.avatars.tha.pose import pose_of
from vivant.avatars.tha.pruning import pruned

Doubles = NDArray[np.float64]

MAGIC = 0x32564956
LANES = 8
ALIGNMENT = 16
MIDDLE = 3
"""Sine layers of the face before the one whose phases are interpolated."""


class Block:
    """The memory, growing; offsets count from its begin."""

    def __init__(self) -> None:
        self._directory: list[int] = []
        self._arrays: list[tuple[int, bytes]] = []

    def number(self, *values: int) -> None:
        """Append to the directory."""
        self._directory += values

    def array(self, values: NDArray[Any], kind: str) -> None:
        """Append the offset of `values` (...) of the numpy type `kind` to the directory, and keep them."""
        self._arrays.append((len(self._directory), np.ascontiguousarray(values, kind).tobytes()))
        self._directory.append(0)

    def whole(self) -> bytes:
        """All of it, the second number of the directory being its length."""
        parts, end = [], _up(4 * len(self._directory), ALIGNMENT)
        for place, data in self._arrays:
            self._directory[place] = end
            parts.append(data.ljust(_up(len(data), ALIGNMENT), b"\0"))
            end += len(parts[-1])
        self._directory[1] = end
        head = np.array(self._directory, "<i4").tobytes()
        return b"".join([head.ljust(_up(len(head), ALIGNMENT), b"\0"), *parts])


def pack(character: Character, sides: tuple[int, int] = (64, 128)) -> bytes:
    """The memory block of `character`; raises WeightsError where its weights do not fit.

    `sides`: points on a side that the levels of 128 and 256 are computed on.
    """
    face, body = pruned(character)
    block = Block()
    block.number(MAGIC, 0)
    block.array(character.picture, "u1")
    block.number(*sides)
    _face(block, _sines(face.layers), _plain(face.last))
    levels = [_sines(layers) for layers in body.levels]
    widths = [0, *(len(layers[-1][1]) for layers in levels)]
    for at, layers in enumerate(levels):
        if at + 1 < len(levels):
            weight, _ = levels[at + 1][0]
            # What the finer level adds to it is the same for all its points, and enters there.
            last = weight[: widths[at + 1]], np.zeros(weight.shape[1])
        else:
            last = _in_two(*_plain(body.last))
        _network(block, layers, widths[at], last)
    block.array(_thin_lines(face), "u1")
    return block.whole()


@torch.no_grad()
def _thin_lines(face: FaceStudent) -> NDArray[np.bool_]:
    """(64, 64) where half the resolution misses thin lines of a face in one of FACES, as the live engine finds them."""
    poses = torch.from_numpy(np.stack([pose_of(expression)[FACE_POSE] for expression in FACES]))
    half, whole = (face(poses, size).permute(0, 2, 3, 1).contiguous().numpy() for size in (FACE_SIZE // 2, FACE_SIZE))
    lost = [lost_by_half(*pair) for pair in zip(half, whole, strict=True)]
    return np.asarray(np.max(lost, axis=0) > FACE_THIN)


def _in_two(weight: Doubles, bias: Doubles) -> tuple[Doubles, Doubles]:
    """A product (I, O), up to whole lanes, and what 16 bits leave out of its weights as as many outputs more."""
    whole = _filled(weight)
    layer = fixed_point.products(whole)
    lacking = whole - layer.weight * layer.scale / fixed_point.UNIT
    return np.hstack([whole, lacking]), np.concatenate([_filled_bias(bias, 0.0), np.zeros(lacking.shape[1])])


def _network(
    block: Block, layers: Sequence[tuple[Doubles, Doubles]], features: int, last: tuple[Doubles, Doubles]
) -> None:
    """Sine `layers` (I, O), of which the first reads `features` of a coarser level first, and the product after."""
    first, *others = layers
    _first(block, first[0][features:], first[1])
    for weight, bias in others:
        _dense(block, weight, bias)
    _linear(block, *last)


def _face(block: Block, layers: Sequence[tuple[Doubles, Doubles]], last: tuple[Doubles, Doubles]) -> None:
    """The sine `layers` (I, O); the product of the middle one is interpolated, so it must not overflow."""
    first, *early = layers[:MIDDLE]
    _first(block, *first)
    for weight, bias in early:
        _dense(block, weight, bias)
    _linear(block, *layers[MIDDLE])
    for weight, bias in layers[MIDDLE + 1 :]:
        _dense(block, weight, bias)
    _linear(block, *last)


def _first(block: Block, weight: Doubles, bias: Doubles) -> None:
    """The layer (I, O) that reads places, then the pose."""
    x, y, *pose = _filled(weight, len(weight))
    block.number(len(x), len(pose))
    for part in (np.stack(pose), x, y, _filled_bias(bias, -0.25)):
        block.array(part, "<f4")


def _dense(block: Block, weight: Doubles, bias: Doubles) -> None:
    """A sine layer (I, O) in 16 bits."""
    layer = fixed_point.sines(_filled(weight), _filled_bias(bias, -0.25))
    block.number(*layer.weight.shape, layer.shift)
    block.array(fixed_point.interleaved(layer.weight, LANES), "<i2")
    block.array(layer.bias, "<u4")


def _linear(block: Block, weight: Doubles, bias: Doubles) -> None:
    """A product (I, O) in 16 bits, and its scales (O,)."""
    layer = fixed_point.products(_filled(weight))
    block.number(*layer.weight.shape)
    block.array(fixed_point.interleaved(layer.weight, LANES), "<i2")
    block.array(layer.scale, "<f4")
    block.array(_filled_bias(bias, 0.0), "<f4")


def _sines(layers: nn.Module) -> list[tuple[Doubles, Doubles]]:
    """Weights (I, O) and biases (O,) of all sine layers, in turns, a quarter behind."""
    found = (_plain(layer.linear) for layer in layers.children() if isinstance(layer, SineLayer))
    return [(weight * OMEGA / (2 * pi), bias * OMEGA / (2 * pi) - 0.25) for weight, bias in found]


def _plain(layer: nn.Conv2d) -> tuple[Doubles, Doubles]:
    """Weights (I, O) and bias (O,) of a layer."""
    assert layer.bias is not None
    return layer.weight.detach()[:, :, 0, 0].double().numpy().T, layer.bias.detach().double().numpy()


def _filled(weight: Doubles, rows: int | None = None) -> Doubles:
    """`weight` (I, O) with zeros up to whole vectors of lanes."""
    inputs, outputs = weight.shape
    filled = np.zeros((rows or _up(inputs, LANES), _up(outputs, LANES)))
    filled[:inputs, :outputs] = weight
    return filled


def _filled_bias(bias: Doubles, value: float) -> Doubles:
    """`bias` (O,) up to whole vectors of lanes."""
    return np.pad(bias, (0, _up(len(bias), LANES) - len(bias)), constant_values=value)


def _up(count: int, step: int) -> int:
    return -(-count // step) * step
