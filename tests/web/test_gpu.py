"""What the graphics card is given, against the networks; the shaders themselves need a card, see docs/gpu.md."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from characters import made_up, random_poses
from numpy.typing import NDArray
from torch import nn

from vivant.avatars.tha.networks.body_student import WIDTHS
from vivant.avatars.tha.networks.face_student import OMEGA, SineLayer

from .conftest import ask_node

Doubles = NDArray[np.float64]
TURNS = OMEGA / (2 * np.pi)


def linear_of(layer: nn.Conv2d) -> tuple[Doubles, Doubles]:
    assert layer.bias is not None
    return layer.weight.detach()[:, :, 0, 0].double().numpy().T, layer.bias.detach().double().numpy()


def sines(layers: nn.Module) -> list[tuple[Doubles, Doubles]]:
    """In turns, a quarter behind."""
    found = [linear_of(layer.linear) for layer in layers.children() if isinstance(layer, SineLayer)]
    return [(weight * TURNS, bias * TURNS - 0.25) for weight, bias in found]


def wanted() -> tuple[list[tuple[Doubles, Doubles]], list[tuple[Doubles, Doubles]]]:
    """The first layers of the face and the levels without what a coarser level gives, and all the others."""
    face, body = made_up().networks()
    start, *rest = sines(face.layers)
    firsts, others = [start], [*rest, linear_of(face.last)]
    levels = [sines(level) for level in body.levels]
    for at, (first, *more) in enumerate(levels):
        features = WIDTHS[at - 1][-1] if at else 0
        firsts.append((first[0][features:], first[1]))
        finer = levels[at + 1][0][0][: WIDTHS[at][-1]] if at + 1 < len(levels) else None
        last = linear_of(body.last) if finer is None else (finer, np.zeros(finer.shape[1]))
        others += [*more, last]
    return firsts, others


def turned(values: Doubles) -> Doubles:
    """How far from a whole turn."""
    return np.abs(values - np.rint(values))


def test_the_layers_are_those_of_the_networks(folder: Path) -> None:
    head, data = ask_node(folder, "weights").split(b"\n", 1)
    floats = np.frombuffer(data, np.float32)
    for (inputs, width), (weight, bias) in zip(json.loads(head), wanted()[1], strict=True):
        found, floats = floats[: inputs * width].reshape(inputs, width), floats[inputs * width :]
        same, floats = floats[:width], floats[width:]
        rows, columns = weight.shape
        # Sums of 32 bits leave them no more digits; those of the flow have as many again.
        digits = 20 if columns == 7 else 10
        assert np.abs(found[:rows, :columns] - weight).max() < np.abs(weight).max() * 2.0**-digits
        assert not found[rows:, :columns].any()
        assert turned(same[:columns] - bias).max() < 1e-4
    assert not len(floats)


def test_position_and_pose_enter_as_in_the_networks(folder: Path, tmp_path: Path) -> None:
    (pose,) = random_poses(31, 1)
    (tmp_path / "pose.json").write_text(json.dumps(pose.tolist()))
    found = json.loads(ask_node(folder, "axes", tmp_path / "pose.json"))
    for (x, y, same), (weight, bias) in zip(found, wanted()[0], strict=True):
        for row, given in ((weight[0], x), (weight[1], y), (bias + pose[: len(weight) - 2] @ weight[2:], same)):
            assert given[: len(row)] == pytest.approx(row, abs=1e-4)
