"""Loose hairs go with the head and the wall stays, whatever the colour of either."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vivant.avatars.real3d.crop import CropSettings
from vivant.avatars.real3d.prepare import Layers, LayerSettings, prepare_layers
from vivant.avatars.real3d.surroundings import completed_background, left_beside
from vivant.portrait.open import open_portrait

Bytes = NDArray[np.uint8]
SIDE = 256
WALL = 120.0
HAIRS = [((178, 90), (199, 86)), ((180, 130), (210, 140)), ((80, 100), (48, 96))]
"""From the edge of the person outwards."""


def disc(radius: int) -> NDArray[np.float32]:
    canvas = np.zeros((SIDE, SIDE), np.float32)
    return np.asarray(cv2.circle(canvas, (128, 128), radius, (1.0,), -1, cv2.LINE_AA), np.float32)


def seen(wall: NDArray[np.float32], colour: float) -> tuple[Layers, Bytes]:
    """A dark disc with hairs of a `colour` before a `wall` (SIDE, SIDE), and where (SIDE, SIDE) the hairs are."""
    hairs = np.zeros((SIDE, SIDE), np.uint8)
    for begin, end in HAIRS:
        cv2.line(hairs, begin, end, (255,), 1, cv2.LINE_AA)
    share, person = hairs / np.float32(255), disc(55)
    bare = np.asarray(wall + share * (colour - wall), np.float32)
    picture = np.repeat((bare + person * (30 - bare))[..., None], 3, 2).clip(0, 255).astype(np.uint8)
    near = disc(78) > 0
    background = np.where(near[..., None], np.uint8(WALL), picture)
    return cast(Layers, SimpleNamespace(picture=picture, background=background)), hairs


@pytest.mark.parametrize("colour", [40, 85, 160, 230])
@pytest.mark.parametrize("grain", [0.0, 4.0])
def test_hairs_of_any_colour_leave_the_wall(colour: float, grain: float) -> None:
    """Nothing of them stays behind where they were; until the head turns, they are seen as they are in the picture."""
    wall = WALL + np.random.default_rng(5).normal(0, grain, (SIDE, SIDE)).astype(np.float32)
    layers, hairs = seen(wall, colour)
    behind = completed_background(layers, disc(55))
    there = (hairs > 128) & (disc(60) == 0)
    assert np.count_nonzero(there) > 60
    off = np.abs(behind[there].astype(np.float32) - WALL)
    assert off.mean() < grain + 2
    assert off.max() < 4 * grain + 8
    left = left_beside(layers.picture, behind, disc(55))
    strong = there & (np.abs(layers.picture[..., 0] - wall) > 20)
    assert (left[strong][:, 3] == 255).all()


def test_what_a_wall_has_everywhere_stays_where_it_is() -> None:
    """Lines of a wall are no hairs: beside the person the picture's own pixels are kept."""
    columns = np.arange(SIDE, dtype=np.float32)[None]
    wall = np.broadcast_to(WALL + 25 * (columns % 8 < 2), (SIDE, SIDE)).astype(np.float32)
    layers, hairs = seen(wall, 60)
    behind = completed_background(layers, disc(55))
    beside = (disc(62) == 0) & (cv2.dilate(hairs, np.ones((9, 9), np.uint8)) == 0)
    assert np.count_nonzero(beside & (disc(78) > 0)) > 3000
    same = (behind[beside] == layers.picture[beside]).all(1)
    assert same.mean() > 0.99


def test_no_wall_no_lines() -> None:
    """Of a person who fills the picture nothing is judged by a wall that is not seen."""
    layers, _ = seen(np.full((SIDE, SIDE), WALL, np.float32), 230)
    full = SimpleNamespace(picture=layers.picture, background=np.full_like(layers.picture, 7))
    behind = completed_background(cast(Layers, full), disc(55))
    assert behind.shape == layers.picture.shape


@pytest.mark.parametrize("name", ["p03*", "p14*"])
def test_a_real_wall_has_no_hairs_left_in_it(name: str, samples: Path) -> None:
    """Behind people with loose hair the wall is hardly anywhere rougher than where nobody stands."""
    portrait = open_portrait(next((samples / "portraits").glob(name)))
    layers = prepare_layers(portrait, LayerSettings(CropSettings(pixels=512, least_face=0.1)))
    behind = completed_background(layers, layers.cut.alpha)
    near = cv2.dilate((layers.picture != layers.background).any(2).astype(np.uint8), np.ones((21, 21), np.uint8)) > 0
    rough = np.abs(behind.astype(np.float32) - cv2.medianBlur(behind, 7)).max(2)
    usual = float(np.quantile(rough[~near], 0.99))
    assert np.count_nonzero(rough[near] > 2.5 * usual) < 1e-4 * np.count_nonzero(near)
