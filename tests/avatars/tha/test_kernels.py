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


@pytest.mark.parametrize(("coarse", "size"), [(1, 16), (8, 16), (8, 32), (16, 16)])
def test_lift_is_linear_enlargement_position_and_sine(coarse: int, size: int) -> None:
    grid, axes, points = numbers(coarse, coarse, 32), numbers(3, 32, seed=1), pixels(size)
    out, half = np.empty((len(points), 32), np.float32), np.empty((len(points), 16), np.uint32)
    kernels.lift_half(bits(grid), points, size, axes, half)
    grid = values(bits(grid))
    kernels.lift(grid, points, size, axes, out)
    given = torch.from_numpy(grid).permute(2, 0, 1)[None]
    larger = F.interpolate(given, size=(size, size), mode="bilinear")[0].permute(1, 2, 0)
    axis = pixel_centres(size, torch.zeros(1))
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    phase = larger + x[..., None] * torch.from_numpy(axes[0]) + y[..., None] * torch.from_numpy(axes[1])
    wanted = torch.cos(2 * torch.pi * (phase + torch.from_numpy(axes[2]))).reshape(-1, 32)
    np.testing.assert_allclose(out, wanted, atol=1e-5)
    np.testing.assert_allclose(values(half), wanted, atol=5e-3)


def test_wave_at_is_what_lift_does_with_a_grid_of_the_same_size() -> None:
    z, axes, points = numbers(16 * 16, 32), numbers(3, 32, seed=1), pixels(16)
    wanted = np.empty_like(z)
    kernels.lift(z.reshape(16, 16, 32), points, 16, axes, wanted)
    halves = bits(z)
    kernels.wave_at(z, points, 16, axes)
    np.testing.assert_allclose(z, wanted, atol=1e-6)
    kernels.wave_at_half(halves, points, 16, axes)
    # A phase of up to four turns is rounded to a 256th of itself.
    off = np.abs(values(halves) - wanted)
    assert off.mean() < 0.02


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
    kernels.list_pixels(mask, 1, 2, points)
    out = np.zeros((16, 16, 3), np.float32)
    values = numbers(len(points), 3)
    kernels.place(values, points, out)
    np.testing.assert_array_equal(out[points[:, 0], points[:, 1]], values)
    np.testing.assert_array_equal(out.any(2), mask.repeat(2, 0).repeat(2, 1))


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
