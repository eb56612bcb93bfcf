"""The puppet: every parameter moves what it is for, the way it should, and the exact flow is exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("skia", reason="puppets need vivant[train]", exc_type=ImportError)

from vivant.avatars.tha.networks.finder import NAMES
from vivant.avatars.tha.pose import PARAMETERS, pose_of
from vivant.nn.warp import warp
from vivant.training.tha.puppet.flow import Turned
from vivant.training.tha.puppet.puppet import REST, Puppet, Puppets
from vivant.training.tha.puppet.style import random_style

PUPPETS = [Puppet(random_style(np.random.default_rng(seed))) for seed in (201, 204, 209, 7)]


def moved(puppet: Puppet, **values: float) -> dict[str, np.ndarray]:
    """How far each landmark moved, in pixels of 512."""
    shift = puppet.landmarks(pose_of(values)) - puppet.landmarks()
    return dict(zip(NAMES, shift, strict=True))


def test_the_same_number_draws_the_same_puppet() -> None:
    first, again, other = (Puppets(5).character(number).draw(size=64) for number in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("puppet", PUPPETS)
def test_it_stands_where_the_networks_want_it(puppet: Puppet) -> None:
    """Section 2.1: the head in rows 64..192 and columns 192..320, movable parts of the face within 80..208."""
    points = puppet.landmarks()
    assert points[:, 0].min() > 192
    assert points[:, 0].max() < 320
    assert points[:, 1].min() > 80
    assert points[:, 1].max() < 208
    picture = puppet.draw()
    assert picture.shape == (512, 512, 4)
    assert not picture[:, :4, 3].any()
    assert not picture[:20, :, 3].any()
    assert picture[150, 256, 3] == 255


@pytest.mark.parametrize("puppet", PUPPETS)
def test_every_parameter_changes_the_picture_smoothly(puppet: Puppet) -> None:
    rest = puppet.draw(size=256).astype(int)
    for place, parameter in enumerate(PARAMETERS):
        pose = REST.copy()
        pose[place] = 0.02
        little = np.abs(puppet.draw(pose, size=256) - rest).mean()
        pose[place] = 1
        much = np.abs(puppet.draw(pose, size=256) - rest).mean()
        hidden = parameter.name.startswith("eyebrow")  # a fringe may hide them
        assert much > little or hidden, parameter.name
        assert little < 0.6, parameter.name


@pytest.mark.parametrize("puppet", PUPPETS)
def test_turns_have_the_published_directions_and_sizes(puppet: Puppet) -> None:
    """Table of section 1: middle of the face in pixels, of two published characters."""
    for name, axis, least, most in (("head_x", 1, -13, -6), ("head_y", 0, -11, -5), ("neck_z", 0, -16, -7)):
        assert least < moved(puppet, **{name: 1.0})["nose"][axis] < most, name
    assert -28 < moved(puppet, body_z=1.0)["nose"][0] < -10
    assert moved(puppet, head_y=-1.0)["nose"][0] > 5
    assert -2.5 < moved(puppet, breathing=1.0)["chin"][1] <= 0


@pytest.mark.parametrize("puppet", PUPPETS)
def test_left_is_the_characters_left(puppet: Puppet) -> None:
    for name in ("eye_wink", "eyebrow_raised", "eye_happy_wink", "mouth_raised_corner"):
        shift = moved(puppet, **{f"{name}_left": 1.0})
        right = max(np.abs(one).max() for point, one in shift.items() if "right" in point and "cheek" not in point)
        left = max(np.abs(one).max() for point, one in shift.items() if "left" in point)
        assert left > 1
        assert right < 0.35 * left


@pytest.mark.parametrize("puppet", PUPPETS)
def test_the_face_does_what_the_names_say(puppet: Puppet) -> None:
    assert moved(puppet, eyebrow_raised=1.0)["left_brow_middle"][1] < -2
    assert moved(puppet, eyebrow_lowered=1.0)["left_brow_middle"][1] > 2
    angry, troubled = (moved(puppet, **{f"eyebrow_{mood}": 1.0}) for mood in ("angry", "troubled"))
    assert angry["left_brow_inner"][1] > 0 > troubled["left_brow_inner"][1]
    assert moved(puppet, iris_rotation_x=1.0)["left_iris"][1] < 0
    assert moved(puppet, iris_rotation_y=1.0)["left_iris"][0] < 0
    assert moved(puppet, mouth_aaa=1.0)["lip_lower"][1] > 3
    assert moved(puppet, mouth_iii=1.0)["mouth_left"][0] > moved(puppet, mouth_uuu=1.0)["mouth_left"][0]
    closed = puppet.landmarks(pose_of({"eye_wink": 1.0}))
    for side in ("left", "right"):
        upper, lower = (closed[NAMES.index(f"{side}_{lid}8")] for lid in ("upper", "lower"))
        assert np.abs(upper - lower).max() < 0.01


def test_faces_drawn_over_what_is_still_are_the_same_pictures() -> None:
    puppet, pose = PUPPETS[0], pose_of({"mouth_aaa": 0.7, "eye_wink_left": 0.6})
    whole = puppet.draw(pose).astype(int)
    quick = puppet.draw_faces([puppet.face(pose)])[0].astype(int)
    solid = whole[..., 3] == 255
    assert np.abs(whole - quick)[solid].max() <= 4


@pytest.mark.parametrize("puppet", PUPPETS)
@pytest.mark.parametrize("values", [{"head_y": 1.0}, {"head_x": -1.0, "neck_z": 0.7}, {"body_z": 1.0, "body_y": -1.0}])
def test_the_exact_flow_draws_the_turned_puppet(puppet: Puppet, values: dict[str, float]) -> None:
    pose = pose_of(values)
    flow, right = Turned(puppet, 512).flow(pose)
    rest, posed = (premultiplied(puppet.draw(one)) for one in (REST, pose))
    warped = warp(rest, torch.from_numpy(flow).permute(2, 0, 1)[None])
    inside = torch.from_numpy(right)
    error, before = ((one - posed).abs().amax(1)[0][inside].mean() for one in (warped, rest))
    assert right.mean() > 0.1
    assert error < 0.015
    assert error < 0.35 * before


def test_a_puppet_without_brows_differs_only_there() -> None:
    style = PUPPETS[2].style
    puppet = Puppet(replace(style, hair=replace(style.hair, bang=0.0), wisps=0))  # a high fringe
    changed = np.argwhere(np.abs(puppet.draw().astype(int) - puppet.bare()).max(-1) > 8)
    brows = [
        puppet.landmarks()[NAMES.index(f"{side}_brow_{end}")]
        for side in ("left", "right")
        for end in ("inner", "outer")
    ]
    assert len(changed) > 5
    assert changed[:, 0].min() > min(y for _, y in brows) - 8
    assert changed[:, 0].max() < max(y for _, y in brows) + 8


def premultiplied(picture: np.ndarray) -> torch.Tensor:
    layer = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    return torch.cat([layer[:, :3] * layer[:, 3:], layer[:, 3:]], 1)
