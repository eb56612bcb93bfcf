"""Each compiled loop against the same in NumPy or PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from vivant.avatars.tha import kernels
from vivant.avatars.tha.picture import picture_of_tensor
from vivant.avatars.tha.siren import pixels
from vivant.avatars.tha.student import light_table
from vivant.nn.warp import pixel_centres, warp

Floats = NDArray[np.float32]


def numbers(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def bits(values: Floats) -> NDArray[np.uint32]:
    return np.asarray(torch.from_numpy(values).bfloat16().view(torch.uint32).numpy())


def values(pairs: NDArray[np.uint32]) -> Floats:
    return np.asarray(torch.from_numpy(pairs).view(torch.bfloat16).float().numpy())


def test_the_sine_is_exact_to_float32_over_many_turns() -> None:
    turns = np.linspace(-20, 20, 100_001, dtype=np.float32)[None]
    found = turns.copy()
    kernels.wave(found, np.full(turns.shape[1], -0.25, np.float32))
    np.testing.assert_allclose(found, np.sin(2 * np.pi * turns.astype(np.float64)), atol=1.2e-5)
    few = np.abs(turns) < 1
    np.testing.assert_allclose(found[few], np.sin(2 * np.pi * turns[few].astype(np.float64)), atol=6e-7)


def test_bfloat16_waves_are_the_float32_ones_rounded() -> None:
    z, bias = numbers(50, 32), numbers(32, seed=1)
    halves = bits(z)
    exact = values(halves)
    kernels.wave(exact, bias)
    wide = np.empty_like(exact)
    kernels.wave_out(halves, bias, wide)
    np.testing.assert_array_equal(wide, exact)
    kernels.wave_half(halves, bias)
    np.testing.assert_allclose(values(halves), exact, atol=2**-8)


def test_bfloat16_waves_of_float32_are_rounded_too() -> None:
    z, bias = numbers(50, 32), numbers(32, seed=1)
    out = np.empty((50, 16), np.uint32)
    kernels.wave_in(z, bias, out)
    kernels.wave(z, bias)
    np.testing.assert_allclose(values(out), z, atol=2**-8)


def placed_phases(size: int, axes: Floats) -> torch.Tensor:
    """What the place of each pixel adds: (size * size, 32)."""
    axis = pixel_centres(size, torch.zeros(1))
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return (x[..., None] * torch.from_numpy(axes[0]) + y[..., None] * torch.from_numpy(axes[1])).reshape(-1, 32)


@pytest.mark.parametrize(("coarse", "size"), [(1, 16), (8, 16), (8, 32), (16, 16)])
def test_lift_is_linear_enlargement_and_position(coarse: int, size: int) -> None:
    grid, axes, points = numbers(coarse, coarse, 32), numbers(3, 32, seed=1), pixels(size)
    out = np.empty((len(points), 32), np.float32)
    kernels.lift(grid, points, size, axes, out)
    given = torch.from_numpy(grid).permute(2, 0, 1)[None]
    larger = F.interpolate(given, size=(size, size), mode="bilinear")[0].permute(1, 2, 0).reshape(-1, 32)
    np.testing.assert_allclose(out, larger + placed_phases(size, axes), atol=1e-5)


def sampled(size: int, pad: int) -> Floats:
    """Cubics of the place, of another size in each channel, at the centres of pixels from `pad` before the first."""
    axis = ((np.arange(-pad, size + pad) + 0.5) / size).astype(np.float64)
    across, down = np.polynomial.Polynomial([1, -2, 3, -2]), np.polynomial.Polynomial([0.5, 1, -3, 1])
    return np.stack([across(axis) * down(axis)[:, None] * (k / 16 + 1) for k in range(32)], -1).astype(np.float32)


@pytest.mark.parametrize(("coarse", "size"), [(6, 16), (12, 16), (16, 16), (10, 32)])
def test_smooth_lift_gives_cubics_back_up_to_the_edges(coarse: int, size: int) -> None:
    axes, points = numbers(3, 32, seed=1), pixels(size)
    out = np.empty((len(points), 32), np.float32)
    kernels.lift_smooth(sampled(coarse, kernels.PAD), np.float32(0), points, size, axes, out)
    wanted = torch.from_numpy(sampled(size, 0).reshape(-1, 32)) + placed_phases(size, axes)
    np.testing.assert_allclose(out, wanted, atol=2e-5)


def test_a_bend_is_what_linear_enlargement_to_twice_the_size_adds() -> None:
    coarse, size, none = 24, 48, np.zeros((3, 32), np.float32)
    points = pixels(size)
    found, cubic = np.empty((2, len(points), 32), np.float32)
    kernels.lift_smooth(sampled(coarse, kernels.PAD), np.float32(3 / 32), points, size, none, found)
    kernels.lift_smooth(sampled(coarse, kernels.PAD), np.float32(0), points, size, none, cubic)
    kernels.lift(sampled(coarse, 0), points, size, none, linear := np.empty_like(found))
    inner = ((points > 1) & (points < size - 2)).all(1)
    assert np.abs(found - linear)[inner].max() < 0.15 * np.abs(cubic - linear)[inner].max()


@pytest.mark.parametrize(("cells", "count", "pad"), [(16, 12, 0), (16, 24, 0), (12, 8, 3)])
def test_cover_finds_every_sample_that_a_cell_is_read_from(cells: int, count: int, pad: int) -> None:
    rng = np.random.default_rng(0)
    mask = rng.random((cells + 2 * pad,) * 2) > 0.9
    found = np.zeros((count + 2 * kernels.PAD,) * 2, np.bool_)
    kernels.cover(mask, pad, 2, found)
    grid = np.where(found[..., None], sampled(count, kernels.PAD), np.nan).astype(np.float32)
    points = (np.argwhere(mask.repeat(2, 0).repeat(2, 1)) - 2 * pad).astype(np.int32)
    out = np.empty((len(points), 32), np.float32)
    kernels.lift_smooth(grid, np.float32(0), points, 2 * cells, np.zeros((3, 32), np.float32), out)
    assert len(points)
    assert np.isfinite(out).all()
    assert not found.all()


def test_mix_is_a_product_and_leaves_other_values_alone() -> None:
    x, weight, bias = numbers(20, 64), numbers(7, 64, seed=1), numbers(7, seed=2)
    out = np.full((18, 8), 5, np.float32)
    kernels.mix(x, weight, bias, out)
    np.testing.assert_allclose(out[:, :7], x[:18] @ weight.T + bias, atol=1e-4)
    assert (out[:, 7] == 5).all()


def test_blend_is_warp_and_mix() -> None:
    image, motion = numbers(32, 32, 4), numbers(32 * 32, 8, seed=1)
    motion[:, :2] *= 0.7  # also far beyond the border
    out = np.empty((32 * 32, 4), np.float32)
    kernels.blend(image, motion, pixels(32), out)
    planes = torch.from_numpy(motion.T.reshape(1, 8, 32, 32))
    warped = warp(torch.from_numpy(image.transpose(2, 0, 1))[None], planes[:, :2])
    alpha = planes[:, 2:3]
    wanted = (1 - alpha) * warped + alpha * planes[:, 3:7]
    np.testing.assert_allclose(out.T.reshape(4, 32, 32), wanted[0], atol=2e-5)


@pytest.mark.parametrize("straight", [True, False])
def test_paint_gives_the_bytes_of_the_picture(straight: bool) -> None:
    colours = numbers(32 * 32, 4)
    colours[:8] = -1
    out = np.empty((32, 32, 4), np.uint8)
    kernels.paint(colours, pixels(32), light_table(), straight, out)
    image = torch.from_numpy(colours.T.reshape(1, 4, 32, 32))
    wanted = picture_of_tensor(image, premultiplied=True, official=not straight)
    assert np.abs(out.astype(int) - wanted).max() <= 1


def test_widen_reads_a_motion_linearly() -> None:
    motion = numbers(16, 16, 8)
    out = np.empty((32 * 32, 8), np.float32)
    kernels.widen(motion, pixels(32), 32, out)
    wanted = F.interpolate(torch.from_numpy(motion).permute(2, 0, 1)[None], scale_factor=2, mode="bilinear")
    np.testing.assert_allclose(out.T.reshape(8, 32, 32), wanted[0], atol=1e-6)


def judged(motion: Floats, detail: float = 1.0) -> NDArray[np.uint8]:
    kinds = np.empty((16, 16), np.uint8)
    solid = np.full((8, 8), detail, np.float32)
    kernels.judge(motion, np.ones((16, 16), np.bool_), solid, 0.5, (0, 16), kinds)
    return kinds


def test_judge_leaves_out_the_transparent_and_draws_bends_in_full() -> None:
    still = np.zeros((16, 16, 8), np.float32)
    assert (judged(still, 0.0) == 0).all()
    assert (judged(still) == 1).all()
    smooth = still.copy()
    smooth[..., 0] = np.linspace(-0.4, 0.4, 16)
    assert (judged(smooth)[:, 1:-1] == 1).all()
    torn = still.copy()
    torn[:, 8:, 0] = 0.1
    assert np.unique(np.argwhere(judged(torn) == 2)[:, 1]).tolist() == [7, 8]
    new = still.copy()
    new[4, 4, 2:] = 1
    assert judged(new, 0.0)[4, 4] == 2


def test_place_and_list_pixels_are_inverse_to_reading() -> None:
    mask = np.random.default_rng(0).random((8, 8)) > 0.5
    points = np.empty((mask.sum() * 4, 2), np.int32)
    kernels.list_pixels(mask, 1, 2, 0, points)
    out = np.zeros((16, 16, 3), np.float32)
    values = numbers(len(points), 3)
    kernels.place(values, points, 0, out)
    np.testing.assert_array_equal(out[points[:, 0], points[:, 1]], values)
    np.testing.assert_array_equal(out.any(2), mask.repeat(2, 0).repeat(2, 1))


def test_places_may_count_from_before_the_first() -> None:
    points = np.empty((4, 2), np.int32)
    kernels.list_pixels(np.ones((2, 2), np.bool_), 1, 1, 1, points)
    assert points.tolist() == [[-1, -1], [-1, 0], [0, -1], [0, 0]]
    out = np.zeros((2, 2, 3), np.float32)
    kernels.place(numbers(4, 3), points, 1, out)
    np.testing.assert_array_equal(out.reshape(4, 3), numbers(4, 3))


def test_soften_enlarges_where_colours_bend_little() -> None:
    ramp = np.linspace(-0.2, 0.2, 16, dtype=np.float32)
    half = np.abs(numbers(1, 1, 8)) * (ramp[:, None, None] + np.sin(10 * ramp)[None, :, None] / 5)
    half[4, 12] = 0.9
    out, bent = np.full((32, 32, 4), 5, np.float32), np.empty((16, 16), np.uint8)
    kernels.soften(half, np.float32(0.1), out, bent)
    wanted = F.interpolate(torch.from_numpy(half[..., :4]).permute(2, 0, 1)[None], scale_factor=2, mode="bilinear")
    wide = bent.repeat(2, 0).repeat(2, 1) == 1
    np.testing.assert_allclose(out[~wide], wanted[0].permute(1, 2, 0).numpy()[~wide], atol=1e-6)
    assert (out[wide] == 5).all()
    assert np.argwhere(bent).min(0).tolist() == [3, 11]
    assert np.argwhere(bent).max(0).tolist() == [5, 13]


def test_interpolate_is_widen_blend_and_paint_of_the_cells_of_its_rows() -> None:
    motion, image = numbers(16, 16, 8) * np.float32(0.2), np.abs(numbers(32, 32, 4, seed=1)) - 1
    kinds = np.random.default_rng(2).integers(0, 3, (16, 16)).astype(np.uint8)
    found, wanted = np.zeros((2, 32, 32, 4), np.uint8)
    kernels.interpolate(motion, kinds, (4, 12), image, light_table(), True, found)
    points = pixels(32)
    points = points[(kinds.repeat(2, 0).repeat(2, 1) == 1).ravel() & (points[:, 0] >= 8) & (points[:, 0] < 24)]
    wide, colours = np.empty((len(points), 8), np.float32), np.empty((len(points), 4), np.float32)
    kernels.widen(motion, points, 32, wide)
    kernels.blend(image, wide, points, colours)
    kernels.paint(colours, points, light_table(), True, wanted)
    assert found.any()
    np.testing.assert_array_equal(found, wanted)


def test_tiles_are_shown_where_the_motion_brings_something_or_new_pixels_are() -> None:
    solid, still = np.zeros((16, 16), np.bool_), np.zeros((8, 8, 8), np.float32)
    solid[:, 8:] = True
    found = np.empty_like(solid)
    kernels.find_shown(still, solid, found)
    np.testing.assert_array_equal(found, solid)
    moved = still.copy()
    moved[..., 0] = 0.5  # a quarter of the picture: each tile shows what lies four further right
    kernels.find_shown(moved, solid, found)
    np.testing.assert_array_equal(found, np.arange(16) >= np.full((16, 1), 4))
    new = still.copy()
    new[2, 2, 2] = 1
    kernels.find_shown(new, solid, found)
    assert found[4:6, 4:6].all()
    assert not found[8:, :8].any()
