"""Aligning: the head comes to rows 64:192, columns 192:320, and nothing is lost on the way."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from drawings import CHARACTERS, HOME, character, drawn_figure, laid_on, overlap

from vivant.avatars.tha.align import SIDE, align, at_home, placement_notes, resize_premultiplied, show_box, square_of
from vivant.portrait.head import HeadBox, find_head


@pytest.mark.parametrize("name", CHARACTERS)
def test_a_right_picture_comes_out_as_it_is(samples: Path, name: str) -> None:
    picture = character(samples, name)
    np.testing.assert_array_equal(align(picture, HOME), picture)
    found = find_head(picture)
    assert found is not None
    np.testing.assert_array_equal(align(picture, at_home(found, (SIDE, SIDE))), picture)


@pytest.mark.parametrize("scale", [0.5, 1.7, 4.0])
def test_other_sizes_and_places_come_back(samples: Path, scale: float) -> None:
    picture = character(samples, "lambda_01")
    side = round(SIDE * scale)
    placed = np.zeros((side + 150, side + 90, 4), np.uint8)
    placed[150:, 40 : 40 + side] = resize_premultiplied(picture, (side, side))
    back = align(placed, HeadBox(40 + 192 * scale, 150 + 64 * scale, 128 * scale))
    white = np.array([255, 255, 255])
    error = np.abs(laid_on(back, white).astype(float) - laid_on(picture, white))
    assert error.mean() < 1.5
    found = find_head(placed)
    assert found is not None
    again = find_head(align(placed, found))
    assert again is not None
    assert overlap(again, HOME) > 0.8


def test_enormous_boxes_cost_nothing() -> None:
    aligned = align(drawn_figure(), HeadBox(-5000, -5000, 30000))
    assert aligned.shape == (SIDE, SIDE, 4)
    assert aligned[..., 3].any()
    assert not align(drawn_figure(), HeadBox(5000, 5000, 100)).any()


def test_what_is_transparent_colours_nothing() -> None:
    picture = np.zeros((200, 200, 4), np.uint8)
    picture[..., 1] = 255  # green, but nobody may see it
    picture[50:150, 50:150] = (200, 40, 40, 255)
    for size in ((77, 77), (431, 431)):
        scaled = resize_premultiplied(picture, size)
        seen = scaled[scaled[..., 3] > 40]
        assert np.abs(seen[:, :3].astype(int) - [200, 40, 40]).max() < 12
        assert np.abs(scaled[..., 3].mean() - picture[..., 3].mean()) < 1


def test_a_near_home_head_snaps_and_a_given_one_stays() -> None:
    assert at_home(HeadBox(186, 70, 131, "face"), (512, 512)) == HeadBox(192, 64, 128, "face")
    assert at_home(HeadBox(372, 140, 262, "face"), (1024, 1024)) == HeadBox(384, 128, 256, "face")
    for head, size in (
        (HeadBox(186, 70, 131), (512, 512)),
        (HeadBox(150, 70, 131, "face"), (512, 512)),
        (HeadBox(186, 70, 131, "face"), (512, 700)),
    ):
        assert at_home(head, size) == head


def test_notes_tell_cut_and_missing_parts() -> None:
    whole = align(drawn_figure(), HeadBox(90, 40, 120))
    assert all(note.level == "info" for note in placement_notes(whole))
    cut = align(drawn_figure()[45:], HeadBox(90, 0, 120))
    opaque = np.full((SIDE, SIDE, 4), 255, np.uint8)
    assert "no transparent background" in placement_notes(opaque)[0].what
    filled = whole.copy()
    filled[:, :3] = 255
    assert "cut off at the left" in " ".join(note.what for note in placement_notes(filled))
    assert cut[..., 3].any()


def test_the_overlay_shows_both_boxes() -> None:
    head = HeadBox(90, 40, 120)
    shown = show_box(drawn_figure(), head)
    assert shown.shape == (400, 300, 3)
    assert tuple(shown[40, 150]) == (220, 40, 40)
    square = square_of(head)
    assert square.left < 0
    red = (shown == (220, 40, 40)).all(-1)
    assert 4 * 110 < cv2.countNonZero(red.astype(np.uint8)) < 4 * 140
