"""SyncNet v2: how well lips and sound agree (LSE-D, LSE-C), and by how many frames they are off.

    lips     (B, 3, T, 224, 224)  **BGR**, 0..255 as float, 25 frames per second, T >= 5
    sound    (B, 1, 13, 20)       MFCC rows of 0.2 s, 100 per second
    results  (B, T - 4, 1024)  one embedding for each 5 frames; (B, 1024) for sound

A real talking clip scores about LSE-D 6..8 and LSE-C 6..8. The weights are the user's download.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vivant.errors import WeightsError
from vivant.weights import metrics
from vivant.weights.release import Release
from vivant.weights.store import load_stored

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Bytes = NDArray[np.uint8]

RATE = 16000
"""Samples per second."""
FRAME_SAMPLES = 640
"""Samples of one frame of picture."""
LIP_FRAMES, SOUND_ROWS, ROWS_PER_FRAME = 5, 20, 4
REACH = 15
"""Frames to either side in which the best offset is looked for."""
BATCH = 20
"""Windows that are embedded at once."""
WEIGHTS = "metrics/syncnet"


@dataclass(frozen=True, kw_only=True)
class SyncNetConfig:
    """Sizes of the network; the defaults are those of the released weights."""

    features: int = 1024
    """Numbers of an embedding."""
    hidden: int = 512


@dataclass(frozen=True)
class SyncScore:
    """Agreement of lips and sound."""

    distance: float
    """LSE-D: mean distance of the embeddings at the best offset; lower is better."""
    confidence: float
    """LSE-C: the median distance less the least; higher is better."""
    offset: int
    """Frames by which the sound is early; negative: the matching sound comes later."""
    distances: Doubles
    """(31,) mean distance at each offset of the sound, -15..15 frames."""


class SyncNet(nn.Module):
    """Two towers of convolutions; their embeddings are near where lips and sound belong together."""

    def __init__(self, config: SyncNetConfig = SyncNetConfig()) -> None:
        super().__init__()
        self.config = config
        self.lip = lip_layers()
        self.lip_head = head(config)
        self.sound = sound_layers()
        self.sound_head = head(config)

    def embed_lips(self, lips: Tensor) -> Tensor:
        """`lips` (B, 3, T, 224, 224), BGR 0..255, to (B, T - 4, 1024)."""
        found = self.lip(lips).flatten(2).mT  # (B, T - 4, 512): only the first layer reaches over time
        result: Tensor = self.lip_head(found.flatten(0, 1))
        return result.reshape(*found.shape[:2], -1)

    def embed_sound(self, sound: Tensor) -> Tensor:
        """`sound` (B, 1, 13, 20) MFCC to (B, 1024)."""
        result: Tensor = self.sound_head(self.sound(sound).flatten(1))
        return result


def lip_layers() -> nn.Sequential:
    """Pictures of 224x224 to one place of 512 channels, frame by frame but for the first layer."""

    def block(inputs: int, outputs: int, size: int, stride: int = 1, pad: int = 1, frames: int = 1) -> list[nn.Module]:
        conv = nn.Conv3d(inputs, outputs, (frames, size, size), (1, stride, stride), (0, pad, pad))
        return [conv, nn.BatchNorm3d(outputs), nn.ReLU()]

    def pool(pad: int = 0) -> nn.Module:
        return nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, pad, pad))

    return nn.Sequential(
        *(*block(3, 96, 7, 2, 0, LIP_FRAMES), pool()),
        *(*block(96, 256, 5, 2), pool(1)),
        *(*block(256, 256, 3), *block(256, 256, 3), *block(256, 256, 3), pool()),
        *block(256, 512, 6, pad=0),
    )


def sound_layers() -> nn.Sequential:
    """MFCC of 13 x 20 to one place of 512 channels."""

    def block(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        *(*block(1, 64), nn.Identity()),  # the released network pools over 1 x 1 here
        *(*block(64, 192), nn.MaxPool2d(3, (1, 2))),
        *(*block(192, 384), *block(384, 256), *block(256, 256), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(256, 512, (5, 4)), nn.BatchNorm2d(512), nn.ReLU()),
    )


def head(config: SyncNetConfig) -> nn.Sequential:
    """512 channels to the embedding."""
    hidden = config.hidden
    return nn.Sequential(nn.Linear(512, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, config.features))


def releases() -> tuple[Release, ...]:
    """Every network of metrics that can be imported."""
    return (Release("metrics", "syncnet", metrics.syncnet(), SyncNet),)


def open_syncnet() -> SyncNet:
    """The network with imported weights, ready to embed; raises WeightsError that says how to get them."""
    network = SyncNet()
    try:
        load_stored(network, WEIGHTS)
    except WeightsError as error:
        raise WeightsError(f"weights absent: syncnet_v2.model; vivant weights import metrics FILE ({error})") from error
    return network.eval()


@torch.inference_mode()
def sync_score(network: SyncNet, frames: Iterable[Bytes], sound: Floats) -> SyncScore:
    """Score `frames` (224, 224, 3) RGB at 25 per second against `sound` (n,) mono 16 kHz, -1..1.

    The frames show the face, mouth in the lower half; memory grows by 4 KB a frame. Raises ValueError for less than
    six frames of either.
    """
    heard = len(sound) // FRAME_SAMPLES
    lips = np.concatenate(list(_embed_lips(network, islice(frames, heard))) or [np.zeros((0, 1), np.float32)])
    windows = len(lips) - 1  # the published score leaves the last window out
    if windows < 1:
        raise ValueError(f"{len(lips) + LIP_FRAMES - 1} frames with sound are too few; 6 are needed")
    return offset_score(lips[:windows], _embed_sound(network, mfcc(sound * 32768.0), windows))


def _embed_lips(network: SyncNet, frames: Iterable[Bytes]) -> Iterator[Floats]:
    """Embeddings (n, 1024) of every 5 frames, some at a time."""
    source = iter(frames)
    kept: list[Bytes] = []
    while fresh := list(islice(source, BATCH)):
        kept += fresh
        if len(kept) >= LIP_FRAMES:
            lips = torch.from_numpy(np.stack(kept)[..., ::-1].astype(np.float32))
            yield network.embed_lips(lips.permute(3, 0, 1, 2)[None])[0].numpy()
            kept = kept[1 - LIP_FRAMES :]


def _embed_sound(network: SyncNet, rows: Doubles, windows: int) -> Floats:
    """Embeddings (windows, 1024) of the sound beside each 5 frames."""
    cut = [rows[:, ROWS_PER_FRAME * f : ROWS_PER_FRAME * f + SOUND_ROWS] for f in range(windows)]
    sound = torch.from_numpy(np.stack(cut)[:, None].astype(np.float32))
    return torch.cat([network.embed_sound(part) for part in torch.split(sound, BATCH)]).numpy()


def offset_score(lips: Floats, sound: Floats) -> SyncScore:
    """Score embeddings of `lips` (F, E) against those of `sound` (F, E), frame by frame."""
    padded = np.pad(sound.astype(np.float64), ((REACH, REACH), (0, 0)))
    shifted = np.stack([padded[at : at + len(lips)] for at in range(2 * REACH + 1)])
    distances = np.linalg.norm(lips - shifted + 1e-6, axis=2).mean(axis=1)
    best = int(distances.argmin())
    least = float(distances[best])
    return SyncScore(least, float(np.median(distances)) - least, REACH - best, distances)


def mfcc(samples: Floats | Doubles) -> Doubles:
    """(13, rows) mel-frequency cepstra, 100 rows per second, of `samples` (n,) at 16 kHz, -32768..32767.

    Windows of 25 ms without taper, pre-emphasis 0.97, 26 triangles over 0..8 kHz, cepstral lifter of 22; the first
    cepstrum is the logarithm of the energy instead.
    """
    width, step, size, count = 400, 160, 512, 13
    x = np.asarray(samples, np.float64)
    x = np.append(x[:1], x[1:] - 0.97 * x[:-1])
    rows = 1 + max(0, -(-(len(x) - width) // step))
    x = np.pad(x, (0, max(0, (rows - 1) * step + width - len(x))))
    windows = np.lib.stride_tricks.sliding_window_view(x, width)[::step][:rows]
    power = np.abs(np.fft.rfft(windows, size)) ** 2 / size
    tiny = np.finfo(np.float64).eps
    energy = power.sum(axis=1)
    bands = np.log(np.maximum(power @ triangles(26, size).T, tiny))
    number = np.arange(count)
    cosines = np.cos(np.pi * number[:, None] * (np.arange(26) + 0.5) / 26) * np.sqrt(2 / 26)
    lifter = 1 + 11 * np.sin(np.pi * number / 22)
    cepstra = bands @ cosines.T * lifter
    cepstra[:, 0] = np.log(np.where(energy > 0, energy, tiny))
    return np.ascontiguousarray(cepstra.T)


def triangles(bands: int, size: int) -> Doubles:
    """(B, S / 2 + 1) overlapping triangles, even on the mel scale, over the spectrum of S samples; B is `bands`."""
    mels = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), bands + 2)
    corners = np.floor((size + 1) * 700 * (10 ** (mels / 2595) - 1) / RATE)
    bins = np.arange(size // 2 + 1)
    left, top, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising = (bins - left) / np.maximum(top - left, 1)
    falling = (right - bins) / np.maximum(right - top, 1)
    return np.where((bins >= left) & (bins < top), rising, np.where((bins >= top) & (bins < right), falling, 0.0))
