"""A character as one ONNX file that any runtime can draw: pose in, picture out.

The graph is the exact student with its drawing inside, in the order of `student`: pose and position enter each level as
a vector and constant planes, and features are multiplied before they are enlarged. Written node by node, so that
neither the exporter of a PyTorch version nor its wishes come in.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vivant.avatars.tha.character import Character
from vivant.avatars.tha.networks.body_student import SIZES, WIDTHS
from vivant.avatars.tha.networks.face_student import FACE_COLUMNS, FACE_POSE, FACE_ROWS, FACE_SIZE, OMEGA, SineLayer
from vivant.avatars.tha.picture import FAINTEST, linear_of_srgb
from vivant.errors import MissingExtraError, WeightsError
from vivant.nn.warp import pixel_centres

OPSET = 18
SIZE = SIZES[-1]
POSE = 45
UINT8, INT32 = 2, 6
"""ONNX's numbers of these types."""


def export_onnx(path: Path, character: Character) -> None:
    """Write `character` as an ONNX model: `pose` (1, 45) float32 to `picture` (512, 512, 4) uint8.

    The picture is RGBA, sRGB, straight alpha, as `StudentPoser.draw` gives it. The character's notes become the
    model's metadata. Raises MissingExtraError without the package onnx, and WeightsError where the weights do not fit
    or `path` cannot be written.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtraError("onnx", "onnx") from None
    graph = _Graph(onnx)
    picture = _shown(graph, _blended(graph, character))
    model = graph.model(picture, dict(character.notes))
    onnx.checker.check_model(model)
    temporary = path.parent / f".vivant-{secrets.token_hex(6)}.part"
    try:
        temporary.write_bytes(model.SerializeToString())
        os.replace(temporary, path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be written ({error.strerror}); check the folder {path.parent}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


class _Graph:
    """Nodes and constants on their way to a model; a value is known by its name."""

    def __init__(self, onnx: Any) -> None:
        self._onnx = onnx
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, value: Tensor | NDArray[Any]) -> str:
        """The name of a `value` of any shape (...)."""
        name = f"c{len(self._constants)}"
        array = np.ascontiguousarray(value.detach().numpy() if isinstance(value, Tensor) else value)
        self._constants.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def __call__(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def number(self, value: float) -> str:
        return self.constant(np.float32(value).reshape(1))

    def whole(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def model(self, output: str, notes: dict[str, str]) -> Any:
        helper, kinds = self._onnx.helper, self._onnx.TensorProto
        self._nodes[-1].output[0] = "picture"
        graph = helper.make_graph(
            self._nodes,
            "character",
            [helper.make_tensor_value_info("pose", kinds.FLOAT, [1, POSE])],
            [helper.make_tensor_value_info("picture", kinds.UINT8, [SIZE, SIZE, 4])],
            self._constants,
        )
        assert output == f"n{len(self._nodes) - 1}"
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        helper.set_model_props(model, {"producer": "vivant", **notes})
        return model


def _blended(graph: _Graph, character: Character) -> str:
    """(1, 4, 512, 512): what the network shows, linear, premultiplied, -1..1."""
    face, body = character.networks()
    pose = graph("Reshape", "pose", graph.whole(1, POSE, 1, 1))
    read = graph("Slice", pose, graph.whole(FACE_POSE.start), graph.whole(FACE_POSE.stop), graph.whole(1))
    image = _with_face(graph, character, _conv(graph, _level(graph, face.layers, read, FACE_SIZE, None), face.last))
    value: str | None = None
    coarser = (0, *(widths[-1] for widths in WIDTHS[:-1]))
    for layers, size, width in zip(body.levels, SIZES, coarser, strict=True):
        value = _level(graph, layers, pose, size, (value, width) if value else None)
    assert value is not None
    parts = _conv(graph, value, body.last)
    flow, alpha, colour = (_channels(graph, parts, *span) for span in ((0, 2), (2, 3), (3, 7)))
    axis, zeros = pixel_centres(SIZE, torch.zeros(1)), torch.zeros(SIZE)
    across = graph.constant(torch.stack([axis, zeros], 1)[None, None])
    down = graph.constant(torch.stack([zeros, axis], 1)[None, :, None])
    grid = graph("Add", graph("Add", graph("Transpose", flow, perm=[0, 2, 3, 1]), across), down)
    warped = graph("GridSample", image, grid, mode="bilinear", padding_mode="border", align_corners=0)
    change = graph("Mul", alpha, graph("Sub", colour, warped))
    return graph("Add", warped, change)


def _level(graph: _Graph, layers: nn.Module, pose: str, size: int, coarser: tuple[str, int] | None) -> str:
    """The sine layers of one level; `coarser`: the value of the coarser level and its channels."""
    first, *others = (layer for layer in layers.children() if isinstance(layer, SineLayer))
    weight, bias = _scaled(first)
    width = coarser[1] if coarser else 0
    axis = pixel_centres(size, weight)
    x, y = weight[:, width], weight[:, width + 1]
    # Two thin planes instead of a full one: a line for x and a column for y.
    across = graph.constant((x[:, 0] * axis).reshape(1, -1, 1, size))
    down = graph.constant((y[:, 0] * axis[:, None].T).reshape(1, -1, size, 1))
    value = graph("Conv", pose, graph.constant(weight[:, width + 2 :]), graph.constant(bias))
    value = graph("Add", graph("Add", value, across), down)
    if coarser:
        features = graph("Conv", coarser[0], graph.constant(weight[:, :width]))
        sizes = graph.whole(1, weight.shape[0], size, size)
        larger = graph("Resize", features, "", "", sizes, mode="linear", coordinate_transformation_mode="half_pixel")
        value = graph("Add", larger, value)
    value = graph("Sin", value)
    for layer in others:
        scaled = (graph.constant(part) for part in _scaled(layer))
        value = graph("Sin", graph("Conv", value, *scaled))
    return value


def _scaled(layer: SineLayer) -> tuple[Tensor, Tensor]:
    """Weight (O, I, 1, 1) and bias (O,) with the frequency in them."""
    assert layer.linear.bias is not None
    return layer.linear.weight.detach()[:, :, :, :] * OMEGA, layer.linear.bias.detach() * OMEGA


def _conv(graph: _Graph, value: str, layer: nn.Conv2d) -> str:
    assert layer.bias is not None
    return graph("Conv", value, graph.constant(layer.weight), graph.constant(layer.bias))


def _channels(graph: _Graph, value: str, start: int, stop: int) -> str:
    return graph("Slice", value, graph.whole(start), graph.whole(stop), graph.whole(1))


def _with_face(graph: _Graph, character: Character, face: str) -> str:
    """The drawing with `face` in it; kept as bytes, a quarter of the size."""
    planes = character.picture.transpose(2, 0, 1)[None]
    levels = torch.arange(256) / 255
    colour, alpha = (graph("Cast", graph.constant(part), to=INT32) for part in (planes[:, :3], planes[:, 3:]))
    colour = graph("Gather", graph.constant(linear_of_srgb(levels)), colour)
    alpha = graph("Gather", graph.constant(levels), alpha)
    light = graph("Concat", graph("Mul", colour, alpha), alpha, axis=1)
    picture = graph("Sub", graph("Mul", light, graph.number(2)), graph.number(1))
    around = np.ones((1, 1, SIZE, SIZE), np.bool_)
    around[:, :, FACE_ROWS, FACE_COLUMNS] = False
    pads = graph.whole(0, 0, FACE_ROWS.start, FACE_COLUMNS.start, 0, 0, SIZE - FACE_ROWS.stop, SIZE - FACE_COLUMNS.stop)
    return graph("Where", graph.constant(around), picture, graph("Pad", face, pads))


def _shown(graph: _Graph, image: str) -> str:
    """Network colours to bytes, as `picture.picture_of_tensor`."""
    half, one, zero = graph.number(0.5), graph.number(1), graph.number(0)
    light = graph(
        "Clip",
        graph("Add", graph("Mul", image, half), half),
        *(graph.constant(np.array(v, np.float32)) for v in (0, 1)),
    )
    colour, alpha = _channels(graph, light, 0, 3), _channels(graph, light, 3, 4)
    faint = graph("Less", alpha, graph.number(FAINTEST))
    divided = graph("Div", colour, graph("Where", faint, one, alpha))
    colour = graph("Min", graph("Where", faint, zero, divided), one)
    dark = graph("Mul", colour, graph.number(12.92))
    root = graph("Pow", colour, graph.number(1 / 2.4))
    bright = graph("Sub", graph("Mul", root, graph.number(1.055)), graph.number(0.055))
    below = graph("LessOrEqual", colour, graph.number(0.003130804953560372))
    srgb = graph("Concat", graph("Where", below, dark, bright), alpha, axis=1)
    levels = graph("Round", graph("Mul", srgb, graph.number(255)))
    pixels = graph("Transpose", graph("Cast", levels, to=UINT8), perm=[2, 3, 1, 0])
    return graph("Squeeze", pixels, graph.whole(3))
