"""LandmarkCritic: whether landmarks are those of one person; the discriminator beside GeneFace's post-net.

landmarks  (..., 204)  68 landmarks as offsets from the mean face
result     (N, 1)      near 1 for the person, near 0 for others; one row for each frame that is not padding
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class LandmarkCriticConfig:
    """Sizes of the network; the defaults are those of the released weights."""

    landmarks: int = 204
    """Numbers of one frame."""
    dropout: float = 0.25


class LandmarkCritic(nn.Module):
    """Five layers, frame by frame."""

    def __init__(self, config: LandmarkCriticConfig = LandmarkCriticConfig()) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.Sequential(
            *(nn.Linear(config.landmarks, 128), nn.LeakyReLU(0.2), nn.Dropout(config.dropout)),
            *(nn.Linear(128, 256), nn.LeakyReLU(0.25), nn.Dropout(config.dropout)),
            *(nn.Linear(256, 256), nn.LeakyReLU(0.25), nn.Dropout(config.dropout)),
            *(nn.Linear(256, 128), nn.LeakyReLU(0.25), nn.Dropout(config.dropout)),
            nn.Linear(128, 1, bias=False),
        )

    def forward(self, landmarks: Tensor) -> Tensor:
        """Results (N, 1) of `landmarks` (..., 204).

        Frames whose numbers add up to exactly 0 are padding and left out.
        """
        frames = landmarks.flatten(0, -2)
        score: Tensor = self.layers(frames[frames.sum(-1) != 0])
        return score
