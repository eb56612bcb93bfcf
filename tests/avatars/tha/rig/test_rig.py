"""A drawing as a puppet: the rig is held against puppets, whose poses are exact, and must not break what it draws."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from vivant.avatars.tha.networks.finder import NAMES, mirror
from vivant.avatars.tha.pose import PARAMETERS, ROTATION, pose_of
from vivant.avatars.tha.rig.lines import SIDES, Lips, brow_fall, jaw_drop, move_lids
from vivant.avatars.tha.rig.measure import measure
from vivant.avatars.tha.rig.rig import Rig, turned
from vivant.avatars.tha.rig.turn import Place, Turn, depth, held

REST = np.zeros(len(PARAMETERS), np.float32)
NOTHING = np.zeros((512, 512, 1), np.float32)
WAY = np.linspace(0, 1, 17)
UPPER = np.stack([10 + 20 * WAY, 50 - 8 * np.sin(np.pi * WAY)], 1).astype(np.float32)
LOWER = np.stack([10 + 20 * WAY, 50 + 6 * np.sin(np.pi * WAY)], 1).astype(np.float32)


def layer_of(picture: np.ndarray) -> np.ndarray:
    layer = picture.astype(np.float32) / 255
    layer[..., :3] *= layer[..., 3:]
    return layer


@pytest.fixture(scope="module", params=[(201, 0), (204, 0), (12, 0)], ids=["glasses", "large eyes", "other"])
def both(request: pytest.FixtureRequest) -> tuple[Rig, object]:
    """A rig with the true points, and the puppet that knows how everything should look."""
    pytest.importorskip("skia", reason="puppets need vivant[train]", exc_type=ImportError)
    from vivant.training.tha.puppet.puppet import Puppet
    from vivant.training.tha.puppet.style import random_style

    puppet = Puppet(random_style(np.random.default_rng(request.param[0])))
    return Rig(layer_of(puppet.draw()), measure(puppet.landmarks() - 0.5), NOTHING), puppet


def test_at_rest_nothing_changes(both: tuple[Rig, object]) -> None:
    rig, _ = both
    assert np.array_equal(rig.draw(REST), rig.drawing)
    assert not rig.flow(REST).any()


@pytest.mark.parametrize(
    "values",
    [
        {"eye_wink": 1.0},
        {"eye_happy_wink": 1.0},
        {"mouth_aaa": 1.0},
        {"mouth_ooo": 1.0},
        {"head_y": 1.0},
        {"head_x": -1.0},
        {"neck_z": 1.0},
        {"body_z": -1.0, "body_y": 1.0},
    ],
    ids=lambda values: "+".join(values),
)
def test_it_draws_the_pose_better_than_the_drawing_at_rest(both: tuple[Rig, object], values: dict[str, float]) -> None:
    rig, puppet = both
    pose = pose_of(values)
    wanted = layer_of(puppet.draw(pose))  # type: ignore[attr-defined]
    drawn, still = (np.square(one - wanted).mean() for one in (rig.draw(pose), rig.drawing))
    assert drawn < 0.98 * still


def test_every_parameter_gives_a_whole_picture(both: tuple[Rig, object]) -> None:
    rig, _ = both
    inside = cv2.erode((rig.drawing[..., 3] > 0.99).astype(np.uint8), np.ones((13, 13))) > 0
    for place, parameter in enumerate(PARAMETERS):
        for value in (parameter.low, parameter.high):
            pose = REST.copy()
            pose[place] = value
            picture = rig.draw(pose)
            assert picture.dtype == np.float32
            assert np.isfinite(picture).all()
            assert picture.min() > -1e-3
            assert picture.max() < 1.001
            if place < ROTATION.start:
                assert picture[..., 3][inside].min() > 0.95, parameter.name


def test_a_little_moves_little(both: tuple[Rig, object]) -> None:
    """Nothing jumps: a hundredth of a parameter changes a picture by little."""
    rig, _ = both
    for place, parameter in enumerate(PARAMETERS):
        for base in (0.0, 0.5):
            first, second = REST.copy(), REST.copy()
            first[place], second[place] = base, base + 0.01
            assert np.abs(rig.draw(second) - rig.draw(first)).mean() < 1e-3, (parameter.name, base)


def test_what_is_before_the_face_stays() -> None:
    pytest.importorskip("skia", reason="puppets need vivant[train]", exc_type=ImportError)
    from vivant.training.tha.puppet.puppet import Puppets

    puppet = Puppets(1).character(2)
    before = np.zeros((512, 512, 1), np.float32)
    before[100:160, 256:] = 1
    rig = Rig(layer_of(puppet.draw()), measure(puppet.landmarks() - 0.5), before)
    drawn = rig.draw(pose_of({"eye_wink": 1.0, "eyebrow_raised": 1.0}))
    assert np.allclose(drawn[100:160, 256:], rig.drawing[100:160, 256:])
    assert np.abs(drawn - rig.drawing)[:, :256].max() > 0.1


def test_lids_meet_when_an_eye_closes() -> None:
    for name in ("eye_wink", "eye_happy_wink", "eye_relaxed"):
        upper, lower = move_lids(UPPER, LOWER, pose_of({name: 1.0}), 1)
        assert np.allclose(upper, lower, atol=1e-4)
    happy = move_lids(UPPER, LOWER, pose_of({"eye_happy_wink": 1.0}), 1)[0]
    wink = move_lids(UPPER, LOWER, pose_of({"eye_wink": 1.0}), 1)[0]
    assert happy[8, 1] < happy[0, 1]
    assert wink[8, 1] > wink[0, 1]


def test_lids_keep_to_their_side_and_do_not_cross() -> None:
    assert np.allclose(move_lids(UPPER, LOWER, pose_of({"eye_wink_right": 1.0}), 1)[0], UPPER, atol=1e-4)
    everything = np.ones(45, np.float32)
    upper, lower = move_lids(UPPER, LOWER, everything, -1)
    assert (upper[:, 1] <= lower[:, 1] + 1e-4).all()
    wide = move_lids(UPPER, LOWER, pose_of({"eye_surprised": 1.0}), 1)
    assert wide[0][8, 1] < UPPER[8, 1]
    assert wide[1][8, 1] > LOWER[8, 1]
    assert set(SIDES.values()) == {"left", "right"}


def test_lips_open_by_their_vowels() -> None:
    lips = Lips((256.0, 180.0), 9.0, 0.5, 0.0, 36.0)
    gaps = {name: np.ptp([line[8, 1] for line in lips.lines(pose_of({name: 1.0}))]) for name in _vowels()}
    assert max(gaps, key=lambda name: gaps[name]) == "mouth_aaa"
    assert gaps["mouth_iii"] < gaps["mouth_eee"] < gaps["mouth_ooo"]
    closed = lips.lines(REST)
    assert jaw_drop(closed) < 0.1 < jaw_drop(lips.lines(pose_of({"mouth_aaa": 1.0})))
    smile, frown = (lips.lines(pose_of({f"mouth_{how}_corner": 1.0}))[0] for how in ("raised", "lowered"))
    assert smile[0, 1] < closed[0][0, 1] < frown[0, 1]


def _vowels() -> list[str]:
    return [one.name for one in PARAMETERS[26:32]]


def test_measured_lips_are_those_that_were_drawn() -> None:
    """The finder's points of a mouth tell its middle, width and opening again."""
    for opened in (0.0, 0.4, 0.9):
        lips = Lips((256.0, 180.0), 9.0, 0.8, opened, 36.0)
        points = _points()
        upper, lower = lips.lines(REST)
        for name, at in zip(
            ("mouth_right", "mouth_left", "lip_upper", "lip_lower"),
            (upper[0], upper[-1], upper[8], lower[8]),
            strict=True,
        ):
            points[NAMES.index(name)] = at
        found = measure(points).lips
        assert found.open == pytest.approx(opened, abs=0.16)
        assert found.width == pytest.approx(lips.width, abs=1.5)
        assert found.middle == pytest.approx(lips.middle, abs=2.5)


def _points() -> np.ndarray:
    """A regular face around (256, 140), 36 pixels from its middle to a cheek."""
    points = np.zeros((36, 2), np.float32)
    for side, sign in (("right", -1), ("left", 1)):
        places = {"inner": (10, 0), "outer": (30, 0), "upper4": (15, -6), "upper8": (20, -8), "upper12": (25, -6)}
        places |= {"lower4": (15, 4), "lower8": (20, 6), "lower12": (25, 4), "iris": (20, 0), "iris_side": (25, 0)}
        places |= {"iris_bottom": (20, 6), "brow_inner": (10, -16), "brow_middle": (20, -18), "brow_outer": (30, -15)}
        for name, (x, y) in places.items():
            points[NAMES.index(f"{side}_{name}")] = (256 + sign * x, 140 + y)
        points[NAMES.index(f"cheek_{side}")] = (256 + sign * 36, 150)
    for name, at in (("nose", (256, 160)), ("chin", (256, 188))):
        points[NAMES.index(name)] = at
    return points


def test_hopeless_points_still_give_a_face() -> None:
    """A network may find anything; what is measured must be drawable."""
    random = np.random.default_rng(0)
    drawing = np.ones((512, 512, 4), np.float32) * np.float32(0.5)
    for points in (np.full((36, 2), 256, np.float32), random.uniform(150, 350, (36, 2)).astype(np.float32)):
        rig = Rig(drawing, measure(points), NOTHING)
        assert np.isfinite(rig.draw(np.ones(45, np.float32))).all()


def test_mirrored_points_are_those_of_the_mirrored_face() -> None:
    points = _points() - np.float32([160, 32])
    assert np.allclose(mirror(mirror(points)), points)
    assert mirror(points)[NAMES.index("left_brow_outer")] == pytest.approx(
        [192 - points[NAMES.index("right_brow_outer")][0], points[NAMES.index("right_brow_outer")][1]]
    )


SKIN, INK, HAIR = ((0.9, 0.75, 0.65, 1), (0.3, 0.2, 0.2, 1), (0.35, 0.22, 0.2, 1))


def _browed() -> np.ndarray:
    """The drawing of `_points`: skin, and two brows of 4 pixels."""
    drawing = np.full((512, 512, 4), SKIN, np.float32)
    for side in ("left", "right"):
        line = [_points()[NAMES.index(f"{side}_brow_{part}")] for part in ("inner", "middle", "outer")]
        cv2.polylines(drawing, [np.array(line, np.int32)], False, INK, 4)
    return drawing


def test_a_brow_that_was_hardly_seen_does_not_move() -> None:
    drawing = _browed()
    spread = np.zeros(len(NAMES), np.float32)
    spread[[NAMES.index(f"left_brow_{part}") for part in ("inner", "middle", "outer")]] = 9
    rig = Rig(drawing, measure(_points(), spread), NOTHING)
    changed = np.abs(rig.draw(pose_of({"eyebrow_raised": 1.0})) - drawing).max(-1)
    assert changed[:, :250].max() > 0.1
    assert changed[:, 262:].max() < 1e-6


def test_a_stroke_moves_and_leaves_skin() -> None:
    rig = Rig(_browed(), measure(_points()), NOTHING)
    for name, down in (("raised", -0.14), ("lowered", 0.106)):
        drawn = rig.draw(pose_of({f"eyebrow_{name}": 1.0}))
        rows = {when: _middle(one[100:131, 280:282]) for when, one in (("now", drawn), ("then", rig.drawing))}
        assert rows["now"] - rows["then"] == pytest.approx(down * rig.face.unit, abs=0.5)
        dark = (drawn[100:131, 226:286, 0] < 0.6).sum()
        assert dark == pytest.approx((rig.drawing[100:131, 226:286, 0] < 0.6).sum(), rel=0.15)


def _middle(strip: np.ndarray) -> float:
    """Where the ink is in a strip (rows, columns, 4)."""
    ink = SKIN[0] - strip[..., 0].mean(axis=1)
    return float((ink * np.arange(len(ink))).sum() / ink.sum())


def test_hair_beside_and_over_a_brow_stays() -> None:
    drawing = _browed()
    drawing[60:118, 226:256] = HAIR  # down to the right brow, but for a tip
    drawing[60:125, 232:238] = HAIR  # that covers a part of it
    drawing[60:140, 256:] = HAIR  # over all of the left one
    rig = Rig(drawing, measure(_points()), NOTHING)
    changed = np.abs(rig.draw(pose_of({"eyebrow_angry": 1.0})) - drawing).max(-1)
    assert changed[:, 256:].max() < 1e-6
    assert changed[60:116].max() < 1e-6
    assert changed[:, 232:238].max() < 1e-6
    assert changed[118:140, 240:248].max() > 0.1


WHITE, IRIS, RIM = ((1, 1, 1, 1), (0.3, 0.5, 0.8, 1), (0.8, 0.2, 0.3, 1))
SHUT = ("eye_wink", "eye_happy_wink", "eye_relaxed")


def _eyed() -> np.ndarray:
    """The drawing of `_points`: skin and open eyes, with a rim of glasses below them."""
    drawing = np.full((512, 512, 4), SKIN, np.float32)
    for x in (236, 276):
        cv2.ellipse(drawing, (x, 140), (10, 7), 0, 0, 360, WHITE, -1)
        cv2.ellipse(drawing, (x, 140), (5, 6), 0, 0, 360, IRIS, -1)
        cv2.ellipse(drawing, (x, 140), (10, 8), 0, 180, 360, INK, 2)
    drawing[152:154, 216:296] = RIM
    return drawing


def _like(drawn: np.ndarray, colour: tuple[float, ...]) -> np.ndarray:
    """Which pixels (H, W) have the `colour`."""
    return np.abs(drawn - np.float32(colour)).max(-1) < 0.15


@pytest.mark.parametrize("name", SHUT)
def test_a_lid_that_shuts_leaves_the_rims_of_glasses_alone(name: str) -> None:
    rig = Rig(_eyed(), measure(_points()), NOTHING)
    drawn = rig.draw(pose_of({name: 1.0}))
    assert np.abs(drawn - rig.drawing)[120:150, 226:286].max() > 0.3
    assert np.abs(drawn - rig.drawing)[151:].max() < 0.02


@pytest.mark.parametrize("name", SHUT)
def test_of_an_eye_that_is_shut_nothing_is_left(name: str) -> None:
    drawing = _eyed()
    drawing[146:149, 270:282] = IRIS  # lower than the lid that was found
    drawn = Rig(drawing, measure(_points()), NOTHING).draw(pose_of({name: 1.0}))
    assert _like(drawing, IRIS)[:, 256:].sum() > 100
    assert not _like(drawn, IRIS).any()
    assert not _like(drawn, WHITE)[:, 262:290].any()


def test_the_wing_of_a_lash_goes_with_it_but_not_a_strand_of_its_colour() -> None:
    drawing = _eyed()
    cv2.line(drawing, (286, 139), (287, 136), INK, 2)  # a wing on the viewer's right
    drawing[60:200, 222:224] = INK  # a strand beside the other eye
    before = NOTHING.copy()
    before[:, 287:] = 1
    drawn = Rig(drawing, measure(_points()), before).draw(pose_of({"eye_wink": 1.0}))
    assert _like(drawing, INK)[132:138, 287:].sum() > 3
    assert not _like(drawn, INK)[132:138, 286:].any()
    assert _like(drawn, INK)[60:138, 222:224].all()


MOUTH = (1.0, 0.6, 0.55, 1)


def _mouthed() -> tuple[np.ndarray, np.ndarray]:
    """The drawing of `_points` with an open mouth that is larger than the points (36, 2) say."""
    drawing, points = np.full((512, 512, 4), SKIN, np.float32), _points()
    cv2.ellipse(drawing, (256, 176), (9, 6), 0, 0, 360, MOUTH, -1)
    for name, at in (("right", (249, 176)), ("left", (263, 176))):
        points[NAMES.index(f"mouth_{name}")] = at
    points[NAMES.index("lip_upper")], points[NAMES.index("lip_lower")] = (256, 174), (256, 178)
    return drawing, points


def test_an_open_mouth_is_gone_where_another_is_painted() -> None:
    drawing, points = _mouthed()
    rig = Rig(drawing, measure(points), NOTHING)
    drawn = rig.draw(pose_of({"mouth_uuu": 1.0}))
    upper = rig.face.lips.lines(pose_of({"mouth_uuu": 1.0}))[0][:, 1].min()
    assert _like(drawing, MOUTH)[171].any()
    assert np.abs(drawn[165 : int(upper) - 1, 240:272] - np.float32(SKIN)).max() < 0.1


def test_a_painted_mouth_has_the_colour_of_the_one_that_was_open() -> None:
    drawing, points = _mouthed()
    drawn = Rig(drawing, measure(points), NOTHING).draw(pose_of({"mouth_aaa": 1.0}))
    assert np.abs(drawn[183, 256] - np.float32(MOUTH)).max() < 0.15


def test_a_drawing_without_colours_gets_none() -> None:
    drawing, points = _mouthed()
    drawing[..., :3] = drawing[..., 1:2]
    drawn = Rig(drawing, measure(points), NOTHING).draw(pose_of({"mouth_aaa": 1.0}))
    assert np.abs(drawn - drawing).max() > 0.2
    assert np.ptp(drawn[..., :3], axis=2).max() < 0.01


def test_a_mouth_that_was_drawn_open_changes_step_by_step() -> None:
    drawing, points = _mouthed()
    rig = Rig(drawing, measure(points), NOTHING)
    last = drawing
    for share in np.linspace(0, 1, 41):
        drawn = rig.draw(pose_of({"mouth_aaa": float(share)}))
        assert np.abs(drawn - last).max() < 0.3
        last = drawn


def test_brows_fall_and_rise() -> None:
    assert (brow_fall(pose_of({"eyebrow_raised": 1.0}), 1) < 0).all()
    assert (brow_fall(pose_of({"eyebrow_lowered_left": 1.0}), 1) > 0).all()
    assert not brow_fall(pose_of({"eyebrow_lowered_left": 1.0}), -1).any()


def test_turning_is_about_depth_and_hold() -> None:
    points = np.array([[0, 0.3], [1.2, 0.3], [0, 4]], np.float32)
    place = Place(tight=1.0, loose=2.0)
    assert depth(points, place, 1.8)[0] > depth(points, place, 1.8)[1] == 0
    assert held(points, place).tolist() == [1, 1, 0]
    moved = Turn(pose_of({"head_y": 1.0}), 1.3, 1.8).move_at(points, depth(points, place, 1.8), held(points, place))
    assert moved[0, 0] < -0.15
    assert moved[2] == pytest.approx(points[2])


def test_a_flow_takes_pixels_from_where_it_points() -> None:
    picture = np.random.default_rng(0).random((512, 512, 4)).astype(np.float32)
    flow = np.full((512, 512, 2), (3, -2), np.float32)
    assert np.allclose(turned(picture, flow)[10:20, 10:20], picture[8:18, 13:23], atol=1e-5)


def test_head_and_body_turn_together_without_a_tear(both: tuple[Rig, object]) -> None:
    rig, _ = both
    here = np.stack(np.meshgrid(*2 * [np.arange(512, dtype=np.float32)]), 2)
    near = (np.abs(here - rig.face.middle) < 2.5 * rig.face.unit).all(2)[:-1, :-1]
    for signs in itertools.product((-1.0, 1.0), repeat=3):
        came = here + rig.flow(pose_of(dict(zip(("head_x", "head_y", "body_y"), signs, strict=True))))
        across, down = np.diff(came, axis=1)[:-1], np.diff(came, axis=0)[:, :-1]
        area = (across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0])[near]
        assert 0.3 < area.min() < area.max() < 5  # of the drawing, under one pixel


def test_an_iris_that_shrinks_leaves_white_around_it(both: tuple[Rig, object]) -> None:
    rig, puppet = both
    pose = pose_of({"iris_small": 1.0})
    wanted = layer_of(puppet.draw(pose))  # type: ignore[attr-defined]
    drawn, still = (np.square(one - wanted).mean() for one in (rig.draw(pose), rig.drawing))
    assert drawn < 0.6 * still
