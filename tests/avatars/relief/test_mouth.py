"""The mouth's inside, drawn over sample portraits: where, when, in which colours, how smoothly."""

from __future__ import annotations

import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.avatars.relief.conftest import state
from vivant.avatars import retarget
from vivant.avatars.relief import mouth as mouth_module
from vivant.avatars.relief.light import LUMA, Light
from vivant.avatars.relief.mouth import LOWER_RINGS, UPPER_RINGS, draw_mouth, prepare_mouth, read_palette, thin_lips
from vivant.avatars.relief.teeth import LOWER, UPPER, Palette, build_arch, build_cheeks, build_tongue
from vivant.face.landmarks import LIP_PAIRS, LIPS_INNER, LIPS_OUTER
from vivant.face.model import displacement_from_curves, load_face_model
from vivant.face.pose import rotation_from_angles
from vivant.media.video import open_video
from vivant.portrait.open import open_portrait

FRONTAL = Light(np.array([0.0, 0.45, 0.89], np.float32), 0.7, 0.35, np.ones(3, np.float32))
PALETTE = Palette(*(np.full(3, value, np.float32) for value in (220, 140, 130, 20)))


class Subject:
    """A portrait with its mouth, drawn over the unmoved picture."""

    def __init__(self, portrait):
        self.portrait = portrait
        self.source = retarget.read_source(load_face_model(), portrait.pose, portrait.landmarks, portrait.scores)
        self.mouth = prepare_mouth(portrait, self.source)

    def shape(self, **curves):
        moved = displacement_from_curves(load_face_model(), state(**curves).curves)
        return thin_lips(self.source.shape + moved, self.source)

    def draw(self, yaw=0.0, picture=None, **curves):
        pixels = (self.portrait.picture if picture is None else picture).copy()
        pose = self.source.pose
        pose = type(pose)(pose.scale, rotation_from_angles(yaw, 0.0, 0.0) @ pose.rotation, pose.translation)
        draw_mouth(self.mouth, pixels, self.shape(**curves), pose, state(**curves).curves)
        return pixels

    def changed(self, **curves):
        return np.abs(self.draw(**curves).astype(int) - self.portrait.picture).max(-1)


@pytest.fixture(scope="module")
def subject_of(portrait_of):
    made = {}

    def find(name):
        if name not in made:
            made[name] = Subject(portrait_of(name))
        return made[name]

    return find


def width_of(solid):
    return float(np.ptp(solid.points[:, 0]))


def test_arches_have_the_sizes_of_an_adult():
    upper, lower = (build_arch(sizes, PALETTE, FRONTAL, 1.0) for sizes in (UPPER, LOWER))
    assert 4.8 < width_of(upper) < 6.8  # an adult has 5 to 6 cm over the first molars
    assert width_of(lower) < width_of(upper)
    front = upper.points[np.abs(upper.points[:, 0]) < 0.4]
    assert front[:, 1].min() == pytest.approx(0.0, abs=0.08)
    assert upper.points[np.argmax(np.abs(upper.points[:, 0])), 2] < -2.0  # the sides lie far behind


@pytest.mark.parametrize(
    "build", [lambda s: build_arch(UPPER, PALETTE, FRONTAL, s), lambda s: build_tongue(PALETTE, FRONTAL, s)]
)
def test_solids_are_sound_and_scale(build):
    small, large = build(0.8), build(1.0)
    assert np.allclose(small.points, 0.8 * large.points, atol=1e-5)
    assert large.triangles.min() == 0
    assert large.triangles.max() == len(large.points) - 1
    assert large.colours.min() >= PALETTE.cavity.min() - 1
    assert large.colours.max() <= 255


def test_back_teeth_are_darker_than_front_teeth():
    arch = build_arch(UPPER, PALETTE, FRONTAL, 1.0)
    brightness = arch.colours @ LUMA
    side = np.abs(arch.points[:, 0])
    assert brightness[side > 2.4].mean() < 0.5 * brightness[side < 0.8].mean()


@pytest.mark.parametrize("name", ["astronaut", "cartoon", "lisa"])
def test_the_picture_at_rest_is_untouched(subject_of, name):
    assert subject_of(name).changed().max() == 0


@pytest.mark.parametrize("curve", ["mouthSmile", "mouthPress", "mouthPucker"])
def test_closed_lips_show_nothing(subject_of, curve):
    cartoon = subject_of("cartoon")
    assert (cartoon.changed(**{curve: 0.8}) > 40).sum() < 30  # of about 10 000 in the mouth's box


@pytest.mark.parametrize("name", ["astronaut", "cartoon", "lisa", "pearl"])
def test_only_what_lies_between_the_lips_changes(subject_of, name):
    subject = subject_of(name)
    changed = subject.changed(jawOpen=0.7) > 2
    outer = subject.source.pose.picture_from_head(subject.shape(jawOpen=0.7)[list(LIPS_OUTER)])[:, :2]
    rows, columns = np.nonzero(changed)
    assert len(rows) > 200
    low, high = outer.min(0), outer.max(0)
    assert columns.min() > low[0] - 4
    assert columns.max() < high[0] + 4
    assert rows.min() > low[1] - 4
    assert rows.max() < high[1] + 4


def opening_pixels(subject, **curves):
    """RGB (N, 3) of the drawn pixels well inside the opening."""
    ring = subject.source.pose.picture_from_head(subject.shape(**curves)[list(LIPS_INNER)])[:, :2]
    mask = np.zeros(subject.portrait.picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(ring).astype(np.int32)], (1,))
    return subject.draw(**curves)[cv2.erode(mask, np.ones((3, 3))) > 0, :3].astype(np.float32)


def test_a_spoken_mouth_has_teeth_above_and_darkness_below(subject_of):
    subject = subject_of("cartoon")
    ring = subject.source.pose.picture_from_head(subject.shape(jawOpen=0.5)[[13, 14]])[:, :2]
    (x, top), (_, bottom) = ring
    drawn = subject.draw(jawOpen=0.5)[round(float(top)) : round(float(bottom)), round(float(x)) - 12, :3] @ LUMA
    third = len(drawn) // 3
    assert drawn[:third].max() > drawn[third : 2 * third].min() + 15


@pytest.mark.parametrize("name", ["cartoon", "lisa"])
def test_drawn_teeth_are_no_brighter_than_the_face(subject_of, name):
    subject = subject_of(name)
    low, high = (
        subject.portrait.landmarks[:468, :2].min(0).astype(int),
        subject.portrait.landmarks[:468, :2].max(0).astype(int),
    )
    face = subject.portrait.picture[low[1] : high[1], low[0] : high[0], :3] @ LUMA
    teeth = opening_pixels(subject, jawOpen=0.3, mouthSmile=0.8) @ LUMA
    assert teeth.max() <= np.percentile(face, 99.5)
    assert teeth.max() > 0.4 * np.percentile(face, 95)


def test_a_grey_picture_stays_grey(portrait_of):
    portrait = portrait_of("lisa")
    picture = portrait.picture.copy()
    picture[..., :3] = (picture[..., :3] @ LUMA)[..., None]
    subject = Subject(replace(portrait, picture=picture))
    assert np.ptp(opening_pixels(subject, jawOpen=0.6).astype(int), axis=-1).max() <= 2


def test_own_teeth_are_found_where_the_picture_shows_them(subject_of):
    assert subject_of("astronaut").mouth.own is not None
    assert all(subject_of(name).mouth.own is None for name in ("cartoon", "lisa", "pearl"))


def test_own_teeth_of_a_turned_head_are_whole(samples):
    """The far side of the sheet that carries them lies behind its near side: it does not say how high they hang."""
    with open_video(samples / "videos" / "v06_landscape_turned_head.mp4") as video:
        portrait = open_portrait(next(iter(video)).pixels)
    own = Subject(portrait).mouth.own
    assert own is not None
    alpha = own.levels[0][..., 3]
    columns = np.nonzero(alpha > 0.5)[1]
    middle = slice(int(np.percentile(columns, 10)), int(np.percentile(columns, 90)))
    held = (alpha > 0.5)[:, middle].sum(0)
    assert held.min() > 0.5 * np.median(held)


def test_own_teeth_stay_while_the_jaw_goes_down(subject_of):
    astronaut = subject_of("astronaut")
    x, y = astronaut.portrait.landmarks[13, :2]
    rows = slice(round(float(y)) + 2, round(float(y)) + 5)
    columns = slice(round(float(x)) - 6, round(float(x)) + 7)
    before = astronaut.portrait.picture[rows, columns, :3].astype(int)
    after = astronaut.draw(jawOpen=0.6)[rows, columns, :3].astype(int)
    assert np.abs(after - before).mean() < 12


@pytest.mark.parametrize("name", ["astronaut", "cartoon", "pearl"])
@pytest.mark.parametrize("curve", ["jawOpen", "mouthFunnel", "tongueOut"])
def test_nothing_pops_while_a_curve_rises(subject_of, name, curve):
    subject = subject_of(name)
    extra = {} if curve == "jawOpen" else {"jawOpen": 0.2}
    x, y = subject.portrait.landmarks[list(LIPS_OUTER), :2].mean(0).astype(int)
    near = (slice(max(y - 90, 0), y + 160), slice(max(x - 120, 0), x + 120))
    frames = [subject.draw(**extra, **{curve: value})[near].astype(int) for value in np.linspace(0, 1, 26)]
    steps = np.array([np.abs(b - a).sum() for a, b in itertools.pairwise(frames)])
    assert steps.max() < 4 * max(np.median(steps), steps.mean())


def test_a_turned_head_shows_the_arch_from_the_side(subject_of):
    subject = subject_of("cartoon")
    left, right = (subject.draw(yaw=yaw, jawOpen=0.4) for yaw in (-0.35, 0.35))
    assert not np.array_equal(left, right)


def test_a_mouth_outside_the_frame_is_no_error(subject_of):
    subject = subject_of("cartoon")
    picture = np.zeros((40, 40, 4), np.uint8)
    assert not subject.draw(picture=picture, jawOpen=0.5).any()


def lip_height(shape, rings):
    return float(np.linalg.norm(shape[rings[0, 5]] - shape[rings[3, 5]]))


def test_stretched_lips_get_thinner_and_the_opening_stays(subject_of):
    source = subject_of("cartoon").source
    model = load_face_model()
    moved = source.shape + displacement_from_curves(model, state(jawOpen=1.0).curves)
    thinned = thin_lips(moved, source)
    for rings in (UPPER_RINGS, LOWER_RINGS):
        assert lip_height(thinned, rings) < min(lip_height(moved, rings), lip_height(source.shape, rings)) + 1e-3
    gaps = [np.array([shape[a, 1] - shape[b, 1] for a, b in LIP_PAIRS[2:7]]) for shape in (moved, thinned)]
    assert np.abs(gaps[1] - gaps[0]).max() < 0.06 * gaps[0].max()


def test_thinning_leaves_the_rest_of_the_face_and_the_rest_shape_alone(subject_of):
    source = subject_of("astronaut").source
    assert np.abs(thin_lips(source.shape, source) - source.shape).max() < 1e-6
    moved = source.shape + displacement_from_curves(load_face_model(), state(jawOpen=0.8).curves)
    elsewhere = np.setdiff1d(np.arange(478), np.concatenate([UPPER_RINGS, LOWER_RINGS]))
    assert np.array_equal(thin_lips(moved, source)[elsewhere], moved[elsewhere])


def test_the_palette_has_an_order(portrait_of):
    palette = read_palette(portrait_of("lisa"), FRONTAL)
    tooth, gum, tongue, cavity = (
        float(colour @ LUMA) for colour in (palette.tooth, palette.gum, palette.tongue, palette.cavity)
    )
    assert tooth > tongue > cavity
    assert tooth > gum > cavity


def rendered_parts(subject, monkeypatch, **curves):
    """Head points of everything that is drawn as a mesh, in drawing order: cheeks, tongue, lower teeth, upper teeth."""
    seen = []
    pose = subject.source.pose
    original = mouth_module.draw_into

    def record(raster, placed, triangles, values):
        seen.append(np.array(placed))
        original(raster, placed, triangles, values)

    monkeypatch.setattr(mouth_module, "draw_into", record)
    subject.draw(**curves)
    monkeypatch.undo()
    return [points[:, 1] / (2 * pose.scale) for points in seen]  # drawn with two samples a pixel: centimetres, y down


def test_the_jaw_carries_the_lower_teeth_and_part_of_the_tongue(subject_of, monkeypatch):
    subject = subject_of("cartoon")
    slight, wide = (rendered_parts(subject, monkeypatch, jawOpen=value) for value in (0.1, 0.7))
    spread = [float(np.median(after) - np.median(before)) for before, after in zip(slight, wide, strict=True)]
    cheeks, tongue, lower, upper = (value - spread[3] for value in spread)  # the box moves with the upper lip
    assert upper == 0.0
    chin = (subject.shape(jawOpen=0.1) - subject.shape(jawOpen=0.7))[152, 1]
    assert 0.6 * chin < lower < 1.3 * chin
    assert 0.0 < tongue < lower
    assert cheeks > 0.0


def test_lower_teeth_hide_behind_the_lip_in_normal_speech(subject_of, monkeypatch):
    subject = subject_of("cartoon")
    ring = subject.source.pose.picture_from_head(subject.shape(jawOpen=0.2)[list(LIPS_INNER)])[:, 1]
    parts = rendered_parts(subject, monkeypatch, jawOpen=0.2)
    opening = float(np.ptp(ring)) / subject.source.pose.scale
    top_of_lower, edge_of_upper = float(parts[2].min()), float(parts[3].max())
    assert top_of_lower - edge_of_upper > -0.6  # overlapping no more than a natural bite
    assert opening > 0.3


def test_teeth_stop_the_jaw_of_a_closed_mouth(subject_of):
    subject = subject_of("cartoon")
    raised = subject.source.shape + np.array([0.0, 0.8, 0.0], np.float32)
    angle, shift = mouth_module._jaw(subject.mouth, raised)
    assert angle == 0.0
    assert np.abs(shift[1:]).max() == 0.0


def test_a_lip_far_below_its_teeth_takes_the_jaw_along(subject_of):
    subject = subject_of("cartoon")
    mouth, shape = subject.mouth, subject.source.shape.copy()
    shape[list(LIPS_INNER)[11:], 1] -= 1.5  # the lower lip alone: the chin stays
    angle, shift = mouth_module._jaw(mouth, shape)
    edge = mouth_module._turned(mouth.incisors - mouth.hinge, angle) + mouth.hinge + shift
    assert 0.0 < edge[0, 1] - shape[14, 1] < mouth_module.SHOWN + 0.1
    assert mouth_module._jaw(mouth, subject.source.shape)[0] == 0.0


def test_the_opening_covers_the_area_of_its_outline():
    turn = np.linspace(0, 2 * np.pi, 21)[:-1]
    for radius in (3.0, 10.3, 27.8):
        ring = np.stack([40.2 - radius * np.cos(turn), 35.7 - 0.6 * radius * np.sin(turn)], -1).astype(np.float32)
        covered = mouth_module._opening(ring, 70, 80)
        assert covered.sum() == pytest.approx(0.6 * np.pi * radius**2, rel=0.04)
        rows, columns = np.mgrid[0:70, 0:80] + 0.5
        centre = (covered * columns).sum() / covered.sum(), (covered * rows).sum() / covered.sum()
        assert centre == pytest.approx((40.2, 35.7), abs=0.1)


@pytest.mark.parametrize("sigma", [0.8, 1.5, 2.5])
def test_softness_tells_how_blurred_a_picture_is(portrait_of, sigma):
    portrait = portrait_of("cartoon")
    noise = np.random.default_rng(3).normal(128, 60, portrait.picture.shape[:2]).astype(np.float32)
    picture = portrait.picture.copy()
    picture[..., :3] = cv2.GaussianBlur(noise, (0, 0), sigma).clip(0, 255)[..., None]
    measured = mouth_module._softness(replace(portrait, picture=picture))
    assert 0.4 * sigma < measured < 1.5 * sigma


def test_gums_are_pink_only_above_the_necks():
    palette = Palette(
        *(np.array(colour, np.float32) for colour in ((230, 225, 210), (170, 90, 90), (160, 80, 80), (20, 8, 8)))
    )
    arch = build_arch(UPPER, palette, FRONTAL, 1.0)
    front = np.abs(arch.points[:, 0]) < 1.0
    redness = arch.colours[:, 0] / np.maximum(arch.colours[:, 1], 1)
    assert redness[front & (arch.points[:, 1] > 1.1)].min() > 1.5
    assert redness[front & (arch.points[:, 1] < 0.5)].max() < 1.3


def test_cheeks_join_the_lips_and_end_in_the_dark():
    lips = load_face_model().neutral[list(LIPS_INNER)]
    cheeks = build_cheeks(lips, PALETTE)
    count = len(lips) + 1
    assert np.allclose(cheeks.points[: count - 1], lips, atol=1e-5)
    assert np.allclose(cheeks.colours[-count:], PALETTE.cavity, atol=1e-3)
    assert cheeks.points[-count:, 2].max() < lips[:, 2].max() - 1.5


def closed(source, share):
    """The source's shape with its lips brought together by `share` 0..1."""
    shape = source.shape.copy()
    gap = shape[UPPER_RINGS[3], 1] - shape[LOWER_RINGS[3], 1]
    shape[UPPER_RINGS, 1] -= 0.35 * share * gap
    shape[LOWER_RINGS, 1] += 0.65 * share * gap
    return shape


def test_lips_that_close_cover_the_teeth_and_leave_a_dark_line(subject_of):
    astronaut = subject_of("astronaut")
    pose = astronaut.source.pose
    drawn = []
    for share in (0.6, 0.8, 1.0):
        pixels = np.full_like(astronaut.portrait.picture, 255)  # as if teeth shone through everywhere
        shape = closed(astronaut.source, share)
        draw_mouth(astronaut.mouth, pixels, shape, pose, state().curves)
        x, y = pose.picture_from_head(shape[[13, 14]].mean(0))[:2]
        drawn.append(float((pixels[int(y) - 2 : int(y) + 3, int(x) - 3 : int(x) + 4, :3] @ LUMA).min(0).mean()))
    assert drawn[0] > drawn[1]
    assert drawn[2] < 200  # 255 without the line
