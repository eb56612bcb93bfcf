"""What is behind a head: plain walls, gradients, blurred rooms and gardens, out-of-focus lights; linear light."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vivant.training.real3d.heads.texture import noise

Floats = NDArray[np.float32]


def draw_backdrop(rng: np.random.Generator, size: int) -> Floats:
    """A random background (size, size, 3)."""
    small = 128
    kind = rng.choice(["wall", "gradient", "room", "garden", "lights"], p=(0.2, 0.2, 0.3, 0.18, 0.12))
    base = rng.uniform(0.03, 0.8, 3) ** 1.3 if rng.random() < 0.6 else np.full(3, rng.uniform(0.02, 0.8))
    row, column = np.meshgrid(*[(np.arange(small, dtype=np.float32) + 0.5) / small] * 2, indexing="ij")
    way = rng.uniform(0, 2 * np.pi)
    slope = (np.cos(way) * (column - 0.5) + np.sin(way) * (row - 0.5))[..., None]
    other = rng.uniform(0.02, 0.8, 3) if kind == "gradient" else base * rng.uniform(0.4, 1.6)
    picture = base + (other - base) * np.clip(slope + 0.5, 0, 1)
    if kind == "room":
        picture = _boxes(picture, rng)
    elif kind == "garden":
        picture = _garden(rng, small)
    elif kind == "lights":
        picture = _lights(picture * 0.25, rng)
    grey = picture.mean(2, keepdims=True)
    picture = grey + (picture - grey) * rng.uniform(0.15, 0.9)
    picture = picture * (1 + 0.04 * noise(rng, small, 6, 3)[..., None])
    soft = 0.6 if kind in ("wall", "gradient") else rng.choice([0.4, 1.5, 3.5])
    picture = cv2.GaussianBlur(np.clip(picture, 0.004, 1.5).astype(np.float32), (0, 0), soft)
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC).clip(0, 1.5), np.float32)


def _boxes(picture: Floats, rng: np.random.Generator) -> Floats:
    """`picture` (S, S, 3) with furniture, windows and pictures on a wall."""
    result = np.ascontiguousarray(picture, np.float32)
    size = len(result)
    for _ in range(rng.integers(4, 14)):
        left, top = rng.integers(-20, size, 2)
        wide, high = rng.integers(6, 70, 2)
        colour = rng.uniform(0.02, 0.7, 3) * (rng.uniform(1, 2) if rng.random() < 0.15 else 1)
        corner, end = (int(left), int(top)), (int(left + wide), int(top + high))
        cv2.rectangle(result, corner, end, tuple(float(c) for c in colour), -1)
        if rng.random() < 0.4:
            cv2.rectangle(result, corner, end, tuple(float(c) * 0.4 for c in colour), int(rng.integers(1, 4)))
    return result


def _garden(rng: np.random.Generator, size: int) -> Floats:
    """Leaves below, sky above, in patches: (S, S, 3), S = `size`."""
    sky, leaf = rng.uniform([0.3, 0.45, 0.6], [0.7, 0.85, 1.1]), rng.uniform([0.03, 0.08, 0.01], [0.25, 0.3, 0.12])
    line = rng.uniform(0.0, 0.8)
    height = (np.arange(size, dtype=np.float32)[:, None] + 0.5) / size
    share = np.clip((height - line) * 6 + 0.8 * noise(rng, size, 6, 3), 0, 1)[..., None]
    patches = np.exp(0.5 * noise(rng, size, 14, 3))[..., None]
    return np.asarray(sky * (1 - share) + leaf * patches * share, np.float32)


def _lights(picture: Floats, rng: np.random.Generator) -> Floats:
    """`picture` (S, S, 3) with lamps."""
    result = np.ascontiguousarray(picture, np.float32)
    for _ in range(rng.integers(8, 40)):
        spot = np.zeros_like(result)
        centre = tuple(int(v) for v in rng.integers(0, len(result), 2))
        colour = rng.uniform(0.2, 1.0, 3) * rng.uniform(0.2, 1.0)
        cv2.circle(spot, centre, int(rng.integers(2, 9)), tuple(float(c) for c in colour), -1, cv2.LINE_AA)
        result += spot
    return result
