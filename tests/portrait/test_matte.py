"""Alpha and clean colours against pictures whose truth is known, and the filled background."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vivant.portrait.fill import fill_background
from vivant.portrait.matte import CutOut, cut_out
from vivant.portrait.open import open_portrait
from vivant.portrait.person import face_oval
from vivant.portrait.portrait import Portrait

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def matted(astronaut: Portrait) -> CutOut:
    return cut_out(astronaut)


def _rebuilt(cutout: CutOut, background: Floats) -> Floats:
    alpha = cutout.alpha[..., None]
    return np.asarray(cutout.colour * alpha + background * (1 - alpha), np.float32)


def _hairy_truth(portrait: Portrait) -> Floats:
    """The rough mask made crisp, with 150 fine hairs around the head."""
    alpha = np.clip((portrait.person - 0.4) / 0.2, 0, 1)
    x0, y0, x1, y1 = portrait.faces[0]
    middle, tall = np.array([(x0 + x1) / 2, (y0 + y1) / 2 - 0.1 * (y1 - y0)]), y1 - y0
    hairs = np.zeros(alpha.shape, np.uint8)
    rng = np.random.default_rng(3)
    for angle in rng.uniform(np.pi, 2 * np.pi, 150):
        out = np.array([np.cos(angle), np.sin(angle)])
        ends = [middle + out * tall * reach for reach in (0.55, rng.uniform(0.72, 0.82))]
        start, end = ((np.round(point * 16)).astype(int).tolist() for point in ends)
        cv2.line(hairs, start, end, (255,), 1, cv2.LINE_AA, 4)
    return np.asarray(np.maximum(alpha, hairs / 255 * 0.9), np.float32)


def test_hair_on_an_even_background_is_recovered(astronaut: Portrait) -> None:
    """A person with drawn hairs over plain blue: alpha, the composite on another colour, the clean colours."""
    truth = _hairy_truth(astronaut)
    blue = np.array([60, 90, 170], np.float32)
    # The head of the picture's own colours, hairs in the colour of hair.
    person = np.where(truth[..., None] > astronaut.person[..., None] + 0.05, [70, 55, 30], astronaut.picture[..., :3])
    mixed = person * truth[..., None] + blue * (1 - truth[..., None])
    opaque = np.full(truth.shape, 255, np.uint8)
    # A rough mask is off by a few pixels and knows no hairs.
    rough = cv2.GaussianBlur(np.roll(astronaut.person, (3, -2), (0, 1)), (0, 0), 4.0)
    cutout = cut_out(replace(astronaut, picture=np.dstack([mixed.astype(np.uint8), opaque]), person=rough))
    rough_error = np.abs(rough - truth)[:180].mean()
    assert np.abs(cutout.alpha - truth)[:180].mean() < 0.6 * rough_error
    yellow = np.array([250, 220, 40], np.float32)
    wanted = person * truth[..., None] + yellow * (1 - truth[..., None])
    edge = cv2.dilate(((truth > 0.02) & (truth < 0.98)).astype(np.uint8), np.ones((5, 5), np.uint8))[:180] > 0
    pasted = mixed * rough[..., None] + yellow * (1 - rough[..., None])
    gain = np.abs(pasted - wanted)[:180][edge].mean() / np.abs(_rebuilt(cutout, yellow) - wanted)[:180][edge].mean()
    assert gain > 1.8
    # The old background's blue has left the colours of the half-covered pixels.
    partial = (cutout.alpha > 0.3) & (cutout.alpha < 0.9)
    partial[180:] = False
    blueness = [
        (picture[..., 2] - picture[..., 0].astype(np.float32))[partial].mean() for picture in (mixed, cutout.colour)
    ]
    assert blueness[1] < blueness[0] - 15


@pytest.mark.parametrize("noise", [3.0, 5.0])
def test_dark_hair_before_a_dark_wall_has_no_holes(noise: float, astronaut: Portrait) -> None:
    """Hair of nearly the colour of the wall is not taken for gaps through which the wall shows."""
    truth = np.clip((astronaut.person - 0.4) / 0.2, 0, 1)
    chin = round(float(astronaut.landmarks[152, 1]))
    hair = (truth > 0) & (cv2.dilate(face_oval(truth.shape, astronaut.landmarks), np.ones((9, 9), np.uint8)) == 0)
    hair[chin:] = False
    random = np.random.default_rng(1)
    person = astronaut.picture[..., :3].astype(np.float32)
    person[hair] = np.array([48, 40, 36]) + random.normal(0, noise, (hair.sum(), 1))
    wall = np.array([44, 40, 38]) + random.normal(0, 2, (*truth.shape, 1))
    mixed = np.clip(person * truth[..., None] + wall * (1 - truth[..., None]), 0, 255).astype(np.uint8)
    rough = cv2.GaussianBlur(np.roll(astronaut.person, (3, -2), (0, 1)), (0, 0), 4.0)
    picture = np.dstack([mixed, np.full(truth.shape, 255, np.uint8)])
    alpha = cut_out(replace(astronaut, picture=picture, person=rough)).alpha
    inside = hair & (cv2.erode((truth > 0.99).astype(np.uint8), np.ones((13, 13), np.uint8)) > 0)
    assert np.percentile(alpha[inside], 1) > 0.9
    assert np.abs(alpha - truth)[:chin].mean() < 0.01


def test_light_hair_and_lace_before_an_even_wall_are_whole(portraits: dict[str, Portrait]) -> None:
    """Whose colours differ from those of the darker hair beside them as much as the wall's do."""
    boy = portraits["p11"]
    tall, (x, y) = np.ptp(boy.landmarks[:, 1]), boy.landmarks[10, :2]
    quiff = slice(round(y - 0.36 * tall), round(y - 0.33 * tall)), slice(round(x - 0.29 * tall), round(x - 0.23 * tall))
    assert cut_out(boy).alpha[quiff].mean() > 0.97
    maid = portraits["p14"]
    tall, (x, y) = np.ptp(maid.landmarks[:, 1]), maid.landmarks[10, :2]
    rows, columns = np.indices(maid.person.shape)
    lace = (maid.picture[..., :3].min(2) > 200) & (rows < y) & (np.abs(columns - x) < tall)
    assert cut_out(maid).alpha[lace].mean() > 0.95


def test_alpha_is_settled_inside_and_outside(portraits: dict[str, Portrait]) -> None:
    for name in ("p01", "p02", "p16"):
        portrait = portraits[name]
        cutout = cut_out(portrait)
        assert cutout.alpha.shape == portrait.person.shape
        assert cutout.alpha.dtype == np.float32
        assert cutout.colour.dtype == np.uint8
        assert 0 <= cutout.alpha.min() <= cutout.alpha.max() <= 1
        oval = cv2.erode(face_oval(cutout.alpha.shape, portrait.landmarks), np.ones((9, 9), np.uint8)) > 0
        assert cutout.alpha[oval].min() > 0.99, name
        far = cv2.dilate((portrait.person > 0.05).astype(np.uint8), np.ones((75, 75), np.uint8)) == 0
        assert cutout.alpha[far].max(initial=0) < 0.01, name
        np.testing.assert_array_equal(cutout.colour[oval], portrait.picture[..., :3][oval])


def test_background_fill_hides_the_person(astronaut: Portrait, matted: CutOut) -> None:
    filled = fill_background(astronaut, matted)
    assert filled.shape == (512, 512, 3)
    assert filled.dtype == np.uint8
    far = cv2.dilate((matted.alpha > 0.01).astype(np.uint8), np.ones((31, 31), np.uint8)) == 0
    np.testing.assert_array_equal(filled[far], astronaut.picture[..., :3][far])
    head = matted.alpha[:150] > 0.9
    # The wall behind her head is an even light grey.
    assert filled[:150][head].std(0).max() < 15
    assert np.abs(filled[:150][head].mean(0) - [205, 195, 190]).max() < 20


def test_a_ramp_is_continued_under_the_person(astronaut: Portrait, matted: CutOut) -> None:
    ramp = np.linspace(40, 220, 512, dtype=np.float32)[None, :, None].repeat(512, 0).repeat(3, 2)
    mixed = _rebuilt(matted, ramp).astype(np.uint8)
    filled = fill_background(replace(astronaut, picture=np.dstack([mixed, np.full((512, 512), 255, np.uint8)])), matted)
    assert np.abs(filled.astype(np.float32) - ramp)[:150].max() < 20


def test_a_cut_out_picture_keeps_its_alpha(astronaut: Portrait, matted: CutOut) -> None:
    own = (matted.alpha * 255 + 0.5).astype(np.uint8)
    again = cut_out(open_portrait(np.dstack([matted.colour, own])))
    np.testing.assert_allclose(again.alpha, own / 255, atol=1e-6)


def test_large_pictures_are_matted_at_their_own_resolution(astronaut: Portrait) -> None:
    """Solved at half a megapixel and carried up: the same edge as when it is solved directly, only finer."""
    large = open_portrait(np.asarray(cv2.resize(astronaut.picture, (1536, 1536), interpolation=cv2.INTER_CUBIC)))
    cutout = cut_out(large)
    assert cutout.alpha.shape == (1536, 1536)
    down = cv2.resize(cutout.alpha, (512, 512), interpolation=cv2.INTER_AREA)
    assert np.abs(down - cut_out(astronaut).alpha)[:150].mean() < 0.01
    np.testing.assert_array_equal(cut_out(large).alpha, cutout.alpha)
