"""The student networks and the exact engine, against the original's numbers and against each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from characters import made_up, random_poses
from originals import Original, original

from vivant.avatars.tha.character import Character, load_character
from vivant.avatars.tha.networks.body_student import BodyStudent
from vivant.avatars.tha.networks.face_student import FACE_COLUMNS, FACE_POSE, FACE_ROWS, FaceStudent
from vivant.avatars.tha.picture import picture_of_tensor, tensor_of_picture
from vivant.avatars.tha.student import Outputs, StudentPoser
from vivant.weights import tha_students

Arrays = list[np.ndarray[Any, Any]]


@pytest.fixture(scope="module", params=["tha4_student_lambda_00", "tha4_student_lambda_01"])
def fixture(parity: Path, request: pytest.FixtureRequest) -> Original:
    return original(parity, "tha", request.param)


@pytest.fixture(scope="module")
def character(fixture: Original) -> Character:
    return load_character(fixture.path.parents[2] / json.loads(fixture.metadata["config"])["model_dir"])


def plain(character: Character, pose: np.ndarray[Any, Any]) -> Arrays:
    """The published order of outputs by the networks themselves, for one pose."""
    face, body = character.networks()
    given = torch.from_numpy(pose)[None]
    image = tensor_of_picture(character.picture, premultiplied=True)
    drawn = face(given[:, FACE_POSE])
    image[:, :, FACE_ROWS, FACE_COLUMNS] = drawn
    return [part[0].numpy() for part in (*body(image, given), drawn)]


def compare(fixture: Original, outputs: list[Arrays]) -> None:
    """All poses' outputs against the stored crops, worst and mean error."""
    tolerances = json.loads(fixture.metadata["tolerance"])
    for place, name in enumerate(json.loads(fixture.metadata["output_order"])):
        found = np.stack([of_pose[place] for of_pose in outputs]).astype(np.float64)
        crops = [key for key in fixture.tensors if key.startswith(f"out.{name}")]
        assert crops
        for key in crops:
            part = found
            for slices in key.split("[")[1:]:
                bounds = [bit.split(":") for bit in slices.rstrip("]").split(",")]
                part = part[tuple(slice(*(int(n) if n else None for n in bound)) for bound in bounds)]
            error = np.abs(part - fixture.tensors[key])
            assert error.max() <= tolerances[name]["max"], f"{key}: {error.max():.3g} off"
            assert error.mean() <= tolerances[name]["mean"], f"{key}: {error.mean():.3g} off in the mean"


@pytest.mark.slow
def test_parity_tha_student_networks(fixture: Original, character: Character) -> None:
    compare(fixture, [plain(character, pose) for pose in fixture.tensors["in.pose"]])


def test_parity_tha_student_engine(fixture: Original, character: Character) -> None:
    poser = StudentPoser(character)
    compare(fixture, [list(poser.outputs(pose)) for pose in fixture.tensors["in.pose"]])


def test_parity_tha_student_drawing_is_read_as_published(fixture: Original, character: Character) -> None:
    image = tensor_of_picture(character.picture, premultiplied=True).numpy()
    np.testing.assert_allclose(image[:, :, ::9, ::9], fixture.tensors["in.image[:,:,::9,::9]"], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "table", "network"),
    [
        ("tha4_student_face_morpher", tha_students.face_student(), FaceStudent()),
        ("tha4_student_body_morpher", tha_students.body_student(), BodyStudent()),
    ],
)
def test_parity_tha_student_keys_are_each_used_once(
    parity: Path, name: str, table: dict[str, str], network: torch.nn.Module
) -> None:
    path = parity / "tha" / f"{name}.keys.json"
    if not path.is_file():
        pytest.skip(f"no {path}")
    keys = json.loads(path.read_text(encoding="utf-8"))
    state = network.state_dict()
    assert sorted(table) == sorted(keys)
    assert sorted(table.values()) == sorted(state)
    assert all(list(state[table[key]].shape) == shape for key, shape in keys.items())


@pytest.mark.parametrize("cores", [1, 2])
def test_the_engine_gives_what_the_networks_give(cores: int) -> None:
    character, pose = made_up(), random_poses(1, 1)[0]
    found, wanted = StudentPoser(character, cores=cores).outputs(pose), plain(character, pose)
    for name, part, original_part in zip(Outputs._fields, found, wanted, strict=True):
        assert part.shape == original_part.shape
        assert np.abs(part - original_part).max() < 1e-3, name


@pytest.mark.parametrize("official", [False, True])
def test_the_picture_is_the_blended_output(official: bool) -> None:
    character, pose = made_up(), random_poses(2, 1)[0]
    poser = StudentPoser(character, official=official)
    blended = torch.from_numpy(poser.outputs(pose).blended)[None]
    wanted = picture_of_tensor(blended, premultiplied=True, official=official).astype(int)
    drawn = poser.draw(pose)
    assert (drawn.dtype, drawn.shape) == (np.uint8, (512, 512, 4))
    # Division by almost nothing magnifies rounding where the picture is transparent.
    seen = wanted[..., 3] > 5
    assert np.abs(drawn - wanted)[seen].max() <= 1


def test_weights_that_do_not_fit_are_refused() -> None:
    from vivant.errors import WeightsError

    character = made_up()
    with pytest.raises(WeightsError, match="face does not fit"):
        StudentPoser(Character(character.picture, character.body, character.body))


def test_initial_weights_are_the_published_ones() -> None:
    torch.manual_seed(0)
    body = BodyStudent()
    first, second = body.levels[0][0].linear, body.levels[1][0].linear
    assert float(first.weight.detach().abs().max()) == pytest.approx(1 / 47, rel=0.01)
    assert float(second.weight.detach().abs().max()) == pytest.approx((6 / 227) ** 0.5 / 30, rel=0.01)
    assert sum(p.numel() for p in body.parameters()) == 331_567
    assert sum(p.numel() for p in FaceStudent().parameters()) == 121_476
