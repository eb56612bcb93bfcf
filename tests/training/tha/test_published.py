"""The published losses and schedules against the numbers of the original."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from characters import published
from originals import Original, original
from teachers import DiscTeacher
from tha_originals import inputs_of
from torch import Tensor, nn

from vivant.avatars.tha.character import load_character
from vivant.avatars.tha.networks.body_student import BodyStudent
from vivant.avatars.tha.networks.face_student import FaceStudent
from vivant.training.tha import published as method
from vivant.training.tha.published import (
    BODY_EXAMPLES,
    Stream,
    body_losses,
    body_phase,
    body_step,
    face_losses,
    face_rate,
    face_step,
)
from vivant.training.tha.teachers import Shown


@pytest.fixture
def fixture(parity: Path) -> Original:
    return original(parity, "tha", "distill")


def students(samples: Path) -> tuple[nn.Module, nn.Module]:
    face, body = load_character(published(samples, "lambda_00")).networks()
    return face.requires_grad_(True), body.requires_grad_(True)


def gradient(parameter: Tensor) -> Any:
    assert parameter.grad is not None
    return parameter.grad.numpy()


def near(found: Any, wanted: Any) -> bool:
    """Within the fixture's tolerance of gradients."""
    return bool(np.abs(found - wanted).max() <= 2e-3 * np.abs(wanted).max())


def test_parity_tha_distilling_a_face(fixture: Original, samples: Path) -> None:
    face, _ = students(samples)
    assert isinstance(face, FaceStudent)
    told, given = json.loads(fixture.metadata["face"]), inputs_of(fixture)
    wanted = given["face.teacher_face_morpher_output"][:, :, 48:176, 32:160]
    losses = face_losses(face(given["face.pose"][:, :39]), wanted, torch.from_numpy(fixture.tensors["in.mask"]))
    assert float(losses["whole"].detach()) == pytest.approx(told["terms"]["full_loss"], rel=1e-5)
    assert float(losses["masked"].detach()) == pytest.approx(told["terms"]["eye_mouth_loss"], rel=1e-5)
    torch.autograd.backward(losses["whole"] + losses["masked"])
    for ours, theirs in ((face.last, "last_linear"), (next(face.layers.children()).linear, "sine_layers.0.linear")):
        for part in ("weight", "bias"):
            assert near(gradient(getattr(ours, part)), fixture.tensors[f"out.face.grad.siren.{theirs}.{part}"])
    for one in told["learning_rates"]:
        assert face_rate(one["examples_seen_so_far"]) == pytest.approx(one["lr"], rel=1e-9)


def test_parity_tha_distilling_a_body(fixture: Original, samples: Path) -> None:
    _, body = students(samples)
    told, given = json.loads(fixture.metadata["body"]), inputs_of(fixture)
    images = given["body.teacher_face_morphed_full"]
    shown = Shown(images, given["body.teacher_posed"], given["body.teacher_grid_change"])
    found = body(images, given["body.pose"])
    for one in told["losses"]:
        rate, weights = body_phase(one["examples_seen_so_far"])
        assert rate == pytest.approx(one["lr"], rel=1e-9)
        losses = body_losses(found, shown, given["body.teacher_warped"], weights)
        assert float(torch.stack(list(losses.values())).sum().detach()) == pytest.approx(one["loss"], rel=1e-5)
    for seen in (0, 1_300_000):
        body.zero_grad()
        losses = body_losses(found, shown, given["body.teacher_warped"], body_phase(seen)[1])
        torch.autograd.backward(torch.stack(list(losses.values())).sum(), retain_graph=True)
        for part in ("weight", "bias"):
            wanted = fixture.tensors[f"out.body.grad@{seen}.last_linear.{part}"]
            assert near(gradient(getattr(body.last, part)), wanted)


def test_a_shortened_schedule_passes_through_all_phases() -> None:
    stream = Stream(DiscTeacher(), share=0.01)
    steps = stream.steps(BODY_EXAMPLES)
    assert steps * 8 == BODY_EXAMPLES // 100
    assert [stream.body_rate(step) for step in (0, steps - 1)] == [1e-4, 3e-6]
    assert [stream.face_rate(step) for step in (0, steps - 1)] == [1e-4, pytest.approx(1e-4 / 30)]


@pytest.mark.slow
def test_a_step_descends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(method, "BATCH", 1)
    torch.manual_seed(0)
    stream, mask = Stream(DiscTeacher(), share=1), torch.ones(1, 1, 128, 128)
    face, body = FaceStudent(), BodyStudent()
    for student, step in ((face, lambda: face_step(face, stream, mask, 0)), (body, lambda: body_step(body, stream, 0))):
        optimiser = torch.optim.Adam(student.parameters(), 1e-5)
        losses = []
        for _ in range(2):
            total = torch.stack(list(step().values())).sum()
            optimiser.zero_grad()
            torch.autograd.backward(total)
            optimiser.step()
            losses.append(float(total.detach()))
        assert losses[1] < losses[0]
