"""The whole frame of Real3D-Portrait, from pictures, against numbers from the original implementation."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from originals import Original, original
from torch import Tensor

from vivant.avatars.real3d.networks.card_generator import CardGenerator
from vivant.avatars.real3d.networks.generator import RGB, Drawn, Generator
from vivant.avatars.real3d.networks.quick_generator import quickened
from vivant.avatars.real3d.networks.quick_layers import Arithmetic
from vivant.avatars.real3d.networks.quick_super_resolution import QuickSuperResolution
from vivant.avatars.real3d.volume import Draws
from vivant.weights.real3d import generator

BEHIND_THE_RENDERER = (2e-3, 1e-4)
"""Largest and mean error there, in the words of the fixture: rounding of the planes is amplified."""


def picture(values: Any) -> Tensor:
    return torch.from_numpy((values.astype(np.float32) - 127.5) / 127.5).permute(2, 0, 1)[None]


def compare(fixture: Original, name: str, found: Tensor) -> None:
    """Against every stored crop by largest and mean error."""
    keys = [key for key in fixture.tensors if key.startswith(f"out.{name}")]
    assert keys
    for key in keys:
        part = found.numpy()
        if "[" in key:
            bits = key[key.index("[") + 1 : -1].split(",")
            part = part[tuple(slice(*(int(b) if b else None for b in bit.split(":"))) for bit in bits)]
        error = np.abs(part.astype(np.float64) - fixture.tensors[key])
        most, mean = BEHIND_THE_RENDERER
        assert error.max() <= most, key
        assert error.mean() <= mean, key


class Given(NamedTuple):
    """What the fixture's frame was made of."""

    fixture: Original
    network: Generator
    head: Tensor
    codes: tuple[Tensor, Tensor, Tensor]
    camera: Tensor
    pictures: tuple[Tensor, Tensor, Tensor]
    keypoints: tuple[Tensor, Tensor]
    draws: Draws


@pytest.fixture(scope="module")
def given(parity: Path) -> Given:
    fixture, inputs = original(parity, "real3d", "secc2plane_torso"), original(parity, "real3d", "inputs").tensors
    with torch.device("meta"):
        network = Generator()
    network = network.to_empty(device="cpu")
    fixture.load(network, generator())
    classes = torch.nn.functional.one_hot(torch.from_numpy(inputs["in.segmap.u8"]).long(), 6).permute(2, 0, 1)[None]
    first, second, third = (picture(inputs[f"in.secc_{name}.u8"]) for name in ("cano", "src", "tgt"))
    rays = 128 * 128
    return Given(
        fixture,
        network.requires_grad_(False),
        picture(inputs["in.head.u8"]),
        (first, second, third),
        torch.from_numpy(inputs["in.camera"]),
        (picture(inputs["in.torso.u8"]), picture(inputs["in.bg.u8"]), classes.float()),
        (torch.from_numpy(inputs["in.kp_s"]), torch.from_numpy(inputs["in.kp_d"])),
        Draws(fixture.given("jitter").reshape(1, rays, 48), fixture.given("u").reshape(1, rays, 48)),
    )


@pytest.fixture(scope="module")
def drawn(given: Given) -> Drawn:
    """What the network draws of the pictures step by step."""
    with torch.inference_mode():
        result: Drawn = given.network(
            given.head, torch.cat(given.codes, 1), given.camera, given.pictures, given.keypoints, given.draws
        )
    return result


@pytest.mark.slow
def test_parity_of_the_planes(given: Given, drawn: Drawn) -> None:
    fixture = given.fixture
    (key,) = (key for key in fixture.tensors if key.startswith("out.plane["))
    error = np.abs(drawn.planes[:, :, ::4, ::8, ::8].numpy() - fixture.tensors[key])
    assert error.max() < 1e-4


@pytest.mark.slow
def test_parity_of_the_volume_and_the_frame(given: Given, drawn: Drawn) -> None:
    compare_frame(given.fixture, drawn)


@pytest.mark.slow
def test_parity_of_the_quick_frame_and_the_fast_one_is_near(given: Given, drawn: Drawn) -> None:
    """As the avatar draws: what the portrait decides only once, and the quick form of every part."""
    for fast in (False, True):
        quick = quickened(copy.deepcopy(given.network), fast=fast)
        with torch.inference_mode():
            person = quick.meet(given.head, given.codes[:2], given.pictures, given.keypoints[0])
            found = quick.draw(person, given.codes[2], given.camera, given.keypoints[1], draws=given.draws)
        if fast:
            assert 10 * torch.log10(4 / (found.frame - drawn.frame).square().mean()) > 50
        else:
            compare_frame(given.fixture, found)


@pytest.mark.slow
@torch.inference_mode()
def test_the_form_for_graphics_cards_is_near(given: Given, drawn: Drawn) -> None:
    """In float32 on a processor without bfloat16, for which it would take five minutes."""
    dtype = torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
    quick = quickened(copy.deepcopy(given.network))
    how = Arithmetic(split=False, dtype=dtype)
    quick.super_resolution = QuickSuperResolution(given.network.super_resolution, how)  # type: ignore[assignment]
    card = CardGenerator(quick, dtype, lambda frame: frame)
    person = card.meet(given.head, given.codes[:2], given.pictures, given.keypoints[0])
    found = card.draw(person, given.codes[2], given.camera, given.keypoints[1], draws=given.draws)
    assert 10 * torch.log10(4 / (found.frame - drawn.frame).square().mean()) > 40


def compare_frame(fixture: Original, drawn: Drawn) -> None:
    features, weights, depth = drawn.rendered
    compare(fixture, "image_feature", features[:, RGB:])
    compare(fixture, "image_raw", features[:, :RGB].clamp(-1, 1))
    compare(fixture, "weights_img", weights)
    compare(fixture, "image_depth", depth)
    compare(fixture, "image[", drawn.frame.clamp(-1, 1))
