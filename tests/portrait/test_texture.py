"""What is covered goes on with the texture around it: stripes in step, a wall as rough as it is, its light as given."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vivant.media.image import read_image
from vivant.portrait.texture import continue_texture

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]


def disc(height: int, width: int, radius: float) -> Flags:
    """(height, width) a round hole in the middle."""
    rows, columns = np.mgrid[:height, :width]
    return np.asarray(np.hypot(rows - height / 2, columns - width / 2) < radius)


def grey(values: Floats) -> Bytes:
    """(H, W) to a picture (H, W, 3)."""
    return np.repeat(np.clip(np.round(values), 0, 255).astype(np.uint8)[..., None], 3, 2)


def roughness(picture: Bytes, where: Flags) -> float:
    """Standard deviation of what is finer than some pixels."""
    light = picture.astype(np.float32).mean(2)
    return float((light - cv2.GaussianBlur(light, (0, 0), 3))[where].std())


@pytest.fixture(scope="module")
def wall(samples: Path) -> Bytes:
    """A painted wall without anybody."""
    picture = read_image(next((samples / "portraits").glob("p07*"))).pixels[..., :3]
    height, width = picture.shape[:2]
    return np.ascontiguousarray(picture[: height * 9 // 20, width * 13 // 20 :])


@pytest.mark.parametrize("size", [(240, 320), (600, 500)])
def test_stripes_go_on_in_step(size: tuple[int, int]) -> None:
    """Of what the even grey has wrong, hardly anything is left, also at a size that is searched at half."""
    height, width = size
    stripes = grey(np.broadcast_to(128 + 60 * np.sin(np.arange(height) * 2 * np.pi / 20)[:, None], size))
    covered = disc(height, width, 70)
    filled = continue_texture(np.where(covered[..., None], np.uint8(0), stripes), np.full_like(stripes, 128), covered)
    off = np.abs(filled.astype(np.float32) - stripes)
    assert off[~covered].max() == 0
    assert off[covered].mean() < 0.15 * np.abs(128 - stripes.astype(np.float32))[covered].mean()


def test_a_real_wall_is_as_rough_as_around(wall: Bytes) -> None:
    height, width = wall.shape[:2]
    covered = disc(height, width, 0.3 * min(height, width))
    inner = disc(height, width, 0.3 * min(height, width) - 4)
    surface = np.broadcast_to(np.median(wall, (0, 1)).astype(np.uint8), wall.shape)
    filled = continue_texture(wall, np.ascontiguousarray(surface), covered)
    assert 0.6 < roughness(filled, inner) / roughness(wall, inner) < 1.4
    assert np.abs(filled.astype(np.float32) - wall)[covered].mean() > 1  # made up, not looked up


def test_the_light_is_that_of_the_surface(wall: Bytes) -> None:
    """Where it grows dark behind the person, all texture comes from light places, and nothing of their light."""
    height, width = wall.shape[:2]
    covered = disc(height, width, 0.4 * min(height, width))
    deep = cv2.distanceTransform(covered.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    dark = (wall * (1 - 0.5 * np.minimum(2 * deep / deep.max(), 1))[..., None]).astype(np.uint8)
    filled = continue_texture(wall, dark, covered)
    middle = disc(height, width, 0.1 * min(height, width))
    assert abs(float(filled[middle].mean()) / float(dark[middle].mean()) - 1) < 0.1
    assert float(dark[middle].mean()) < 0.6 * wall.mean()


def test_the_same_again(wall: Bytes) -> None:
    covered = disc(*wall.shape[:2], 40)
    np.testing.assert_array_equal(*(continue_texture(wall, wall, covered) for _ in range(2)))


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (9, 9), (40, 41), (64, 64)])
def test_where_hardly_anything_is_open_the_surface_stays(size: tuple[int, int]) -> None:
    covered = np.ones(size, np.bool_)
    covered[:1] = False
    picture = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    surface = np.full_like(picture, 90)
    filled = continue_texture(picture, surface, covered)
    np.testing.assert_array_equal(filled, np.where(covered[..., None], surface, picture))


@pytest.mark.parametrize("pixels", [0, 1, 3])
def test_what_is_not_covered_is_not_changed(wall: Bytes, pixels: int) -> None:
    covered = np.zeros(wall.shape[:2], np.bool_)
    covered[40, 40 : 40 + pixels] = True
    filled = continue_texture(wall, wall * 0, covered)
    np.testing.assert_array_equal(filled[~covered], wall[~covered])


def test_what_is_doubtful_is_not_repeated() -> None:
    """The right half has stripes, which go on behind the hole unless they are not to be trusted."""
    picture, covered = grey(np.random.default_rng(0).normal(128, 4, (240, 240))), disc(240, 240, 50)
    stripes = grey(np.broadcast_to(np.where(np.arange(240) % 16 < 8, 170, 86)[:, None], (240, 240)))
    right = np.broadcast_to(np.arange(240) >= 120, (240, 240))
    picture[right] = stripes[right]
    surface, inner = np.full_like(picture, 128), disc(240, 240, 40) & right
    rough = [roughness(continue_texture(picture, surface, covered, doubtful), inner) for doubtful in (None, right)]
    assert rough[0] > 0.8 * roughness(stripes, inner)
    assert rough[1] < 0.3 * roughness(stripes, inner)
