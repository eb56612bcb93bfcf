"""Relief as a whole: exact at rest, right places, no jumps, borders still."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from vivant.avatars.relief.relief import Relief, moving_window
from vivant.face.arkit import CURVES
from vivant.face.tracker import FaceTracker
from vivant.face.window import Window
from vivant.motion.state import FaceState

from .conftest import state, whole


@pytest.fixture(scope="module")
def relief():
    return Relief()


@pytest.mark.parametrize("name", ["astronaut", "pearl", "lisa", "cartoon"])
def test_at_rest_the_picture_is_untouched(relief, portrait_of, name):
    portrait = portrait_of(name)
    frame = relief.draw(relief.prepare(portrait, whole(portrait)), FaceState())
    window = frame.window
    x, y = int(window.x), int(window.y)
    part = portrait.picture[y : y + window.rows, x : x + window.columns]
    assert np.abs(frame.pixels.astype(int) - part).max() <= 1


def test_the_frame_lies_on_the_views_pixel_grid_and_inside_it(portrait_of):
    portrait = portrait_of("astronaut")
    view = Window(100.0, 20.0, 250.0, 200.0, 500, 400)
    window = moving_window(portrait, view, 1.15)
    assert (window.x - view.x) * 2 == pytest.approx(round((window.x - view.x) * 2))
    assert window.columns == pytest.approx(window.width * 2)
    assert window.x >= view.x
    assert window.x + window.width <= view.x + view.width + 1e-6


@pytest.mark.parametrize(("yaw", "pitch"), [(15, 0), (-15, 0), (0, 12), (0, -12)])
def test_the_tracker_sees_the_turn_that_was_asked_for(relief, portrait_of, yaw, pitch):
    portrait = portrait_of("astronaut")
    view = _face_crop(portrait)
    prepared = relief.prepare(portrait, view)
    still, turned = (_angles(relief, prepared, one) for one in (FaceState(), state(yaw=yaw, pitch=pitch)))
    moved = np.rad2deg(np.array(turned) - still)[:2]
    assert np.abs(moved - (yaw, pitch)).max() < 6.0


def test_the_tracker_sees_the_mouth_open(relief, portrait_of):
    portrait = portrait_of("lisa")
    prepared = relief.prepare(portrait, _face_crop(portrait))
    gaps = []
    for jaw in (0.0, 0.3, 0.6):
        points = _track(relief, prepared, state(jawOpen=jaw))
        gaps.append(np.linalg.norm(points[13] - points[14]) / np.linalg.norm(points[10] - points[152]))
    assert gaps[0] < 0.02
    assert gaps[1] > gaps[0] + 0.03
    assert gaps[2] > gaps[1] + 0.008


def test_the_window_border_never_moves(relief, portrait_of):
    portrait = portrait_of("astronaut")
    prepared = relief.prepare(portrait, whole(portrait))
    still = relief.draw(prepared, FaceState()).pixels.astype(int)
    far = FaceState(
        rotation=state(yaw=30, pitch=-15, roll=15).rotation, translation=np.array([0.6, -0.6, 0.6], np.float32)
    )
    moved = relief.draw(prepared, far).pixels.astype(int)
    for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        assert np.abs(moved[edge] - still[edge]).max() <= 2


@pytest.mark.slow
@pytest.mark.parametrize("name", CURVES[:51])
def test_no_curve_makes_the_picture_jump(relief, portrait_of, name):
    portrait = portrait_of("lisa")
    prepared = relief.prepare(portrait, _face_crop(portrait, 160))
    frames = [relief.draw(prepared, state(**{name: v})).pixels.astype(float) for v in np.linspace(0, 1, 21)]
    steps = [np.abs(b - a).mean() for a, b in itertools.pairwise(frames)]
    assert max(steps) <= 4 * np.mean(steps) + 0.05


def test_the_same_state_gives_the_same_pixels_in_any_order(relief, portrait_of):
    portrait = portrait_of("pearl")
    prepared = relief.prepare(portrait, whole(portrait, 400))
    one, other = state(yaw=20, jawOpen=0.5), state(pitch=-10, mouthSmile=1)
    first = relief.draw(prepared, one).pixels
    relief.draw(prepared, other)
    assert (relief.draw(prepared, one).pixels == first).all()


def _face_crop(portrait, size=320):
    low, high = portrait.landmarks[:468, :2].min(0), portrait.landmarks[:468, :2].max(0)
    side = 2.2 * float((high - low).max())
    x, y = ((low + high - side) / 2).tolist()
    return Window(x, y, side, side, size, size)


def _track(relief, prepared, one):
    """Landmarks (478, 2) of the drawn frame, padded so that the face has room."""
    pixels = np.pad(relief.draw(prepared, one).pixels[..., :3], ((40, 40), (40, 40), (0, 0)), mode="edge")
    with FaceTracker(moving=True) as tracker:
        return tracker.find(pixels)[0].points


def _angles(relief, prepared, one):
    from vivant.face.model import load_face_model
    from vivant.face.pose import angles_from_rotation, fit_head_pose

    points = _track(relief, prepared, one)
    pose = fit_head_pose(points, load_face_model().neutral[:468], np.ones(468, np.float32))
    return angles_from_rotation(pose.rotation)
