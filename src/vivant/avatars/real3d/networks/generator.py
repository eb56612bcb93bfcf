"""Real3D-Portrait's networks as one (arXiv 2401.08503): from one portrait and a state of its face to a frame.

head         (N, 3, 512, 512)   the picture's head, -1..1, -1 elsewhere
codes        (N, 3, 512, 512)   code images of canonical head, picture and frame, -1..1
cameras      (N, 25)            see `vivant.avatars.real3d.camera`
pictures of torso and background, classes and key points: see `super_resolution`
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor, nn

from vivant.avatars.real3d.networks.image_to_plane import ImageToPlane, ImageToPlaneConfig
from vivant.avatars.real3d.networks.motion_adapter import MotionAdapter, MotionAdapterConfig
from vivant.avatars.real3d.networks.radiance_decoder import RadianceDecoder
from vivant.avatars.real3d.networks.super_resolution import (
    THRESHOLD,
    HeadTorsoSuperResolution,
    Joined,
    Still,
    SuperResolutionConfig,
)
from vivant.avatars.real3d.volume import Draws, Rendered, VolumeSettings, render

RGB = 3
"""The first features are red, green and blue."""


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Sizes; the defaults are those of the release."""

    image_to_plane: ImageToPlaneConfig = field(default_factory=ImageToPlaneConfig)
    motion_adapter: MotionAdapterConfig = field(default_factory=MotionAdapterConfig)
    super_resolution: SuperResolutionConfig = field(default_factory=SuperResolutionConfig)


class Person(NamedTuple):
    """What depends on the portrait only, worked out once."""

    planes: Tensor
    """(1, 3, 32, 256, 256) of the head with a neutral face."""
    codes: Tensor
    """(1, 32, 128, 128): what the first layer of the motion adapter makes of two code images."""
    still: Still
    source: Tensor
    """(1, 68, 3) key points of the picture."""


class Drawn(NamedTuple):
    """A frame, and what it was made from."""

    frame: Tensor
    """(N, 3, 512, 512), nearly in -1..1."""
    person: Tensor
    """(N, 1, 256, 256), 0..1: how much of each pixel is not background"""
    planes: Tensor
    """(N, 3, 32, 256, 256)"""
    rendered: Rendered


class Generator(nn.Module):
    """Image-to-plane network, motion adapter, decoder of the radiance field, super-resolution of head and torso."""

    def __init__(self, config: GeneratorConfig | None = None) -> None:
        super().__init__()
        config = config or GeneratorConfig()
        self.image_to_plane = ImageToPlane(config.image_to_plane)
        self.motion_adapter = MotionAdapter(config.motion_adapter)
        self.decoder = RadianceDecoder()
        self.super_resolution = HeadTorsoSuperResolution(config.super_resolution)

    def meet(
        self, head: Tensor, codes: tuple[Tensor, Tensor], pictures: tuple[Tensor, Tensor, Tensor], source: Tensor
    ) -> Person:
        """The portrait's part of every frame; `head` is (N, 3, 512, 512), and of that size are all pictures.

        `codes` are those of canonical head and picture, `pictures` torso, background and classes.
        """
        still = self.super_resolution.still(*pictures)
        return Person(self.planes(head), self.motion_adapter.still(*codes), still, source)

    def planes(self, head: Tensor) -> Tensor:
        """(N, 3, 32, 256, 256) of the `head` with a neutral face."""
        result: Tensor = self.image_to_plane(head)
        return result

    def moved(self, person: Person, code: Tensor) -> Tensor:
        """Planes (N, 3, 32, 256, 256) of `person` with the expression of a `code` image (N, 3, 512, 512)."""
        return person.planes + self.motion_adapter.forward_target(person.codes, code)

    def draw(
        self,
        person: Person,
        code: Tensor,
        camera: Tensor,
        target: Tensor,
        *,
        threshold: float = THRESHOLD,
        settings: VolumeSettings = VolumeSettings(),
        draws: Draws | None = None,
    ) -> Drawn:
        """A frame of `person` by its `code` image, `camera` and key points `target` (1, 68, 3)."""
        planes = self.moved(person, code)
        rendered = render(planes, camera, self.decoder, settings, draws)
        features, raw = rendered.features, rendered.features[:, :RGB]
        joined: Joined = self.super_resolution(
            features, raw, rendered.weights, person.still, person.source, target, threshold
        )
        return Drawn(*joined, planes, rendered)

    def forward(
        self,
        head: Tensor,
        codes: Tensor,
        camera: Tensor,
        pictures: tuple[Tensor, Tensor, Tensor],
        keypoints: tuple[Tensor, Tensor],
        draws: Draws | None = None,
    ) -> Drawn:
        """A frame from the beginning, as published; `codes` (N, 9, 512, 512), `keypoints` of picture and frame."""
        planes = self.image_to_plane(head) + self.motion_adapter(codes)
        rendered = render(planes, camera, self.decoder, VolumeSettings(plain=True), draws)
        still = self.super_resolution.still(*pictures)
        joined: Joined = self.super_resolution(
            rendered.features, rendered.features[:, :RGB], rendered.weights, still, *keypoints
        )
        return Drawn(*joined, planes, rendered)
