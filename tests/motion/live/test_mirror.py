"""A face left for right."""

from __future__ import annotations

import numpy as np
import pytest

from vivant.face.arkit import CURVES, INDEX
from vivant.face.model import displacement_from_curves, load_face_model
from vivant.face.pose import angles_from_rotation, rotation_from_angles
from vivant.motion.live.mirror import PARTNERS, in_mirror, mirrored
from vivant.motion.live.sockets import Heard
from vivant.motion.measure import set_looks
from vivant.motion.state import FaceState


def test_sides_change_and_up_stays() -> None:
    curves = np.zeros(len(CURVES), np.float32)
    curves[[INDEX["eyeBlinkLeft"], INDEX["jawRight"], INDEX["jawOpen"]]] = 1.0
    rotation = rotation_from_angles(0.3, 0.2, -0.1)
    place = np.array([0.5, 0.2, -0.3], np.float32)
    state = mirrored(FaceState(curves, rotation, place, np.array([0.2, 0.1], np.float32)))
    assert {CURVES[index] for index in np.flatnonzero(state.curves)} == {"eyeBlinkRight", "jawLeft", "jawOpen"}
    assert angles_from_rotation(state.rotation) == pytest.approx((-0.3, 0.2, 0.1), abs=1e-6)
    assert state.translation == pytest.approx([-0.5, 0.2, -0.3])
    assert state.gaze == pytest.approx([-0.2, 0.1])


def test_look_curves_agree_with_the_gaze_afterwards() -> None:
    curves = np.zeros(len(CURVES), np.float32)
    gaze = np.array([0.3, -0.1], np.float32)
    set_looks(curves, gaze)
    state = mirrored(FaceState(curves, gaze=gaze))
    wanted = np.zeros(len(CURVES), np.float32)
    set_looks(wanted, state.gaze)
    assert state.curves == pytest.approx(wanted)


def test_the_mesh_of_one_side_becomes_that_of_the_other() -> None:
    model = load_face_model()
    one, other = np.zeros(len(CURVES), np.float32), np.zeros(len(CURVES), np.float32)
    one[INDEX["mouthSmileLeft"]] = other[INDEX["mouthSmileRight"]] = 1.0
    dense, wanted = (displacement_from_curves(model, curves)[:468] for curves in (one, other))
    found = mirrored(FaceState(one, dense=dense))
    assert found.curves == pytest.approx(other)
    assert found.dense is not None
    assert np.abs(found.dense - wanted).mean() < 0.02 * np.abs(wanted).max()


def test_twice_is_not_at_all() -> None:
    assert (PARTNERS[PARTNERS] == np.arange(len(CURVES))).all()
    random = np.random.default_rng(3)
    state = FaceState(random.random(52).astype(np.float32), rotation_from_angles(0.1, 0.2, 0.3))
    (nothing, twice) = list(in_mirror(in_mirror([None, Heard(state, 1.0)])))
    assert nothing is None
    assert twice is not None
    assert (twice.state.curves == state.curves).all()
    assert (twice.state.rotation == state.rotation).all()
