"""Options of heads with depth, shared by commands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vivant.avatars.real3d.real3d import Networks, Real3DSettings


@dataclass(frozen=True)
class Real3DOptions:
    """Who draws a head with depth."""

    networks: Networks = Real3DSettings.networks
    """packaged: those that come with vivant; published: imported ones; any: published where they were imported."""
    solid: float = Real3DSettings.solid
    """From which weight on the head hides all background; more, up to 1, where hair looks translucent."""
    face_share: float | None = Real3DSettings.face_share
    """Share of the drawn square that the face covers at least; less shows more of hair and body."""
    segmenter: Path | None = Real3DSettings.segmenter
    """MediaPipe's selfie_multiclass_256x256.tflite, which tells hair, skin and clothes apart; none: our own means."""
    tiles: int = Real3DSettings.tiles
    """In how many parts the published networks work on what needs most memory; more take less memory and more time."""
    device: str = Real3DSettings.device
    """Where the published networks calculate: cpu, or cuda, a graphics card of NVIDIA."""

    def settings(self, *, fast: bool = False) -> Real3DSettings:
        """The avatar's settings; raises SettingsError."""
        look = (self.solid, self.face_share, self.segmenter)
        return Real3DSettings(self.networks, fast, *look, self.tiles, self.device)
