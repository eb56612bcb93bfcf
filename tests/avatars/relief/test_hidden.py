"""The hidden side of a turned face, judged on a face whose far side is known."""

from __future__ import annotations

import numpy as np

from vivant.avatars.relief.hidden import build_hidden_side, toward_viewer
from vivant.face.model import load_face_model
from vivant.face.pose import HeadPose, rotation_from_angles
from vivant.face.raster import rasterise

MODEL = load_face_model()
TRIANGLES = np.concatenate([MODEL.triangles, MODEL.eye_triangles, MODEL.mouth_triangles]).astype(np.int32)


def pose_at(yaw):
    return HeadPose(20.0, rotation_from_angles(np.deg2rad(yaw), 0, 0), np.array([200.0, -220.0, 0.0], np.float32))


def painted(yaw):
    """A picture (440, 400, 4) of the model's face with a symmetric pattern, dimmer on the viewer's left."""
    pose = pose_at(yaw)
    x, y = MODEL.neutral[:, 0], MODEL.neutral[:, 1]
    colour = 150 + 50 * np.cos(np.abs(x)) + 20 * np.sin(y)
    colour = np.where(x < 0, 0.8 * colour, colour)
    points = pose.picture_from_head(MODEL.neutral) * (1, 1, -1)
    drawn = rasterise(points, TRIANGLES, colour[:, None].astype(np.float32), 440, 400)
    grey = drawn.values[..., 0].astype(np.uint8)
    return np.dstack([grey, grey, grey, np.full_like(grey, 255)]), colour


def test_a_face_to_the_front_needs_no_tile():
    picture, _ = painted(3)
    assert build_hidden_side(MODEL, pose_at(3), MODEL.neutral, TRIANGLES, picture, 1.0) is None


def test_only_the_far_side_is_hidden_and_it_gets_the_mirrored_pattern_in_its_own_light():
    picture, colour = painted(-35)
    side = build_hidden_side(MODEL, pose_at(-35), MODEL.neutral, TRIANGLES, picture, 1.0)
    assert side is not None
    assert side.weight[MODEL.neutral[:, 0] > 1].max() < 0.05
    hidden = np.flatnonzero((side.weight[:468] > 0.95) & (MODEL.neutral[:468, 0] < -3))
    assert len(hidden) > 10
    places = np.round(side.place(MODEL.neutral[hidden])).astype(int)
    found = side.tile[places[:, 1], places[:, 0], 0].astype(float)
    assert np.median(np.abs(found - colour[hidden])) < 16
    assert np.median(np.abs(colour[MODEL.mirror[hidden]] - colour[hidden])) > 25


def test_the_tile_comes_in_smoothly_and_only_when_the_head_turns_back():
    rest = pose_at(-30)
    shares = [toward_viewer(rest, pose_at(-30 + turn)) for turn in range(-10, 20)]
    assert shares[:11] == [0.0] * 11
    assert shares[-1] == 1.0
    assert (np.diff(shares) >= 0).all()
    assert np.diff(shares).max() < 0.25
