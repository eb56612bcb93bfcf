"""The networks of a stage, and what they draw."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from vivant.avatars.real3d.networks.head_super_resolution import HeadSuperResolution
from vivant.avatars.real3d.networks.image_to_plane import ImageToPlane
from vivant.avatars.real3d.networks.motion_adapter import MotionAdapter
from vivant.avatars.real3d.networks.radiance_decoder import RadianceDecoder
from vivant.avatars.real3d.networks.super_resolution import HeadTorsoSuperResolution
from vivant.avatars.real3d.volume import Rendered, field_at, random_draws, render
from vivant.training.real3d.dual_discriminator import DualDiscriminator
from vivant.training.real3d.recipes import Sizes
from vivant.training.real3d.samples import Pair, Surroundings
from vivant.training.real3d.schedules import RATES, Part, StageName


class Shown(NamedTuple):
    """A frame that the networks drew; S is the side of pictures, s of the volume."""

    picture: Tensor
    """(N, 3, S, S) -1..1, nearly"""
    raw: Tensor
    """(N, 3, s, s) the head alone, as the volume shows it"""
    weights: Tensor
    """(N, 1, s, s)"""
    occupancy: Tensor | None = None
    """(N, 1, S / 2, S / 2) of the torso"""


class Parts(nn.Module):
    """All networks that take part in a stage; only some of them learn."""

    image_to_plane: ImageToPlane
    motion_adapter: MotionAdapter | None
    decoder: RadianceDecoder
    super_resolution: HeadSuperResolution | HeadTorsoSuperResolution
    discriminator: DualDiscriminator

    def __init__(self, stage: StageName, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.image_to_plane = ImageToPlane(sizes.image_to_plane)
        self.motion_adapter = None if stage == "i2p" else MotionAdapter(sizes.motion_adapter)
        self.decoder = RadianceDecoder(sizes.decoder.features, sizes.decoder.width, sizes.decoder.colours)
        self.super_resolution = (
            HeadTorsoSuperResolution(sizes.whole) if stage == "torso" else HeadSuperResolution(sizes.head)
        )
        self.discriminator = DualDiscriminator(sizes.discriminator)
        for name, part in self.named_children():
            part.requires_grad_(name in RATES[stage])

    def learning(self, stage: StageName) -> dict[Part, nn.Module]:
        """The parts that a stage trains."""
        return {name: cast(nn.Module, getattr(self, name)) for name in RATES[stage]}

    def set_out(self, stage: StageName) -> None:
        """Training mode for what learns, evaluation mode for all else."""
        self.eval()
        for part in self.learning(stage).values():
            part.train()

    def planes(self, head: Tensor) -> Tensor:
        """Planes (N, 3, C, S / 2, S / 2) of the head (N, 3, S, S) with the expression that it has."""
        found: Tensor = self.image_to_plane(head)
        return found

    def change(self, pair: Pair, code: Tensor | None) -> Tensor:
        """What the expression of `code` (N, 3, s, s) changes in the planes (N, 3, C, H, W) of the reference."""
        if self.motion_adapter is None or pair.rest is None or pair.reference.code is None or code is None:
            raise TypeError("this stage needs a motion adapter and code images")
        found: Tensor = self.motion_adapter(torch.cat([pair.rest, pair.reference.code, code], 1))
        return found

    def volume(self, planes: Tensor, camera: Tensor, smallest: int = 0) -> Rendered:
        """The volume of planes (N, 3, C, H, W) seen by `camera` (N, 25), with random samples in training mode.

        Above 0, `smallest` has planes resized to a random size of at least so many pixels, in training mode.
        """
        settings = self.sizes.volume
        if not self.training_now:
            return render(planes, camera, self.decoder, settings)
        draws = random_draws(len(planes), settings, planes)
        largest = planes.shape[-1]
        if 0 < smallest < largest:
            one, other = (int(torch.randint(smallest, largest + 1, ())) for _ in range(2))
            draws = draws._replace(sizes=(one, other))
        return render(planes, camera, self.decoder, settings, draws)

    @property
    def training_now(self) -> bool:
        """Whether anything learns."""
        return any(part.training for part in self.children())

    def head(self, planes: Tensor, camera: Tensor, smallest: int = 0) -> Shown:
        """The head alone, of planes (N, 3, C, H, W)."""
        seen = self.volume(planes, camera, smallest)
        raw = seen.features[:, :3]
        return Shown(self.super_resolution(seen.features, raw), raw, seen.weights)

    def whole(self, planes: Tensor, camera: Tensor, around: Surroundings, *, same: bool) -> Shown:
        """Head, torso and background, of planes (N, 3, C, H, W); of the reference frame itself if `same`."""
        network = cast(HeadTorsoSuperResolution, self.super_resolution)
        with torch.no_grad():
            seen = self.volume(planes, camera)
        raw = seen.features[:, :3]
        still = network.still(around.torso, around.background, around.classes)
        end = around.source if same else around.target
        with _watched(network.occupancy) as found:
            picture, _ = network(seen.features, raw, seen.weights, still, around.source, end)
        return Shown(picture, raw, seen.weights, found[0])

    def densities(self, planes: Tensor, points: Tensor) -> Tensor:
        """Raw densities (N, M, 1) at `points` (N, M, 3) of the cube whose side is 1."""
        side = self.sizes.volume.side
        return field_at(planes, points * side, self.decoder, side).density


def raw_of(picture: Tensor, size: int) -> Tensor:
    """(N, C, size, size) of a picture (N, C, H, W): what the volume should look like."""
    return nn.functional.interpolate(picture, (size, size), mode="bilinear", antialias=True)


@contextmanager
def _watched(network: nn.Module) -> Iterator[list[Tensor]]:
    """Keeps what `network` gives meanwhile, (N, ...) each."""
    found: list[Tensor] = []
    handle = network.register_forward_hook(lambda _network, _given, made: found.append(made))
    try:
        yield found
    finally:
        handle.remove()
