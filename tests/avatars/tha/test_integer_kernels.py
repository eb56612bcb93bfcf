"""Layers of 16-bit integers against the same in double precision."""

from __future__ import annotations

import numpy as np
import pytest
from numba.core.errors import TypingError
from numpy.typing import NDArray

from vivant.avatars.tha import fixed_point, integer_kernels

pytestmark = pytest.mark.skipif(not integer_kernels.available(), reason="needs AVX2")
Doubles = NDArray[np.float64]


def activations(count: int, inputs: int) -> NDArray[np.int16]:
    return np.random.default_rng(0).integers(-32767, 32768, (count, inputs)).astype(np.int16)


def weights(inputs: int, outputs: int, size: float) -> Doubles:
    return np.random.default_rng(1).normal(0, size, (inputs, outputs))


@pytest.mark.parametrize("size", [0.01, 0.05, 0.2])
@pytest.mark.parametrize(("inputs", "outputs"), [(2, 16), (96, 96), (192, 96), (128, 368)])
def test_a_sine_layer_is_the_cosine_of_its_phases(inputs: int, outputs: int, size: float) -> None:
    x, weight = activations(24, inputs), weights(inputs, outputs, size)
    bias = np.random.default_rng(2).uniform(-3, 3, outputs)
    layer, out = fixed_point.sines(weight, bias), np.empty((24, outputs), np.int16)
    flat = fixed_point.interleaved(layer.weight, integer_kernels.LARGE).ravel()
    integer_kernels.dense(x, flat, layer.bias.view(np.int32), layer.shift, out)
    wanted = np.cos(2 * np.pi * (x * fixed_point.UNIT @ weight + bias))
    # Weights are rounded to 2 ** -17 turns or, where one is above a quarter, to more.
    rounding = 2 * np.pi * 2.0 ** (layer.shift - fixed_point.MOST_SHIFT) * inputs**0.5
    assert np.abs(out * fixed_point.UNIT - wanted).max() < 2e-4 + rounding


def test_sums_are_whole_turns_apart_where_they_overflow() -> None:
    x, weight = activations(8, 96), weights(96, 16, 2.0)
    layer, out = fixed_point.sines(weight, np.zeros(16)), np.empty((8, 16), np.int16)
    assert np.abs(x * fixed_point.UNIT @ weight).max() > 20
    rounded = layer.weight * 2.0 ** (layer.shift - fixed_point.MOST_SHIFT)
    flat = fixed_point.interleaved(layer.weight, integer_kernels.LARGE).ravel()
    integer_kernels.dense(x, flat, layer.bias.view(np.int32), layer.shift, out)
    wanted = np.cos(2 * np.pi * (x * fixed_point.UNIT @ rounded))
    np.testing.assert_allclose(out * fixed_point.UNIT, wanted, atol=3e-4)


@pytest.mark.parametrize(("inputs", "outputs"), [(96, 8), (96, 96), (368, 192)])
def test_a_layer_without_a_sine_is_a_product(inputs: int, outputs: int) -> None:
    x, weight = activations(12, inputs), weights(inputs, outputs, 0.1)
    layer, out = fixed_point.products(weight), np.empty((12, outputs), np.float32)
    flat = fixed_point.interleaved(layer.weight, integer_kernels.SMALL).ravel()
    integer_kernels.linear(x, flat, layer.scale.astype(np.float32), out)
    step = layer.scale / fixed_point.UNIT  # what a weight of 1 is worth; each is rounded by half of that at most
    assert (np.abs(out - x * fixed_point.UNIT @ weight) < step * inputs**0.5).all()
    assert step.max() < 1e-3


def test_no_sum_of_products_overflows() -> None:
    weight = weights(96, 8, 1.0)
    layer, out = fixed_point.products(weight), np.empty((4, 8), np.float32)
    x = np.ascontiguousarray(32767 * np.sign(weight.T[:4]), np.int16)
    flat = fixed_point.interleaved(layer.weight, integer_kernels.SMALL).ravel()
    integer_kernels.linear(x, flat, layer.scale.astype(np.float32), out)
    np.testing.assert_allclose(np.diag(out), np.abs(weight).sum(0)[:4], rtol=1e-3)


def test_the_first_sines_are_cosines_over_many_turns() -> None:
    phases = np.random.default_rng(3).normal(0, 10, (20, 96)).astype(np.float32)
    bias, out = np.linspace(-2, 2, 96, dtype=np.float32), np.empty((20, 96), np.int16)
    integer_kernels.begin(phases, bias, out)
    wanted = np.cos(2 * np.pi * (phases.astype(np.float64) + bias))
    np.testing.assert_allclose(out * fixed_point.UNIT, wanted, atol=1.5e-4)


def test_arrays_that_lie_otherwise_in_memory_are_refused() -> None:
    phases, out = np.zeros((4, 16), np.float32), np.empty((4, 16), np.int16)
    for wrong in (np.zeros(32, np.float32)[::2], np.zeros(16)):
        with pytest.raises(TypingError, match="contiguous array of float32"):
            integer_kernels.begin(phases, wrong, out)
