"""Head, torso and background pictures against the original's, and what holds for any picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from originals import original

from vivant.avatars.real3d.layers import (
    NECK_ROWS,
    background_of,
    distance_from_person,
    fill_from_nearest,
    head_picture,
    torso_picture,
)
from vivant.portrait.classes import BACKGROUND, BODY_SKIN, CLOTHES, FACE_SKIN

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]


def _portrait(parity: Path) -> tuple[Bytes, Bytes]:
    inputs = original(parity, "real3d", "inputs").tensors
    return inputs["in.img.u8"], inputs["in.segmap.u8"]


def test_parity_real3d_head_and_torso_pictures(parity: Path) -> None:
    picture, classes = _portrait(parity)
    inputs = original(parity, "real3d", "inputs").tensors
    torso = torso_picture(picture, classes)
    assert np.array_equal(head_picture(picture, classes), inputs["in.head.u8"])
    assert np.array_equal(torso.picture, inputs["in.torso.u8"])
    truth = original(parity, "real3d", "preprocess").tensors
    compared = _compare(truth, "torso_mask", torso.mask)
    assert all((found == wanted).all() for found, wanted in compared)


def test_parity_real3d_background(parity: Path) -> None:
    picture, classes = _portrait(parity)
    truth = original(parity, "real3d", "preprocess").tensors
    background = background_of([(picture, classes != BACKGROUND)])
    assert all((found == wanted).all() for found, wanted in _compare(truth, "background_sure", background.sure))
    unique = [wanted == 1 for _, wanted in _compare(truth, "background_unique", background.sure)]
    pairs = list(_compare(truth, "background", background.picture))
    assert pairs
    for (found, wanted), once in zip(pairs, unique, strict=True):
        assert once.mean() > 0.5
        assert (found[once] == wanted[once]).all()


def _compare(
    truth: dict[str, NDArray[np.uint8]], name: str, found: NDArray[np.generic]
) -> Iterator[tuple[Bytes, Bytes]]:
    """Each stored crop `out.NAME[...].u8` with the same part of `found`."""
    for key, wanted in truth.items():
        if key.startswith(f"out.{name}[") and key.endswith("].u8"):
            text = key[key.index("[") + 1 : key.index("]")]
            part = tuple(slice(*(int(bit) if bit else None for bit in axis.split(":"))) for axis in text.split(","))
            yield np.asarray(found[part], np.uint8), wanted


def _bust() -> tuple[Bytes, Bytes]:
    """A grey bust of rectangles: face over neck over clothes."""
    classes = np.zeros((120, 100), np.uint8)
    classes[20:70, 30:70] = FACE_SKIN
    classes[70:85, 40:60] = BODY_SKIN
    classes[85:, 10:90] = CLOTHES
    picture = np.zeros((120, 100, 3), np.uint8)
    for kind, grey in ((BACKGROUND, 10), (FACE_SKIN, 100), (BODY_SKIN, 200), (CLOTHES, 60)):
        picture[classes == kind] = grey
    return picture, classes


def test_neck_runs_up_behind_the_head_and_fades() -> None:
    picture, classes = _bust()
    torso = torso_picture(picture, classes)
    column = torso.picture[:, 50, 0].astype(int)
    painted = np.flatnonzero(torso.mask[:, 50])
    assert painted[0] == 71 - NECK_ROWS + 1  # the neck reaches 3 rows up, its colour is taken 4 rows lower
    assert (np.diff(column[painted[2] : 70]) >= 0).all()
    assert column[40] == pytest.approx(200 * 0.98**31, abs=2)
    assert not torso.mask[:67, 35].any()
    assert (torso.picture[~torso.mask] == 0).all()
    assert (torso.picture[86:, 10:90] == 60).all()


def test_neck_at_the_upper_border_stays_inside() -> None:
    classes = np.full((40, 20), BODY_SKIN, np.uint8)
    classes[:6] = FACE_SKIN
    torso = torso_picture(np.full((40, 20, 3), 90, np.uint8), classes)
    assert torso.mask.all()
    assert torso.picture[0, 5, 0] == pytest.approx(90 * 0.98**7, abs=2)


def test_picture_without_torso_gives_black() -> None:
    classes = np.full((30, 30), FACE_SKIN, np.uint8)
    torso = torso_picture(np.full((30, 30, 3), 90, np.uint8), classes)
    assert not torso.mask.any()
    assert not torso.picture.any()


def test_background_of_a_video_is_what_the_person_leaves_free() -> None:
    scene = np.random.default_rng(0).integers(0, 256, (64, 128, 3)).astype(np.uint8)

    def frames() -> Iterator[tuple[Bytes, Flags]]:
        for left in (0, 40, 90):
            person = np.zeros((64, 128), np.bool_)
            person[:, left : left + 36] = True
            shown = scene.copy()
            shown[person] = 7
            yield shown, person

    background = background_of(frames())
    assert np.array_equal(background.picture, scene)
    assert background.sure.all()


def test_hidden_background_has_the_colour_nearest_to_it() -> None:
    picture, classes = _bust()
    background = background_of([(picture, classes != BACKGROUND)])
    assert (background.picture == 10).all()
    assert not background.sure[classes != BACKGROUND].any()


def test_person_who_fills_the_picture_leaves_grey() -> None:
    picture = np.full((20, 20, 3), 250, np.uint8)
    assert (background_of([(picture, np.ones((20, 20), np.bool_))]).picture == 128).all()
    with pytest.raises(ValueError, match="at least one frame"):
        background_of([])


def test_narrow_rim_of_background_is_better_than_grey() -> None:
    picture, person = np.full((40, 40, 3), 250, np.uint8), np.ones((40, 40), np.bool_)
    person[:3], picture[:3] = False, 30
    background = background_of([(picture, person)])
    assert not background.sure.any()
    assert (background.picture == 30).all()


def test_nobody_is_infinitely_far() -> None:
    nobody = np.zeros((5, 5), np.bool_)
    assert np.isinf(distance_from_person(nobody)).all()
    picture = np.random.default_rng(0).integers(0, 256, (5, 5, 3)).astype(np.uint8)
    assert np.array_equal(background_of([(picture, nobody)]).picture, picture)
    assert np.array_equal(fill_from_nearest(picture, ~nobody), picture)
