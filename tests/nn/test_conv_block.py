"""Blocks over time: lengths, the residual path, the slope."""

from __future__ import annotations

import pytest
import torch

from vivant.nn.conv_block import ConvBlock, FeatureEncoder, ResidualBlock


@pytest.mark.parametrize(("kernel", "stride", "pad", "length"), [(3, 1, True, 10), (3, 2, True, 5), (3, 1, False, 8)])
@torch.inference_mode()
def test_lengths(kernel: int, stride: int, pad: bool, length: int) -> None:
    assert ConvBlock(2, 3, kernel, stride=stride, pad=pad).eval()(torch.randn(1, 2, 10)).shape == (1, 3, length)


@torch.inference_mode()
def test_a_residual_block_without_weights_passes_its_input_through_the_slope() -> None:
    x = torch.randn(1, 3, 7)
    for leak in (0.0, 0.2):
        block = ResidualBlock(3, leak=leak).eval()
        torch.nn.init.zeros_(block.conv.weight)
        torch.nn.init.zeros_(block.norm.weight)
        torch.testing.assert_close(block(x), torch.where(x > 0, x, leak * x))


@torch.inference_mode()
def test_a_feature_sees_two_frames_to_either_side() -> None:
    encoder = FeatureEncoder(2, 4, 3).eval()
    x = torch.randn(1, 2, 21)
    other = x.clone()
    other[..., 10] += 1
    moved = (encoder(other) - encoder(x)).abs().amax((0, 1)).nonzero().flatten()
    assert moved.tolist() == [8, 9, 10, 11, 12]
