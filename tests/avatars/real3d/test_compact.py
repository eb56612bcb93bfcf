"""The packaged 3-D head: what it leaves as it is, and what it turns. Its field is a body of known shape here."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vivant.avatars.real3d.compact import CompactHead, Prepared, open_compact
from vivant.avatars.real3d.head_turning import Turn, pixels_of
from vivant.avatars.real3d.networks.view_planes import Field, Planes
from vivant.avatars.real3d.solid_head import seen_share, solid_head, within_reach
from vivant.avatars.real3d.view_space import HALF, MIDDLE, camera_from_view
from vivant.avatars.relief.relief import Relief
from vivant.errors import WeightsError
from vivant.face.arkit import CURVES, INDEX
from vivant.face.model import load_face_model
from vivant.face.pose import HeadPose, rotation_from_angles
from vivant.motion.state import FaceState
from vivant.portrait.classes import FACE_SKIN, HAIR
from vivant.portrait.matte import cut_out
from vivant.portrait.portrait import Portrait

Floats = NDArray[np.float32]
SIDE, SCALE = 256, 7.0
STRAND = slice(60, 63), slice(40, 60)
"""A hair beside the head."""


class NoPlanes(nn.Module):
    """The input as its own planes."""

    def forward(self, picture: Tensor) -> Planes:
        return Planes(picture, picture, picture, picture)


class Egg(nn.Module):
    """A head and neck of two bodies, green where the picture does not show them."""

    def forward(self, planes: Planes, points: Tensor, rotation: Tensor) -> Field:
        x, y, z = (camera_from_view(points, rotation) @ rotation).unbind(-1)
        head = 1 - ((x / 8) ** 2 + ((y - 2) / 11) ** 2 + ((z + 3) / 9) ** 2)
        neck = torch.minimum(1 - ((x / 6) ** 2 + ((z + 4) / 5) ** 2), -y / 8)
        green = torch.tensor([0.1, 0.7, 0.2]).expand_as(points)
        return Field(4 * torch.maximum(head, neck), green, green, torch.ones_like(points[..., :2]))


def portrait() -> Portrait:
    """A checked egg of a head over a plain body, cut out, looking straight ahead."""
    pose = HeadPose(SCALE, np.eye(3, dtype=np.float32), np.array([128, -118, 0], np.float32))
    rows, columns = np.indices((SIDE, SIDE)) + 0.5
    x, y = (columns - 128) / SCALE, (118 - rows) / SCALE
    body = ((x / 8.3) ** 2 + ((y - 2) / 11.3) ** 2 < 1) | ((np.abs(x) < 5) & (y < 0)) | (y < -13)
    checks = (np.floor(x / 1.5) + np.floor(y / 1.5)) % 2
    colour = np.where(checks[..., None] > 0, [210, 150, 120], [150, 90, 70])
    colour = np.where((y < -12)[..., None], [60, 60, 160], colour)
    picture = np.dstack([colour, 255 * body]).astype(np.uint8)
    return Portrait(picture, pose.picture_from_head(load_face_model().neutral), pose, body.astype(np.float32))


def layers_of(picture: Any, background: Any, *, hair: bool = False, person: Portrait | None = None) -> Any:
    """What is asked of `Layers`; `hair` is all of the head above its middle, or there is none."""
    person = person or portrait()
    classes = np.zeros((SIDE, SIDE), np.uint8)
    if hair:
        rows = np.arange(SIDE)[:, None]
        classes = np.where(person.person > 0, np.where(rows < 118, HAIR, FACE_SKIN), 0).astype(np.uint8)
    parts = {"picture": picture, "background": background, "classes": classes}
    return SimpleNamespace(portrait=person, cut=cut_out(person), **parts)


@pytest.fixture(scope="module")
def head() -> CompactHead:
    return CompactHead(NoPlanes(), Egg(), Relief())  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def prepared(head: CompactHead) -> Prepared:
    background = np.full((SIDE, SIDE, 3), 30, np.uint8)
    picture = np.where(portrait().picture[..., 3:] > 0, portrait().picture[..., :3], background)
    picture[STRAND] = 250  # which the matte misses
    return head.prepare(layers_of(picture, background))


def test_the_cores_share_the_rows(head: CompactHead, prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    state, drawn = FaceState(rotation=rotation_from_angles(0.4, 0.1, 0)), []
    for cores in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda cores=cores: cores)
        drawn.append(head.draw(prepared, state))
    np.testing.assert_array_equal(*drawn)


def test_at_rest_it_is_the_picture(head: CompactHead, prepared: Prepared) -> None:
    drawn, given = head.draw(prepared, FaceState()).astype(np.float64), portrait().picture.astype(np.float64)
    inside = given[..., 3] > 0
    assert np.abs(drawn[..., 3] - given[..., 3]).mean() < 4
    error = np.abs(drawn[..., :3] - given[..., :3])[inside].mean()
    assert error < 4, "the face itself may be redrawn by relief, nothing else"
    assert (drawn[STRAND][..., :3] > 245).all()
    assert (drawn[STRAND][..., 3] == 0).all(), "it is not the person's where the background is another"
    drawn[STRAND] = (30, 30, 30, 0)
    assert (drawn[~inside & (drawn[..., 3] == 0)][:, :3] == 30).all()


def test_what_the_matte_misses_goes_with_the_head(head: CompactHead, prepared: Prepared) -> None:
    step = round(0.2 * prepared.scene.source.inter_ocular * SCALE)
    lower = head.draw(prepared, FaceState(translation=np.array([0, -0.2, 0], np.float32)))
    assert (lower[STRAND][..., :3] == 30).all()
    moved = lower[STRAND[0].start + step : STRAND[0].stop + step, 42:58, :3]
    assert moved[1].min() > 200
    away = head.draw(prepared, FaceState(rotation=rotation_from_angles(0.0, 0.25, 0.0)))
    assert away[:120, :60, :3].max() < 60, "of a head that turns far it would be a piece of the background"


def test_the_wall_beside_a_head_stays_where_it_is(head: CompactHead) -> None:
    wall = np.full((SIDE, SIDE, 3), 30, np.uint8)
    wall[:, :, 2] = np.where(np.arange(SIDE) % 16 < 8, 30, 70)  # stripes, which the fill beside the person lacks
    person = portrait().person[..., None] > 0
    filled = wall.copy()
    filled[cv2.dilate(person.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0] = (30, 30, 50)
    picture = np.where(person, portrait().picture[..., :3], wall)
    away = FaceState(translation=np.array([0.1, -0.1, 0], np.float32))
    moved = head.draw(head.prepare(layers_of(picture, filled)), away)
    band = cv2.dilate(person.astype(np.uint8), np.ones((21, 21), np.uint8)) > 0
    band &= (cv2.dilate(person.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0) & (moved[..., 3] == 0)
    band[:, SIDE // 2 :] = False  # on the left the head leaves the wall behind
    assert band.sum() > 500
    assert np.abs(moved[..., :3][band].astype(int) - wall[band]).mean() < 3


def test_the_soft_rim_of_a_head_goes_when_it_turns(head: CompactHead, prepared: Prepared) -> None:
    """At rest it makes the outline that of the picture; turned, it would stand out beside the mesh."""
    scene = prepared.scene
    kept = replace(prepared, scene=replace(scene, rim=np.zeros_like(scene.rim)))
    aside, rest = FaceState(rotation=rotation_from_angles(0.6, 0.0, 0.0)), FaceState()
    turned, longer = (head.draw(one, aside, alone=True)[..., 3].astype(int) for one in (prepared, kept))
    assert (turned - longer).max() <= 1
    assert (longer - turned > 128).sum() > 100
    assert np.array_equal(head.draw(prepared, rest), head.draw(kept, rest))


def test_a_turn_moves_the_head_and_leaves_the_body(head: CompactHead, prepared: Prepared) -> None:
    rest = head.draw(prepared, FaceState()).astype(np.float64)
    state = FaceState(rotation=rotation_from_angles(0.6, 0.0, 0.0))
    turned = head.draw(prepared, state).astype(np.float64)
    body = slice(SIDE - 20, SIDE)
    assert np.abs(turned[body] - rest[body]).max() <= 2
    assert np.abs(turned[60:140] - rest[60:140]).mean() > 5
    nose = load_face_model().neutral[4]
    ahead = SCALE * (rotation_from_angles(0.6, 0.0, 0.0) @ nose)[0]
    assert ahead > 20, "the nose goes to the right border"
    # What was hidden comes into view on the left: without checks, in the mean colour of what the picture shows.
    side = turned[85:110, 65:68, :3]
    assert (turned[85:110, 65:68, 3] > 200).all()
    assert side.std(axis=(0, 1)).max() < 16 < 20 < rest[85:110, 100:130, :3].std(axis=(0, 1)).min()
    assert np.abs(side.mean((0, 1)) - (180, 120, 95)).max() < 25


def test_the_trunk_leans_after_the_head_and_stands_at_the_edge(head: CompactHead, prepared: Prepared) -> None:
    mesh, rest = prepared.scene.mesh, prepared.scene.source.pose
    rows = pixels_of(rest, mesh.places)[:, 1]
    chin = 118 - SCALE * load_face_model().neutral[152, 1]
    assert mesh.follows[rows < chin - 60].min() > 0.99, "the head itself goes all the way"
    neck = mesh.leans[(rows > chin + 55) & (rows < chin + 60)]
    assert 0.1 < neck.min() <= neck.max() < 0.95
    aside = FaceState(translation=np.array([0.3, 0.1, 0], np.float32))
    moved, still = (head.draw(prepared, state).astype(int) for state in (aside, FaceState()))
    assert np.abs(moved[-2:] - still[-2:]).mean() < 2


def test_a_trunk_goes_down_whole(prepared: Prepared) -> None:
    """Kept at the lower edge it would be pressed together, or fold."""
    scene, no_move = prepared.scene, np.zeros((478, 3), np.float32)
    down = Turn.of(scene.source, FaceState(translation=np.array([0, -0.8, 0], np.float32)))
    assert down.down == pytest.approx(1)
    assert Turn.of(scene.source, FaceState(translation=np.array([0.4, 0.3, 0], np.float32))).down == 0
    mesh = replace(scene.mesh, shows=np.ascontiguousarray(scene.mesh.places[:, 1:2]).repeat(10, 1))
    heights = mesh.drawn(down, no_move, SIDE, SIDE)[0][SIDE - 30 :, SIDE // 2, 9]
    assert (np.diff(heights) < 0).all(), "what was above stays above"
    assert heights[-1] > scene.mesh.places[:, 1].min() + 3, "the lowest part has left the picture"


def test_no_neck_reaches_farther_than_a_neck_does(prepared: Prepared) -> None:
    """Where a head goes a hand's breadth aside its trunk goes along, whatever small moves do."""
    source = prepared.scene.source
    small, large = (
        Turn.of(source, FaceState(translation=np.array([way / 10, 0, 0], np.float32))) for way in (1.0, 20.0)
    )
    assert np.linalg.norm(small.shift) < 4 < 8 < np.linalg.norm(large.shift)
    assert small.lean == pytest.approx(0.6)
    assert large.lean == pytest.approx(1.0)


def test_hair_goes_on_behind_the_outline(head: CompactHead, prepared: Prepared) -> None:
    picture = np.where(portrait().picture[..., 3:] > 0, portrait().picture[..., :3], 30).astype(np.uint8)
    picture[118:] //= 3  # what is no hair has another colour
    haired = head.prepare(layers_of(picture, np.full((SIDE, SIDE, 3), 30, np.uint8), hair=True))
    state = FaceState(rotation=rotation_from_angles(0.6, 0.0, 0.0))
    drawn = (head.draw(one, state)[80:115, 60:66, :3].astype(float) for one in (prepared, haired))
    bald, strands = (np.abs(np.diff(side, axis=0)).mean() for side in drawn)
    assert strands > 2 * bald, "checks at the outline, not one colour"
    rest = [head.draw(one, FaceState())[75:105, 62:76, :3].astype(int) for one in (prepared, haired)]
    assert np.abs(rest[0] - rest[1]).max() <= 1, "as the picture was taken it is the picture"


def test_the_same_state_is_the_same_picture(head: CompactHead, prepared: Prepared) -> None:
    state = FaceState(rotation=rotation_from_angles(-0.4, 0.2, 0.1), translation=np.array([0.1, 0, 0.2], np.float32))
    first = head.draw(prepared, state)
    head.draw(prepared, FaceState())
    assert np.array_equal(first, head.draw(prepared, state))


def test_frames_leave_nothing_in_memory(head: CompactHead, prepared: Prepared) -> None:
    """Half a minute of sound would show what ten do: a single number kept of each of a frame's pixels."""
    states = [FaceState(rotation=rotation_from_angles(0.01 * n - 0.3, 0.1, 0)) for n in range(60)]
    for state in states[:10]:
        head.draw(prepared, state)
    tracemalloc.start()
    try:
        head.draw(prepared, states[0])
        before = tracemalloc.get_traced_memory()[0], tensors()
        for state in states:
            head.draw(prepared, state)
        after = tracemalloc.get_traced_memory()[0], tensors()
    finally:
        tracemalloc.stop()
    assert after[0] - before[0] < SIDE * SIDE
    assert after[1] == before[1]


def tensors() -> int:
    """How many there are in memory."""
    gc.collect()
    return sum(type(one) is Tensor for one in gc.get_objects())


def test_nearer_is_larger(head: CompactHead, prepared: Prepared) -> None:
    near = head.draw(prepared, FaceState(translation=np.array([0, 0, 0.8], np.float32)))
    assert (near[:120, :, 3] > 127).sum() > 1.1 * (head.draw(prepared, FaceState())[:120, :, 3] > 127).sum()


def test_the_jaw_takes_the_mesh_along(head: CompactHead, prepared: Prepared) -> None:
    curves = np.zeros(len(CURVES), np.float32)
    curves[INDEX["jawOpen"]] = 0.8
    state = FaceState(curves=curves, rotation=rotation_from_angles(0.5, 0.0, 0.0))
    opened = head.draw(prepared, state).astype(np.float64)
    closed = head.draw(prepared, FaceState(rotation=state.rotation)).astype(np.float64)
    moved = np.abs(opened - closed).mean(2)
    assert moved[118:200].mean() > 4 * moved[:80].mean()


def test_points_behind_others_are_hidden() -> None:
    rotation = torch.eye(3)[None]
    found = solid_head(NoPlanes()(torch.ones(1, 10, 64, 64)), Egg(), rotation)  # type: ignore[arg-type]
    within = np.abs(found.points[:, 1]) < 10
    back, front = within & (found.points[:, 2] < -8), within & (found.points[:, 2] > 1)
    assert found.own[back].max() == 0
    assert np.median(found.own[front]) > 0.99
    places = np.array([[0, 0, 0.9], [0, 0, -0.9]], np.float32)
    sheet = np.array([[-1, -1, 0], [1, -1, 0], [0, 1, 0]], np.float32)
    assert seen_share(sheet, np.array([[0, 1, 2]], np.int32), places).tolist() == [1, 0]


def test_pixels_of_what_is_in_front_are_less_than_nothing_behind(prepared: Prepared) -> None:
    x, y, z = prepared.head.points.T
    own = prepared.head.trust[:, 0]
    middle = np.hypot(x, y - 2) < 5
    assert own[middle & (z > 0)].min() > 0.9
    assert own[middle & (z < -9)].max() < -2
    assert prepared.head.own.min() == 0


def test_nothing_is_guessed_far_behind_a_head() -> None:
    places = torch.tensor([[0.0, 2.5, -5], [0, 17, -5], [30, 0, -5], [0, -30, -10], [0, 10, -19], [0, 2, -19]])
    assert (within_reach(places) > 0).tolist() == [True, True, True, True, False, False]


def test_a_picture_in_black_and_white_stays_so(head: CompactHead) -> None:
    coloured = portrait()
    grey = coloured.picture.copy()
    grey[..., :3] = grey[..., :1]
    layers = layers_of(grey[..., :3], np.full_like(grey[..., :3], 30), person=replace(coloured, picture=grey))
    state = FaceState(rotation=rotation_from_angles(0.6, 0.0, 0.0))
    drawn = head.draw(head.prepare(layers), state)[..., :3].astype(int)
    assert np.ptp(drawn, axis=2).max() <= 12  # tongue and gums behind the lips keep a little


def test_the_window_holds_the_head() -> None:
    points = load_face_model().neutral - np.array(MIDDLE, np.float32)
    assert np.abs(points[:, :2]).max() < HALF - 4


def test_weights_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "none.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        open_compact(Relief(), path)


def test_the_packaged_head_finds_a_head() -> None:
    """The network that is shipped makes one body, about as large as a head, of a face that it has never seen."""
    given = portrait()
    solid = open_compact(Relief()).read(given.picture, given.landmarks)
    size = np.ptp(solid.points, axis=0)
    assert (size > (12, 20, 12)).all()
    assert (size < (44, 38, 30)).all()  # with the trunk in the window
    nose = load_face_model().neutral[4]
    assert np.linalg.norm(solid.points - nose, axis=1).min() < 1.5
