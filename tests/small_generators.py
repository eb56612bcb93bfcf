"""The networks of Real3D-Portrait so narrow that they draw within a second, without training."""

from __future__ import annotations

from vivant.avatars.real3d.networks.generator import GeneratorConfig
from vivant.avatars.real3d.networks.image_to_plane import ImageToPlaneConfig
from vivant.avatars.real3d.networks.motion_adapter import MotionAdapterConfig
from vivant.avatars.real3d.networks.super_resolution import SuperResolutionConfig
from vivant.avatars.real3d.networks.torso_appearance import TorsoAppearanceConfig
from vivant.avatars.real3d.networks.torso_generator import TorsoGeneratorConfig
from vivant.avatars.real3d.networks.torso_motion import TorsoMotionConfig

SMALL = GeneratorConfig(
    image_to_plane=ImageToPlaneConfig(
        widths=(8, 16, 16, 16), depths=(1, 1, 1, 1), reaches=(2,), context=8, tokens=16, heads=2, blocks=1, detail=8,
        wide=16, narrow=8,
    ),
    motion_adapter=MotionAdapterConfig(
        widths=(8, 8), depths=(1, 1), heads=(1, 2), reductions=(2, 1), joined=8, convs=1
    ),
    super_resolution=SuperResolutionConfig(
        width=16, last=8, hidden=8, latent=8,
        appearance=TorsoAppearanceConfig(start=8, channels=4, depth=2, blocks=1),
        motion=TorsoMotionConfig(inputs=6, depth=2, widths=(8, 8), outputs=8, blocks=1),
        generator=TorsoGeneratorConfig(channels=4, depth=2, width=16, blocks=1),
    ),
)  # fmt: skip
