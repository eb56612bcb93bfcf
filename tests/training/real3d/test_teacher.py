"""The teacher's backbone: its numbers, and what its parts promise."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from originals import original

from vivant.avatars.real3d.networks.head_super_resolution import HeadSuperResolution, HeadSuperResolutionConfig
from vivant.avatars.real3d.volume import VolumeSettings
from vivant.errors import SettingsError
from vivant.training.real3d.cameras import MAPPED, SEEN, random_cameras
from vivant.training.real3d.teacher import TeacherBackbone, TeacherConfig
from vivant.training.real3d.teacher_views import Teacher, TeacherViews, teacher_table
from vivant.weights.keys import compare, shapes
from vivant.weights.real3d_training import teacher_backbone

SMALL = TeacherConfig(side=16, channels=4, noise=8, width=8, base=128, most=16)


@pytest.mark.slow
def test_real3d_teacher_parity(parity: Path) -> None:
    fixture = original(parity, "real3d", "eg3d_teacher_backbone")
    network = TeacherBackbone()
    fixture.load(network, teacher_backbone())
    stats = json.loads(fixture.metadata["stats"])
    with torch.no_grad():
        full, short = (network.latents(fixture.given("z"), fixture.given("camera"), psi) for psi in (1.0, 0.7))
        found = {"ws_psi1.0": full, "ws_psi0.7": short}
        for grain, name in ((False, "none"), (True, "const")):
            found[f"planes_noise_{name}"] = network.planes(short, grain=grain).flatten(1, 2)
    for name, value in found.items():
        low, high = stats[name][2:4]
        assert off(fixture.tensors, name, value.numpy()) <= 1e-4 * (high - low), name


def off(tensors: dict[str, np.ndarray], name: str, value: np.ndarray) -> float:
    """Largest difference from the stored crop of output `name`."""
    key = next(key for key in tensors if key.startswith(f"out.{name}["))
    parts = [part.split(":") for part in key[key.index("[") + 1 : -1].split(",")]
    crop = value[tuple(slice(*(int(bit) if bit else None for bit in bits)) for bits in parts)]
    assert crop.shape == tensors[key].shape
    return float(np.abs(crop - tensors[key]).max())


def test_small_tables_fit_small_networks() -> None:
    ours = shapes(TeacherBackbone(SMALL).state_dict())
    table = teacher_backbone(planes=16)
    assert compare({key: ours[name] if name else () for key, name in table.items()}, table, ours).faults == 0


def test_truncation_draws_latents_to_their_middle() -> None:
    network = TeacherBackbone(SMALL)
    network.mapping.middle += 5.0
    noise, camera = torch.randn(2, 8), torch.randn(2, 25)
    far, half, none = (network.latents(noise, camera, psi) for psi in (1.0, 0.5, 0.0))
    assert far.shape == (2, SMALL.latents, 8)
    torch.testing.assert_close(half, (far + 5.0) / 2)
    torch.testing.assert_close(none, torch.full_like(none, 5.0))


def test_planes_are_a_persons_own_and_the_size_of_noise_does_not_matter() -> None:
    network = TeacherBackbone(SMALL).eval()
    noise, camera = torch.randn(2, 8), torch.randn(1, 25).expand(2, -1)
    planes = network(noise, camera)
    assert planes.shape == (2, 3, 4, 16, 16)
    assert not torch.allclose(planes[0], planes[1])
    torch.testing.assert_close(network(noise * 3, camera), planes)
    assert planes.requires_grad


def test_sizes_are_checked() -> None:
    with pytest.raises(SettingsError, match="power of 2"):
        TeacherConfig(side=24)


def test_a_teacher_draws_pairs_of_one_person() -> None:
    volume = VolumeSettings(size=8, coarse=4, fine=4)
    head = HeadSuperResolution(HeadSuperResolutionConfig(inputs=32, width=8, last=8, side=8, latent=8))
    teacher = Teacher(SMALL, head, volume).eval()
    cameras = random_cameras(3, MAPPED, np.random.default_rng(0))
    source = TeacherViews(teacher, cameras)
    pairs = [source.pair(np.random.default_rng(seed)) for seed in (1, 2, 3, 4)]
    again = source.pair(np.random.default_rng(1))
    assert torch.equal(again.target.picture, pairs[0].target.picture)
    assert pairs[0].reference.picture.shape == (1, 3, 32, 32)
    assert float(pairs[0].reference.picture.abs().max()) <= 1
    drawn = torch.cat([view.camera for pair in pairs for view in (pair.reference, pair.target)])
    known = (drawn[:, None] == cameras).all(2).any(1)
    assert 0 < int(known.sum()) < len(drawn)  # about half of them


def test_random_cameras_look_at_the_head() -> None:
    cameras = random_cameras(200, SEEN, np.random.default_rng(0)).view(-1, 25)
    world = cameras[:, :16].view(-1, 4, 4)
    place = world[:, :3, 3]
    assert 2.7 <= float(place.norm(dim=1).min()) < 2.8 < 3.9 < float(place.norm(dim=1).max()) <= 4.0
    forward = torch.nn.functional.normalize(torch.tensor([0.0, 0.0, 0.2]) - place, dim=1)
    torch.testing.assert_close(world[:, :3, 2], forward, atol=1e-5, rtol=0)
    yaw = torch.atan2(place[:, 0], place[:, 2]).rad2deg()
    assert 35 < float(yaw.max()) <= 38.01
    assert -38.01 <= float(yaw.min()) < -35


def test_the_whole_teacher_has_a_name_for_every_tensor() -> None:
    with torch.device("meta"):
        names = set(Teacher().state_dict())
    assert {name for name in teacher_table().values() if name} == names
