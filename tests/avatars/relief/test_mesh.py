"""The sheet around the face: still at rest, faithful to the face's edge, still at the borders."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vivant.avatars.relief.mesh import SheetSettings, build_sheet, face_size, hull_rows, move_sheet
from vivant.avatars.relief.relief import moving_window
from vivant.face.model import load_face_model
from vivant.face.pose import HeadPose

from .conftest import whole


@pytest.fixture(scope="module")
def made(portrait_of):
    portrait = portrait_of("astronaut")
    window = moving_window(portrait, whole(portrait), 1.15)
    return portrait, window, build_sheet(portrait, window, load_face_model().triangles, SheetSettings())


NO_SHIFT = np.zeros((36, 3), np.float32)


def test_at_rest_nothing_moves_at_all(made):
    portrait, _, sheet = made
    assert (move_sheet(sheet, portrait.pose, portrait.pose, NO_SHIFT) == sheet.rest).all()


def test_the_inner_ring_moves_with_the_face_and_the_borders_stay(made):
    portrait, window, sheet = made
    pose = portrait.pose
    turned = HeadPose(pose.scale, (Rotation.from_euler("y", 20, degrees=True).as_matrix() @ pose.rotation).astype("f4"),
                      pose.translation)  # fmt: skip
    moved = move_sheet(sheet, turned, pose, NO_SHIFT)
    ring = turned.picture_from_head(pose.head_from_picture(portrait.landmarks))[hull_rows()]
    assert np.abs(moved[:36, :2] - ring[:, :2]).max() < 0.02 * face_size(portrait.landmarks)
    x, y = sheet.rest[:, 0], sheet.rest[:, 1]
    border = (np.abs(x - window.x) < 1e-3) | (np.abs(y - window.y) < 1e-3)
    border |= (np.abs(x - window.x - window.width) < 1e-3) | (np.abs(y - window.y - window.height) < 1e-3)
    assert border.sum() > 40
    assert np.abs(moved - sheet.rest)[border].max() < 1e-3


def test_an_expression_at_the_edge_fades_outward(made):
    portrait, _, sheet = made
    shift = NO_SHIFT.copy()
    shift[:, 1] = -1.0
    moved = np.linalg.norm(move_sheet(sheet, portrait.pose, portrait.pose, shift) - sheet.rest, axis=1)
    assert moved[:36].min() > 0.9 * portrait.pose.scale
    centre = portrait.landmarks[hull_rows(), :2].mean(0)
    far = np.linalg.norm(sheet.rest[:, :2] - centre, axis=1) > 1.3 * face_size(portrait.landmarks)
    assert moved[far].max() < 0.05 * portrait.pose.scale


def test_the_ring_of_a_turned_face_lies_on_its_visible_outline(portrait_of):
    portrait = portrait_of("pearl")
    sheet = build_sheet(portrait, whole(portrait), load_face_model().triangles, SheetSettings())
    moved = np.linalg.norm(sheet.rest[:36, :2] - portrait.landmarks[hull_rows(), :2], axis=1)
    far_side = portrait.pose.head_from_picture(portrait.landmarks)[hull_rows(), 0] < 1.0
    assert moved[far_side].max() > 0.03 * face_size(portrait.landmarks)
    assert moved[~far_side].max() < 1e-2


def test_depth_falls_from_the_face_to_the_silhouette_without_cliffs(made):
    portrait, _, sheet = made
    unit = face_size(portrait.landmarks)
    corners = sheet.rest[sheet.triangles]
    edge = corners - np.roll(corners, 1, axis=1)
    inside = sheet.follows_head[sheet.triangles].min(1) > 0.5
    steep = np.abs(edge[inside, :, 2]) / np.maximum(np.linalg.norm(edge[inside, :, :2], axis=-1), 0.02 * unit)
    assert steep.max() < 6.0
