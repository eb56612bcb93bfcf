"""Whole posers: the published outputs, and that what is remembered never shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from originals import Original, original
from tha_originals import compare_outputs, whole_weights
from torch import nn

from vivant.avatars.tha.networks.released import releases
from vivant.avatars.tha.picture import Bytes, picture_of_tensor, tensor_of_picture
from vivant.avatars.tha.pose import HIGH, LOW
from vivant.avatars.tha.posers import Floats, FullPoser, Recent, assemble
from vivant.media.image import read_image
from vivant.weights.keys import convert

FIRST = ("eyebrow_decomposer", "eyebrow_morphing_combiner", "face_morpher")
WHOLE = {
    "e2e_tha3_standard_float": ("tha3/standard_float", "tha3_standard", ("two_algo_face_body_rotator", "editor")),
    "e2e_tha3_separable_float": ("tha3/separable_float", "tha3_separable", ("two_algo_face_body_rotator", "editor")),
    "e2e_tha4_full": ("tha4/teacher", "tha4", ("body_morpher", "upscaler")),
}
"""Fixture to our variant, and to where the keys of its networks are listed."""


def filled_poser(fixture: Original, **settings: Any) -> FullPoser:
    """A poser with the fixture's weights."""
    variant, prefix, last = WHOLE[fixture.path.stem]
    first = "tha3_standard" if prefix == "tha4" else prefix
    listed = {name: f"{first}_{name}" for name in FIRST} | {name: f"{prefix}_{name}" for name in last}
    weights = whole_weights(fixture, listed)
    networks = {}
    known = [release for release in releases() if f"{release.system}/{release.network}".startswith(f"{variant}/")]
    for release, tensors in zip(known, weights.values(), strict=True):
        networks[release.network] = release.build()
        networks[release.network].load_state_dict(convert(tensors, release.table, networks[release.network], ""))
    return assemble(networks, premultiplied=prefix == "tha4", **settings)


def drawing(samples: Path) -> Bytes:
    return read_image(samples / "tha4/lambda_00/character.png").pixels


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
@torch.inference_mode()
def test_parity_of_whole_posers(parity: Path, samples: Path, name: str) -> None:
    fixture = original(parity, "tha", name)
    poser = filled_poser(fixture)
    image = tensor_of_picture(drawing(samples), premultiplied=poser.premultiplied)
    names = json.loads(fixture.metadata["output_order"])
    for item, pose in enumerate(fixture.given("pose")):
        outputs = poser.outputs(image, pose[None])
        assert len(outputs) == len(names)
        found = dict(zip(names, outputs, strict=True))
        compare_outputs(fixture, found if item == 1 else {names[0]: outputs[0]}, item)


@pytest.fixture(scope="module")
def separable(parity: Path) -> FullPoser:
    return filled_poser(original(parity, "tha", "e2e_tha3_separable_float"))


def poses(seed: int, count: int = 1) -> Floats:
    random = np.random.default_rng(seed)
    return (LOW + random.random((count, 45)) * (HIGH - LOW)).astype(np.float32)


@pytest.mark.slow
def test_what_is_remembered_never_shows(separable: FullPoser, samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sliders dragged one at a time give the pictures that each pose gives on its own, from fewer networks."""
    calls = dict.fromkeys(("combiner", "morpher", "coarse"), 0)
    for part, name in ((separable.face, "combiner"), (separable.face, "morpher"), (separable.body, "coarse")):
        network = getattr(part, name)
        method = "forward" if name == "coarse" else "draw"

        def counted(*given: Any, name: str = name, real: Any = getattr(network, method)) -> Any:
            calls[name] += 1
            return real(*given)

        monkeypatch.setattr(network, method, counted)
    first = poses(1)[0]
    mouth, head = first.copy(), first.copy()
    mouth[26], head[39] = 0.5, -0.5
    prepared = separable.prepare(drawing(samples))
    dragged = [separable.draw(prepared, pose) for pose in (first, mouth, head, first)]
    assert calls == {"combiner": 1, "morpher": 2, "coarse": 3}
    dragged[3][:] = 0  # what the caller gets is the caller's
    np.testing.assert_array_equal(separable.draw(prepared, first), dragged[0])
    fresh = separable.prepare(drawing(samples))
    np.testing.assert_array_equal(separable.draw(fresh, head), dragged[2])
    assert (dragged[0] != dragged[1]).any()


@pytest.mark.slow
def test_a_frame_is_the_first_of_the_outputs(separable: FullPoser, samples: Path) -> None:
    picture, pose = drawing(samples), poses(2)[0]
    image = tensor_of_picture(picture, premultiplied=False)
    with torch.inference_mode():
        wanted = picture_of_tensor(separable.outputs(image, torch.from_numpy(pose)[None])[0], premultiplied=False)
    found = separable.draw(separable.prepare(picture), pose)
    assert np.abs(found.astype(int) - wanted.astype(int)).mean() < 0.01


def decibels(one: Bytes, other: Bytes) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other.astype(float)) ** 2)))


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_fast_is_near_although_the_filled_networks_are_chaotic(parity: Path, samples: Path, name: str) -> None:
    """Random weights amplify rounding some thousand times: float32 itself is only 70 dB from float64 here."""
    fixture, pose = original(parity, "tha", name), poses(3)[0]
    posers = (filled_poser(fixture, fast=fast) for fast in (True, False))
    fast, exact = (poser.draw(poser.prepare(drawing(samples)), pose) for poser in posers)
    assert decibels(fast, exact) > 45


@pytest.mark.slow
def test_in_bfloat16_the_same_character_is_drawn_coarsely(
    parity: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a GPU calculates with `fast`; the quick bodies of processors are not there."""
    monkeypatch.setattr("vivant.avatars.tha.posers.quicken", lambda network, *, exact: None)
    separable = filled_poser(original(parity, "tha", "e2e_tha3_separable_float"))
    half = FullPoser(separable.face, separable.body, premultiplied=False, half=True)
    pictures = [poser.draw(poser.prepare(drawing(samples)), poses(3)[0]) for poser in (half, separable)]
    assert 22 < decibels(*pictures) < 60


@pytest.mark.slow
def test_on_another_device_the_body_is_compiled(parity: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No GPU is here: the networks have no numbers, and the compiler only notes what it is given."""
    compiled: list[nn.Module] = []
    monkeypatch.setattr(torch, "compile", lambda body, **_: compiled.append(body) or body)
    fixture = original(parity, "tha", "e2e_tha3_separable_float")
    poser = filled_poser(fixture, fast=True, device="meta")
    assert poser.device.type == "meta"
    assert poser.half
    assert compiled == [poser.body]
    assert next(poser.body.parameters()).is_meta
    assert not filled_poser(fixture, device="cpu").half
    assert len(compiled) == 1


def test_another_size_is_refused(separable: FullPoser) -> None:
    with pytest.raises(ValueError, match="512"):
        separable.prepare(np.zeros((256, 256, 4), np.uint8))


def test_the_last_few_results_are_kept() -> None:
    recent, made = Recent(), []
    for number in (1, 2, 3, 1, 4, 1, 5, 2):
        pose = np.full(3, number, np.float32)
        assert recent.get(pose, lambda number=number: made.append(number) or number) == number
    assert made == [1, 2, 3, 4, 5, 2]
