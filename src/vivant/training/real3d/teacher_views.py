"""Views of people who do not exist, drawn by a generator of EG3D's kind: what image-to-plane is distilled from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vivant.avatars.real3d.networks.head_super_resolution import HeadSuperResolution
from vivant.avatars.real3d.networks.radiance_decoder import RadianceDecoder
from vivant.avatars.real3d.volume import VolumeSettings, render
from vivant.training.real3d.cameras import MAPPED, SEEN, random_cameras
from vivant.training.real3d.samples import Pair, View
from vivant.training.real3d.teacher import TeacherBackbone, TeacherConfig
from vivant.weights.checkpoint import read_checkpoint
from vivant.weights.keys import KeyTable, convert
from vivant.weights.real3d_torso import head_super_resolution
from vivant.weights.real3d_training import teacher_backbone
from vivant.weights.real3d_volume import radiance_decoder

TRUNCATION = 0.7


class Teacher(nn.Module):
    """Planes of a person who does not exist, volume rendering, super-resolution."""

    def __init__(
        self,
        config: TeacherConfig = TeacherConfig(),
        head: HeadSuperResolution | None = None,
        volume: VolumeSettings = VolumeSettings(),
    ) -> None:
        super().__init__()
        self.backbone = TeacherBackbone(config)
        self.decoder = RadianceDecoder(config.channels)
        self.super_resolution = head or HeadSuperResolution()
        self.volume = volume

    def forward(self, planes: Tensor, cameras: Tensor) -> Tensor:
        """Pictures (N, 3, 512, 512), -1..1, of `planes` seen by `cameras` (N, 25)."""
        seen = render(planes, cameras, self.decoder, self.volume)
        picture: Tensor = self.super_resolution(seen.features, seen.features[:, :3])
        return picture.clamp(-1, 1)


def teacher_table() -> KeyTable:
    """The published names of all three networks' tensors, to Teacher."""
    table: KeyTable = {}
    for there, here, part in (
        ("", "backbone.", teacher_backbone()),
        ("decoder.", "decoder.", radiance_decoder()),
        ("superresolution.", "super_resolution.", head_super_resolution()),
    ):
        table |= {there + key: here + name if name else "" for key, name in part.items()}
    return table


def open_teacher(path: Path, volume: VolumeSettings = VolumeSettings()) -> Teacher:
    """The user's generator, a state dict with EG3D's names; raises WeightsError unless every key fits."""
    teacher = Teacher(volume=volume)
    with read_checkpoint(path) as tensors:
        teacher.load_state_dict(convert(tensors, teacher_table(), teacher, str(path)))
    return teacher.eval().requires_grad_(False)


@dataclass(frozen=True)
class TeacherViews:
    """Draws pairs of views of one person; the pictures stay on the teacher's device."""

    teacher: Teacher
    cameras: Tensor | None = None
    """(M, 25) of the frames of real clips, which half of the views take; without them all are drawn at random."""

    @torch.no_grad()
    def pair(self, random: np.random.Generator, *, test: bool = False) -> Pair:
        """Reference and novel view; tests draw other people by their own random numbers."""
        config = self.teacher.backbone.config
        device = self.teacher.backbone.start.device
        noise = torch.from_numpy(random.standard_normal((1, config.noise), np.float32)).to(device)
        used_to = random_cameras(1, MAPPED, random).to(device)
        planes = self.teacher.backbone(noise, used_to, TRUNCATION)
        first, second = (self._view(planes, self._camera(random).to(device)) for _ in range(2))
        return Pair(first, second)

    def _camera(self, random: np.random.Generator) -> Tensor:
        """A camera (1, 25) by chance."""
        if self.cameras is not None and random.random() < 0.5:
            place = int(random.integers(len(self.cameras)))
            return self.cameras[place : place + 1]
        return random_cameras(1, SEEN, random)

    def _view(self, planes: Tensor, camera: Tensor) -> View:
        """The view of `planes` (1, 3, C, H, W) by `camera` (1, 25)."""
        picture = self.teacher(planes, camera)
        return View(picture, picture, torch.ones_like(picture[:, :1]), camera)
