"""Characters for tests: one made up here, and the published ones of the sample kit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vivant.avatars.tha.character import Character
from vivant.avatars.tha.networks.body_student import BodyStudent
from vivant.avatars.tha.networks.face_student import FaceStudent
from vivant.avatars.tha.pose import HIGH, LOW

Floats = NDArray[np.float32]
PUBLISHED = ("lambda_00", "lambda_01")


def made_up(seed: int = 0) -> Character:
    """A coloured disc that untrained networks move by some pixels, with a face of noise in its middle."""
    torch.manual_seed(seed)
    face, body = FaceStudent(), BodyStudent()
    with torch.no_grad():
        # Untrained sine networks are noise from pixel to pixel; trained ones are far smoother in x and y.
        face.layers[0].linear.weight[:, :2] /= 8
        for features, level in zip((0, 180, 90), body.levels, strict=True):
            level[0].linear.weight[:, features : features + 2] /= 8
        face.last.weight /= 4
        body.last.weight *= torch.tensor([0.02, 0.02, 0.1, 0.2, 0.2, 0.2, 0.2])[:, None, None, None]
        body.last.bias.zero_()
    row, column = np.mgrid[0:512, 0:512]
    inside = np.hypot(row - 256, column - 256) < 200
    picture = np.stack([row // 2, column // 2, np.full_like(row, 90), 255 * inside], axis=2).astype(np.uint8)
    return Character(picture, face.state_dict(), body.state_dict(), {"licence": "CC0-1.0"})


def published(samples: Path, name: str) -> Path:
    """The folder of a published character; the test is skipped without it."""
    folder = samples / "tha4" / name
    if not folder.is_dir():
        pytest.skip(f"no character {name} in {samples / 'tha4'}")
    return folder


def random_poses(seed: int, count: int) -> Floats:
    """(count, 45) uniform over each parameter's range."""
    random = np.random.default_rng(seed)
    return (LOW + random.random((count, len(LOW))) * (HIGH - LOW)).astype(np.float32)


def decibels(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """PSNR of RGBA pictures (..., 4) with colours premultiplied, so that what is transparent does not count."""
    light = [part.astype(np.float64) / 255 for part in (a, b)]
    for part in light:
        part[..., :3] *= part[..., 3:]
    return float(-10 * np.log10(max(1e-12, ((light[0] - light[1]) ** 2).mean())))
