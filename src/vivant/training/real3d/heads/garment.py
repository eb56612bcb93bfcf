"""Shoulders and what they wear: one sheet around the trunk from the collar down, with a rolled border."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivant.training.real3d.heads.kernels import CLOTH_BOTTOM, CLOTH_TOP
from vivant.training.real3d.heads.mesh import CLOTH, CLOTHES_CLASS, Mesh, join, surface
from vivant.training.real3d.heads.strands import Solid
from vivant.training.real3d.heads.texture import Sheet, blend, noise, packed

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SHEET = Sheet(384, CLOTH_TOP, CLOTH_BOTTOM)
MIDDLE: Floats = np.array([0.0, -19.0, -2.0], np.float32)
"""Inside the chest; the sheet is described by its distance from here in every direction."""
COLUMNS, ROWS = 96, 40
PATTERNS = ("plain", "stripes", "columns", "checks", "knit", "jacket")
COLLARS = ("crew", "scoop", "vee", "high", "open")


@dataclass(frozen=True)
class Garment:
    """One piece of clothing."""

    collar: str
    pattern: str
    colours: Floats
    """(3, 3) the main one, the pattern's, what is seen under a jacket; linear."""
    repeat: float
    """Of the pattern, in cm."""
    wide: float
    """Half the width of the shoulders in cm."""
    loose: float
    """Distance from the skin in cm."""
    gloss: float
    seed: int
    """Of its folds."""


def draw_garment(rng: np.random.Generator, soft: float) -> Garment:
    """A random garment; soft shoulders are narrower."""
    tint = rng.uniform(0.02, 0.6, 3) * rng.uniform(0.2, 1) if rng.random() < 0.6 else np.full(3, rng.uniform(0.01, 0.7))
    second = np.clip(tint * rng.uniform(0.3, 2.5), 0.01, 0.8) if rng.random() < 0.6 else rng.uniform(0.02, 0.7, 3)
    under = np.full(3, rng.uniform(0.3, 0.75)) if rng.random() < 0.6 else rng.uniform(0.05, 0.6, 3)
    pattern = str(rng.choice(PATTERNS, p=(0.38, 0.1, 0.06, 0.1, 0.14, 0.22)))
    collar = str(rng.choice(COLLARS, p=(0.36, 0.16, 0.2, 0.12, 0.16)))
    return Garment(
        collar="open" if pattern == "jacket" else collar,
        pattern=pattern,
        colours=np.stack([tint, second, under]).astype(np.float32),
        repeat=float(rng.uniform(0.8, 4)),
        wide=float(rng.uniform(17.5, 20) + 2.5 * (1 - soft)),
        loose=float(rng.uniform(0.25, 0.7)),
        gloss=float(rng.uniform(0, 0.05)),
        seed=int(rng.integers(2**31)),
    )


def collar_height(garment: Garment, around: Floats) -> Floats:
    """Elevation (N,) in radians of the collar's line at the angles `around` (N,) from the front."""
    front = np.exp(-((around / 0.55) ** 2))
    base = {"crew": 54.0, "scoop": 47.0, "vee": 54.0, "high": 60.0, "open": 56.0}[garment.collar]
    drop = {"crew": 8.0, "scoop": 22.0, "vee": 36.0, "high": 2.0, "open": 20.0}[garment.collar]
    if garment.collar in ("vee", "open"):
        front = np.clip(1 - np.abs(around) / 0.75, 0, 1)
    back = np.clip(np.abs(around) / np.pi * 2 - 1, 0, 1)
    return np.asarray(np.deg2rad(base - drop * front - 2 * back), np.float32)


def reach_of(garment: Garment, around: Floats, height: Floats, trunk: Solid) -> Floats:
    """Distance (N,) in cm of the garment from `MIDDLE` in the directions of angles and elevations (N,)."""
    way = np.stack([np.cos(height) * np.sin(around), np.sin(height), np.cos(height) * np.cos(around)], 1)
    rise = np.maximum(way[:, 1], 0)
    shares = np.stack([np.abs(way[:, 0]) / garment.wide, rise / 6.7, np.abs(way[:, 2]) / 9.0])
    body = (shares**2.4).sum(0) ** (-1 / 2.4)
    # Below the shoulders the trunk goes straight down: the rise counts for nothing.
    skin = trunk.at(way) + garment.loose
    high = np.maximum(body, skin)
    soft = 0.6 * np.exp(-np.abs(body - skin) / 1.2)
    fold = np.random.default_rng(garment.seed)
    turns = [(fold.integers(3, 11), fold.uniform(2, 9), fold.uniform(0, 6)) for _ in range(4)]
    waves = sum(0.16 * np.sin(around * a + height * b + c) for a, b, c in turns)
    loose = np.clip((np.deg2rad(45) - height) / 0.5, 0, 1)
    return np.asarray(high + soft * (height < 0.9) + waves * loose, np.float32)


def sew(garment: Garment, trunk: Solid) -> Mesh:
    """The garment around `trunk`, seen from `MIDDLE`."""
    around = np.linspace(-np.pi, np.pi, COLUMNS, endpoint=False, dtype=np.float32)
    top = collar_height(garment, around)
    share = np.linspace(0, 1, ROWS, dtype=np.float32)[:, None] ** 1.25
    height = top[None] + (np.deg2rad(-68.0) - top[None]) * share
    angle = np.broadcast_to(around[None], height.shape)
    reach = reach_of(garment, angle.ravel(), height.ravel(), trunk)
    points = _at(angle.ravel(), height.ravel(), reach)
    first = np.arange((ROWS - 1) * COLUMNS, dtype=np.int32)
    right = np.where(first % COLUMNS == COLUMNS - 1, first + 1 - COLUMNS, first + 1)
    triangles = np.concatenate(
        [np.stack([first, first + COLUMNS, right], 1), np.stack([right, first + COLUMNS, right + COLUMNS], 1)]
    )
    sheet = surface(points, triangles, points, np.ones(3, np.float32), CLOTH, CLOTHES_CLASS)
    return join([sheet, _collar(garment, points[:COLUMNS])])


def _at(around: Floats, height: Floats, reach: Floats) -> Floats:
    """Points (N, 3) in these directions (N,), so far."""
    way = np.stack([np.cos(height) * np.sin(around), np.sin(height), np.cos(height) * np.cos(around)], 1)
    return np.asarray(MIDDLE + way * reach[:, None], np.float32)


def _collar(garment: Garment, line: Floats) -> Mesh:
    """A tube along the border `line` (N, 3)."""
    thick = {"crew": 0.45, "scoop": 0.35, "vee": 0.4, "high": 0.7, "open": 0.8}[garment.collar]
    along = np.roll(line, -1, 0) - np.roll(line, 1, 0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    out = line - np.array([0, line[:, 1].mean(), -1], np.float32)
    out[:, 1] = 0
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    up = np.cross(out, along)
    turn = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    ring = np.cos(turn)[None, :, None] * out[:, None] * 0.6 + np.sin(turn)[None, :, None] * up[:, None]
    points = (line[:, None] + thick * ring).reshape(-1, 3).astype(np.float32)
    i, j = np.meshgrid(np.arange(len(line)), np.arange(10), indexing="ij")
    a, b = i * 10 + j, i * 10 + (j + 1) % 10
    c, d = (i + 1) % len(line) * 10 + j, (i + 1) % len(line) * 10 + (j + 1) % 10
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3)])
    return surface(points, triangles, points, np.full(3, 0.8, np.float32), CLOTH, CLOTHES_CLASS)


def paint_garment(garment: Garment, rng: np.random.Generator) -> Bytes:
    """The garment's texture (384, 384, 3) as the painter reads it."""
    angle, height = SHEET.grid()
    main, second, under = garment.colours
    full = np.ones((SHEET.size, SHEET.size), np.float32)
    rows = np.sin(2 * np.pi * height / garment.repeat) * full
    columns = np.sin(angle * 2 * np.pi * 12 / garment.repeat) * full
    share = {
        "stripes": np.clip(rows * 4 + 0.5, 0, 1),
        "columns": np.clip(columns * 4 + 0.5, 0, 1),
        "checks": 0.5 * (np.clip(rows * 4 + 0.5, 0, 1) + np.clip(columns * 4 + 0.5, 0, 1)),
        "knit": 0.25 + 0.25 * np.sin(2 * np.pi * height / 0.9 + 3 * np.abs(np.sin(angle * 40))),
    }.get(garment.pattern, 0 * full)
    colour = np.ascontiguousarray(np.broadcast_to(main, (*full.shape, 3)), np.float32)
    blend(colour, second, share)
    if garment.pattern == "jacket":
        # Open in front: a shirt between two lapels, which are edged darker.
        edge = 0.16 + 0.028 * (height + 32)
        inside = np.clip((edge - np.abs(angle)) * 60, 0, 1)
        lapel = np.exp(-(((np.abs(angle) - edge - 0.18 - 0.012 * (height + 20)) / 0.012) ** 2))
        blend(colour, main * np.float32(0.4), 0.8 * lapel * full)
        blend(colour, main * np.float32(0.3), full * np.exp(-(((np.abs(angle) - edge) / 0.015) ** 2)))
        blend(colour, under, inside * full)
    weave = 1 + 0.05 * noise(rng, SHEET.size, 24, 2) + 0.05 * noise(rng, SHEET.size, 180)
    return packed(colour * weave[..., None])
