"""Strands go on: their direction, their roughness, and of the right lock."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vivant.portrait.strands import REST, Strands, Wanted, continue_strands

Floats = NDArray[np.float32]
UNIT = 10.0


def striped(degrees: float, strength: float = 40, side: int = 160) -> Floats:
    """Stripes (side, side) that run so many degrees down from the x axis, about no particular phase."""
    random, (y, x) = np.random.default_rng(1), np.mgrid[:side, :side]
    across = y * np.cos(np.deg2rad(degrees)) - x * np.sin(np.deg2rad(degrees))
    profile = random.normal(0, strength, 2000)
    return np.interp(across * 0.7, np.arange(-1000, 1000), profile).astype(np.float32)


def direction(texture: Floats) -> float:
    """Degrees 0..180 of the strands in `texture` (h, w)."""
    across, down = (cv2.Sobel(texture, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    double = np.arctan2(2 * (across * down).mean(), (across**2 - down**2).mean())
    return float(np.rad2deg(double / 2) + 90) % 180


def around(low: tuple[int, int], high: tuple[int, int], colour: float) -> Wanted:
    x, y = np.meshgrid(np.arange(low[0], high[0], 3.0), np.arange(low[1], high[1], 3.0))
    places = np.column_stack([x.ravel(), y.ravel()]).astype(np.float32)
    return Wanted(places, np.full((len(places), 3), colour, np.float32))


def laid(strands: Strands, low: tuple[int, int], high: tuple[int, int]) -> Floats:
    """The texture in a box of the picture's pixels."""
    x, y = -strands.corner.astype(int)
    part = strands.texture[y + low[1] : y + high[1], x + low[0] : x + high[0], 0]
    return part.astype(np.float32) - REST


@pytest.mark.parametrize("degrees", [30.0, 75.0, 140.0])
def test_strands_keep_their_direction_and_roughness(degrees: float) -> None:
    picture = np.clip(100 + striped(degrees), 0, 255).astype(np.uint8)
    hair = np.zeros(picture.shape, bool)
    hair[20:140, 10:100] = True
    low, high = (120, 30), (300, 130)
    strands = continue_strands(np.dstack([picture] * 3), hair, around(low, high, 100), UNIT)
    found = laid(strands, (140, 45), (280, 115))
    assert abs((direction(found) - degrees + 90) % 180 - 90) < 10
    seen = laid(strands, (30, 40), (80, 120))
    assert found.std() > 0.6 * seen.std()
    again = continue_strands(np.dstack([picture] * 3), hair, around(low, high, 100), UNIT)
    np.testing.assert_array_equal(strands.texture, again.texture)


def test_locks_are_turned_into_the_direction_around_them() -> None:
    """Rings of which the lower half is hair: just above its ends strands run as the rings do there, upright."""
    y, x = np.mgrid[:200, :200] - 99.5
    profile = np.random.default_rng(2).normal(0, 40, 200)
    picture = np.clip(100 + np.interp(0.7 * np.hypot(x, y), np.arange(200), profile), 0, 255).astype(np.uint8)
    hair = (y > 0) & (np.hypot(x, y) < 95) & (np.hypot(x, y) > 25)
    strands = continue_strands(np.dstack([picture] * 3), hair, around((0, 40), (200, 100), 100), UNIT)
    for low in ((10, 60), (140, 60)):
        found = laid(strands, low, (low[0] + 50, 95))
        assert abs(direction(found) - 90) < 20


def test_what_is_seen_keeps_its_own_texture() -> None:
    picture = np.clip(100 + striped(20), 0, 255).astype(np.uint8)
    hair = np.zeros(picture.shape, bool)
    hair[20:140, 10:100] = True
    strands = continue_strands(np.dstack([picture] * 3), hair, around((0, 0), (160, 160), 100), UNIT)
    found, there = laid(strands, (30, 40), (80, 120)).ravel(), picture[40:120, 30:80].astype(float).ravel()
    assert np.corrcoef(found, there)[0, 1] > 0.95


def test_locks_are_taken_from_where_it_is_as_light() -> None:
    picture = np.full((160, 160), 40, np.float32)
    picture[:, 80:] = 200
    picture[:, :80] += striped(45, 30)[:, :80]
    rgb = np.dstack([np.clip(picture, 0, 255).astype(np.uint8)] * 3)
    hair = np.ones(picture.shape, bool)
    rough = []
    for colour in (40, 200):
        strands = continue_strands(rgb, hair, around((40, 170), (120, 260), colour), UNIT)
        rough.append(laid(strands, (60, 190), (100, 240)).std())
    assert rough[0] > 3 * rough[1]


def test_without_hair_there_are_no_strands() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    hair = np.zeros((100, 100), bool)
    hair[:10, :10] = True
    for strands in (
        continue_strands(picture, hair, around((0, 0), (50, 50), 0), UNIT),
        continue_strands(picture, ~hair, Wanted(np.zeros((0, 2), np.float32), np.zeros((0, 3), np.float32)), UNIT),
    ):
        assert strands.texture.shape == (1, 1, 4)
        assert (strands.texture == REST).all()
