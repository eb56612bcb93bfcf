"""`Generator` for graphics cards: a frame is one function of tensors, which is compiled as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from vivant.avatars.real3d.networks.generator import Drawn, Generator, Person
from vivant.avatars.real3d.volume import VolumeSettings


class CardGenerator(Generator):
    """Made from a quickened network. Rays, weights of samples and colours of the frame stay in float32."""

    def __init__(self, network: Generator, dtype: torch.dtype, compiled: Callable[[Any], Any]) -> None:
        """Convolutions and products of matrices are in `dtype`; `compiled` makes the function that draws frames."""
        nn.Module.__init__(self)
        self.image_to_plane, self.motion_adapter = network.image_to_plane, network.motion_adapter
        self.decoder, self.super_resolution = network.decoder, network.super_resolution
        self.dtype, self.frame = dtype, compiled(super().draw)

    def planes(self, head: Tensor) -> Tensor:
        """As `Generator.planes`, of the `head` (N, 3, 512, 512)."""
        with self._precision(head):
            return super().planes(head).float()

    def moved(self, person: Person, code: Tensor) -> Tensor:
        """As `Generator.moved`, by the `code` image (N, 3, 512, 512)."""
        with self._precision(code):
            return super().moved(person, code)

    def draw(self, *given: Any, settings: VolumeSettings = VolumeSettings(), **more: Any) -> Drawn:
        """As `Generator.draw`."""
        drawn: Drawn = self.frame(*given, settings=replace(settings, fused=self.dtype), **more)
        return drawn

    def _precision(self, like: Tensor) -> torch.autocast:
        return torch.autocast(like.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16)
