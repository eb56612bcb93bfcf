"""The class map made without a network: a drawn bust whose truth is known, and places in real pictures set by hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vivant.face.landmarks import COUNT
from vivant.face.model import load_face_model
from vivant.face.pose import HeadPose
from vivant.media.image import read_image
from vivant.portrait.classes import BACKGROUND, BODY_SKIN, CLOTHES, FACE_SKIN, HAIR, OTHER, agreement
from vivant.portrait.matte import cut_out
from vivant.portrait.open import open_portrait
from vivant.portrait.parts import map_parts
from vivant.portrait.person import face_oval
from vivant.portrait.pixels import scale_bytes
from vivant.portrait.portrait import Portrait

Bytes = NDArray[np.uint8]
SIDE = 512
COLOURS = {HAIR: (62, 40, 28), BODY_SKIN: (196, 140, 112), FACE_SKIN: (222, 168, 140), CLOTHES: (40, 70, 130)}

PLACES = {
    "p08": {
        HAIR: [(60, 60), (480, 80), (90, 250), (60, 330), (140, 200), (402, 266), (40, 400), (60, 450)],
        FACE_SKIN: [(256, 200), (280, 280), (230, 150)],
        BODY_SKIN: [(256, 370), (230, 400)],
        CLOTHES: [(350, 420), (250, 490), (440, 450), (150, 385)],
        BACKGROUND: [(470, 250), (450, 350)],
    },
    "p14": {
        HAIR: [(256, 80), (160, 130), (120, 300), (420, 290), (90, 420), (110, 90), (380, 60)],
        FACE_SKIN: [(230, 290), (290, 260), (270, 350), (390, 215)],
        BODY_SKIN: [(270, 420), (250, 440)],
        CLOTHES: [(330, 440), (270, 490), (450, 490), (200, 490)],
        BACKGROUND: [(40, 200), (470, 150)],
    },
}
"""Pixels of the square below, and what a person sees there; things worn on the head count as hair."""
SQUARES = {
    "p01": (115, 13, 222),
    "p07": (190, 103, 327),
    "p08": (67, 0, 311),
    "p11": (0, 0, 852),
    "p14": (189, 40, 442),
}
"""Left, top and side of the squares, in pixels of the files."""


def _bust(long_hair: bool) -> tuple[Bytes, Bytes, NDArray[np.float32], HeadPose]:
    """A drawn bust: its picture, its classes, its landmarks and their pose."""
    pose = HeadPose(13.0, np.eye(3, dtype=np.float32), np.array([256, -220, 0], np.float32))
    points = pose.picture_from_head(load_face_model().neutral[:COUNT])
    classes = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(classes, (256, 200), (135, 160), 0, 0, 360, (HAIR,), -1)
    if long_hair:
        cv2.rectangle(classes, (130, 200), (382, 470), (HAIR,), -1)
    cv2.rectangle(classes, (206, 250), (306, 440), (BODY_SKIN,), -1)
    cv2.fillPoly(
        classes,
        [np.array([[206, 410], [256, 450], [306, 410], [500, 470], [512, 512], [0, 512], [20, 470]])],
        (CLOTHES,),
    )
    if long_hair:
        classes[(np.indices(classes.shape)[1] < 195) & (np.indices(classes.shape)[1] > 135) & (classes == CLOTHES)] = (
            HAIR
        )
    classes[face_oval(classes.shape, points) > 0] = FACE_SKIN
    picture = np.full((SIDE, SIDE, 3), 235, np.uint8)
    for kind, colour in COLOURS.items():
        picture[classes == kind] = colour
    shade = 1 - 0.25 * np.linspace(0, 1, SIDE)[None, :, None]  # light from the left
    grain = np.random.default_rng(0).normal(0, 4, picture.shape)
    return np.clip(picture * shade + grain, 0, 255).astype(np.uint8), classes, points, pose


@pytest.mark.parametrize("long_hair", [False, True])
def test_drawn_bust_is_taken_apart(long_hair: bool) -> None:
    picture, truth, points, pose = _bust(long_hair)
    found = map_parts(picture, points, pose, (truth != BACKGROUND).astype(np.float32))
    shares = agreement(truth, found)
    assert (found != OTHER).all()
    assert shares[:OTHER].min() > 0.85


def test_alpha_alone_says_what_is_background() -> None:
    picture, truth, points, pose = _bust(False)
    alpha = np.random.default_rng(2).random((SIDE, SIDE)).astype(np.float32)
    found = map_parts(picture, points, pose, alpha)
    assert np.array_equal(found == BACKGROUND, alpha < 0.5)
    assert truth.shape == found.shape


def test_any_size_and_side_ratio() -> None:
    picture, truth, points, pose = _bust(False)
    half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)[:200]
    small = HeadPose(pose.scale / 2, pose.rotation, pose.translation / 2)
    alpha = (truth[::2, ::2][:200] != BACKGROUND).astype(np.float32)
    found = map_parts(np.ascontiguousarray(half, np.uint8), points / 2, small, alpha)
    assert agreement(truth[::2, ::2][:200], found)[[HAIR, FACE_SKIN]].min() > 0.85


def test_grey_picture_and_nobody_do_not_fail() -> None:
    _, _, points, pose = _bust(False)
    flat = np.full((64, 64, 3), 128, np.uint8)
    assert (map_parts(flat, points / 8, pose, np.zeros((64, 64), np.float32)) == BACKGROUND).all()
    assert (map_parts(flat, points + 4000, pose, np.ones((64, 64), np.float32)) != BACKGROUND).all()


def _square(samples: Path, name: str) -> Portrait:
    x, y, side = SQUARES[name]
    (path,) = (samples / "portraits").glob(f"{name}_*")
    whole = read_image(path).pixels[y : y + side, x : x + side]
    return open_portrait(scale_bytes(whole, (SIDE, SIDE)))


@pytest.mark.slow
def test_real_pictures_are_taken_apart_as_a_person_would(samples: Path) -> None:
    right, total = 0, 0
    for name, places in PLACES.items():
        portrait = _square(samples, name)
        found = map_parts(
            np.ascontiguousarray(portrait.picture[..., :3]), portrait.landmarks, portrait.pose, cut_out(portrait).alpha
        )
        for kind, pixels in places.items():
            right += sum(int(found[y, x]) == kind for x, y in pixels)
            total += len(pixels)
    assert right / total > 0.75
