"""Wrinkles: on the neutral mesh under a known lamp, then on a sample portrait."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from vivant.avatars.relief.folds import FOLDS, GRID, LEFT, STEP, TOP, reliefs
from vivant.avatars.relief.wrinkles import WrinkleSettings, fold_weights, prepare_wrinkles, shade
from vivant.avatars.retarget import read_source
from vivant.face.arkit import CURVES, INDEX
from vivant.face.landmarks import MESH_COUNT
from vivant.face.model import load_face_model
from vivant.face.normals import vertex_normals
from vivant.face.pose import HeadPose, rotation_from_angles
from vivant.face.raster import rasterise
from vivant.portrait.portrait import Portrait

SIZE = 320
TOP_LIGHT = np.array([0.0, 0.6, 0.8], np.float32)


def curves(**values):
    """(52,) by name; a name without Left or Right sets both sides."""
    result = np.zeros(len(CURVES), np.float32)
    for name, value in values.items():
        for key in (name, name + "Left", name + "Right"):
            if key in INDEX:
                result[INDEX[key]] = value
    return result


def face(skin=(1.0, 0.8, 0.7), light=TOP_LIGHT, grain=0.0, worn=None):
    """(Portrait, Source) of the neutral mesh; `grain` roughens the skin."""
    model = load_face_model()
    pose = HeadPose(18.0, np.eye(3, dtype=np.float32), np.array([SIZE / 2, -SIZE / 2, 0], np.float32))
    landmarks = pose.picture_from_head(model.neutral)
    brightness = 0.5 + 0.5 * np.maximum(0.0, vertex_normals(model.neutral, model.triangles) @ light)
    colours = (190 * brightness[:, None] * np.asarray(skin)).astype(np.float32)
    triangles = np.concatenate([model.triangles, model.eye_triangles, model.mouth_triangles])
    drawn = rasterise(landmarks * np.array([1, 1, -1], np.float32), triangles, colours, SIZE, SIZE).values
    noise = cv2.GaussianBlur(np.random.default_rng(0).standard_normal((SIZE, SIZE)), (0, 0), 2.0)
    rough = 1.0 + grain * noise / noise.std()
    picture = np.dstack([drawn * rough[..., None], np.full((SIZE, SIZE), 255.0)]).clip(0, 255).astype(np.uint8)
    worn = np.zeros(len(CURVES), np.float32) if worn is None else worn
    source = replace(read_source(model, pose, landmarks, None), curves=worn)
    return Portrait(picture, landmarks, pose, np.ones((SIZE, SIZE), np.float32)), source


def flow_at_rest(size=SIZE):
    """Absolute flow (size, size, 2) of a frame that shows the picture unmoved, on a raster of any size."""
    at = (np.arange(size, dtype=np.float32) + 0.5) * (SIZE / size) - 0.5
    return np.ascontiguousarray(np.stack(np.meshgrid(at, at), -1))


def drawn(portrait, source, values, raster=SIZE, **settings):
    pixels = portrait.picture.copy()
    wrinkles = prepare_wrinkles(portrait, source, 1.0, pixels.shape, WrinkleSettings(**settings))
    shade(wrinkles, pixels, flow_at_rest(raster), values)
    return pixels


def change(portrait, source, values, **settings):
    """(H, W) signed change of brightness, relative."""
    before = portrait.picture[..., 1].astype(np.float32)
    return (drawn(portrait, source, values, **settings)[..., 1] - before) / np.maximum(before, 20.0)


def around(source, point, change, radius=0.35):
    """Mean change within `radius` cm of a model point (x, y)."""
    x, y = source.pose.picture_from_head(np.array([[point[0], point[1], 0.0]], np.float32))[0, :2]
    rows, columns = np.mgrid[:SIZE, :SIZE]
    near = np.hypot(columns + 0.5 - x, rows + 0.5 - y) < radius * source.pose.scale
    return float(change[near].mean())


def test_at_rest_not_a_bit_changes():
    portrait, source = face()
    np.testing.assert_array_equal(drawn(portrait, source, curves()), portrait.picture)


@pytest.mark.parametrize("raster", [SIZE, 240, 96])
def test_only_the_face_changes_and_alpha_never(raster):
    portrait, source = face(grain=0.03)
    everything = np.ones(len(CURVES), np.float32)
    pixels = drawn(portrait, source, everything, raster=raster)
    outside = ~portrait.picture[..., :3].any(-1)
    np.testing.assert_array_equal(pixels[outside], portrait.picture[outside])
    np.testing.assert_array_equal(pixels[..., 3], portrait.picture[..., 3])
    assert (pixels != portrait.picture).any()


def test_a_smile_folds_beside_the_mouth_dark_within_and_light_on_the_cheek():
    portrait, source = face(grain=0.03)
    smile = change(portrait, source, curves(mouthSmile=1.0))
    for side in (-1, 1):
        assert around(source, (side * 2.95, -2.5), smile, 0.15) < -0.08
        assert around(source, (side * 4.2, 0.1), smile) > 0.01
    assert abs(around(source, (0, 6.5), smile)) < 0.005


@pytest.mark.parametrize(
    ("values", "place"),
    [
        (curves(browInnerUp=1.0), (0.0, 6.65)),
        (curves(browDown=1.0), (0.55, 4.6)),
        (curves(eyeSquint=1.0), (5.65, 2.62)),
        (curves(mouthShrugLower=1.0), (0.0, -5.62)),
        (curves(mouthFrown=1.0), (2.9, -5.6)),
        (curves(noseSneer=1.0), (0.95, 1.6)),
    ],
)
def test_each_fold_darkens_its_own_furrow(values, place):
    portrait, source = face(grain=0.03)
    assert around(source, place, change(portrait, source, values), 0.12) < -0.02


def test_a_one_sided_smile_folds_one_side():
    portrait, source = face(grain=0.03)
    left = change(portrait, source, curves(mouthSmileLeft=1.0))
    assert around(source, (2.95, -2.5), left, 0.15) < -0.08
    assert around(source, (-2.95, -2.5), left, 0.15) == 0.0


def test_the_lit_flank_follows_the_lamp():
    """A vertical frown furrow is a trench: lamp on the right lights its left wall and darkens its right wall."""
    flanks = []
    for x in (-0.7, 0.7):
        lamp = np.array([x, 0.3, 0.65], np.float32)
        portrait, source = face(light=lamp / np.linalg.norm(lamp), grain=0.03)
        frown = change(portrait, source, curves(browDownLeft=1.0), cavity=0.0)
        flanks.append(around(source, (0.4, 4.6), frown, 0.08) - around(source, (0.68, 4.6), frown, 0.08))
    assert flanks[0] < -0.03
    assert flanks[1] > 0.03


def test_grey_stays_grey_and_skin_shadows_are_warm():
    grey, source = face(skin=(1, 1, 1))
    pixels = drawn(grey, source, curves(mouthSmile=1.0, browDown=1.0)).astype(int)
    assert np.abs(pixels[..., :3] - pixels[..., :1]).max() == 0
    warm, source = face()
    dark = drawn(warm, source, curves(mouthSmile=1.0)).astype(np.float32) / np.maximum(warm.picture, 1)
    folded = dark[..., 1] < 0.93
    assert dark[folded, 0].mean() > dark[folded, 2].mean()


def test_smooth_skin_folds_less_than_rough_skin():
    rough, smooth = (change(*face(grain=grain), curves(browInnerUp=1.0)) for grain in (0.03, 0.0))
    _, source = face()
    assert around(source, (0, 6.65), rough, 0.12) < 2 * around(source, (0, 6.65), smooth, 0.12) < 0


def test_a_source_that_smiles_already_has_its_fold():
    weights = []
    for worn in (0.0, 0.5, 1.0):
        portrait, source = face(worn=curves(mouthSmile=worn))
        wrinkles = prepare_wrinkles(portrait, source, 1.0, portrait.picture.shape)
        weights.append(fold_weights(wrinkles, curves(mouthSmile=1.0))[0])
    assert weights[0] > 0.8
    assert weights[0] > weights[1] > weights[2]
    assert weights[2] < 0.3


def test_no_fold_on_hair():
    portrait, source = face()
    model = load_face_model()
    top = portrait.landmarks[:, 1][model.neutral[:, 1] > 5.7].max()
    picture = portrait.picture.copy()
    picture[: int(top), :, :3] = picture[: int(top), :, :3] // 4
    hairy = replace(portrait, picture=picture)
    bare, covered = (change(p, source, curves(browInnerUp=1.0)) for p in (portrait, hairy))
    assert np.abs(covered[: int(top) - 20]).max() < 0.3 * np.abs(bare[: int(top) - 20]).max()


def test_turning_toward_the_lamp_lights_the_side_that_was_dark():
    lamp = np.array([0.75, 0.25, 0.6], np.float32)
    portrait, source = face(light=lamp / np.linalg.norm(lamp))
    wrinkles = prepare_wrinkles(portrait, source, 1.0, portrait.picture.shape)
    gains = []
    for yaw in (0.0, 0.4, -0.4):
        pixels = portrait.picture.copy()
        shade(wrinkles, pixels, flow_at_rest(), curves(), rotation_from_angles(yaw, 0.0, 0.0))
        gains.append((pixels[..., 1].astype(np.float32) + 20) / (portrait.picture[..., 1].astype(np.float32) + 20))
    still, toward, away = gains
    assert (still == 1.0).all()
    assert around(source, (-3.9, -1.5), toward) > 1.02 * around(source, (3.9, -1.5), toward)
    assert around(source, (0, 5.5), away) < 0.98 * around(source, (3.9, -1.5), away)
    assert 0.84 < toward.min() < toward.max() < 1.18


def test_amount_zero_switches_off():
    portrait, source = face()
    everything = np.ones(len(CURVES), np.float32)
    np.testing.assert_array_equal(drawn(portrait, source, everything, amount=0.0), portrait.picture)


def test_small_steps_of_the_state_are_small_steps_of_the_picture():
    portrait, source = face(grain=0.03)
    wrinkles = prepare_wrinkles(portrait, source, 1.0, portrait.picture.shape)
    previous, largest = portrait.picture.astype(int), 0
    for step in range(1, 101):
        pixels = portrait.picture.copy()
        shade(wrinkles, pixels, flow_at_rest(), curves(mouthSmile=step / 100, browInnerUp=step / 100))
        largest = max(largest, int(np.abs(pixels - previous).max()))
        previous = pixels.astype(int)
    assert largest <= 2


def test_a_coarser_flow_raster_gives_the_same_picture():
    portrait, source = face(grain=0.03)
    fine, coarse = (drawn(portrait, source, curves(mouthSmile=1.0), raster=n).astype(int) for n in (SIZE, SIZE // 2))
    assert np.abs(fine - coarse).max() <= 8
    assert np.abs(fine - coarse).mean() < 0.1


def test_a_face_out_of_the_frame_is_no_matter():
    portrait, source = face()
    wrinkles = prepare_wrinkles(portrait, source, 1.0, portrait.picture.shape)
    pixels = portrait.picture.copy()
    shade(wrinkles, pixels, flow_at_rest() + 10000, curves(mouthSmile=1.0))
    np.testing.assert_array_equal(pixels, portrait.picture)


def test_a_face_cut_by_the_border_is_shaded_where_it_is():
    portrait, source = face()
    moved = portrait.landmarks - np.array([150.0, 0, 0], np.float32)
    cut = replace(portrait, picture=np.ascontiguousarray(portrait.picture[:, 150:]), landmarks=moved)
    pixels = cut.picture.copy()
    wrinkles = prepare_wrinkles(cut, source, 1.0, pixels.shape)
    shade(wrinkles, pixels, np.ascontiguousarray(flow_at_rest()[:, : pixels.shape[1]]), curves(mouthSmile=1.0))
    assert (pixels != cut.picture).any()


def test_reliefs_are_mirror_images_and_stay_within_the_grid():
    made = iter(reliefs())
    for fold in FOLDS:
        left = next(made)
        rows, columns = left.cavity.shape
        assert 0 <= left.row <= left.row + rows <= GRID[0]
        assert 0 <= left.column <= left.column + columns <= GRID[1]
        assert np.abs(left.slope[[0, -1]]).max() < 0.01
        if fold.paired:
            right = next(made)
            np.testing.assert_array_equal(left.cavity, right.cavity[:, ::-1])
            middle = LEFT + STEP * (left.column + right.column + columns - 1) / 2
            assert abs(middle) < STEP


def test_every_driver_is_a_curve_and_every_crease_lies_on_the_face():
    neutral = load_face_model().neutral[:MESH_COUNT]
    low, high = neutral[:, :2].min(0), neutral[:, :2].max(0)
    for fold in FOLDS:
        for name, gain in fold.drivers:
            assert name.replace("*", "Left") in INDEX
            assert 0 < gain <= 1
        for crease in fold.creases:
            points = np.asarray(crease.points)
            assert (points > low).all()
            assert (points < high).all()
            assert (points[:, 1] < TOP).all()
