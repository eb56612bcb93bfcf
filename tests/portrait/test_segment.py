"""The class map by a segmenter's file: a tiny model made here takes the whole way through MediaPipe."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import mediapipe
import numpy as np
import pytest
from numpy.typing import NDArray

from vivant.errors import WeightsError
from vivant.portrait.classes import BACKGROUND, COLOURS, FACE_SKIN, NAMES, agreement, draw_classes
from vivant.portrait.portrait import Portrait
from vivant.portrait.segment import class_map, segment_file

Bytes = NDArray[np.uint8]
SIDE = 32
WHEEL = Path(mediapipe.__file__).parent


def _colour_model(count: int) -> bytes:
    """A TensorFlow Lite model whose class is the nearest of the first `count` of `COLOURS`: one 1 x 1 convolution."""
    import flatbuffers
    from mediapipe.tasks.python.metadata.metadata_writers.image_segmenter import MetadataWriter

    spec = importlib.util.spec_from_file_location("schema", WHEEL / "tasks" / "metadata" / "schema_py_generated.py")
    assert spec is not None
    assert spec.loader is not None
    schema: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(schema)

    def made(kind: str, **values: Any) -> Any:
        thing = getattr(schema, f"{kind}T")()
        for name, value in values.items():
            setattr(thing, name, value)
        return thing

    colours = COLOURS[:count].astype("<f4") / 255
    bias = (-(colours**2).sum(1) / 2).astype("<f4")
    shapes = {"picture": [1, SIDE, SIDE, 3], "w": [count, 1, 1, 3], "b": [count], "shares": [1, SIDE, SIDE, count]}
    data = (None, None, colours, bias, None)
    convolution = made("Conv2DOptions", strideW=1, strideH=1, padding=schema.Padding.VALID)
    step = made("Operator", opcodeIndex=0, inputs=[0, 1, 2], outputs=[3], builtinOptions=convolution)
    step.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
    code = schema.BuiltinOperator.CONV_2D
    tensors = [made("Tensor", name=name, shape=shape, buffer=at + 1) for at, (name, shape) in enumerate(shapes.items())]
    graph = made("SubGraph", tensors=tensors, inputs=[0], outputs=[3], operators=[step])
    model = made("Model", version=3, description="nearest colour", subgraphs=[graph])
    model.operatorCodes = [made("OperatorCode", builtinCode=code, deprecatedBuiltinCode=code, version=1)]
    model.buffers = [
        made("Buffer", data=None if part is None else np.frombuffer(part.tobytes(), np.uint8)) for part in data
    ]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(MetadataWriter.create(bytearray(builder.Output()), [0.0], [255.0]).populate()[0])


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("segmenter") / "six.tflite"
    path.write_bytes(_colour_model(6))
    return path


def test_each_class_is_where_the_model_sees_it(six: Path) -> None:
    truth = np.random.default_rng(0).integers(0, 6, (4, 4)).astype(np.uint8).repeat(64, 0).repeat(64, 1)
    found = segment_file(draw_classes(truth), six)
    inside = np.indices(truth.shape) % 64  # away from the borders of the patches, which the model sees coarsely
    clear = ((inside > 12) & (inside < 52)).all(0)
    assert np.array_equal(found[clear], truth[clear])


def test_map_has_the_size_of_any_picture(six: Path) -> None:
    picture = np.full((90, 161, 3), COLOURS[FACE_SKIN], np.uint8)
    found = segment_file(picture, six)
    assert found.shape == (90, 161)
    assert (found == FACE_SKIN).all()


def test_named_file_makes_the_class_map(six: Path, astronaut: Portrait) -> None:
    painted = np.dstack(
        [np.broadcast_to(COLOURS[FACE_SKIN], (*astronaut.person.shape, 3)), np.full(astronaut.person.shape, 255)]
    ).astype(np.uint8)
    found = class_map(replace(astronaut, picture=painted), six)
    assert (found.classes == FACE_SKIN).all()
    assert found.person.all()


def test_second_person_counts_as_background(six: Path, astronaut: Portrait) -> None:
    painted = np.full((*astronaut.person.shape, 4), 255, np.uint8)
    painted[..., :3] = COLOURS[FACE_SKIN]
    person = np.zeros_like(astronaut.person)
    person[:, :100] = 1.0
    both = replace(astronaut, picture=painted, person=person, faces=astronaut.faces * 2)
    found = class_map(both, six)
    assert (found.classes[:, :100] == FACE_SKIN).all()
    assert (found.classes[:, 100:] == BACKGROUND).all()
    assert np.array_equal(found.person, found.classes != BACKGROUND)


def test_segmenter_of_other_classes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "two.tflite"
    path.write_bytes(_colour_model(2))
    with pytest.raises(WeightsError, match=r"two\.tflite.*2 classes instead of 6.*selfie_multiclass"):
        segment_file(np.zeros((64, 64, 3), np.uint8), path)


@pytest.mark.parametrize("name", ["missing", "empty", "text", "bare", "cut", "huge"])
def test_bad_file_is_one_clear_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, good = tmp_path / f"{name}.tflite", _colour_model(6)
    contents = {"empty": b"", "text": b"no model\n" * 99, "bare": good.replace(b"TFLITE_METADATA", b"TFLITE_NOTADATA")}
    contents |= {"cut": good[: len(good) // 2], "huge": good}
    if name in contents:
        path.write_bytes(contents[name])
    if name == "huge":
        monkeypatch.setattr("vivant.portrait.segment.LARGEST_FILE", 100)
    with pytest.raises(WeightsError, match=rf"{name}\.tflite: .*selfie_multiclass") as caught:
        segment_file(np.zeros((64, 64, 3), np.uint8), path)
    assert "\n" not in str(caught.value)


def test_agreement_counts_shared_pixels() -> None:
    first = np.array([[0, 0, 1, 1]], np.uint8)
    second = np.array([[0, 1, 1, 2]], np.uint8)
    shares = agreement(first, second)
    assert shares[:3] == pytest.approx([1 / 2, 1 / 3, 0])
    assert np.isnan(shares[3:]).all()
    assert len(shares) == len(NAMES)
