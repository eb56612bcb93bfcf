"""The networks of torso and super-resolution against numbers from the original implementation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from originals import Original, original
from torch import Tensor, nn

from vivant.avatars.real3d.networks.head_super_resolution import HeadSuperResolution
from vivant.avatars.real3d.networks.quick_super_resolution import quickened
from vivant.avatars.real3d.networks.style_layers import SynthesisBlock
from vivant.avatars.real3d.networks.super_resolution import HeadTorsoSuperResolution
from vivant.avatars.real3d.networks.torso_appearance import TorsoAppearance
from vivant.avatars.real3d.networks.torso_blocks import SpectralConv2d, damped
from vivant.avatars.real3d.networks.torso_generator import TorsoGenerator
from vivant.avatars.real3d.networks.torso_motion import TorsoMotion
from vivant.weights import real3d_torso as tables
from vivant.weights.keys import KeyTable

TORSO = "torso_model."


def prefixed(table: KeyTable, prefix: str) -> KeyTable:
    return {f"superresolution.{prefix}{key}": name for key, name in table.items()}


def test_parity_of_real3d_head_super_resolution(parity: Path) -> None:
    fixture = original(parity, "real3d", "sr_head")
    network = HeadSuperResolution()
    fixture.load(network, prefixed(tables.head_super_resolution(), ""))
    seen = watched({"mid_block0": network.low})
    with torch.no_grad():
        fixture.compare("image", network(fixture.given("x"), fixture.given("rgb")))
    fixture.compare("mid_block0_x", seen["mid_block0"][0])
    fixture.compare("mid_block0_rgb", seen["mid_block0"][1])


def test_parity_of_real3d_torso_appearance(parity: Path) -> None:
    fixture = original(parity, "real3d", "torso_appearance")
    network = TorsoAppearance()
    fixture.load(network, prefixed(tables.torso_appearance(), TORSO + "appearance_extractor."))
    with torch.no_grad():
        fixture.compare("features", network(fixture.given("x")))


@pytest.mark.slow
def test_parity_of_real3d_torso_motion(parity: Path) -> None:
    fixture = original(parity, "real3d", "torso_motion_field")
    network = TorsoMotion()
    fixture.load(network, prefixed(tables.torso_motion(), TORSO + "motion_field_estimator."))
    middle = {
        "mid_compress": network.compress,
        "mid_tgt_head": network.see_head,
        "mid_fuser": network.fuse,
        "mid_mask_logits": network.pick,
    }
    seen = watched(middle)
    names = ("features", "kp_s", "kp_d", "tgt_head_img", "tgt_head_weights")
    with torch.no_grad():
        motion = network(*map(fixture.given, names))
    for name in middle:
        fixture.compare(name, seen[name])
    fixture.compare("deformation", motion.places)
    fixture.compare("occlusion", motion.former)
    fixture.compare("occlusion_2", motion.occlusion)


def test_parity_of_real3d_torso_generator(parity: Path) -> None:
    fixture = original(parity, "real3d", "torso_generator")
    network = TorsoGenerator()
    fixture.load(network, prefixed(tables.torso_generator(), TORSO + "deform_based_generator."))
    with torch.no_grad():
        features, rgb = network(fixture.given("features"), fixture.given("deformation"))
    fixture.compare("hid", features)
    fixture.compare("rgb", rgb)


@pytest.mark.slow
def test_parity_of_real3d_super_resolution(parity: Path) -> None:
    fixture, pictures = (original(parity, "real3d", name) for name in ("htb_sr", "inputs"))
    network = HeadTorsoSuperResolution()
    fixture.load(network, prefixed(tables.super_resolution(), ""))
    middle = {
        "mid_bg_encoder": network.see_background,
        "mid_torso_encoder": network.see_torso,
        "mid_fuse_head_torso": network.join_torso,
        "mid_fuse_fg_bg": network.join_background,
        "mid_torso_rgb": network.generator.leave,
        "occlusion_2": network.occupancy,
        "block0": network.low,
        "motion": network.motion,
    }
    seen = watched(middle)
    with torch.no_grad():
        still = network.still(picture(pictures, "torso"), picture(pictures, "bg"), classes(pictures))
        frame, _ = network(*rendered(fixture), still, pictures.given("kp_s"), pictures.given("kp_d"))
    fixture.compare("mid_block0_x", seen["block0"][0])
    fixture.compare("mid_block0_rgb", seen["block0"][1])
    fixture.compare("occlusion", seen["motion"].former)
    for name in list(middle)[:6]:
        fixture.compare(name, seen[name])
    fixture.compare("image", frame)


def watched(networks: dict[str, nn.Module]) -> dict[str, Any]:
    """What the networks give when they next run."""
    seen: dict[str, Any] = {}
    for name, network in networks.items():
        network.register_forward_hook(lambda _, __, result, name=name: seen.update({name: result}))
    return seen


def picture(fixture: Original, name: str) -> Tensor:
    values = torch.from_numpy(fixture.tensors[f"in.{name}.u8"].astype(np.float32))
    return ((values - 127.5) / 127.5).permute(2, 0, 1)[None]


def classes(fixture: Original) -> Tensor:
    indices = torch.from_numpy(fixture.tensors["in.segmap.u8"].astype(np.int64))
    return nn.functional.one_hot(indices, 6).permute(2, 0, 1)[None].float()


def rendered(fixture: Original) -> tuple[Tensor, Tensor, Tensor]:
    """Features, RGB and weights; the first features are the RGB."""
    rgb = fixture.given("rgb")
    features = torch.cat((rgb, fixture.given("x")[:, 3:]), dim=1)
    return features, rgb, fixture.given("weights_img")


@pytest.mark.slow
def test_parity_of_real3d_quick_super_resolution(parity: Path) -> None:
    """The whole, as it is used: exact to 1e-3, fast to 40 dB; the weights of the fixture are random."""
    fixture, pictures = (original(parity, "real3d", name) for name in ("htb_sr", "inputs"))
    network = HeadTorsoSuperResolution()
    fixture.load(network, prefixed(tables.super_resolution(), ""))
    (crop,) = (key for key in fixture.tensors if key == "out.image[:,:,::4,::4]")
    wanted = torch.from_numpy(fixture.tensors[crop])
    for fast in (False, True):
        quick = quickened(network, fast=fast)
        still = quick.still(picture(pictures, "torso"), picture(pictures, "bg"), classes(pictures))
        frame = quick(*rendered(fixture), still, pictures.given("kp_s"), pictures.given("kp_d"))
        error = frame.frame[:, :, ::4, ::4] - wanted
        assert error.abs().max() < (0.2 if fast else 1e-3)
        assert 10 * torch.log10(4 / error.square().mean()) > 40


def test_training_of_real3d_torso_damps_the_motion() -> None:
    """In training the vectors of spectral norm move, and a tenth of the gradient reaches the motion."""
    conv = SpectralConv2d(6, 8, 3, padding=1)
    x = torch.randn(2, 6, 5, 5)
    for _ in range(50):
        conv(x)
    top = torch.linalg.matrix_norm(conv.normalised().detach().flatten(1), 2)
    assert abs(float(top) - 1) < 1e-3
    before = conv.u.clone()
    conv.eval()(x)
    assert torch.equal(conv.u, before)
    x.requires_grad_()
    value = damped(x, 0.1)
    assert torch.equal(value, x)
    value.sum().backward()
    torch.testing.assert_close(x.grad, torch.full_like(x, 0.1))


def test_style_layers_with_a_latent_of_their_own() -> None:
    """A latent of ones is what the release has; folded kernels say the same; other latents steer otherwise."""
    torch.manual_seed(0)
    block = SynthesisBlock(6, 4, up=False, latent=8)
    x, rgb = torch.randn(2, 6, 5, 5), torch.randn(2, 3, 5, 5)
    ones, plain = block(x, rgb, torch.ones(2, 8)), block(x, rgb)
    for one, other in zip(ones, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(block(x, rgb, torch.randn(2, 8))[1], plain[1], atol=0.1)
    weight, bias = block.first.folded_kernel()
    found = nn.functional.leaky_relu(nn.functional.conv2d(x, weight, bias, padding=1), 0.2)
    torch.testing.assert_close(found, block.first(x), rtol=1e-4, atol=1e-5)
