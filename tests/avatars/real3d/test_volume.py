"""The renderer against the original's numbers, a field whose picture is known, and itself by another way."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from originals import original
from torch import Tensor

from vivant.avatars.real3d import volume
from vivant.avatars.real3d.camera import camera_on_sphere
from vivant.avatars.real3d.networks.radiance_decoder import RadianceDecoder
from vivant.avatars.real3d.volume import Draws, VolumeSettings, random_draws, render
from vivant.errors import SettingsError
from vivant.weights.real3d_volume import radiance_decoder

WAYS = pytest.mark.parametrize("plain", [True, False], ids=["step by step", "quick"])
FRONT = torch.from_numpy(camera_on_sphere(np.zeros(1), np.zeros(1), np.full(1, 2.7), (0, 0, 0)))
ASIDE = torch.from_numpy(camera_on_sphere(np.full(1, 0.3), np.full(1, -0.6), np.full(1, 2.9)))


@WAYS
@pytest.mark.parametrize("view", ["hit", "miss"])
@torch.no_grad()
def test_parity_real3d_renderer(parity: Path, view: str, plain: bool) -> None:
    fixture, decoder = original(parity, "real3d", "renderer"), RadianceDecoder()
    fixture.load(decoder, {f"decoder.{key}": name for key, name in radiance_decoder().items()})
    draws = Draws(fixture.given("jitter")[..., 0], fixture.given("u")[None])
    settings = VolumeSettings(size=24, together=True, plain=plain)
    for name, drawn in (("random", draws), ("det", None)):
        found = render(fixture.given("planes"), fixture.given(f"{view}_camera"), decoder, settings, drawn)
        for part, value in found._asdict().items():
            fixture.compare(f"{view}_{name}_{part}", value.flatten(2).mT)


@torch.no_grad()
def test_parity_real3d_samples_of_planes_and_rays(parity: Path) -> None:
    fixture, decoder = original(parity, "real3d", "renderer"), RadianceDecoder()
    fixture.load(decoder, {f"decoder.{key}": name for key, name in radiance_decoder().items()})
    planes = fixture.given("planes")
    fixture.compare("sampled_features", volume.sample_planes(planes, fixture.given("points")))
    origins, directions = volume.rays(fixture.given("hit_camera"), 24)
    near, far, hit = volume.distances(origins, directions, VolumeSettings())
    fixture.compare("hit_det_valid", hit)
    depths = volume.coarse_depths(near, far, 48)
    fixture.compare("hit_det_depths_coarse", depths[..., None])
    points = origins[:, :, None] + depths[..., None] * directions[:, :, None]
    weights = volume.weights_of(
        depths, volume.field_at(planes, points.flatten(1, 2), decoder).density.view(depths.shape)
    )
    fixture.compare("hit_det_weights_coarse", weights[..., None])
    fixture.compare(
        "hit_det_depths_fine",
        volume.fine_depths(depths, weights, torch.linspace(0, 1, 48).expand_as(depths))[..., None],
    )


class Balls(RadianceDecoder):
    """Turns the first feature into a density, the second into a colour: 2 softplus units for each."""

    def __init__(self) -> None:
        super().__init__(features=2, width=4, colours=3)
        root = 2**0.5
        with torch.no_grad():
            self.hidden.weight.copy_(torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]]) * root)
            # softplus(x) - softplus(-x) is x.
            density, colour = torch.tensor([1.0, -1, 0, 0]), torch.tensor([0.0, 0, 1, -1])
            self.out.weight.copy_(torch.stack([density, colour, -colour, 0 * colour]) * 2)


def ball(radius: float = 0.2, steep: float = 4000.0, size: int = 64) -> Tensor:
    """Planes (1, 3, 2, size, size): solid inside of `radius`, empty outside; red grows with x, and green falls.

    The first feature is `steep` times the square of the radius less that of the distance from the middle.
    """
    axis = (torch.arange(size) + 0.5) / size - 0.5
    row, column = torch.meshgrid(axis, axis, indexing="ij")
    planes = torch.zeros(1, 3, 2, size, size)
    planes[0, 0, 0] = steep * (radius**2 - row**2 - column**2)
    planes[0, 1, 0] = -steep * row**2
    planes[0, 0, 1] = 20 * column
    return 3 * planes


@WAYS
@torch.no_grad()
def test_a_ball_has_its_outline_depth_and_colours(plain: bool) -> None:
    found = render(ball(), FRONT, Balls(), VolumeSettings(size=64, plain=plain))
    # Rays that pass the middle at less than the radius, by the camera's distance and focal length.
    reach = 0.2 / math.sqrt(2.7**2 - 0.2**2) * 2985.29 / 700 * 64
    row, column = np.mgrid[:64, :64] - 31.5
    from_middle = torch.from_numpy(np.hypot(row, column))
    assert found.weights[0, 0][from_middle < reach - 1.5].min() > 0.85
    assert found.weights[0, 0][from_middle > reach + 1].max() < 0.02
    assert found.depth[0, 0, 31:33, 31:33].mean() == pytest.approx(2.5, abs=0.04)
    red, green, blue = found.features[0, :, 32]
    assert red[16] < -0.9 < 0.9 < red[47]
    assert (red + green)[16:48].abs().max() < 0.02
    assert blue[16:48].abs().max() < 0.02


@torch.no_grad()
def test_the_quick_way_gives_the_same_of_solid_and_empty_space() -> None:
    for cameras in (FRONT, ASIDE):
        plain = render(ball(), cameras, Balls(), VolumeSettings(size=48, plain=True))
        quick = render(ball(), cameras, Balls(), VolumeSettings(size=48))
        assert (plain.features - quick.features).abs().max() < 1e-4
        assert (plain.weights - quick.weights).abs().max() < 5e-5
        solid = plain.weights > 0.1
        assert (plain.depth - quick.depth)[solid].abs().max() < 1e-4


@torch.no_grad()
def test_few_large_steps_give_the_same() -> None:
    """Solid and empty space, cubes and planes of odd sizes, part of the rays beside the cube."""
    torch.manual_seed(1)
    odd = (
        torch.randn(2, 3, 8, 20, 20),
        torch.cat([FRONT, ASIDE]),
        RadianceDecoder(8, 24, 5),
        VolumeSettings(11, 5, 9, 0.7),
    )
    for planes, cameras, decoder, settings in ((ball(), ASIDE, Balls(), VolumeSettings(size=48)), odd):
        draws = random_draws(len(planes), settings, planes)
        plain = render(planes, cameras, decoder, replace(settings, plain=True), draws)
        fused = render(planes, cameras, decoder, replace(settings, fused=torch.float32), draws)
        for one, other in zip(plain, fused, strict=True):
            assert one.shape == other.shape
            assert (one - other).abs().where(plain.weights > 0.1, 0).max() < 1e-4
        halves = render(planes, cameras, decoder, replace(settings, fused=torch.bfloat16, chunk=50), draws)
        assert 10 * torch.log10(4 / (plain.features - halves.features).square().mean()) > 40


@pytest.mark.usefixtures("three_cores")
@torch.no_grad()
def test_the_quick_way_gives_the_same_of_odd_sizes_and_random_samples() -> None:
    torch.manual_seed(1)
    planes, decoder = torch.randn(2, 3, 8, 20, 20), RadianceDecoder(8, 24, 5)
    cameras = torch.cat([FRONT, ASIDE])
    for side, coarse, fine in ((1.0, 5, 3), (0.7, 13, 20), (1.3, 4, 1)):
        settings = VolumeSettings(size=11, coarse=coarse, fine=fine, side=side)
        draws = random_draws(2, settings, planes)
        plain = render(planes, cameras, decoder, VolumeSettings(11, coarse, fine, side, plain=True), draws)
        for one, other in zip(plain, render(planes, cameras, decoder, settings, draws), strict=True):
            assert one.shape == other.shape
            assert (one - other).abs().max() < 1e-4


@WAYS
@torch.no_grad()
def test_a_picture_does_not_depend_on_those_beside_it(plain: bool) -> None:
    torch.manual_seed(2)
    planes, decoder = torch.randn(2, 3, 4, 16, 16), RadianceDecoder(4, 16, 3)
    # Part of the rays of the second picture, from farther away, miss the cube.
    cameras = torch.from_numpy(camera_on_sphere(np.zeros(2), np.zeros(2), np.array([2.7, 4.0]), (0, 0, 0)))
    cameras[1, 3] += 0.7
    settings = VolumeSettings(size=12, plain=plain)
    both = render(planes, cameras, decoder, settings)
    for n in range(2):
        for one, other in zip(both, render(planes[n : n + 1], cameras[n : n + 1], decoder, settings), strict=True):
            torch.testing.assert_close(one[n : n + 1], other, atol=1e-5, rtol=0)
    shared = render(planes, cameras, decoder, VolumeSettings(size=12, plain=plain, together=True))
    assert (shared.features - both.features).abs().max() > 1e-3


@WAYS
@torch.no_grad()
def test_a_camera_that_sees_nothing_of_the_cube(plain: bool) -> None:
    away = FRONT.clone()
    away[0, 3] = 20
    found = render(ball(), away, Balls(), VolumeSettings(size=8, plain=plain))
    assert (found.weights == 0).all()
    assert (found.features == -1).all()
    assert found.depth.isfinite().all()


@WAYS
@torch.no_grad()
def test_the_same_twice(plain: bool) -> None:
    first, second = (render(ball(), ASIDE, Balls(), VolumeSettings(size=16, plain=plain)) for _ in range(2))
    assert torch.equal(first.features, second.features)


@torch.no_grad()
def test_numbers_that_are_none_do_no_harm() -> None:
    planes = ball()
    planes[0, :, :, 20:40] = torch.nan
    cameras = ASIDE.clone()
    cameras[0, 5] = torch.nan
    for seen in (FRONT, cameras):
        assert render(planes, seen, Balls(), VolumeSettings(size=16)).features.shape == (1, 3, 16, 16)


def test_chunks_change_neither_picture_nor_gradient() -> None:
    torch.manual_seed(3)
    decoder = RadianceDecoder(4, 16, 3)
    given = torch.randn(1, 3, 4, 16, 16)
    settings = VolumeSettings(size=10, coarse=12, fine=12)
    draws = random_draws(1, settings, given)
    found = []
    for chunk in (0, 33):
        planes = given.clone().requires_grad_()
        decoder.zero_grad()
        made = render(planes, ASIDE, decoder, VolumeSettings(10, 12, 12, chunk=chunk), draws)
        (made.features.square().mean() + made.weights.mean() + made.depth.mean()).backward()
        assert planes.grad is not None
        assert decoder.out.weight.grad is not None
        found.append((made.features.detach(), planes.grad, decoder.out.weight.grad.clone()))
    for one, other in zip(*found, strict=True):
        assert other.abs().max() > 0
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_gradient_points_downhill() -> None:
    torch.manual_seed(4)
    decoder = RadianceDecoder(4, 16, 3).double()
    planes = torch.randn(1, 3, 4, 8, 8, dtype=torch.float64, requires_grad=True)
    settings, direction = VolumeSettings(size=4, coarse=8, fine=4), torch.randn(1, 3, 4, 8, 8, dtype=torch.float64)
    # Where fine samples lie depends on the planes, too, but has no gradient: it is held.
    with torch.no_grad():
        sent = volume._sent(FRONT.double(), settings, None)

    def loss(x: Tensor) -> Tensor:
        return volume.march(planes.detach(), x, decoder, 1.0, sent).features.square().sum()

    loss(planes).backward()
    assert planes.grad is not None
    step = 1e-6
    with torch.no_grad():
        slope = (loss(planes + step * direction) - loss(planes - step * direction)) / (2 * step)
    assert float(slope) == pytest.approx(float((planes.grad * direction).sum()), rel=1e-4)


def test_planes_resized_at_random_are_seen_a_little_softer() -> None:
    settings = VolumeSettings(size=16)
    draws = random_draws(1, settings, ball())
    with torch.no_grad():
        sharp = render(ball(), FRONT, Balls(), settings, draws)
        soft = render(ball(), FRONT, Balls(), settings, draws._replace(sizes=(48, 40)))
    assert 1e-3 < (sharp.weights - soft.weights).abs().mean() < 0.1


def test_settings_that_cannot_work() -> None:
    for wrong in ({"coarse": 3}, {"fine": 0}, {"size": 0}, {"side": 0.0}, {"chunk": -1}):
        with pytest.raises(SettingsError):
            VolumeSettings(**wrong)
