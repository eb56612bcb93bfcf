"""Light: faces rendered under a known lamp, and the sample portraits."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vivant.avatars.relief.light import Light, estimate_light, skin_triangles
from vivant.face.landmarks import BROW_LEFT, EYE_RIGHT, LIPS_OUTER, MESH_COUNT
from vivant.face.model import load_face_model
from vivant.face.normals import vertex_normals
from vivant.face.pose import HeadPose, fit_head_pose, rotation_from_angles
from vivant.face.raster import rasterise
from vivant.face.tracker import FaceTracker
from vivant.portrait.portrait import Portrait

SIZE = 256


def rendered(direction, skin=(1.0, 0.8, 0.7), yaw=0.0, ambient=0.5, diffuse=0.5, spoil=None):
    """A Portrait of the neutral mesh under Lambert's law; `spoil` may paint over the vertex brightness."""
    model = load_face_model()
    brightness = ambient + diffuse * np.maximum(0.0, vertex_normals(model.neutral, model.triangles) @ direction)
    if spoil is not None:
        spoil(brightness)
    colours = (150 / brightness.mean() * brightness[:, None] * np.asarray(skin)).astype(np.float32)
    pose = HeadPose(12.0, rotation_from_angles(yaw, 0.0, 0.0), np.array([SIZE / 2, -SIZE / 2, 0], np.float32))
    landmarks = pose.picture_from_head(model.neutral)
    triangles = np.concatenate([model.triangles, model.eye_triangles, model.mouth_triangles])
    drawn = rasterise(landmarks * np.array([1, 1, -1], np.float32), triangles, colours, SIZE, SIZE).values
    picture = np.dstack([drawn, np.full((SIZE, SIZE), 255.0)]).clip(0, 255).astype(np.uint8)
    return Portrait(picture, landmarks, pose, np.ones((SIZE, SIZE), np.float32))


def degrees_between(a, b):
    return float(np.degrees(np.arccos(np.clip(np.dot(a, b), -1, 1))))


def unit(*direction):
    return np.asarray(direction, np.float32) / np.float32(np.linalg.norm(direction))


def estimate(portrait):
    return estimate_light(portrait, load_face_model().neutral)


@pytest.mark.parametrize(
    "direction", [(0, 0.5, 0.86), (0.7, 0.3, 0.65), (-0.8, 0.2, 0.5), (0, -0.4, 0.9), (0.3, 0.8, 0.5)]
)
@pytest.mark.parametrize("yaw", [0.0, 0.3])
def test_a_known_lamp_is_found_from_any_side(direction, yaw):
    light = estimate(rendered(unit(*direction), yaw=yaw))
    assert degrees_between(light.direction, unit(*direction)) < 14
    assert 0.4 < light.diffuse / light.ambient < 1.6  # the truth is 1; the frontal prior eats some of it


def test_a_stronger_lamp_measures_stronger():
    soft, hard = (estimate(rendered(unit(0.6, 0.3, 0.7), ambient=1 - d, diffuse=d)) for d in (0.3, 0.7))
    assert hard.diffuse > 1.7 * soft.diffuse


def test_beard_and_fringe_do_not_turn_the_light():
    neutral = load_face_model().neutral

    def grow(brightness):
        brightness[neutral[:, 1] < -4.5] *= 0.35  # beard
        brightness[(neutral[:, 1] > 5.5) & (neutral[:, 0] < 0)] *= 0.3  # hair over one side

    clean, hairy = (estimate(rendered(unit(-0.6, 0.3, 0.7), spoil=spoil)) for spoil in (None, grow))
    assert degrees_between(clean.direction, hairy.direction) < 20


def test_a_flat_picture_gives_a_soft_light_from_above_in_front():
    light = estimate(rendered(unit(0, 0, 1), ambient=1.0, diffuse=0.0))
    assert light.diffuse < 0.2
    assert light.direction[1] > 0.05
    assert light.direction[2] > 0.7


def test_grey_pictures_have_a_grey_light_and_warm_ones_a_warm_one():
    grey = estimate(rendered(unit(0, 0.5, 0.86), skin=(1, 1, 1)))
    warm = estimate(rendered(unit(0, 0.5, 0.86), skin=(1, 0.85, 0.5)))
    np.testing.assert_array_equal(grey.colour, np.ones(3))
    assert warm.colour[0] == 1
    assert warm.colour[2] < 0.9


def test_no_brow_lid_or_lip_counts_as_skin():
    kept = set(skin_triangles().ravel().tolist())
    for points in (BROW_LEFT, EYE_RIGHT, LIPS_OUTER):
        assert not kept & set(points)


def test_shade_follows_lambert_and_is_about_one_on_the_face():
    portrait = rendered(unit(0.5, 0.3, 0.8))
    light = estimate(portrait)
    model = load_face_model()
    assert 0.8 < float(light.shade(vertex_normals(model.neutral, model.triangles)[:468]).mean()) < 1.1
    lamp = Light(unit(0, 0, 1), 0.5, 0.5, np.ones(3, np.float32))
    np.testing.assert_allclose(lamp.shade(np.array([[0, 0, 1], [0, 0, -1], [0, 1, 0]], np.float32)), [1, 0.5, 0.5])


def measured(path):
    """A Portrait of the largest face in the picture at `path`."""
    picture = np.asarray(Image.open(path).convert("RGBA"))
    with FaceTracker(moving=False) as tracker:
        landmarks = tracker.find(np.ascontiguousarray(picture[..., :3]))[0].points
    pose = fit_head_pose(landmarks, load_face_model().neutral[:MESH_COUNT], np.ones(MESH_COUNT, np.float32))
    return Portrait(picture, landmarks, pose, np.ones(picture.shape[:2], np.float32))


SIDES = [("p03_glasses_curly.jpg", 1), ("p10_open_mouth_long_hair.jpg", -1), ("p11_cartoon3d.jpg", -1)]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "side"), SIDES)
def test_the_lit_side_of_a_sample_is_the_one_that_anyone_can_see(samples, name, side):
    """By eye: light from the right on the curly man, from the left on the screaming woman and the cartoon boy."""
    portrait = measured(samples / "portraits" / name)
    light = estimate_light(portrait, portrait.pose.head_from_picture(portrait.landmarks))
    assert light.direction[0] * side > 0.4
    assert light.direction[2] > 0
