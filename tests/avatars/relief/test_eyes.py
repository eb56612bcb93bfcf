"""Eyes and lids on a drawn face whose iris, lids and colours are known, and on real pictures."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from vivant.avatars.relief.eyes import draw_eyes, lid_travel, paint_eye, place_lids, prepare_eyes
from vivant.face.arkit import INDEX
from vivant.face.landmarks import EYE_LEFT, EYE_RIGHT, IRIS_LEFT, IRIS_RIGHT
from vivant.face.model import displacement_from_curves, load_face_model
from vivant.face.pose import HeadPose, rotation_from_angles
from vivant.portrait.portrait import Portrait

SKIN, WHITE, IRIS, RIM = (205, 160, 135), (235, 232, 228), (50, 80, 130), (90, 55, 45)
POSE = HeadPose(40.0, np.eye(3, dtype=np.float32), np.array([320.0, -200.0, 0.0], np.float32))
NO_GAZE = np.zeros(2, np.float32)


def curves(**values: float) -> np.ndarray:
    """52 curves from names without side (both eyes) or with it."""
    result = np.zeros(len(INDEX), np.float32)
    for name, value in values.items():
        for full in (name, f"{name}Left", f"{name}Right"):
            if full in INDEX:
                result[INDEX[full]] = value
    return result


def drawn(iris_size: float = 1.0, *, eyes: bool = True, grey: bool = False) -> tuple[Portrait, SimpleNamespace]:
    """A flat face in the model's proportions; `iris_size` times the iris that its landmarks tell."""
    shape = np.array(load_face_model().neutral)
    landmarks = POSE.picture_from_head(shape)
    fine = 8
    picture = np.full((400 * fine, 640 * fine, 3), SKIN, np.uint8)
    for ring, iris in ((EYE_RIGHT, IRIS_RIGHT), (EYE_LEFT, IRIS_LEFT)) if eyes else ():
        outline = np.round(landmarks[list(ring), :2] * fine).astype(np.int32)
        ball = np.zeros(picture.shape[:2], np.uint8)
        cv2.fillPoly(ball, [outline], 1)
        picture[ball > 0] = WHITE
        disc = np.zeros_like(ball)
        radius = np.linalg.norm(landmarks[iris[1], :2] - landmarks[iris[3], :2]) / 2 * iris_size
        centre = tuple(int(v) for v in landmarks[iris[0], :2] * fine)
        cv2.circle(disc, centre, round(radius * fine), 1, -1)
        picture[(ball & disc) > 0] = IRIS
        cv2.polylines(picture, [outline[:9]], False, RIM, 2 * fine)
    picture = cv2.resize(picture, (640, 400), interpolation=cv2.INTER_AREA)
    if grey:
        picture = np.repeat(picture.mean(2, keepdims=True).astype(np.uint8), 3, axis=2)
    rgba = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    portrait = Portrait(rgba, landmarks, POSE, np.ones(picture.shape[:2], np.float32))
    return portrait, SimpleNamespace(pose=POSE, shape=shape)


@pytest.fixture(scope="module")
def face():
    portrait, source = drawn()
    return portrait, prepare_eyes(portrait, source)


def frame(face, gaze=NO_GAZE, **values: float) -> np.ndarray:
    portrait, eyes = face
    pixels = portrait.picture.copy()
    draw_eyes(eyes, pixels, eyes.rest, POSE, np.asarray(gaze, np.float32), curves(**values))
    return pixels


def near(pixels: np.ndarray, colour: tuple[int, int, int], reach: float = 40.0) -> np.ndarray:
    """Where the colour is nearer to `colour` than `reach`."""
    return np.linalg.norm(pixels[..., :3].astype(float) - colour, axis=2) < reach


def test_at_rest_nothing_changes(face):
    assert np.array_equal(frame(face), face[0].picture)
    for eye in face[1].eyes:
        assert np.abs(paint_eye(eye, NO_GAZE, 0.0, 0.0) - eye.image).max() < 2.0


def test_a_full_blink_leaves_neither_white_nor_iris(face):
    shut = frame(face, eyeBlink=1.0)
    assert near(face[0].picture, IRIS).sum() > 300
    assert near(shut, IRIS).sum() == 0
    assert near(shut, WHITE, 25.0).sum() == 0


def test_closed_lids_are_skin_with_a_darker_line_bowed_downward(face):
    portrait, _ = face
    shut = frame(face, eyeBlink=1.0)[..., :3].mean(2)
    ring = portrait.landmarks[list(EYE_RIGHT), :2]
    (left, right), top, bottom = np.sort(ring[[0, 8], 0]), ring[:, 1].min(), ring[:, 1].max()
    columns = np.linspace(left + 0.15 * (right - left), right - 0.15 * (right - left), 9).astype(int)
    strip = shut[int(top) : int(bottom) + 4][:, columns]
    line = strip.argmin(0) + int(top)
    assert (strip.min(0) < 0.85 * np.mean(SKIN)).all()
    assert line[4] >= line[[0, 8]].max(), "the line hangs in the middle"
    opening = bottom - top
    assert (bottom - line[3:6] < 0.35 * opening).all(), "the upper lid goes most of the way"


def test_the_white_shrinks_steadily_while_the_lid_falls(face):
    open_pixels = [
        int((near(p, WHITE) | near(p, IRIS)).sum()) for p in (frame(face, eyeBlink=b) for b in np.linspace(0, 1, 11))
    ]
    assert (np.diff(open_pixels) <= 2).all()
    assert 0.3 < open_pixels[5] / open_pixels[0] < 0.7


@pytest.mark.parametrize("name", ["eyeBlink", "eyeSquint", "eyeWide"])
def test_no_step_of_a_sweep_stands_out(face, name):
    frames = [frame(face, **{name: v})[..., :3].astype(int) for v in np.linspace(0, 1, 41)]
    steps = np.array([np.abs(b - a).sum() for a, b in pairwise(frames)])
    assert steps.sum() > 0
    assert steps.max() < 4 * np.median(steps)


def test_gaze_has_no_step_either_and_stops_at_its_limit(face):
    frames = [frame(face, (v, 0.0))[..., :3].astype(int) for v in np.linspace(0, 0.4, 41)]
    steps = np.array([np.abs(b - a).sum() for a, b in pairwise(frames)])
    assert steps.max() < 4 * np.median(steps)
    assert np.array_equal(frame(face, (0.6, 0.0)), frame(face, (0.9, 0.0)))


@pytest.mark.parametrize("angle", [0.06, 0.17, -0.17, 0.25])
def test_the_iris_turns_like_a_ball_of_twice_its_radius(face, angle):
    portrait, _ = face
    radius = np.linalg.norm(portrait.landmarks[469, :2] - portrait.landmarks[471, :2]) / 2
    half = portrait.picture.shape[1] // 2
    turned = frame(face, (angle, 0.0))
    for side in (slice(0, half), slice(half, None)):
        before, after = (np.argwhere(near(p[:, side], IRIS))[:, 1].mean() for p in (portrait.picture, turned))
        assert after - before == pytest.approx(2.0 * radius * np.sin(angle) * 0.92, rel=0.2)


def test_the_upper_lid_follows_the_gaze(face):
    for eye in face[1].eyes:
        down, _ = lid_travel(eye, np.array([0.0, -0.25], np.float32), curves())
        up, _ = lid_travel(eye, np.array([0.0, 0.25], np.float32), curves())
        assert down > 0.1
        assert -0.21 < up < 0.0
        assert lid_travel(eye, NO_GAZE, curves(eyeLookDown=0.5))[0] > 0.1
        assert lid_travel(eye, np.array([0.0, 0.3], np.float32), curves(eyeWide=1, eyeBlink=1)) == pytest.approx((1, 1))


def test_a_wink_leaves_the_other_eye_alone(face):
    wink, rest = frame(face, eyeBlinkLeft=1.0), face[0].picture
    middle = int(POSE.translation[0])
    assert np.array_equal(wink[:, :middle], rest[:, :middle])
    assert not np.array_equal(wink[:, middle:], rest[:, middle:])


def test_only_the_surroundings_of_the_eyes_change(face):
    changed = (frame(face, (0.3, -0.3), eyeBlink=0.4, eyeSquint=1.0) != face[0].picture).any(2)
    rows = np.flatnonzero(changed.any(1))
    brow, cheek = face[0].landmarks[105, 1], face[0].landmarks[50, 1]
    assert brow < rows.min()
    assert rows.max() < cheek + 10


def test_a_source_without_eyes_is_left_alone():
    portrait, source = drawn(eyes=False)
    eyes = prepare_eyes(portrait, source)
    for values in ({"eyeBlink": 1.0}, {"eyeWide": 1.0}):
        assert np.array_equal(frame((portrait, eyes), **values), portrait.picture)


def test_a_grey_source_stays_grey():
    portrait, source = drawn(grey=True)
    pixels = frame((portrait, prepare_eyes(portrait, source)), (0.2, 0.1), eyeBlink=0.5)[..., :3].astype(int)
    assert np.ptp(pixels, axis=2).max() <= 1


@pytest.mark.parametrize("size", [0.85, 1.0, 1.25])
def test_the_iris_is_measured_in_the_picture(size):
    portrait, source = drawn(iris_size=size)
    told = np.linalg.norm(portrait.landmarks[469, :2] - portrait.landmarks[471, :2]) / 2
    for eye in prepare_eyes(portrait, source).eyes:
        assert eye.ball.radius[0] / eye.patch.scale == pytest.approx(told * size, rel=0.1)


def test_the_mesh_keeps_the_lids_of_the_source_and_follows_the_brow(face):
    model, (_, eyes) = load_face_model(), face
    for values in ({"eyeBlink": 1.0}, {"eyeWide": 1.0}, {"eyeSquint": 1.0}):
        placed = place_lids(eyes, eyes.rest + displacement_from_curves(model, curves(**values)))
        gap = placed[[159, 386], 1] - placed[[145, 374], 1]
        assert gap == pytest.approx(eyes.rest[[159, 386], 1] - eyes.rest[[145, 374], 1], abs=0.03)
    lifted = eyes.rest.copy()
    lifted[[223, 443], 1] += 1.0
    moved = place_lids(eyes, lifted) - eyes.rest
    assert moved[[27, 257], 1] == pytest.approx(0.5)
    assert moved[[223, 443], 1] == pytest.approx(1.0)


def test_a_turned_head_and_eyes_beyond_the_frame_are_drawn_where_the_mesh_is(face):
    portrait, eyes = face
    for yaw, shift in ((0.5, 0.0), (-0.5, 0.0), (0.3, 300.0), (0.0, -900.0)):
        canvas = HeadPose(40.0, rotation_from_angles(yaw, 0.2, 0.1), POSE.translation + np.float32([shift, 0, 0]))
        pixels = portrait.picture.copy()
        draw_eyes(eyes, pixels, eyes.rest, canvas, NO_GAZE, curves(eyeBlink=1.0))
        places = canvas.picture_from_head(eyes.rest)[[159, 386], :2]
        inside = ((places > 20) & (places < (620, 380))).all(1)
        assert (pixels != portrait.picture).any() == inside.any()


def real(samples, name: str):
    from PIL import Image

    from vivant.avatars.retarget import read_source
    from vivant.face.pose import fit_head_pose
    from vivant.face.tracker import FaceTracker

    rgba = np.array(Image.open(samples / "portraits" / name).convert("RGBA"))
    with FaceTracker(moving=False) as tracker:
        points = tracker.find(np.ascontiguousarray(rgba[..., :3]))[0].points.astype(np.float32)
    pose = fit_head_pose(points, load_face_model().neutral[:468], np.ones(468, np.float32))
    portrait = Portrait(rgba, points, pose, np.ones(rgba.shape[:2], np.float32))
    return portrait, prepare_eyes(portrait, read_source(load_face_model(), pose, points, None))


def blinked(portrait: Portrait, eyes) -> np.ndarray:
    pixels = portrait.picture.copy()
    draw_eyes(eyes, pixels, eyes.rest, portrait.pose, NO_GAZE, curves(eyeBlink=1.0))
    return pixels


def test_the_large_eyes_of_a_cartoon_close(samples):
    portrait, eyes = real(samples, "p11_cartoon3d.jpg")
    low, high = portrait.landmarks[[33, 263], :2].min(0) - 60, portrait.landmarks[[33, 263], :2].max(0) + 60
    view = slice(int(low[1]), int(high[1])), slice(int(low[0]) + 55, int(high[0]) - 55)

    def blue(pixels):
        return int((pixels[view][..., 2].astype(int) > pixels[view][..., 0].astype(int) + 30).sum())

    assert blue(portrait.picture) > 2000
    assert blue(blinked(portrait, eyes)) == 0


def test_the_closed_eyes_of_a_statue_are_left_alone(samples):
    portrait, eyes = real(samples, "p06_statue.jpg")
    assert np.array_equal(blinked(portrait, eyes), portrait.picture)
