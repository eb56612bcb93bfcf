"""Pictures to tensors and back: the published bytes, and edges that do not darken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from originals import Original, original
from tha_originals import compare_sample

from vivant.avatars.tha.picture import Bytes, official_frame, picture_of_tensor, tensor_of_picture
from vivant.media.image import read_image


@pytest.fixture
def fixture(parity: Path) -> Original:
    return original(parity, "tha", "image_io")


@pytest.mark.parametrize(("name", "premultiplied"), [("tha3_tensor", False), ("tha4_tensor", True)])
def test_parity_of_tensors(fixture: Original, samples: Path, name: str, premultiplied: bool) -> None:
    picture = read_image(samples / "tha4/lambda_00/character.png").pixels
    found = tensor_of_picture(picture, premultiplied=premultiplied)
    keys = [key for key in fixture.tensors if key.startswith(f"out.{name}[")]
    assert keys
    for key in keys:
        compare_sample(fixture, key, found, {"max": 1e-6, "mean": 1e-6}, None)


def same_bytes(found: Bytes, wanted: Bytes) -> None:
    """At most one level on at most one value in a hundred, as the fixture allows."""
    off = np.abs(found.astype(int) - wanted.astype(int))
    assert off.max() <= 1
    assert (off > 0).mean() <= 0.01


BACKGROUNDS = {
    "": None,
    "_green": (0.0, 1.0, 0.0),
    "_blue": (0.0, 0.0, 1.0),
    "_black": (0.0, 0.0, 0.0),
    "_white": (1.0, 1.0, 1.0),
}


def test_parity_of_official_pictures(fixture: Original) -> None:
    image = fixture.given("linear_image")[None]
    same_bytes(picture_of_tensor(image, premultiplied=True, official=True), fixture.tensors["out.manual_poser_rgba8"])
    for name, colour in BACKGROUNDS.items():
        same_bytes(official_frame(image, colour), fixture.tensors[f"out.puppeteer{name}_rgba8"])


def test_parity_of_unpremultiplied_pictures(fixture: Original) -> None:
    image = fixture.given("linear_image")[None]
    found = picture_of_tensor(image, premultiplied=True, faintest=1e-5)
    same_bytes(found, fixture.tensors["out.unpremultiplied_rgba8"])
    # Ours differs from it only where nobody sees it.
    clean = picture_of_tensor(image, premultiplied=True)
    assert (clean == found)[found[..., 3] > 0].all()
    assert not clean[clean[..., 3] == 0].any()


@pytest.mark.parametrize("premultiplied", [False, True])
def test_a_picture_comes_back(premultiplied: bool) -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (32, 32, 4), np.uint8)
    rgba[:16, :, 3] = 255
    back = picture_of_tensor(tensor_of_picture(rgba, premultiplied=premultiplied), premultiplied=premultiplied)
    wanted = np.where(rgba[..., 3:] > 0, rgba, 0)
    np.testing.assert_array_equal(back[rgba[..., 3] > 0], wanted[rgba[..., 3] > 0])
    np.testing.assert_array_equal(back[..., 3], rgba[..., 3])


def test_a_batch_gives_a_batch() -> None:
    assert picture_of_tensor(torch.zeros(3, 4, 8, 6), premultiplied=False).shape == (3, 8, 6, 4)


def test_what_is_out_of_range_is_clipped_and_nothing_wraps() -> None:
    image = torch.tensor([3.0, -3.0, 1.0, 1.0])[None, :, None, None].expand(1, 4, 2, 2)
    for premultiplied in (False, True):
        for official in (False, True):
            pixels = picture_of_tensor(image, premultiplied=premultiplied, official=official)
            assert pixels[0, 0].tolist() == [255, 0, 255, 255]
