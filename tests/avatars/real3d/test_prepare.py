"""All that the networks see of a portrait, on a drawn one; and what is said of portraits that will not do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vivant.avatars.real3d.crop import CropSettings
from vivant.avatars.real3d.layers import HEAD, TORSO, background_of
from vivant.avatars.real3d.prepare import Layers, LayerSettings, prepare_layers
from vivant.errors import FaceNotFoundError, WeightsError
from vivant.face.landmarks import COUNT
from vivant.face.model import load_face_model
from vivant.face.pose import HeadPose, rotation_from_angles
from vivant.portrait.classes import BACKGROUND, BODY_SKIN, CLOTHES, FACE_SKIN, HAIR
from vivant.portrait.person import face_oval
from vivant.portrait.portrait import Portrait

Bytes = NDArray[np.uint8]
WALL = (120, 190, 90)


def _portrait(scale: float = 6.0, at: tuple[float, float] = (300, 210), yaw: float = 0.0) -> Portrait:
    """A bust in flat colours before a green wall, 600 x 480 pixels."""
    pose = HeadPose(scale, rotation_from_angles(yaw, 0, 0), np.array([at[0], -at[1], 0], np.float32))
    points = pose.picture_from_head(load_face_model().neutral[:COUNT])
    picture, person = np.full((480, 600, 3), WALL, np.uint8), np.zeros((480, 600), np.uint8)
    x, y, unit = round(at[0]), round(at[1]), round(scale)
    body = np.array([[-4, 15], [4, 15], [20, 20], [22, 90], [-22, 90], [-20, 20]]) * unit + [x, y]
    for canvas, colours in ((picture, ((60, 40, 30), (190, 140, 115), (40, 60, 140))), (person, ((1,),) * 3)):
        cv2.ellipse(canvas, (x, y - 2 * unit), (10 * unit, 12 * unit), 0, 0, 360, colours[0], -1)
        cv2.rectangle(canvas, (x - 4 * unit, y), (x + 4 * unit, y + 16 * unit), colours[1], -1)
        cv2.fillPoly(canvas, [body.astype(np.int32)], colours[2])
    picture[face_oval(picture.shape, points) > 0] = (225, 170, 140)
    grain = np.random.default_rng(0).normal(0, 2, picture.shape)
    rgba = np.dstack([np.clip(picture + grain, 0, 255), np.full(person.shape, 255)]).astype(np.uint8)
    return Portrait(rgba, points, pose, person.astype(np.float32), name="bust")


@pytest.fixture(scope="module")
def layers() -> Layers:
    return prepare_layers(_portrait())


def test_all_pictures_have_the_networks_size(layers: Layers) -> None:
    for picture in (layers.picture, layers.head, layers.torso, layers.background):
        assert picture.shape == (512, 512, 3)
        assert picture.dtype == np.uint8
    assert layers.classes.shape == (512, 512)
    assert (layers.crop.columns, layers.crop.rows) == (512, 512)
    assert layers.notes == ()


def test_crop_says_where_the_square_lies(layers: Layers) -> None:
    crop, portrait = layers.crop, _portrait()
    rows, columns = (slice(int(at), int(at + crop.width)) for at in (crop.y, crop.x))
    small = cv2.resize(layers.picture, (int(crop.width),) * 2, interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - portrait.picture[rows, columns, :3]).mean() < 3


def test_parts_are_told_apart(layers: Layers) -> None:
    """At landmarks and places whose part is certain."""
    flat = layers.portrait.landmarks[:, :2]
    chin, forehead = flat[152], flat[10]
    tall = float(chin[1] - forehead[1])
    spots = {
        FACE_SKIN: flat[[1, 50, 280, 199]],
        HAIR: forehead - [[0, 0.15 * tall], [0.1 * tall, 0.12 * tall]],
        BODY_SKIN: np.array([[chin[0], chin[1] + 0.12 * tall]]),
        CLOTHES: np.array([[chin[0], 500], [chin[0] + 0.3 * tall, 500]]),
        BACKGROUND: np.array([[10, 10], [500, 200]]),
    }
    for kind, places in spots.items():
        assert all(layers.classes[round(float(y)), round(float(x))] == kind for x, y in places), kind


def test_head_and_torso_show_their_classes_alone(layers: Layers) -> None:
    head = np.isin(layers.classes, HEAD)
    assert np.array_equal(layers.head[head], layers.picture[head])
    assert not layers.head[~head].any()
    clothes = cv2.erode((layers.classes == CLOTHES).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert clothes.any()
    assert np.array_equal(layers.torso[clothes], layers.picture[clothes])
    shown = cv2.dilate(np.isin(layers.classes, (*HEAD, *TORSO)).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert not layers.torso[~shown].any()


def test_nothing_of_the_person_is_left_in_the_background(layers: Layers) -> None:
    assert np.abs(layers.background.astype(int) - WALL).max() < 25
    assert np.abs(layers.background.reshape(-1, 3).mean(0) - WALL).max() < 3


def test_published_filling_is_a_setting() -> None:
    portrait = _portrait()
    near = prepare_layers(portrait, LayerSettings(filling="nearest"))
    far = (near.classes == BACKGROUND) & (np.indices(near.classes.shape)[1] < 60)
    assert np.array_equal(near.background[far], near.picture[far])
    person = near.classes != BACKGROUND
    plain = background_of([(near.picture, person)]).picture
    assert np.abs(near.background.astype(int) - plain).mean() < 3


def test_other_sizes_can_be_asked_for() -> None:
    small = prepare_layers(_portrait(), LayerSettings(crop=CropSettings(pixels=128)))
    assert small.torso.shape == (128, 128, 3)


def test_transparent_portrait_is_cut_along_its_alpha() -> None:
    portrait = _portrait()
    picture = portrait.picture.copy()
    picture[..., 3] = (portrait.person * 255).astype(np.uint8)
    layers = prepare_layers(replace(portrait, picture=picture))
    outside = layers.portrait.picture[..., 3] == 0
    assert (layers.picture[outside] == 200).all()
    assert (layers.classes[outside] == BACKGROUND).all()


def test_tiny_face_is_refused() -> None:
    with pytest.raises(FaceNotFoundError, match=r"bust: the face is only 1\d pixels high"):
        prepare_layers(_portrait(scale=1.0))


def test_face_outside_the_picture_is_refused() -> None:
    with pytest.raises(FaceNotFoundError, match=r"bust: \d+ % of the face's outline lies outside"):
        prepare_layers(_portrait(at=(0, 210)))


def test_missing_segmenter_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        prepare_layers(_portrait(), LayerSettings(segmenter=tmp_path / "none.tflite"))


def test_profile_and_bare_head_are_noted() -> None:
    portrait = _portrait(yaw=1.0)
    person = portrait.person.copy()
    person[260:] = 0
    found = [note.what for note in prepare_layers(replace(portrait, person=person)).notes]
    assert any("turned by 57 degrees" in what for what in found)
    everyone = replace(_portrait(scale=20.0), person=np.ones((480, 600), np.float32))
    assert any("hardly any background" in note.what for note in prepare_layers(everyone).notes)
