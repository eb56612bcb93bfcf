"""Pairs of a fifth of a second of sound and of mouth, in time or not: what the SyncNet expert learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vivant.motion.speech.networks.sync_expert import MOUTH_FRAMES, SOUND_FRAMES

EDGE = MOUTH_FRAMES + 1
"""Frames at the end of a clip in which no window starts."""


@dataclass(frozen=True)
class Windows:
    """Pairs."""

    sound: Tensor  # (W, 10, 1024)
    mouth: Tensor  # (W, 5, M)
    in_time: Tensor  # (W,) 1 or 0


def draw_windows(
    sound: Tensor, mouth: Tensor, frames: Tensor, draw: np.random.Generator, *, count: int = 1024, positive: float = 0.5
) -> Windows:
    """`count` pairs from `sound` (B, 2T, 1024), `mouth` (B, T, M) and the clips' lengths `frames` (B,).

    A share `positive` is in time. Of the others a quarter takes the sound of another clip, three eighths another
    place of the same clip, three eighths a place 2 to 5 frames away (geneface 5). The published code means to take
    other clips as well, but then cuts the same clip: here they are taken.
    """
    sounds, mouths, labels = [], [], []
    lengths = [int(value) for value in frames]
    usable = [place for place, length in enumerate(lengths) if length > EDGE + 1]
    for number in range(count):
        clip = usable[number % len(usable)]
        start = int(draw.integers(lengths[clip] - EDGE + 1))
        right = bool(draw.random() < positive)
        other, place = (clip, start) if right else _elsewhere(clip, start, lengths, usable, draw)
        sounds.append(sound[other, 2 * place : 2 * place + SOUND_FRAMES])
        mouths.append(mouth[clip, start : start + MOUTH_FRAMES])
        labels.append(float(right))
    return Windows(torch.stack(sounds), torch.stack(mouths), torch.tensor(labels, device=mouth.device))


def _elsewhere(
    clip: int, start: int, lengths: list[int], usable: list[int], draw: np.random.Generator
) -> tuple[int, int]:
    """A clip and a start whose sound does not belong to the mouth at `start` of `clip`."""
    if draw.random() < 0.25 and len(usable) > 1:
        other = int(draw.choice([place for place in usable if place != clip]))
        return other, int(draw.integers(lengths[other] - EDGE + 1))
    last = lengths[clip] - EDGE
    if draw.random() < 0.5:
        away = [place for place in range(last + 1) if place != start]
    else:
        away = [start + shift for shift in (-5, -4, -3, -2, 2, 3, 4, 5) if 0 <= start + shift <= last]
    return clip, int(draw.choice(away or [place for place in range(last + 1) if place != start]))
