"""Drawings lifted off flat backgrounds: alpha that is known, because the background was put there by the test."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from drawings import CHARACTERS, character, drawn_figure, laid_on
from numpy.typing import NDArray

from vivant.media.image import read_image
from vivant.portrait.backdrop import flat_background, lift_off

Bytes = NDArray[np.uint8]
GROUNDS = {"white": (255, 255, 255), "green": (30, 170, 60), "grey": (200, 200, 200), "night": (20, 20, 30)}


def slope(height: int, width: int) -> NDArray[np.float64]:
    """A sky (height, width, 3) from blue to peach."""
    down = np.linspace(0, 1, height)[:, None, None]
    return np.broadcast_to((1 - down) * [140, 180, 230] + down * [210, 200, 190], (height, width, 3))


@pytest.mark.parametrize("name", CHARACTERS)
@pytest.mark.parametrize("ground", [*GROUNDS, "slope", "jpeg"])
def test_characters_come_off_flat_grounds(samples: Path, name: str, ground: str) -> None:
    picture = character(samples, name)
    colour = slope(512, 512) if ground in ("slope", "jpeg") else np.array(GROUNDS[ground], np.float64)
    flat = laid_on(picture, colour)
    if ground == "jpeg":
        flat = np.asarray(cv2.imdecode(cv2.imencode(".jpg", flat, [cv2.IMWRITE_JPEG_QUALITY, 85])[1], 1), np.uint8)
    cut = lift_off(flat)
    assert cut is not None
    wrong = np.abs(cut.alpha - picture[..., 3] / 255) > 0.3
    assert wrong.mean() < 0.011
    inside = cv2.erode((picture[..., 3] == 255).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert cut.alpha[inside].mean() > 0.99
    assert np.abs(cut.colour[inside].astype(int) - flat[inside]).mean() < 1


def test_the_grounds_colour_is_taken_out_of_the_edges() -> None:
    figure = drawn_figure()
    soft = figure.copy()
    soft[..., 3] = cv2.GaussianBlur(figure[..., 3], (0, 0), 1.2)
    for channel in range(3):  # colours go on under the soft edge
        soft[..., channel] = cv2.dilate(figure[..., channel], np.ones((9, 9), np.uint8))
    cut = lift_off(laid_on(soft, np.array([0, 255, 0])))
    assert cut is not None
    edge = (cut.alpha > 0.25) & (cut.alpha < 0.75)
    green = cut.colour[edge].astype(int)
    assert edge.sum() > 200
    assert (green[:, 1] - green[:, [0, 2]].max(1)).mean() < 25  # the ground's own is 255


def test_large_pictures_are_cut_at_their_own_size() -> None:
    figure = np.asarray(cv2.resize(drawn_figure(), (1800, 2400), interpolation=cv2.INTER_NEAREST), np.uint8)
    cut = lift_off(laid_on(figure, np.array([200, 220, 240])))
    assert cut is not None
    assert cut.alpha.shape == (2400, 1800)
    assert (np.abs(cut.alpha - figure[..., 3] / 255) > 0.3).mean() < 0.005


def test_windows_in_the_figure_are_ground_unless_they_may_be_clothes() -> None:
    ring = np.zeros((300, 300, 4), np.uint8)
    cv2.circle(ring, (150, 150), 100, (200, 60, 60, 255), -1)
    cv2.circle(ring, (150, 150), 50, (0, 0, 0, 0), -1)
    green, white = (lift_off(laid_on(ring, np.array(colour))) for colour in ((30, 170, 60), (255, 255, 255)))
    assert green is not None
    assert white is not None
    assert green.alpha[150, 150] < 0.05
    assert white.alpha[150, 150] > 0.95


def test_windows_in_a_small_figure_are_ground_too() -> None:
    ring = np.zeros((900, 900, 4), np.uint8)
    cv2.circle(ring, (450, 450), 100, (200, 60, 60, 255), -1)
    cv2.rectangle(ring, (445, 440), (450, 470), (0, 0, 0, 0), -1)
    cut = lift_off(laid_on(ring, np.array((120, 200, 240))))
    assert cut is not None
    assert cut.alpha[455, 447] < 0.05


def test_no_ground_is_found_where_there_is_none(samples: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    assert flat_background(noise) is None
    assert lift_off(noise) is None
    assert lift_off(np.full((100, 100, 3), 90, np.uint8)) is None
    astronaut = read_image(samples / "portraits" / "p01_astronaut_small_face.png").pixels
    assert lift_off(astronaut) is None
