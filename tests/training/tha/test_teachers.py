"""Teachers show what their posers draw, in the students' conventions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from characters import decibels, made_up, random_poses
from drawings import character
from torch import Tensor

from vivant.avatars.tha.compact import open_compact
from vivant.avatars.tha.networks.released import variant
from vivant.avatars.tha.picture import picture_of_tensor, tensor_of_picture
from vivant.avatars.tha.posers import FullPoser, assemble
from vivant.errors import WeightsError
from vivant.nn.warp import warp
from vivant.training.tha.teachers import CharacterTeacher, FullTeacher, open_teacher

POSES = torch.from_numpy(random_poses(1, 2))


@pytest.fixture(scope="module")
def poser() -> FullPoser:
    """An untrained system of THA3, whose alpha is straight, with gentle flows: else roundings show."""
    torch.manual_seed(0)
    networks = {one.network: one.build() for one in variant("float", half=False, separable=True)}
    for network in networks.values():
        for name, weight in network.named_parameters():
            if "flow" in name:
                weight.data *= 0.02
    return assemble(networks, premultiplied=False)


def to_light(image: Tensor) -> Tensor:
    """Straight alpha in -1..1 to premultiplied."""
    alpha = image[:, 3:] / 2 + 0.5
    return torch.cat([(image[:, :3] / 2 + 0.5) * alpha * 2 - 1, image[:, 3:]], 1)


@pytest.mark.slow
def test_a_full_teacher_shows_what_its_poser_draws(poser: FullPoser) -> None:
    picture = made_up().picture
    image = tensor_of_picture(picture, premultiplied=False)
    with torch.no_grad():
        outputs = poser.outputs(image.expand(2, -1, -1, -1), POSES)
    teacher = FullTeacher(poser, picture)
    shown = teacher.show(POSES)
    assert (shown.posed - to_light(outputs[0])).abs().max() < 5e-3
    assert (shown.flow - outputs[4]).abs().max() < 1e-4
    assert (shown.face - to_light(outputs[8][:, :, 48:176, 32:160])).abs().max() < 1e-3
    assert torch.equal(teacher.faces(POSES), shown.face)


def test_a_character_teaches_what_its_networks_draw() -> None:
    character = made_up()
    teacher = CharacterTeacher(character)
    shown = teacher.show(POSES[:1])
    face, body = character.networks()
    with torch.no_grad():
        image = teacher.drawing.clone()
        image[:, :, 80:208, 192:320] = face(POSES[:1, :39])
        moved = body(image, POSES[:1])
    assert (shown.face - image[:, :, 80:208, 192:320]).abs().max() < 1e-3
    assert (shown.flow - moved.flow).abs().max() < 1e-3
    assert (shown.posed - moved.blended).abs().max() < 1e-2
    assert torch.equal(teacher.faces(POSES[:1]), image[:, :, 80:208, 192:320])


def test_a_characters_flow_makes_its_picture_where_it_paints_nothing() -> None:
    character = made_up()
    body = dict(character.body)
    body["last.weight"] = body["last.weight"] * torch.tensor([1, 1, 0, 1, 1, 1, 1.0])[:, None, None, None]
    teacher = CharacterTeacher(type(character)(character.picture, character.face, body))
    shown = teacher.show(POSES[:1])
    image = teacher.drawing.clone()
    image[:, :, 80:208, 192:320] = shown.face
    assert np.abs((warp(image, shown.flow) - shown.posed).numpy()).max() < 2e-3


def test_the_packaged_poser_teaches_what_it_draws(samples: Path) -> None:
    picture = character(samples, "lambda_00")
    poser, teacher = open_compact(), open_teacher("compact", None, picture)
    shown = teacher.show(POSES)
    prepared = poser.prepare(picture)
    for posed, pose in zip(shown.posed, POSES.numpy(), strict=True):
        drawn = picture_of_tensor(posed[None], premultiplied=True)
        # It moves light, the poser sRGB: soft edges differ by a little.
        assert decibels(drawn, poser.draw(prepared, pose)) > 38
    assert torch.equal(teacher.faces(POSES), shown.face)
    assert 4 / 256 < shown.flow.abs().max() < 60 / 256


def test_without_weights_it_says_what_to_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVANT_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match="vivant weights import tha4"):
        open_teacher("tha4/teacher", None, made_up().picture)
